/** What tasks on text have in common: the tokenizer that a run keeps, and a model that has a place for its tokens. */
import { CheckpointError, ConfigError } from "../errors.ts";
import { readTokenizer, type Tokenizer } from "../tokenizers/index.ts";
import type { Description } from "./task.ts";

/** The tokenizer among the files of a run or checkpoint. Throws CheckpointError where there is none. */
export function keptTokenizer({ "tokenizer.json": json }: Description): Promise<Tokenizer> {
  if (json) return readTokenizer(json);
  throw new CheckpointError("tokenizer.json: expected one beside config.json, got none; copy it there");
}

/** Throws CheckpointError where a model that is opened has fewer tokens than the tokenizer beside it. */
export function requireTokens(vocabulary: number, { vocabSize }: Tokenizer): void {
  if (vocabulary < vocabSize)
    throw new CheckpointError(
      `tokenizer.json has ${vocabSize} tokens, more than the model's ${vocabulary}; one of the two is another model's`,
    );
}

/** Throws ConfigError where a model has fewer tokens than the tokenizer. */
export function requireVocabulary(vocabulary: number, { vocabSize }: Tokenizer): void {
  if (vocabulary < vocabSize)
    throw new ConfigError(
      `vocab_size: expected at least the tokenizer's ${vocabSize}, got ${vocabulary}; leave it out`,
    );
}

/** How many ids `specialTokens` puts before a text. */
function before(plain: Int32Array, whole: Int32Array): number {
  const spare = whole.length - plain.length;
  for (let start = 0; start <= spare; start++) if (plain.every((id, i) => whole[start + i] === id)) return start;
  return spare;
}

/** Ids of a text with what the tokenizer puts around one, at most `length`: where it is longer, the end of the text is left out. */
export function encodeWithin(tokenizer: Tokenizer, text: string, length: number): Int32Array {
  const whole = tokenizer.encode(text, { specialTokens: true });
  if (whole.length <= length) return whole;
  const plain = tokenizer.encode(text);
  const start = before(plain, whole);
  const after = whole.subarray(start + plain.length);
  const room = Math.max(0, length - start - after.length);
  return Int32Array.from([...whole.subarray(0, start + room), ...after]).subarray(0, length);
}
