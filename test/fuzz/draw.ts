/** Random choices, all of which follow from a seed and the number of a program. */
import { stream } from "../../src/runtime/index.ts";

const CHUNK = 64;

/** Draws one number after the other from the stream of (seed, index). */
export class Draw {
  readonly #stream: ReturnType<typeof stream>;
  readonly #numbers = new Float64Array(CHUNK);
  #used = 0;
  constructor(seed: number, index: number) {
    this.#stream = stream(seed, index, "program");
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    const at = this.#used++ % CHUNK;
    if (at === 0) this.#stream.fillUniform(this.#numbers, this.#used - 1);
    return this.#numbers[at] ?? 0;
  }
  /** A whole number from 0 to below `limit`. */
  below(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }
  /** A whole number from `low` to `high`. */
  whole(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }
  chance(probability: number): boolean {
    return this.uniform() < probability;
  }
  one<T>(list: readonly [T, ...T[]]): T {
    return list[this.below(list.length)] ?? list[0];
  }
  /** One of `list`, if it has any. */
  any<T>(list: readonly T[]): T | undefined {
    return list[this.below(list.length)];
  }
  /** Each of `list` or not; at least one where there is one. */
  some<T>(list: readonly T[]): T[] {
    const kept = list.filter(() => this.chance(0.5));
    const [first] = [this.any(list)];
    return kept.length > 0 || first === undefined ? kept : [first];
  }
  shuffled<T>(list: readonly T[]): T[] {
    const keyed = list.map((item) => [this.uniform(), item] as const);
    return keyed.sort(([a], [b]) => a - b).map(([, item]) => item);
  }
}
