/** Whether a training step fits, told before it is tried: a process that runs out of memory is ended without a word. */
import { ConfigError } from "../errors.ts";
import { sortNodes } from "../graph/index.ts";
import { type Named, simplifyNamed } from "../onnx/index.ts";
import { memoryBytes } from "../runtime/index.ts";
import { bytesPerElement, type Tensor } from "../tensor/index.ts";
import type { StepGraph } from "./trace.ts";

/** Operations whose output is a view of their input, or is never made. */
const FREE = new Set(["reshape", "expand", "constant", "input", "parameter", "buffer", "noise"]);

/**
 * The engine gives memory back within a step: at its peak it holds about half of all that the step makes. Measured
 * over GPT of widths 128 to 768 and contexts 64 to 1,024: 0.50 to 0.85; LSTM of 1,024 steps: 0.88.
 */
const SHARE = 0.5;

const bytes = ({ shape, dtype }: Tensor): number =>
  shape.reduce<number>((product, dim) => product * Number(dim), bytesPerElement(dtype));

/** About how many bytes a simplified graph needs at its peak; rather too few than too many. */
function graphBytes(outputs: Named): number {
  const nodes = sortNodes(Object.values(outputs));
  const made = nodes.filter(({ op }) => !FREE.has(op)).flatMap((node) => node.outputs);
  return SHARE * made.reduce((sum, tensor) => sum + bytes(tensor), 0);
}

const gigabytes = (count: number): string => `${(count / 1e9).toFixed(count < 1e11 ? 1 : 0)} GB`;

/** A graph as it is written, which needs about `bytes` at its peak. */
export interface FittingGraph extends StepGraph {
  readonly bytes: number;
}

/** Simplifies `graph`. Throws ConfigError where it needs more memory than there is. */
export function requireMemory(graph: StepGraph): FittingGraph {
  const outputs = simplifyNamed(graph.outputs);
  const bytes = graphBytes(outputs);
  if (bytes <= memoryBytes) return { ...graph, outputs, bytes };
  throw new ConfigError(
    `training: a step needs about ${gigabytes(bytes)} of memory, there are ${gigabytes(memoryBytes)}; lower batch, context or the model's sizes, or split the batch with accumulate`,
  );
}
