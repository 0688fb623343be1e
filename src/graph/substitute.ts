/** Rewriting: the same graph with some tensors put in the place of others. */

import { Tensor } from "../tensor/tensor.ts";
import { makeNode, type Node, sortNodes } from "./node.ts";

/** `node` again, with other inputs. Attributes and specs of the outputs stay. */
export const again = (node: Node, inputs: readonly Tensor[]): Node =>
  makeNode(node.op, inputs, node.attrs, node.outputs, (made, spec) => new Tensor(made, spec));

/**
 * `outputs` with nodes replaced one after the other: `replace` gives what stands in the place of a node's outputs, its
 * inputs being rewritten already, or nothing to keep the node. One walk, however many are replaced.
 */
export function rewrite(
  outputs: readonly Tensor[],
  replace: (node: Node, inputs: readonly Tensor[]) => readonly Tensor[] | undefined,
): Tensor[] {
  const map = new Map<Tensor, Tensor>();
  for (const node of sortNodes(outputs)) {
    const inputs = node.inputs.map((input) => map.get(input) ?? input);
    const moved = inputs.some((input, i) => input !== node.inputs[i]);
    const made = replace(node, inputs) ?? (moved ? again(node, inputs).outputs : node.outputs);
    for (const [i, output] of node.outputs.entries()) map.set(output, made[i] ?? output);
  }
  return outputs.map((output) => map.get(output) ?? output);
}

/** `outputs` with every tensor that `replacements` holds replaced, and what depends on it recorded anew. */
export function substitute(outputs: readonly Tensor[], replacements: ReadonlyMap<Tensor, Tensor>): Tensor[] {
  const map = new Map(replacements);
  for (const node of sortNodes(outputs, (tensor) => replacements.has(tensor))) {
    if (!node.inputs.some((input) => map.has(input))) continue;
    const made = again(
      node,
      node.inputs.map((input) => map.get(input) ?? input),
    );
    for (const [i, output] of node.outputs.entries()) {
      const replacement = made.outputs[i];
      if (replacement && !map.has(output)) map.set(output, replacement);
    }
  }
  return outputs.map((output) => map.get(output) ?? output);
}
