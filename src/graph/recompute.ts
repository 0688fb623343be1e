/**
 * Gradient checkpointing (Chen et al. 2016, arXiv 1604.06174): a block whose insides are not kept for the backward pass
 * but computed again when it gets there. Costs one more forward pass of the block and saves its memory.
 */
import { record, Tensor } from "../tensor/tensor.ts";
import { sortNodes, traceBody } from "./node.ts";
import type { Block } from "./ops/recompute.ts";
import { placeholder } from "./scan.ts";
import { substitute } from "./substitute.ts";

/** The tensors that the insides of a block take from outside, besides its arguments. */
function capturesOf(output: Tensor, inner: readonly Tensor[]): Tensor[] {
  const inside = new Set<Tensor>(inner);
  const captured = new Set<Tensor>();
  for (const node of sortNodes([output], (tensor) => inside.has(tensor))) {
    if (!node.inputs.some((input) => inside.has(input))) continue;
    for (const input of node.inputs) if (!inside.has(input)) captured.add(input);
    for (const made of node.outputs) inside.add(made);
  }
  return [...captured];
}

/** `block` with its insides recomputed in the backward pass: the same values and gradients from less memory. */
export function recompute<Args extends readonly Tensor[]>(block: (...args: Args) => Tensor): (...args: Args) => Tensor {
  return (...args) => {
    const inner = args.map(placeholder);
    const output = traceBody(() => block(...(inner as unknown as Args)));
    const captured = capturesOf(output, inner);
    const stand = captured.map(placeholder);
    const outputs = substitute([output], new Map(captured.map((tensor, i) => [tensor, stand[i] ?? tensor])));
    const attrs: Block = { body: { inputs: [...inner, ...stand], outputs }, arguments: args.length };
    const [result] = record("recompute", [...args, ...captured], attrs);
    if (!(result instanceof Tensor)) throw new Error("internal: a block has one output");
    return result;
  };
}

/** Blocks opened up: what is lowered has none. */
export function inlineBlocks(outputs: readonly Tensor[]): readonly Tensor[] {
  const node = sortNodes(outputs).find(({ op }) => op === "recompute");
  if (!node) return outputs;
  const { body } = node.attrs as Block;
  const inside = substitute(body.outputs, new Map(body.inputs.map((inner, i) => [inner, node.inputs[i] ?? inner])));
  return inlineBlocks(substitute(outputs, new Map(node.outputs.map((output, i) => [output, inside[i] ?? output]))));
}
