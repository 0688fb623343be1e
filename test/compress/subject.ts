/** Models that compress, with the weights that they begin with, and pictures for them. */
import type { Subject } from "../../src/compress/subject.ts";
import type { Picture } from "../../src/data/index.ts";
import { build, type LatentModel, loadArchitecture } from "../../src/models/index.ts";
import { bernoulli, Embedding, Linear, namedState } from "../../src/nn/index.ts";
import { initialValues, stream } from "../../src/runtime/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";

export type Size = readonly [channels: number, height: number, width: number];

const SMALL = { hidden_size: 8, num_layers: 1, latent: 2 };
const SMALL_TABLE = { codebook_size: 16, embedding_dim: 4, conv_channels: 4, num_layers: 1 };

/** A model of pictures of `size` with seeded weights, `factor` times as large as those that training begins with. */
export async function subjectOf(
  [num_channels, image_height, image_width]: Size,
  keys: Readonly<Record<string, unknown>> = {},
  { seed = 0, factor = 3, type = "vae" } = {},
): Promise<Subject> {
  const architecture = await loadArchitecture(type);
  const image = { num_channels, image_height, image_width };
  const small = type === "vqvae" ? SMALL_TABLE : SMALL;
  const config = architecture.configure({ ...small, ...image, ...keys });
  const model = build(architecture, "latent", config);
  const values = initialValues(namedState(model.parts), seed);
  for (const { data } of Object.values(values)) for (const i of data.keys()) data[i] = factor * Number(data[i]);
  return { model, type, config, values, labels: [] };
}

const [PLACES, ROWS, WIDTH] = [3, 8, 2];

/** A model whose codes are rows of a table, with seeded weights: the row of each place is that of the largest of some products. */
export function tableSubject(size: Size): Subject {
  const values = size.reduce((a, b) => a * b, 1);
  const encoder = Linear(values, PLACES * ROWS);
  const table = Embedding(ROWS, WIDTH);
  const decoder = Linear(PLACES * WIDTH, values);
  const parts = { encoder, table, decoder };
  const ids = (images: Tensor) =>
    encoder(images.reshape([images.dim(0), values]))
      .reshape([images.dim(0), PLACES, ROWS])
      .argMax(-1)
      .cast("i32");
  const codes = (rows: Tensor) => table(rows).reshape([rows.dim(0), PLACES * WIDTH]);
  const model: LatentModel = {
    ...{ parts, image: size, latent: PLACES * WIDTH, classes: 0, likelihood: bernoulli },
    inputs: { images: { shape: ["B", ...size], dtype: "f32" } },
    codebook: { size: ROWS, places: PLACES, ids, codes },
    encode: (images) => ({ mean: codes(ids(images)) }),
    decode: (given) => decoder(given).reshape([given.dim(0), ...size]),
    forward: ({ images }) => ({ mean: codes(ids(images)), reconstruction: images }),
  };
  return { model, type: "table", config: {}, values: initialValues(namedState(parts), 0), labels: [] };
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
