/** Text <-> ids. */
import { z } from "zod";
import { shown, TokenizerError } from "../errors.ts";
import { checked } from "../schema.ts";
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

/** `text`, where it is some. Throws TokenizerError. */
export function requireText(what: string, text: string): string {
  if (typeof text === "string") return text;
  throw new TokenizerError(`${what}: expected text, got ${shown(text)}; give a string`);
}

/** `values`, where they are a list or another iterable; a text is none. Throws TokenizerError. */
export function requireMany<T>(what: string, values: Iterable<T>): Iterable<T> {
  if (typeof values === "object" && values !== null && Symbol.iterator in values) return values;
  throw new TokenizerError(`${what}, got ${shown(values)}; put it in brackets`);
}

/** Throws TokenizerError for an id that no token has. */
export function unknownId(id: unknown, vocabSize: number): never {
  throw new TokenizerError(`decode: expected whole ids from 0 to ${vocabSize - 1}, got ${shown(id)}`);
}

const encoding = z.strictObject({ specialTokens: z.boolean().optional() });

/** `own`, whose functions are refused what they do not take. */
export const guarded = (own: Tokenizer): Tokenizer => ({
  ...own,
  encode(text, options = {}) {
    checked(encoding, options, "encode");
    return own.encode(requireText("encode", text), options);
  },
  decode(ids) {
    const all = [...requireMany("decode: expected a list of ids", ids)];
    const odd = all.findIndex((id) => !Number.isInteger(id));
    return odd < 0 ? own.decode(all) : unknownId(all[odd], own.vocabSize);
  },
  idOf: (token) => own.idOf(requireText("idOf", token)),
});
