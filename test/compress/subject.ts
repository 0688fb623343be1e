/** Models that compress, with the weights that they begin with, and pictures for them. */
import type { Subject } from "../../src/compress/subject.ts";
import type { Picture } from "../../src/data/index.ts";
import { build, loadArchitecture } from "../../src/models/index.ts";
import { namedState } from "../../src/nn/index.ts";
import { initialValues, stream } from "../../src/runtime/index.ts";

export type Size = readonly [channels: number, height: number, width: number];

/** A model of pictures of `size` with seeded weights, `factor` times as large as those that training begins with. */
export async function subjectOf(
  [num_channels, image_height, image_width]: Size,
  keys: Readonly<Record<string, unknown>> = {},
  { seed = 0, factor = 3, type = "vae" } = {},
): Promise<Subject> {
  const architecture = await loadArchitecture(type);
  const image = { num_channels, image_height, image_width };
  const config = architecture.configure({ hidden_size: 8, num_layers: 1, latent: 2, ...image, ...keys });
  const model = build(architecture, "latent", config);
  const values = initialValues(namedState(model.parts), seed);
  for (const { data } of Object.values(values)) for (const i of data.keys()) data[i] = factor * Number(data[i]);
  return { model, type, config, values, labels: [] };
}

/** Pictures with a dark and a light side, and some noise: of two levels, of 256, or of those from 78 to 177. */
export function picturesOf(
  [channels, height, width]: Size,
  count: number,
  levels: "two" | "all" | "middle",
): Picture[] {
  return Array.from({ length: count }, (_, n) => {
    const noise = stream(5, n, "pictures").fillUniform(new Float32Array(channels * height * width + 1));
    const border = Math.floor((noise[channels * height * width] as number) * (width + 1));
    const level = (i: number): number => {
      const light = (Math.floor(i / channels) % width) + 3 * ((noise[i] as number) - 0.5) >= border;
      if (levels === "middle") return 78 + Math.floor((noise[i] as number) * 100);
      return levels === "two" ? 255 * Number(light) : Math.floor((noise[i] as number) * 100) + (light ? 156 : 0);
    };
    const data = Uint8Array.from({ length: channels * height * width }, (_, i) => level(i));
    return { name: `${n}.png`, width, height, channels, data };
  });
}
