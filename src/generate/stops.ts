/**
 * Texts at which a text ends. They may span pieces: what could still become the beginning of one is held back.
 * Reference: Knuth, Morris and Pratt, "Fast pattern matching in strings" (1977).
 */

/** A text that is looked for, and how much of it the last characters are. */
interface Search {
  readonly text: string;
  /** For each length that is found, the length of the longest shorter one that its end is as well. */
  readonly fallback: Int32Array;
  found: number;
}

/** How much of `text` is found once `unit` follows `found` units of it. */
function follow(text: string, fallback: Int32Array, found: number, unit: string): number {
  let length = found;
  while (length > 0 && text[length] !== unit) length = fallback[length] as number;
  return text[length] === unit ? length + 1 : 0;
}

function search(text: string): Search {
  const fallback = new Int32Array(text.length + 1);
  for (let i = 1; i < text.length; i++)
    fallback[i + 1] = follow(text, fallback, fallback[i] as number, text[i] as string);
  return { text, fallback, found: 0 };
}

/** Looks for texts in one that comes in pieces. The first to be complete counts; of several, the longest. */
export class Stops {
  readonly #searches: readonly Search[];
  #held = "";
  #stopped = false;
  constructor(texts: readonly string[]) {
    this.#searches = texts.map(search);
  }

  /** Whether a text was found. What comes after it is dropped. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** What of the text so far can be shown now. */
  push(piece: string): string {
    if (this.#stopped) return "";
    const before = this.#held.length;
    const text = this.#held + piece;
    for (let i = 0; i < piece.length; i++) {
      const complete = this.#complete(piece[i] as string);
      if (complete > 0) {
        this.#stopped = true;
        this.#held = "";
        return text.slice(0, before + i + 1 - complete);
      }
    }
    const shown = text.length - Math.max(0, ...this.#searches.map(({ found }) => found));
    this.#held = text.slice(shown);
    return text.slice(0, shown);
  }

  /** The length of the longest text that ends with `unit`; 0 where none does. */
  #complete(unit: string): number {
    let longest = 0;
    for (const one of this.#searches) {
      one.found = follow(one.text, one.fallback, one.found, unit);
      if (one.found === one.text.length) longest = Math.max(longest, one.found);
    }
    return longest;
  }

  /** What was held back, at the end. */
  flush(): string {
    const rest = this.#held;
    this.#held = "";
    return rest;
  }
}
