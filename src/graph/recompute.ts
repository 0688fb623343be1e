/**
 * Gradient checkpointing (Chen et al. 2016, arXiv 1604.06174): a block whose insides are not kept for the backward pass
 * but computed again when it gets there. Costs one more forward pass of the block and saves its memory.
 */
import { requireFunction } from "../tensor/arguments.ts";
import { record, requireTensor, Tensor } from "../tensor/tensor.ts";
import { nextId, sortNodes, traceBody } from "./node.ts";
import type { Block } from "./ops/recompute.ts";
import { placeholder } from "./scan.ts";
import { rewrite, substitute } from "./substitute.ts";

/**
 * The tensors that a block takes from outside, besides its arguments: what was recorded before `first`, its first node.
 * Leaves made inside are taken from outside too, so that both passes read the same noise.
 */
function capturesOf(output: Tensor, inner: readonly Tensor[], first: number): Tensor[] {
  const isOutside = (tensor: Tensor) => tensor.node.id < first || tensor.node.inputs.length === 0;
  const captured = new Set<Tensor>(isOutside(output) ? [output] : []);
  for (const node of sortNodes([output], isOutside))
    for (const input of node.inputs) if (isOutside(input)) captured.add(input);
  for (const argument of inner) captured.delete(argument);
  return [...captured];
}

/** `block` with its insides recomputed in the backward pass: the same values and gradients from less memory. */
export function recompute<Args extends readonly Tensor[]>(block: (...args: Args) => Tensor): (...args: Args) => Tensor {
  requireFunction("recompute", "a block", block);
  return (...args) => {
    for (const argument of args) requireTensor("recompute", argument);
    const inner = args.map(placeholder);
    const first = nextId();
    const output = traceBody(() => block(...(inner as unknown as Args)));
    requireTensor("recompute", output);
    const captured = capturesOf(output, inner, first);
    const stand = captured.map(placeholder);
    const outputs = substitute([output], new Map(captured.map((tensor, i) => [tensor, stand[i] ?? tensor])));
    const attrs: Block = { body: { inputs: [...inner, ...stand], outputs }, arguments: args.length };
    const [result] = record("recompute", [...args, ...captured], attrs);
    if (!(result instanceof Tensor)) throw new Error("internal: a block has one output");
    return result;
  };
}

/** Blocks opened up, and those within them: what is lowered has none. */
export const inlineBlocks = (outputs: readonly Tensor[]): readonly Tensor[] =>
  rewrite(outputs, (node, inputs) => {
    if (node.op !== "recompute") return undefined;
    const { body } = node.attrs as Block;
    const inside = inlineBlocks(body.outputs);
    return substitute(inside, new Map(body.inputs.map((inner, i) => [inner, inputs[i] ?? inner])));
  });
