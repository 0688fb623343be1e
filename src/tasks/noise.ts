/** Noise outside training: each row is a function of its example's number alone, so that scores can be taken again. */
import { freeLeaves, type Named } from "../onnx/index.ts";
import { type Feeds, fillNoise, type HostTensor } from "../runtime/index.ts";
import type { Tensor } from "../tensor/index.ts";

/** Noise leaves of a graph by the names under which they are fed. */
export function noiseIn(outputs: readonly Tensor[], bound: readonly Tensor[]): Named {
  const leaves = freeLeaves(outputs, bound).filter(({ node }) => node.op === "noise");
  return Object.fromEntries(leaves.map((leaf, i) => [`noise.${i}`, leaf]));
}

/** Numbers for rows of noise [B, ..]. */
function rowsOfNoise({ node, shape }: Tensor, site: number, numbers: readonly number[]): HostTensor {
  const { distribution } = node.attrs as { distribution: "uniform" | "normal" };
  const width = shape.slice(1).reduce<number>((product, dim) => product * Number(dim), 1);
  const data = new Float32Array(numbers.length * width);
  for (const [row, number] of numbers.entries())
    fillNoise(data.subarray(row * width, (row + 1) * width), distribution, { seed: 0, step: number, site });
  return { data, shape: [numbers.length, ...shape.slice(1).map(Number)], dtype: "f32" };
}

/** Numbers for every noise, a row for each of the examples that `numbers` are of. */
export const noiseOfRows = (noise: Named, numbers: readonly number[]): Feeds =>
  Object.fromEntries(Object.entries(noise).map(([name, leaf], site) => [name, rowsOfNoise(leaf, site, numbers)]));
