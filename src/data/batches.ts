/** Ids -> batches for next-token prediction. B batch · T context */
import { DataError } from "../errors.ts";
import { stream } from "../runtime/random.ts";

/** inputs and targets, each [B, T] in rows; a target is the id that follows its input. */
export interface Batch {
  inputs: Int32Array;
  targets: Int32Array;
}

export interface WindowOptions {
  /** Windows in a batch. */
  batch: number;
  /** Ids in a window. */
  context: number;
  seed: number;
  /** The training step; each has its own windows. */
  step: number;
  /** Keeps the windows of one use apart from those of another; default "batch". */
  site?: string;
}

/** The windows of `context` ids that begin at `starts`, with the ids that follow. Throws DataError past the end. */
export function windowsAt(ids: Int32Array, starts: ArrayLike<number>, context: number): Batch {
  const inputs = new Int32Array(starts.length * context);
  const targets = new Int32Array(starts.length * context);
  for (let row = 0; row < starts.length; row++) {
    const start = starts[row] ?? 0;
    if (start < 0 || start + context >= ids.length)
      throw new DataError(`windows: expected ${context + 1} ids from ${start} on, got ${ids.length} ids in all`);
    inputs.set(ids.subarray(start, start + context), row * context);
    targets.set(ids.subarray(start + 1, start + context + 1), row * context);
  }
  return { inputs, targets };
}

/** Windows that begin anywhere with equal probability: a pure function of ids, sizes, seed and step. */
export function randomWindows(ids: Int32Array, options: WindowOptions): Batch {
  const { batch, context, seed, step, site = "batch" } = options;
  const places = ids.length - context;
  if (places < 1)
    throw new DataError(`windows: expected at least ${context + 1} ids, got ${ids.length}; use a smaller context`);
  return windowsAt(ids, stream(seed, step, site).integers(batch, places), context);
}
