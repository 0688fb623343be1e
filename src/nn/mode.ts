/**
 * Whether the model is being traced for training, and what it then carries on. Dropout and its like ask; a forward
 * itself stays the same.
 */
import { ConfigError, ShapeError } from "../errors.ts";
import { insideBody } from "../graph/index.ts";
import { formatShape, requireFunction, sameShape, type Tensor } from "../tensor/index.ts";
import { requireTensors } from "./arguments.ts";
import { nameOf } from "./module.ts";

/** The next value of each buffer. */
export type Updates = ReadonlyMap<Tensor, Tensor>;

let collected: Map<Tensor, Tensor> | undefined;

export const isTraining = (): boolean => collected !== undefined;

/** Traces `fn` with dropout and its like switched on. `updates` are the next values of the buffers it updated. */
export function traceTraining<T>(fn: () => T): { result: T; updates: Updates } {
  requireFunction("traceTraining", "what is traced", fn);
  const before = collected;
  const updates = new Map<Tensor, Tensor>();
  collected = updates;
  try {
    return { result: fn(), updates };
  } finally {
    collected = before;
  }
}

/**
 * Gives `buffer` the value that it has after a training step; no gradient flows through it. Does nothing outside
 * training. Throws ShapeError where shape or type differ, and ConfigError for what is no buffer, for a second update
 * in one step, and inside the body of a scan or of recompute.
 */
export function update(buffer: Tensor, value: Tensor): void {
  requireTensors("update", buffer, value);
  if (buffer.node.op !== "buffer")
    throw new ConfigError(`update: expected a buffer, got ${nameOf(buffer)}; make it with buffer(shape, init)`);
  if (!sameShape(buffer.shape, value.shape) || buffer.dtype !== value.dtype)
    throw new ShapeError(
      `update: expected ${buffer.dtype}${formatShape(buffer.shape)} for ${nameOf(buffer)}, got ${value.dtype}${formatShape(value.shape)}; reshape or cast the value`,
    );
  if (!collected) return;
  if (insideBody())
    throw new ConfigError(
      `update: ${nameOf(buffer)} is updated inside scan or recompute, where its value is not visible outside; return the value and update the buffer after it`,
    );
  if (collected.has(buffer))
    throw new ConfigError(`update: ${nameOf(buffer)} is updated twice in one step; update it once, with both values`);
  collected.set(buffer, value.stopGradient());
}
