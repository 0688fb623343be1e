/**
 * Distributions as whole numbers: symbol i has the numbers start(i) ... start(i + 1) - 1 of 2^p. After one rounding of the
 * parameters everything is decided by these, so equal parameters give equal codes.
 */
import { DataError } from "../errors.ts";
import type { AnsStack } from "./ans.ts";
import { logisticCdf, normalCdf } from "./elementary.ts";

/** p: what the least likely symbol costs at most, in bits. */
export const PRECISION = 24;

/** A distribution function by its values at equal steps, straight between them: it never goes down, whatever is rounded. */
export class Cumulative {
  readonly #values: Float64Array;
  readonly #reach: number;
  static readonly #steps = 256;

  /** `cdf` between -reach and reach; it is 0 and 1 beyond. */
  constructor(cdf: (x: number) => number, reach: number) {
    const count = 2 * reach * Cumulative.#steps + 1;
    this.#reach = reach;
    this.#values = new Float64Array(count);
    let least = 0;
    for (let i = 1; i < count - 1; i++) {
      least = Math.min(1, Math.max(least, cdf(i / Cumulative.#steps - reach)));
      this.#values[i] = least;
    }
    this.#values[count - 1] = 1;
  }

  at(x: number): number {
    if (!(x > -this.#reach)) return 0;
    if (x >= this.#reach) return 1;
    const place = (x + this.#reach) * Cumulative.#steps;
    const i = Math.floor(place);
    const low = this.#values[i] as number;
    return low + ((this.#values[i + 1] as number) - low) * (place - i);
  }
}

export const NORMAL = new Cumulative(normalCdf, 8);
export const LOGISTIC = new Cumulative(logisticCdf, 24);

/** A distribution with a place and a width, cut into bins. */
export class Bins {
  readonly #cumulative: Cumulative;
  /** Where bins meet: one fewer than there are bins. */
  readonly #edges: Float64Array;
  readonly #least: number;
  readonly #room: number;

  /**
   * Each bin has at least `least` numbers: 1 where any symbol may have to be pushed, 0 where only such are pushed as were
   * popped. Then a bin that is hardly ever drawn is never drawn, and none is drawn because it has to have a number.
   */
  constructor(cumulative: Cumulative, edges: Float64Array, least: 0 | 1) {
    this.#cumulative = cumulative;
    this.#edges = edges;
    this.#least = least;
    this.#room = 2 ** PRECISION - least * this.size;
  }

  get size(): number {
    return this.#edges.length + 1;
  }

  /** least · i + ⌊F((edge - mean) / width) (2^p - least · size)⌋: never less with a larger i, as F never goes down. */
  start(i: number, mean: number, width: number): number {
    if (i === 0) return 0;
    if (i === this.size) return 2 ** PRECISION;
    const below = this.#cumulative.at(((this.#edges[i - 1] as number) - mean) / width);
    return this.#least * i + Math.floor(below * this.#room);
  }

  /** Throws DataError where symbol i has no number, as it cannot have been popped. */
  push(stack: AnsStack, i: number, mean: number, width: number): void {
    const start = this.start(i, mean, width);
    const frequency = this.start(i + 1, mean, width) - start;
    if (frequency === 0)
      throw new DataError(
        "compressed pictures: a code cannot have been drawn, so they are damaged, or the model's numbers are others here",
      );
    stack.push(start, frequency, PRECISION);
  }

  pop(stack: AnsStack, mean: number, width: number): number {
    const number = stack.peek(PRECISION);
    let [low, start] = [0, 0];
    let [high, end] = [this.size, 2 ** PRECISION];
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      const at = this.start(middle, mean, width);
      if (at <= number) [low, start] = [middle, at];
      else [high, end] = [middle, at];
    }
    stack.drop(start, end - start, PRECISION);
    return low;
  }
}

/** Numbers of 2^p that a thing with `probability` has, when both it and its opposite have at least one. */
export const ofTwo = (probability: number): number =>
  Math.min(2 ** PRECISION - 1, Math.max(1, Math.floor(probability * 2 ** PRECISION + 0.5)));

/** One of two: 1 has the last `ones` numbers. */
export function pushBit(stack: AnsStack, bit: number, ones: number): void {
  const zeros = 2 ** PRECISION - ones;
  if (bit) stack.push(zeros, ones, PRECISION);
  else stack.push(0, zeros, PRECISION);
}

export function popBit(stack: AnsStack, ones: number): number {
  const zeros = 2 ** PRECISION - ones;
  const bit = Number(stack.peek(PRECISION) >= zeros);
  if (bit) stack.drop(zeros, ones, PRECISION);
  else stack.drop(0, zeros, PRECISION);
  return bit;
}

/** One of `count`, all alike; count is at most 2^12 or a power of two, and what is left over is never used. */
export function pushUniform(stack: AnsStack, i: number, count: number): void {
  const [frequency, precision] = shareOf(count);
  stack.push(i * frequency, frequency, precision);
}

export function popUniform(stack: AnsStack, count: number): number {
  const [frequency, precision] = shareOf(count);
  const i = Math.min(count - 1, Math.floor(stack.peek(precision) / frequency));
  stack.drop(i * frequency, frequency, precision);
  return i;
}

/** A power of two costs exactly its bits. */
function shareOf(count: number): readonly [frequency: number, precision: number] {
  const precision = Math.ceil(Math.log2(count));
  return 2 ** precision === count ? [1, precision] : [Math.floor(2 ** PRECISION / count), PRECISION];
}
