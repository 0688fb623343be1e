/** Words of a sentence as numbers: ids, characters and shapes; and where the words of a running text are. */

import { padded } from "../../data/index.ts";
import { CHARACTERS, spelledInputs } from "../../models/index.ts";
import type { HostTensor } from "../../runtime/index.ts";
import type { Tokenizer } from "../../tokenizers/index.ts";

/** Ids of what is no character, and of one that training did not have. */
const SPECIAL = 2;

/** What a tagger sees of a sentence of n words. */
export interface Words {
  readonly ids: Int32Array;
  /** CHARACTERS of each word. */
  readonly characters: Int32Array;
  readonly shapes: Int32Array;
}

/** A sentence whose tags are known, by number. */
export interface Sentence extends Words {
  readonly words: readonly string[];
  readonly tags: Int32Array;
}

/** What a batch holds. */
export const sentenceBatch = { ...spelledInputs, tags: { shape: ["B", "T"], dtype: "i32" } } as const;

/** A list of each row side by side, `width` numbers a word, filled up with 0 to T words. */
function stacked(rows: readonly Int32Array[], T: number, width = 1): HostTensor {
  const data = new Int32Array(rows.length * T * width);
  for (const [b, row] of rows.entries()) data.set(row, b * T * width);
  return { data, shape: width === 1 ? [rows.length, T] : [rows.length, T, width], dtype: "i32" };
}

export function wordsFeeds(rows: readonly Words[]): Record<keyof typeof spelledInputs, HostTensor> {
  const { ids, lengths } = padded(rows.map((row) => row.ids));
  const T = ids.shape[1] ?? 0;
  const [characters, shapes] = [rows.map((row) => row.characters), rows.map((row) => row.shapes)];
  return { ids, lengths, characters: stacked(characters, T, CHARACTERS), shapes: stacked(shapes, T) };
}

export function sentenceFeeds(rows: readonly Sentence[]): Record<keyof typeof sentenceBatch, HostTensor> {
  const feeds = wordsFeeds(rows);
  return {
    ...feeds,
    tags: stacked(
      rows.map(({ tags }) => tags),
      feeds.ids.shape[1] ?? 0,
    ),
  };
}

/** Shapes by the first pattern that fits; the last of them, 7, is all else. Their number is `SHAPES` of the models. */
const PATTERNS = [
  /^\p{Ll}+$/u, // london
  /^\p{Lu}+$/u, // NATO
  /^\p{Lu}[\p{Ll}'’-]+$/u, // London
  /^\p{N}[\p{N}.,:/-]*$/u, // 1,999
  /\p{N}/u, // B52
  /\p{L}.*\p{Lu}/u, // iPhone
  /^[^\p{L}\p{N}]+$/u, // ...
];
const shapeOf = (word: string): number => {
  const at = PATTERNS.findIndex((pattern) => pattern.test(word));
  return at < 0 ? PATTERNS.length : at;
};

/** Turns words into numbers. */
export class Spelling {
  readonly tokenizer: Tokenizer;
  /** Every character of the training data once. */
  readonly characters: string;
  readonly #ids: ReadonlyMap<string, number>;
  constructor(tokenizer: Tokenizer, characters: string) {
    [this.tokenizer, this.characters] = [tokenizer, characters];
    this.#ids = new Map([...characters].map((character, i) => [character, i + SPECIAL]));
  }

  /** How many characters are told apart. */
  get count(): number {
    return this.#ids.size + SPECIAL;
  }

  /** Whether training had this word often enough to know it; upper and lower case are one. */
  knows(word: string): boolean {
    return this.tokenizer.idOf(word.toLowerCase()) !== undefined;
  }

  of(words: readonly string[]): Words {
    const characters = new Int32Array(words.length * CHARACTERS);
    for (const [i, word] of words.entries())
      for (const [k, character] of [...word].slice(0, CHARACTERS).entries())
        characters[i * CHARACTERS + k] = this.#ids.get(character) ?? 1;
    return {
      ids: Int32Array.from(words, (word) => this.tokenizer.idOf(word.toLowerCase()) ?? 0),
      characters,
      shapes: Int32Array.from(words, shapeOf),
    };
  }
}

const OPENING = /^["'“‘`([{«<¿¡]/u;
const CLOSING = /(?:\.{2,}|["'”’.,;:!?)\]}»>…])$/u;
const CONTRACTION = /(?:n['’]t|['’](?:s|m|d|re|ve|ll))$/iu;
/** A full stop that belongs to the word: an initial, or letters with full stops between them. */
const INITIALS = /^(?:\p{L}\.)+$/u;

/** A piece without spaces as words; what is known stays whole. */
function divide(piece: string, knows: (word: string) => boolean): string[] {
  if (piece.length < 2 || knows(piece) || INITIALS.test(piece)) return [piece];
  const [[closing] = [], [contraction] = []] = [CLOSING.exec(piece) ?? [], CONTRACTION.exec(piece) ?? []];
  if (closing === piece || contraction === piece) return [piece];
  if (closing) return [...divide(piece.slice(0, -closing.length), knows), closing];
  if (OPENING.test(piece)) return [piece.charAt(0), ...divide(piece.slice(1), knows)];
  if (contraction) return [piece.slice(0, -contraction.length), contraction];
  return [piece];
}

/**
 * The words of a running text: what stands between spaces, without punctuation around it, which are words of their own, as
 * are 's, 'll and n't. What the training data has as one word, such as "Inc." or "Yahoo!", stays one.
 */
export const wordsOf = (text: string, knows: (word: string) => boolean): string[] =>
  text
    .split(/\s+/u)
    .filter(Boolean)
    .flatMap((piece) => divide(piece, knows));
