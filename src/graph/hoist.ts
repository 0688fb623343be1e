/**
 * Moving work out of a loop. What follows from the sequences alone is recorded for all steps at once, by the rows'
 * `lead`; a product (s·a)·b, where s follows from the state and a, b do not, becomes s·(a·b) first, so that a·b can leave,
 * and [s, x] W becomes s V + x U, so that x U can.
 */
import { type Dim, sameShape } from "../tensor/dim.ts";
import { record, type Tensor } from "../tensor/tensor.ts";
import { type Body, type Node, sortNodes } from "./node.ts";
import type { Recorder, Stacked } from "./op.ts";
import { type OpName, rowOf } from "./ops/index.ts";
import type { Transposed } from "./ops/matmul.ts";
import { again } from "./substitute.ts";

export const recordRow: Recorder = (op, inputs, attrs) => record(op as OpName, inputs, attrs as never);

/** `node`'s operation on inputs some of which have one more axis in front; `undefined` where it cannot be. */
export function lead(node: Node, inputs: readonly Tensor[], how: Stacked): readonly Tensor[] | undefined {
  const outputs = rowOf(node.op).lead?.(inputs, node.attrs, { ...how, record: recordRow }) ?? [];
  return outputs.length === node.outputs.length ? outputs : undefined;
}

function regrouped({ inputs: [x, y], outputs: [whole] }: Node, own: ReadonlySet<Tensor>): Tensor | undefined {
  for (const [product, b] of [
    [x, y],
    [y, x],
  ] as const) {
    if (!product || !b || product.node.op !== "mul" || !own.has(product) || own.has(b)) continue;
    const s = product.node.inputs.find((tensor) => own.has(tensor));
    const a = product.node.inputs.find((tensor) => !own.has(tensor));
    if (s && a && sameShape(s.shape, whole?.shape ?? [])) return s.mul(a.mul(b));
  }
  return undefined;
}

/** [s, x] W as s V + x U, with W's rows V for s, which follows from the state, and U for x, which does not. */
function dividedProduct({ inputs: [joined, weight], attrs }: Node, own: ReadonlySet<Tensor>): Tensor | undefined {
  const { transA, transB } = attrs as Transposed;
  if (joined?.node.op !== "concat" || weight?.rank !== 2 || transA || own.has(weight)) return undefined;
  const parts = joined.node.inputs;
  const { axis } = joined.node.attrs as { axis: number };
  if (axis !== joined.rank - 1 || parts.some((part) => typeof part.dim(-1) === "string")) return undefined;
  if (parts.every((part) => own.has(part)) || !parts.some((part) => own.has(part))) return undefined;
  const widths = parts.map((part) => part.dim(-1));
  const rows = weight.split(widths, transB ? 1 : 0);
  const products = parts.map((part, i) => part.matmul(rows[i] ?? weight, { transB }));
  return products.reduce((sum, product) => sum.add(product));
}

/** aᵀb where a does not change from step to step: the transposition, which the engine would repeat, is moved out. */
function plainFactor({ inputs: [a, b], attrs }: Node, changing: ReadonlySet<Tensor>): Tensor | undefined {
  if (a?.rank !== 2 || b?.rank !== 2 || changing.has(a) || !changing.has(b)) return undefined;
  const { transA, transB } = attrs as Transposed;
  return transA ? a.mT.matmul(b, { transA: false, transB }) : undefined;
}

/** `node`, recorded anew where its inputs were. */
function renewed(node: Node, map: ReadonlyMap<Tensor, Tensor>): Node {
  const inputs = node.inputs.map((input) => map.get(input) ?? input);
  return inputs.every((input, i) => input === node.inputs[i]) ? node : again(node, inputs);
}

/**
 * s·a·b as s·(ab), and [s, x] W as s V + x U, where s follows from the state and all else does not, so that ab and x U can
 * be moved out, as can transpositions.
 */
export function gatherFactors(body: Body, sequences: ReadonlyMap<Tensor, Tensor>): Body {
  const own = new Set(body.inputs.filter((tensor) => !sequences.has(tensor)));
  const changing = new Set(body.inputs);
  const map = new Map<Tensor, Tensor>(body.inputs.map((tensor) => [tensor, tensor]));
  for (const node of sortNodes(body.outputs, (tensor) => map.has(tensor))) {
    const made = renewed(node, map);
    const product = node.op === "mul" ? regrouped(made, own) : undefined;
    const plain = node.op === "matmul" ? (dividedProduct(made, own) ?? plainFactor(made, changing)) : undefined;
    const follows = made.inputs.some((input) => own.has(input));
    const changes = made.inputs.some((input) => changing.has(input));
    for (const [i, output] of node.outputs.entries()) {
      const result = product ?? plain ?? made.outputs[i] ?? output;
      map.set(output, result);
      if (follows) own.add(result);
      if (changes) changing.add(result);
    }
  }
  return { inputs: body.inputs, outputs: body.outputs.map((output) => map.get(output) ?? output) };
}

/** Where each tensor of a body belongs. */
export interface Places {
  /** Tensors that follow from the sequences alone, each with its values for all steps. */
  readonly whole: Map<Tensor, Tensor>;
  /** Tensors that the state has a part in, or that could not be moved out. */
  readonly inside: Set<Tensor>;
}

/** Moves out of `body` what can be. `sequences` are whole by the slices that the body reads. */
export function hoist(body: Body, sequences: ReadonlyMap<Tensor, Tensor>, length: Dim): Places {
  const states = body.inputs.filter((tensor) => !sequences.has(tensor));
  const { whole, inside }: Places = { whole: new Map(sequences), inside: new Set(states) };
  for (const node of sortNodes(body.outputs, (tensor) => whole.has(tensor) || inside.has(tensor))) {
    if (node.inputs.some((tensor) => inside.has(tensor))) keepInside(node, inside);
    else if (node.inputs.some((tensor) => whole.has(tensor)) && !moveOut(node, whole, length)) keepInside(node, inside);
  }
  return { whole, inside };
}

function keepInside(node: Node, inside: Set<Tensor>): void {
  for (const output of node.outputs) inside.add(output);
}

function moveOut(node: Node, whole: Map<Tensor, Tensor>, length: Dim): boolean {
  const has = node.inputs.map((tensor) => whole.has(tensor));
  const inputs = node.inputs.map((tensor) => whole.get(tensor) ?? tensor);
  const outputs = lead(node, inputs, { has, length });
  if (!outputs) return false;
  for (const [i, output] of node.outputs.entries()) {
    const moved = outputs[i];
    if (moved) whole.set(output, moved);
  }
  return true;
}
