/**
 * Asymmetric numeral systems in their range variant (rANS): a stack of symbols that takes as many bits as their
 * probabilities ask for. What is pushed last is popped first, and popping what was never pushed draws a symbol.
 *
 *   push  x ← ⌊x / f⌋ 2^p + (x mod f) + s         a symbol has the numbers s ... s + f - 1 of 2^p
 *   pop   x ← f ⌊x / 2^p⌋ + (x mod 2^p) - s
 *
 * The head x is a whole number from 2^36 to below 2^52, which double precision holds exactly; what is above goes to a stack
 * of 16-bit words and comes back when x is below. A symbol costs p - log2 f bits, and at most about 2^(p - 36) more.
 * Reference: Duda, "Asymmetric numeral systems" (arXiv 1311.2540); streaming as in Giesen, "Interleaved entropy coders"
 * (arXiv 1402.3392).
 */
import { DataError } from "../errors.ts";

/** Bits of a word, and the least head. */
const WORD = 2 ** 16;
export const LEAST_HEAD = 2 ** 36;
const MOST_HEAD = LEAST_HEAD * WORD;
/** Largest p. */
export const MOST_PRECISION = 28;

/** Where words come from when none is left: the deepest of the stack, one further down at each call. */
export type Reserve = () => number;

/** Pushing and popping change it; nothing else does. */
export class AnsStack {
  #head: number;
  #words: Uint16Array;
  #count: number;
  #drawn = 0;
  readonly #reserve: Reserve | undefined;

  /** `words` from the deepest to the one that is popped next. Without a reserve, popping more than there is throws DataError. */
  constructor(head: number, words: ArrayLike<number> = [], reserve?: Reserve) {
    if (!Number.isSafeInteger(head) || head < LEAST_HEAD || head >= MOST_HEAD)
      throw new DataError("compressed pictures: the head of the stack is out of range, so they are damaged");
    this.#head = head;
    this.#words = new Uint16Array(Math.max(1024, words.length));
    this.#words.set(words);
    this.#count = words.length;
    this.#reserve = reserve;
  }

  get head(): number {
    return this.#head;
  }
  /** The words that there are, from the deepest on: a copy. */
  get words(): Uint16Array {
    return this.#words.slice(0, this.#count);
  }
  /** How many words came from the reserve. */
  get drawn(): number {
    return this.#drawn;
  }
  /** Bits that are there: of the words, and of the head. */
  get bits(): number {
    return 16 * this.#count + Math.log2(this.#head);
  }

  /** Adds a symbol that has `frequency` numbers of 2^precision, from `start` on. */
  push(start: number, frequency: number, precision: number): void {
    const end = frequency * (MOST_HEAD / 2 ** precision);
    while (this.#head >= end) this.#spill();
    const whole = Math.floor(this.#head / frequency); // exact: the head is below 2^53
    this.#head = whole * 2 ** precision + (this.#head - whole * frequency) + start;
  }

  /** The number below 2^precision that says which symbol is on top. */
  peek(precision: number): number {
    return this.#head - Math.floor(this.#head / 2 ** precision) * 2 ** precision;
  }

  /** Takes the symbol off that `peek` told of. */
  drop(start: number, frequency: number, precision: number): void {
    const whole = Math.floor(this.#head / 2 ** precision);
    this.#head = frequency * whole + (this.#head - whole * 2 ** precision) - start;
    while (this.#head < LEAST_HEAD) this.#head = this.#head * WORD + this.#next();
  }

  #spill(): void {
    if (this.#count === this.#words.length) {
      const larger = new Uint16Array(2 * this.#count);
      larger.set(this.#words);
      this.#words = larger;
    }
    const above = Math.floor(this.#head / WORD);
    this.#words[this.#count++] = this.#head - above * WORD;
    this.#head = above;
  }

  #next(): number {
    if (this.#count > 0) return this.#words[--this.#count] as number;
    if (!this.#reserve)
      throw new DataError("compressed pictures: they end before the last picture, so they are damaged");
    this.#drawn++;
    return this.#reserve();
  }
}
