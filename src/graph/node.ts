/** What a trace is made of: nodes in a graph without circles, each output of which is a `Tensor`. */

import type { Shape } from "../tensor/dim.ts";
import type { DType } from "../tensor/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Shape and element type: all that is known of a tensor before anything runs. */
export interface Spec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** One recorded operation. Nodes never change once made. */
export interface Node {
  /** Counts up in the order of recording, so inputs always have smaller numbers. */
  readonly id: number;
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly attrs: unknown;
  readonly outputs: readonly Tensor[];
}

/** A graph of its own inside a node: `inputs` are placeholders, `outputs` depend on nothing else. */
export interface Body {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

let recorded = 0;

/** The number that the next node will have. */
export const nextId = (): number => recorded;

/** A new node; `output` makes its i-th tensor. */
export function makeNode(
  op: string,
  inputs: readonly Tensor[],
  attrs: unknown,
  specs: readonly Spec[],
  output: (node: Node, spec: Spec) => Tensor,
): Node {
  const outputs: Tensor[] = [];
  const node: Node = { id: recorded++, op, inputs, attrs, outputs };
  for (const spec of specs) outputs.push(output(node, spec));
  return node;
}

let bodies = 0;

/** Whether the body of another operation is being traced, whose tensors are not visible outside. */
export const insideBody = (): boolean => bodies > 0;

/** Traces the body of an operation. */
export function traceBody<T>(trace: () => T): T {
  bodies++;
  try {
    return trace();
  } finally {
    bodies--;
  }
}

/** Every node that `outputs` need, inputs before users. Stops below tensors for which `stop` holds. */
export function sortNodes(outputs: readonly Tensor[], stop: (tensor: Tensor) => boolean = () => false): Node[] {
  const found = new Set<Node>();
  const pending = outputs.filter((tensor) => !stop(tensor)).map((tensor) => tensor.node);
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    for (const input of node.inputs) if (!stop(input)) pending.push(input.node);
  }
  return [...found].sort((a, b) => a.id - b.id);
}
