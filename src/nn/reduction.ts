/** What losses have in common: what they ask of their inputs, and what becomes of the numbers. */
import { DTypeError, ShapeError } from "../errors.ts";
import { formatShape, isFloat, sameShape, type Tensor } from "../tensor/index.ts";
import { requireTensors } from "./arguments.ts";

/** What becomes of the losses of single elements or rows. Default `"mean"`. */
export type Reduction = "mean" | "sum" | "none";

export interface ReductionOption {
  readonly reduction?: Reduction;
}

export const REDUCTION = { reduction: ["mean", "sum", "none"] } as const;

export function reduce(losses: Tensor, reduction: Reduction = "mean"): Tensor {
  if (reduction === "none") return losses;
  return reduction === "sum" ? losses.sum() : losses.mean();
}

/** Throws where two tensors would stretch to meet, which is a mistake in a loss. */
export function requireAlike(loss: string, a: Tensor, b: Tensor): void {
  requireTensors(loss, a, b);
  if (!sameShape(a.shape, b.shape))
    throw new ShapeError(
      `${loss}: expected two tensors of one shape, got ${formatShape(a.shape)} and ${formatShape(b.shape)}; reshape one of them`,
    );
  if (a.dtype !== b.dtype || !isFloat(a.dtype))
    throw new DTypeError(`${loss}: expected floats of one type, got ${a.dtype} and ${b.dtype}; cast one of them`);
}
