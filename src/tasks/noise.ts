/** Noise outside training: each row is a function of its example's number alone, so that scores can be taken again. */
import { freeLeaves, type Named } from "../onnx/index.ts";
import { type Feeds, fillNoise, type HostTensor } from "../runtime/index.ts";
import type { Tensor } from "../tensor/index.ts";

/** Noise leaves of a graph by the names under which they are fed. */
export function noiseIn(outputs: readonly Tensor[], bound: readonly Tensor[]): Named {
  const leaves = freeLeaves(outputs, bound).filter(({ node }) => node.op === "noise");
  return Object.fromEntries(leaves.map((leaf, i) => [`noise.${i}`, leaf]));
}

/** Sizes that are named in specs, as feeds have them. */
export type Sizes = Readonly<Record<string, number>>;

/** Numbers for rows of noise [B, ..]. */
function rowsOfNoise({ node, shape }: Tensor, site: number, numbers: readonly number[], sizes: Sizes): HostTensor {
  const { distribution } = node.attrs as { distribution: "uniform" | "normal" };
  const rest = shape.slice(1).map((dim) => Number(typeof dim === "string" ? sizes[dim] : dim));
  const width = rest.reduce((product, dim) => product * dim, 1);
  const data = new Float32Array(numbers.length * width);
  for (const [row, number] of numbers.entries())
    fillNoise(data.subarray(row * width, (row + 1) * width), distribution, { seed: 0, step: number, site });
  return { data, shape: [numbers.length, ...rest], dtype: "f32" };
}

/** Numbers for every noise, a row for each of the examples that `numbers` are of. */
export const noiseOfRows = (noise: Named, numbers: readonly number[], sizes: Sizes = {}): Feeds =>
  Object.fromEntries(
    Object.entries(noise).map(([name, leaf], site) => [name, rowsOfNoise(leaf, site, numbers, sizes)]),
  );
