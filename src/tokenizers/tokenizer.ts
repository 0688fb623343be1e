/** Text <-> ids. */
import type { Decoder } from "./decoder.ts";

export interface Tokenizer {
  /** What made it: single characters, words, our byte-level pairs, or a foreign tokenizer.json. */
  readonly kind: "char" | "words" | "bpe" | "huggingface";
  /** Ids are below this. */
  readonly vocabSize: number;
  /** Ids of `text`; special tokens around it only when asked for. Throws TokenizerError on text it cannot say. */
  encode(text: string, options?: { specialTokens?: boolean }): Int32Array;
  /** Text of `ids`, without special tokens. Throws TokenizerError on an id that is none of its own. */
  decode(ids: Iterable<number>): string;
  /** Text of ids that come one by one, where there is a faster way than to decode the last ones again. */
  decoder?(): Decoder;
  /** The id of one token by its spelling in the tokenizer.json, such as `</s>`. */
  idOf(token: string): number | undefined;
  /** The content of a tokenizer.json, readable by the Python library `tokenizers`. */
  toJSON(): object;
}
