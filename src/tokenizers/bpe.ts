/**
 * Byte-level byte pair encoding as in GPT-2 (Radford et al. 2019; Sennrich et al. 2016): each word's bytes, then again
 * and again the pair of neighbours with the lowest rank becomes one token.
 */
import { quoted, TokenizerError } from "../errors.ts";
import type { Decoder } from "./decoder.ts";
import { Heap } from "./heap.ts";
import { guarded, type Tokenizer, unknownId } from "./tokenizer.ts";
import { wordEnd } from "./words.ts";

/** Words kept with their ids, and the longest that is kept, in UTF-16 units. */
const CACHE_WORDS = 65_536;
const CACHE_LENGTH = 64;

/** Bytes that GPT-2 shows as themselves; the other 68 are shown as the characters from U+0100 on. */
const isShown = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);

/** The character that stands for each byte in a tokenizer.json. */
export const BYTE_CHARACTERS: readonly string[] = byteCharacters();

function byteCharacters(): string[] {
  let hidden = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isShown(byte) ? byte : 256 + hidden++));
}

/** The bytes in the order of their characters, which is the order of the first 256 ids. */
export const BYTE_ORDER: readonly number[] = BYTE_CHARACTERS.map((_, byte) => byte).sort((a, b) =>
  (BYTE_CHARACTERS[a] ?? "") < (BYTE_CHARACTERS[b] ?? "") ? -1 : 1,
);

/** Spellings by id, and pairs of spellings in the order of their ranks. */
export interface BpeModel {
  tokens: readonly string[];
  merges: readonly (readonly [string, string])[];
}

/** Rank and resulting id of a pair of ids. */
interface Merge {
  rank: number;
  id: number;
}

/** The tables of an encoder: id of each byte, merges by pair (left · vocabulary + right), bytes of each token. */
interface Tables {
  byteIds: Int32Array;
  merges: Map<number, Merge>;
  bytes: Uint8Array[];
}

/** The tokenizer of a model; all 256 bytes must be tokens. Throws TokenizerError when a merge names no token. */
export function bpeTokenizer(model: BpeModel): Tokenizer {
  const ids = new Map(model.tokens.map((token, id) => [token, id]));
  const tables = makeTables(model, ids);
  const cache = new Map<string, Int32Array>();
  return guarded({
    kind: "bpe",
    vocabSize: model.tokens.length,
    encode: (text) => encode(text, tables, cache),
    decode: (sequence) => decode(sequence, tables.bytes),
    decoder: () => bytesDecoder(tables.bytes),
    idOf: (token) => ids.get(token),
    toJSON: () => bpeJson(model),
  });
}

function makeTables({ tokens, merges }: BpeModel, ids: ReadonlyMap<string, number>): Tables {
  const byteOf = new Map(BYTE_CHARACTERS.map((character, byte) => [character, byte]));
  const table = new Map<number, Merge>();
  for (const [rank, [left, right]] of merges.entries()) {
    const key = tokenId(ids, left) * tokens.length + tokenId(ids, right);
    table.set(key, { rank, id: tokenId(ids, left + right) });
  }
  return {
    byteIds: Int32Array.from(BYTE_CHARACTERS, (character) => tokenId(ids, character)),
    merges: table,
    bytes: tokens.map((token) => Uint8Array.from(token, (character) => byteOf.get(character) ?? noByte(token))),
  };
}

function tokenId(ids: ReadonlyMap<string, number>, token: string): number {
  const id = ids.get(token);
  if (id !== undefined) return id;
  throw new TokenizerError(`bpe tokenizer: expected ${quoted(token)} in the vocabulary, got none`);
}

function noByte(token: string): never {
  throw new TokenizerError(`bpe tokenizer: expected tokens in GPT-2's byte alphabet, got ${quoted(token)}`);
}

/** Half a surrogate pair counts as U+FFFD, as TextEncoder has it. */
function encode(text: string, tables: Tables, cache: Map<string, Int32Array>): Int32Array {
  let out = new Int32Array(Math.max(16, text.length >> 1));
  let length = 0;
  for (let start = 0; start < text.length; ) {
    const end = wordEnd(text, start);
    const ids = wordIds(text.slice(start, end), tables, cache);
    if (length + ids.length > out.length) out = grown(out, length + ids.length);
    out.set(ids, length);
    length += ids.length;
    start = end;
  }
  return out.slice(0, length);
}

function grown(values: Int32Array, least: number): Int32Array<ArrayBuffer> {
  const out = new Int32Array(Math.max(least, 2 * values.length));
  out.set(values);
  return out;
}

function wordIds(word: string, tables: Tables, cache: Map<string, Int32Array>): Int32Array {
  const known = cache.get(word);
  if (known) return known;
  const ids = mergeWord(new TextEncoder().encode(word), tables);
  if (word.length > CACHE_LENGTH) return ids;
  if (cache.size >= CACHE_WORDS) cache.clear();
  cache.set(word, ids);
  return ids;
}

/** A pair that may be merged: the place of its left token, and both tokens as they were when it was found. */
interface Candidate {
  at: number;
  left: number;
  right: number;
  merge: Merge;
}

/** Lowest rank first, leftmost first, in O(n log n): a linked list of tokens and a heap of pairs. */
function mergeWord(bytes: Uint8Array, { byteIds, merges, bytes: { length: vocabSize } }: Tables): Int32Array {
  const ids = Int32Array.from(bytes, (byte) => byteIds[byte] ?? 0);
  const next = Int32Array.from(ids, (_, i) => i + 1);
  const previous = Int32Array.from(ids, (_, i) => i - 1);
  const heap = new Heap<Candidate>(
    (a, b) => a.merge.rank < b.merge.rank || (a.merge.rank === b.merge.rank && a.at < b.at),
  );
  const consider = (at: number) => {
    const left = ids[at];
    const right = ids[next[at] ?? -1];
    if (left === undefined || right === undefined) return;
    const merge = merges.get(left * vocabSize + right);
    if (merge) heap.push({ at, left, right, merge });
  };
  for (let at = 0; at < ids.length; at++) consider(at);
  for (let top = heap.pop(); top; top = heap.pop()) {
    const gone = next[top.at] ?? ids.length;
    if (ids[top.at] !== top.left || ids[gone] !== top.right) continue;
    const after = next[gone] ?? ids.length;
    ids[top.at] = top.merge.id;
    ids[gone] = -1;
    next[top.at] = after;
    if (after < ids.length) previous[after] = top.at;
    consider(previous[top.at] ?? -1);
    consider(top.at);
  }
  return ids.filter((id) => id >= 0);
}

/** Bytes that are no UTF-8 become U+FFFD. */
function decode(sequence: Iterable<number>, bytes: readonly Uint8Array[]): string {
  const parts = Array.from(sequence, (id) => bytes[id] ?? unknownId(id, bytes.length));
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(all);
}

function bytesDecoder(bytes: readonly Uint8Array[]): Decoder {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  return {
    push: (id) => utf8.decode(bytes[id] ?? unknownId(id, bytes.length), { stream: true }),
    flush: () => utf8.decode(),
  };
}

function bpeJson({ tokens, merges }: BpeModel): object {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}
