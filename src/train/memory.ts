/** Whether a training step fits, checked before it is tried: a process that runs out of memory is killed without a message. */
import { ConfigError } from "../errors.ts";
import { sortNodes } from "../graph/index.ts";
import { type Named, simplifyNamed } from "../onnx/index.ts";
import { memoryBytes } from "../runtime/index.ts";
import { bytesPerElement, dimAt, type Tensor } from "../tensor/index.ts";
import type { StepGraph } from "./trace.ts";

/** Operations that make nothing: their output comes from outside, or is stored in the model. */
const GIVEN = new Set(["constant", "input", "parameter", "buffer", "noise"]);
/** Operations whose output is a view of their input. */
const VIEWS = new Set(["reshape", "expand"]);

/** What sizes with names are. */
type Sizes = Readonly<Record<string, number>>;

const bytesOf = ({ shape, dtype }: Tensor, sizes: ReadonlyMap<string, number>): number =>
  shape.reduce<number>((product, dim) => product * dimAt(dim, sizes), bytesPerElement(dtype));

/** The tensor whose memory `tensor` is seen in. */
function owner(tensor: Tensor): Tensor {
  const [source] = tensor.node.inputs;
  return VIEWS.has(tensor.node.op) && source ? owner(source) : tensor;
}

/**
 * About how many bytes a simplified graph holds at its peak, if it runs in the order in which it was recorded and every
 * tensor goes with its last reader; outputs stay. For GPT 6×384 that is 219 MB, and the engine asks for 223.
 */
function peakBytes(outputs: Named, named: Sizes): number {
  const sizes = new Map(Object.entries(named));
  const nodes = sortNodes(Object.values(outputs)).filter(({ op }) => !GIVEN.has(op));
  const last = new Map<Tensor, number>();
  for (const [at, { inputs }] of nodes.entries()) for (const tensor of inputs) last.set(owner(tensor), at);
  for (const tensor of Object.values(outputs)) last.set(owner(tensor), nodes.length);
  const made = new Set<Tensor>();
  let [held, peak] = [0, 0];
  for (const [at, node] of nodes.entries()) {
    for (const tensor of VIEWS.has(node.op) ? [] : node.outputs.filter((output) => last.has(output))) {
      made.add(tensor);
      held += bytesOf(tensor, sizes);
    }
    peak = Math.max(peak, held);
    for (const tensor of new Set(node.inputs.map((input) => owner(input))))
      if (last.get(tensor) === at && made.has(tensor)) held -= bytesOf(tensor, sizes);
  }
  return peak;
}

const gigabytes = (count: number): string => `${(count / 1e9).toFixed(count < 1e11 ? 1 : 0)} GB`;

/** A graph as it is lowered. */
export const simplified = (graph: StepGraph): StepGraph => ({ ...graph, outputs: simplifyNamed(graph.outputs) });

/** About how many bytes a simplified graph needs at its peak. Throws ConfigError where there are fewer. */
export function requireMemory({ outputs }: StepGraph, sizes: Sizes = {}): number {
  const bytes = peakBytes(outputs, sizes);
  if (bytes <= memoryBytes) return bytes;
  throw new ConfigError(
    `training: a step needs about ${gigabytes(bytes)} of memory, there are ${gigabytes(memoryBytes)}; lower batch, context or the model's sizes, or split the batch with accumulate`,
  );
}
