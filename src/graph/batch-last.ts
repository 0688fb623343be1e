/**
 * Recurrences with the batch as the last axis: a body whose tensors are all matrices [B, ..] is recorded again for
 * [.., B].
 *
 * The engine copies the right operand of a product into blocks before it multiplies. In h W, that is all of W at every
 * step, for few rows of h as much work as a third of the product; in Wᵀ hᵀ it is hᵀ. Gates are then rows as well, which
 * are split and joined without moving single numbers.
 */
import type { Tensor } from "../tensor/tensor.ts";
import { recordRow } from "./hoist.ts";
import { type Body, type Node, type Spec, sortNodes } from "./node.ts";
import { rowOf } from "./ops/index.ts";

/**
 * Rows of a batch, and rows and columns of a weight, from which on turning what goes in and comes out costs less than it
 * saves (bench/LOG.md).
 */
const LEAST = { batch: 16, weight: 192 };

/** Rows that a batch is taken to have while it is traced without their number. */
let expected: number | undefined;

/** Traces for batches of about `rows` rows, where their number is left open. */
export function forRows<T>(rows: number, trace: () => T): T {
  const before = expected;
  expected = rows;
  try {
    return trace();
  } finally {
    expected = before;
  }
}

/** What stands outside the body, for its turned operations: numbers stay, vectors are columns. */
function turnOuter(tensor: Tensor): Tensor {
  if (tensor.rank === 0) return tensor;
  return tensor.rank === 1 ? tensor.unsqueeze(1) : tensor.mT;
}

/** `node` recorded for turned operands; `map` holds those that are made inside the body. */
function turnNode(node: Node, map: ReadonlyMap<Tensor, Tensor>): readonly Tensor[] | undefined {
  if ([...node.inputs, ...node.outputs].some(({ rank }) => rank > 2)) return undefined;
  const inputs = node.inputs.map((input) => map.get(input) ?? turnOuter(input));
  return rowOf(node.op).turn?.(inputs, node.attrs, recordRow);
}

const isLarge = ({ shape }: Tensor): boolean => shape.length === 2 && shape.every((dim) => Number(dim) >= LEAST.weight);

/** Whether a step multiplies what the state has a part in by a large matrix from outside. */
function pays({ inputs, outputs }: Body, states: number): boolean {
  if (!((expected ?? Number(inputs[0]?.shape[0])) >= LEAST.batch)) return false;
  const [follows, made] = [new Set(inputs.slice(0, states)), new Set(inputs)];
  for (const node of sortNodes(outputs, (tensor) => made.has(tensor))) {
    const [a, b] = node.inputs;
    if (node.op === "matmul" && a && b && follows.has(a) && !made.has(b) && isLarge(b)) return true;
    for (const set of [follows, made])
      if (node.inputs.some((input) => set.has(input))) for (const output of node.outputs) set.add(output);
  }
  return false;
}

/** `body` for inputs with their axes exchanged; undefined where it holds something that cannot be turned. */
export function turnBody(body: Body, placeholder: (spec: Spec) => Tensor): Body | undefined {
  if ([...body.inputs, ...body.outputs].some(({ rank }) => rank !== 2)) return undefined;
  const turned = ({ shape, dtype }: Spec) => placeholder({ shape: [...shape].reverse(), dtype });
  const map = new Map(body.inputs.map((input) => [input, turned(input)]));
  const inputs = [...map.values()];
  for (const node of sortNodes(body.outputs, (tensor) => map.has(tensor))) {
    if (!node.inputs.some((input) => map.has(input))) continue;
    const made = turnNode(node, map);
    if (!made) return undefined;
    for (const [i, output] of node.outputs.entries()) map.set(output, made[i] ?? output);
  }
  return { inputs, outputs: body.outputs.map((output) => map.get(output) ?? turnOuter(output)) };
}

/** The body for states and slices [.., B], where that is faster. */
export const batchLast = (body: Body, states: number, placeholder: (spec: Spec) => Tensor): Body | undefined =>
  pays(body, states) ? turnBody(body, placeholder) : undefined;
