/** What tensors record, and what rewrites it. */
export { forRows } from "./batch-last.ts";
export { gradient, valueAndGradient } from "./grad.ts";
export { type LinearScanOptions, linearScan } from "./linear-scan.ts";
export { type Body, insideBody, type Node, type Spec, sortNodes } from "./node.ts";
export { type Branch, type Lowering, type OnnxAttribute, type OnnxBody, type OnnxNode, onnxType } from "./op.ts";
export { type OpName, ops, rowOf } from "./ops/index.ts";
export type { Draw, Initializer } from "./ops/leaf.ts";
export type { StandardCell } from "./ops/recurrence.ts";
export { recompute } from "./recompute.ts";
export { type Recurrence, recurrence } from "./recurrence.ts";
export { sameAt } from "./same.ts";
export { type ScanOptions, type Step, scan } from "./scan.ts";
export { simplify } from "./simplify.ts";
export { substitute } from "./substitute.ts";
export { leaves, refill, type Tree } from "./tree.ts";
