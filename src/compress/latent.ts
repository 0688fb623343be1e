/**
 * Codes as symbols, by what an encoder says of a picture: one row of numbers.
 *
 * A drawn code: each of L dimensions is cut where the standard normal prior has 2^n buckets of equal mass, so that under the
 * prior a bucket costs n bits, whichever it is; the value of a bucket is its median. Codes of a table are in `table-code.ts`.
 */
import type { AnsStack } from "./ans.ts";
import { exp, normalQuantiles } from "./elementary.ts";
import { Bins, NORMAL, popUniform, pushUniform } from "./frequencies.ts";

/** How codes are coded; a code is a list of whole numbers. */
export interface LatentCode {
  /** How many numbers a code has, and that each is below. */
  readonly length: number;
  readonly size: number;
  /** Takes a code off the stack as the encoder's `row` has it distributed: the bits that come back. */
  draw(stack: AnsStack, row: Float32Array): Uint32Array;
  /** Told of all codes in their order before the first is pushed, where a prior learns from them. */
  foresee?(codes: readonly Uint32Array[]): void;
  /** The opposite of `draw`. */
  restore(stack: AnsStack, row: Float32Array, code: Uint32Array): void;
  /** Under the prior. */
  push(stack: AnsStack, code: Uint32Array): void;
  pop(stack: AnsStack): Uint32Array;
  /** What the decoder takes in place of a code. */
  values(code: Uint32Array): Float32Array;
  /** The whole numbers that decide what `draw` does, in an order that never changes. */
  numbers(row: Float32Array): Iterable<number>;
}

/** n. */
export const BUCKET_BITS = 14;
const BUCKETS = 2 ** BUCKET_BITS;
/** Beyond these a log-variance is one that no bucket shows. */
const [LEAST, MOST] = [-30, 30];

interface Buckets {
  readonly bins: Bins;
  readonly medians: Float32Array;
}

let made: Buckets | undefined;

/** Quantiles at odd places are medians, those at even places edges. */
function buckets(): Buckets {
  if (made) return made;
  const quantiles = normalQuantiles(2 * BUCKETS);
  const edges = Float64Array.from({ length: BUCKETS - 1 }, (_, i) => quantiles[2 * i + 1] as number);
  const medians = Float32Array.from({ length: BUCKETS }, (_, i) => quantiles[2 * i] as number);
  made = { bins: new Bins(NORMAL, edges, 0), medians };
  return made;
}

/** Of dimension d of a row, which is L means and L log-variances. */
const meanOf = (row: Float32Array, d: number): number => row[d] as number;
const widthOf = (row: Float32Array, d: number): number =>
  exp(0.5 * Math.min(MOST, Math.max(LEAST, row[row.length / 2 + d] as number)));

/** Codes of L dimensions that are drawn from normal distributions: a row is [2·L], means and log-variances. */
export function normalCode(L: number): LatentCode {
  const { bins, medians } = buckets();
  return {
    length: L,
    size: BUCKETS,
    draw: (stack, row) => Uint32Array.from({ length: L }, (_, d) => bins.pop(stack, meanOf(row, d), widthOf(row, d))),
    restore(stack, row, code) {
      for (let d = L - 1; d >= 0; d--) bins.push(stack, code[d] as number, meanOf(row, d), widthOf(row, d));
    },
    push(stack, code) {
      for (const bucket of code) pushUniform(stack, bucket, BUCKETS);
    },
    pop(stack) {
      const code = new Uint32Array(L);
      for (let d = L - 1; d >= 0; d--) code[d] = popUniform(stack, BUCKETS);
      return code;
    },
    values: (code) => Float32Array.from(code, (bucket) => medians[bucket] as number),
    *numbers(row) {
      for (let d = 0; d < L; d++)
        for (let part = 1; part < 16; part++) yield bins.start((part * BUCKETS) / 16, meanOf(row, d), widthOf(row, d));
    },
  };
}
