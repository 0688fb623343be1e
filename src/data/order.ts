/**
 * Which examples a batch holds: a pure function of seed and number, so that a resumed training sees what it would
 * have seen. Batches are counted from 0 through the whole training.
 */
import { z } from "zod";
import { ConfigError, shown } from "../errors.ts";
import { stream } from "../runtime/random.ts";
import { callable, checked, whole } from "../schema.ts";

/** The indices of batch number `n`. */
export type Order = (n: number) => Int32Array;

interface Sizes {
  /** Examples in all. */
  readonly size: number;
  readonly batch: number;
  readonly seed: number;
}

/** Every example with equal probability, again and again. */
export const draws =
  ({ size, batch, seed }: Sizes): Order =>
  (n) =>
    stream(seed, n + 1, "batch").integers(batch, size);

export interface EpochOptions extends Sizes {
  /** Whether a last batch of fewer examples is kept or dropped. Default "keep". */
  readonly last?: "keep" | "drop";
  /** How long an example is: batches then hold examples of like length. */
  readonly length?: ((index: number) => number) | undefined;
}

const MOST = Number.MAX_SAFE_INTEGER;
const passes = z.strictObject({
  size: whole(1, MOST),
  batch: whole(1, MOST),
  seed: whole(0, MOST),
  last: z.enum(["keep", "drop"]).default("keep"),
  length: callable("an index").optional(),
});

/** Batches in one pass over `size` examples. Throws ConfigError where there would be none. */
export function batchesPerEpoch(options: EpochOptions): number {
  const { size, batch, last } = checked(passes, options, "epochs");
  const count = last === "keep" ? Math.ceil(size / batch) : Math.floor(size / batch);
  if (count > 0) return count;
  throw new ConfigError(`batch: expected at most the ${size} examples there are, got ${batch}; make batches smaller`);
}

/**
 * Examples that follow each other, read as `batch` streams side by side: row b of each batch goes on where row b of the
 * one before ended, and all begin again when they are through. A rest that does not fill a batch is left out. Throws
 * ConfigError where there are fewer examples than streams.
 */
export function streams({ size, batch }: Omit<Sizes, "seed">): Order {
  const length = batchesPerEpoch({ size, batch, seed: 0, last: "drop" });
  return (n) => Int32Array.from({ length: batch }, (_, row) => row * length + (n % length));
}

/** Batches among which examples are sorted by length. */
const POOL = 64;

/** Every example once in each pass, in an order of the pass's own. */
export function epochs(options: EpochOptions): Order {
  const count = batchesPerEpoch(options);
  let known: { epoch: number; batches: readonly Int32Array[] } | undefined;
  return (n) => {
    if (!Number.isSafeInteger(n) || n < 0)
      throw new ConfigError(`epochs: expected the number of a batch, got ${shown(n)}; batches count from 0`);
    const epoch = Math.floor(n / count);
    if (known?.epoch !== epoch) known = { epoch, batches: shuffled(options, epoch, count) };
    return known.batches[n % count] ?? new Int32Array();
  };
}

function shuffled({ size, batch, seed, length }: EpochOptions, epoch: number, count: number): Int32Array[] {
  const order = stream(seed, epoch, "shuffle").permutation(size);
  if (length) sortPools(order, batch * POOL, length);
  const batches = Array.from({ length: count }, (_, i) => order.subarray(i * batch, (i + 1) * batch));
  if (!length) return batches;
  return Array.from(stream(seed, epoch, "batches").permutation(count), (i) => batches[i] ?? new Int32Array());
}

function sortPools(order: Int32Array, pool: number, length: (index: number) => number): void {
  for (let from = 0; from < order.length; from += pool) {
    const part = order.subarray(from, from + pool);
    part.set([...part].sort((a, b) => length(a) - length(b)));
  }
}
