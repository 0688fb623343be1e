/** The table of operations. What is not here is a composition of what is. */
import type { Op } from "../op.ts";
import { convolutionOps } from "./convolution.ts";
import { elementwiseOps } from "./elementwise.ts";
import { indexingOps } from "./indexing.ts";
import { leafOps } from "./leaf.ts";
import { matmulOps } from "./matmul.ts";
import { movementOps } from "./movement.ts";
import { normalizeOps } from "./normalize.ts";
import { recomputeOps } from "./recompute.ts";
import { recurrenceOps } from "./recurrence.ts";
import { reduceOps } from "./reduce.ts";
import { scanOps } from "./scan.ts";

export const ops = {
  ...leafOps,
  ...elementwiseOps,
  ...reduceOps,
  ...matmulOps,
  ...movementOps,
  ...indexingOps,
  ...normalizeOps,
  ...convolutionOps,
  ...scanOps,
  ...recomputeOps,
  ...recurrenceOps,
} satisfies Record<string, Op<never>>;

export type OpName = keyof typeof ops;

/** The attributes of operation `K`. */
export type Attrs<K extends OpName> = (typeof ops)[K] extends Op<infer A> ? A : never;

/** The row of `name`, for code that treats all operations alike. */
export function rowOf(name: string): Op<unknown> {
  const row = (ops as Readonly<Record<string, Op<never>>>)[name];
  if (!row) throw new Error(`internal: no operation is called ${name}`);
  return row as Op<unknown>;
}
