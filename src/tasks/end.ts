/** The ids at which a model begins and ends a text, as its files say. */

import type { Json } from "../checkpoint/index.ts";
import { CheckpointError, shown } from "../errors.ts";
import type { Tokenizer } from "../tokenizers/index.ts";
import type { Description } from "./task.ts";

/** Files that may say it, the one that is asked first in front. */
const FILES = ["generation_config.json", "config.json"];
/** How the end of a text is spelled in tokenizers of published models. */
const SPELLINGS = ["<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>"];

/** What the first of the files that has `key` says, but for null. */
const said = (files: Description, key: string): readonly [name: string, value: unknown] | undefined =>
  FILES.map((name) => [name, files[name]?.[key]] as const).find(([, value]) => value !== undefined && value !== null);

const isId = (id: unknown): id is number => Number.isSafeInteger(id) && (id as number) >= 0;

/** Keys of the tokenizer that config.json carries. */
const IDS = ["bos_token_id", "eos_token_id", "pad_token_id"];

/** What the files say of ids with a meaning, as config.json of another run of the model says it. */
export const meantIds = (files: Description): Json =>
  Object.fromEntries(
    IDS.map((key) => [key, said(files, key)?.[1]] as const).filter(([, value]) => value !== undefined),
  );

/** `bos_token_id` of generation_config.json, else of config.json. Throws CheckpointError where a file has something else there. */
export function beginId(files: Description): number | undefined {
  const [name, id] = said(files, "bos_token_id") ?? [];
  if (id === undefined || isId(id)) return id;
  throw new CheckpointError(`${name}: bos_token_id: expected an id, got ${shown(id)}`);
}

/**
 * `eos_token_id` of generation_config.json, else of config.json, else a known token of a foreign tokenizer.json, where a
 * spelling such as `</s>` is one token and means that. Throws CheckpointError where a file has something else there.
 */
export function endIds(files: Description, tokenizer: Tokenizer): readonly number[] {
  const [name, found] = said(files, "eos_token_id") ?? [];
  if (found !== undefined) {
    const ids: readonly unknown[] = [found].flat();
    if (ids.every(isId)) return ids;
    throw new CheckpointError(`${name}: eos_token_id: expected an id or a list of ids, got ${shown(found)}`);
  }
  if (tokenizer.kind !== "huggingface") return [];
  return SPELLINGS.map((token) => tokenizer.idOf(token)).filter((id) => id !== undefined);
}

/** `decoder_start_token_id` of generation_config.json, else of config.json. Throws CheckpointError where there is none. */
export function startId(files: Description): number {
  const [name = "config.json", id] = said(files, "decoder_start_token_id") ?? [];
  if (isId(id)) return id;
  throw new CheckpointError(
    `${name}: decoder_start_token_id: expected the id that a target begins after, got ${id === undefined ? "none" : shown(id)}; add it`,
  );
}

/** Ids that `bad_words_ids` forbids by themselves. */
export function singleBadWords(files: Description): readonly number[] {
  const [, words] = said(files, "bad_words_ids") ?? [];
  return Array.isArray(words)
    ? words
        .filter((word) => Array.isArray(word) && word.length === 1)
        .flat()
        .filter(isId)
    : [];
}
