/**
 * Reverse-mode differentiation as a rewrite: from the graph of a scalar to the graph of its gradients.
 *
 * Walks the nodes backwards, asks each one's row for the gradients of its inputs, and adds up what meets in one tensor.
 */
import { GradientError } from "../errors.ts";
import { requireList } from "../tensor/arguments.ts";
import { zeros } from "../tensor/create.ts";
import { formatShape } from "../tensor/dim.ts";
import { isFloat } from "../tensor/dtype.ts";
import { requireTensor, type Tensor } from "../tensor/tensor.ts";
import { lead, recordRow } from "./hoist.ts";
import { type Node, sortNodes } from "./node.ts";
import type { GradientTools, Limits } from "./op.ts";
import { rowOf } from "./ops/index.ts";
import { buildScan, placeholder } from "./scan.ts";
import { substitute } from "./substitute.ts";

/** The tensors that `wrt` has a part in, each with the operation, if any, that cut its derivative off. */
function dependents(nodes: readonly Node[], wrt: readonly Tensor[]): Map<Tensor, string | undefined> {
  const reached = new Map<Tensor, string | undefined>(wrt.map((tensor) => [tensor, undefined]));
  for (const node of nodes) {
    const inputs = node.inputs.filter((input) => reached.has(input));
    if (inputs.length === 0 || rowOf(node.op).grad === "stop") continue;
    const open = inputs.some((input) => reached.get(input) === undefined);
    const cut = open ? (rowOf(node.op).grad === "none" ? node.op : undefined) : reached.get(inputs[0] as Tensor);
    for (const output of node.outputs) if (!reached.has(output)) reached.set(output, cut);
  }
  return reached;
}

const none: ReadonlySet<Tensor> = new Set();

/** The gradients of everything between `wrt` and `outputs`, given the gradients `seeds` of the outputs. */
function cotangents(
  outputs: readonly Tensor[],
  seeds: readonly (Tensor | undefined)[],
  wrt: readonly Tensor[],
  { skip = none, stop = none }: Limits = {},
): Map<Tensor, Tensor> {
  const nodes = sortNodes(outputs, (tensor) => stop.has(tensor));
  const reached = dependents(nodes, wrt);
  const found = new Map<Tensor, Tensor>();
  const add = (tensor: Tensor, gradient: Tensor | undefined) => {
    const before = found.get(tensor);
    if (gradient) found.set(tensor, before ? before.add(gradient) : gradient);
  };
  for (const [i, output] of outputs.entries()) if (reached.has(output)) add(output, seeds[i]);
  for (const node of nodes.reverse()) {
    const wanted = (i: number) => {
      const input = node.inputs[i];
      return input !== undefined && reached.has(input) && reached.get(input) === undefined && !skip.has(input);
    };
    const { grad } = rowOf(node.op);
    if (typeof grad === "string" || !node.inputs.some((_, i) => wanted(i))) continue;
    const grads = node.outputs.map((output) => found.get(output));
    if (grads.every((g) => g === undefined)) continue;
    const { inputs, outputs: results, attrs } = node;
    const gradients = grad({ inputs, outputs: results, attrs, grads, needs: wanted, tools });
    for (const [i, input] of inputs.entries()) if (wanted(i)) add(input, gradients[i]);
  }
  return found;
}

const tools: GradientTools = {
  placeholder,
  zeros: ({ shape, dtype }) => zeros(shape, dtype),
  cotangents,
  scan: (states, sequences, body, { reverse, rename }) => {
    const fixed = new Map([...rename, ...body.inputs.map((tensor) => [tensor, tensor] as const)]);
    return buildScan(states, sequences, { inputs: body.inputs, outputs: substitute(body.outputs, fixed) }, { reverse });
  },
  record: recordRow,
  substitute,
  lead,
};

/** One gradient for each tensor, in their order. */
export type Gradients<W extends readonly Tensor[]> = { -readonly [K in keyof W]: Tensor };

/**
 * The gradients of the scalar `loss` by each of `wrt`, as tensors of the same shapes; zeros where the loss does not
 * depend on one. Throws GradientError where `loss` is no scalar, or where the only way passes through an operation
 * without a derivative.
 */
export function gradient<const W extends readonly Tensor[]>(loss: Tensor, wrt: W): Gradients<W> {
  requireTensor("gradient", loss);
  for (const tensor of requireList("gradient", "tensors to differentiate by", wrt)) requireTensor("gradient", tensor);
  if (loss.rank !== 0 || !isFloat(loss.dtype))
    throw new GradientError(
      `gradient: expected a scalar of f32 or f64, got ${loss.dtype}${formatShape(loss.shape)}; reduce it with .mean() or .sum()`,
    );
  for (const { dtype, shape } of wrt)
    if (!isFloat(dtype))
      throw new GradientError(
        `gradient: expected to differentiate by f32 or f64, got ${dtype}${formatShape(shape)}; cast it first`,
      );
  const found = cotangents([loss], [loss.like(1)], wrt);
  return wrt.map((tensor) => found.get(tensor) ?? zeroGradient(loss, tensor)) as Gradients<W>;
}

function zeroGradient(loss: Tensor, tensor: Tensor): Tensor {
  const cut = dependents(sortNodes([loss]), [tensor]).get(loss);
  if (cut)
    throw new GradientError(
      `gradient: ${cut} has no derivative and the loss depends on the tensor only through it; use stopGradient where zero is meant`,
    );
  return tensor.zerosLike();
}

/** A loss with its gradients by `wrt`. */
export const valueAndGradient = (loss: Tensor, wrt: readonly Tensor[]): { value: Tensor; gradients: Tensor[] } => ({
  value: loss,
  gradients: gradient(loss, wrt),
});
