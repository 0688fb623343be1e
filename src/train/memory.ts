/** Whether a training step fits, checked before it is tried: a process that runs out of memory is killed without a message. */
import { ConfigError } from "../errors.ts";
import { type Spec, sortNodes } from "../graph/index.ts";
import { type Named, simplifyNamed } from "../onnx/index.ts";
import { memoryBytes } from "../runtime/index.ts";
import { bytesPerElement, dimAt, type Tensor } from "../tensor/index.ts";
import type { StepGraph } from "./trace.ts";

/** Operations that make nothing: their output comes from outside, or is stored in the model. */
const GIVEN = new Set(["constant", "input", "parameter", "buffer", "noise"]);
/** Operations whose output is a view of their input. */
const VIEWS = new Set(["reshape", "expand"]);

const bytesOf = ({ shape, dtype }: Spec, sizes: ReadonlyMap<string, number>): number =>
  shape.reduce<number>((product, dim) => product * dimAt(dim, sizes), bytesPerElement(dtype));

/** The tensor whose memory `tensor` is seen in. */
function owner(tensor: Tensor): Tensor {
  const [source] = tensor.node.inputs;
  return VIEWS.has(tensor.node.op) && source ? owner(source) : tensor;
}

/** What a node makes, and what goes with it as its last reader. */
interface Turnover {
  readonly made: readonly Spec[];
  readonly gone: readonly Spec[];
}

/** Shape and type alone: a tensor would keep the graph that it is from. */
const specOf = ({ shape, dtype }: Tensor): Spec => ({ shape, dtype });

/**
 * What a simplified graph makes and gives back, node by node, if it runs in the order in which it was recorded and every
 * tensor goes with its last reader; outputs stay.
 */
function turnovers(outputs: Named): Turnover[] {
  const nodes = sortNodes(Object.values(outputs)).filter(({ op }) => !GIVEN.has(op));
  const last = new Map<Tensor, number>();
  for (const [at, { inputs }] of nodes.entries()) for (const tensor of inputs) last.set(owner(tensor), at);
  for (const tensor of Object.values(outputs)) last.set(owner(tensor), nodes.length);
  const all = new Set<Tensor>();
  return nodes.map((node, at) => {
    const made = VIEWS.has(node.op) ? [] : node.outputs.filter((output) => last.has(output));
    for (const tensor of made) all.add(tensor);
    const read = [...new Set(node.inputs.map((input) => owner(input)))];
    const gone = read.filter((tensor) => last.get(tensor) === at && all.has(tensor));
    return { made: made.map(specOf), gone: gone.map(specOf) };
  });
}

/** About how many bytes are held at the peak. For GPT 6×384 that is 219 MB, and the engine asks for 223. */
function peakBytes(nodes: readonly Turnover[], sizes: ReadonlyMap<string, number>): number {
  const sum = (specs: readonly Spec[]) => specs.reduce((bytes, spec) => bytes + bytesOf(spec, sizes), 0);
  let [held, peak] = [0, 0];
  for (const { made, gone } of nodes) {
    held += sum(made);
    peak = Math.max(peak, held);
    held -= sum(gone);
  }
  return peak;
}

const gigabytes = (count: number): string => `${(count / 1e9).toFixed(count < 1e11 ? 1 : 0)} GB`;

/** A graph as it is lowered. */
export const simplified = (graph: StepGraph): StepGraph => ({ ...graph, outputs: simplifyNamed(graph.outputs) });

/** About how many bytes a step needs at its peak, for given sizes. Throws ConfigError where there are fewer. */
export type Needs = (sizes?: Readonly<Record<string, number>>) => number;

/** What a simplified graph needs; the graph itself is not kept. */
export function needsOf({ outputs }: StepGraph): Needs {
  const nodes = turnovers(outputs);
  return (sizes = {}) => {
    const bytes = peakBytes(nodes, new Map(Object.entries(sizes)));
    if (bytes <= memoryBytes) return bytes;
    throw new ConfigError(
      `training: a step needs about ${gigabytes(bytes)} of memory, there are ${gigabytes(memoryBytes)}; lower batch, context or the model's sizes, or split the batch with accumulate`,
    );
  };
}
