/** The ids at which a model ends a text, as its files say. */
import { CheckpointError, shown } from "../errors.ts";
import type { Tokenizer } from "../tokenizers/index.ts";
import type { Description } from "./task.ts";

/** Files that may say it, the one that is asked first in front. */
const FILES = ["generation_config.json", "config.json"];
/** How the end of a text is spelled in tokenizers of published models. */
const SPELLINGS = ["<|endoftext|>", "</s>", "<|end_of_text|>", "<eos>"];

/**
 * `eos_token_id` of generation_config.json, else of config.json, else a known token of a foreign tokenizer.json, where a
 * spelling such as `</s>` is one token and means that. Throws CheckpointError where a file has something else there.
 */
export function endIds(files: Description, tokenizer: Tokenizer): readonly number[] {
  for (const name of FILES) {
    const found = files[name]?.eos_token_id;
    if (found === undefined || found === null) continue;
    const ids: readonly unknown[] = [found].flat();
    if (ids.every((id): id is number => Number.isSafeInteger(id) && (id as number) >= 0)) return ids;
    throw new CheckpointError(`${name}: eos_token_id: expected an id or a list of ids, got ${shown(found)}`);
  }
  if (tokenizer.kind !== "huggingface") return [];
  return SPELLINGS.map((token) => tokenizer.idOf(token)).filter((id) => id !== undefined);
}
