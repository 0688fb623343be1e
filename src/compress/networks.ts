/**
 * A model's networks for a coder: what they give must be the same to the bit wherever a picture is coded or decoded.
 * Floating-point sums depend on the order of their terms, which an engine chooses by device, threads and size of a batch.
 * So there is one device, `cpu`, one thread, and one batch of R rows, of which those without a picture are zero.
 *
 * R rows · L latent dimensions · D = C·H·W values of a picture · P numbers for each value
 */
import { CheckpointError, ConfigError } from "../errors.ts";
import type { LatentModel } from "../models/index.ts";
import { normalKL, reparameterise } from "../nn/index.ts";
import type { Named } from "../onnx/index.ts";
import type { Feeds, GraphOptions, HostTensor } from "../runtime/index.ts";
import { RowProgram } from "../tasks/batched.ts";
import type { Tensor } from "../tensor/index.ts";
import { type LatentCode, normalCode } from "./latent.ts";
import { tableCode } from "./table-code.ts";

/** The one place where a coder computes. */
export const PLACE = { device: "cpu", threads: 1 } as const;

/** The pictures of a block, R rows or fewer, and their classes where the model has any. */
export interface Block {
  /** [D] each, of 0 to 1, planes of channels. */
  readonly images: readonly Float32Array[];
  readonly labels: readonly number[];
}

export interface Networks extends AsyncDisposable {
  readonly model: LatentModel;
  readonly rows: number;
  readonly code: LatentCode;
  /** What the encoder says of each picture, as `code` reads it. */
  encode(block: Block): Promise<Float32Array[]>;
  /** What the decoder says of each code, as the likelihood takes it: [P·D]. `codes` are what `code.values` gives. */
  decode(codes: readonly Float32Array[], labels: readonly number[]): Promise<Float32Array[]>;
  /** A lower bound of the log-likelihood of each picture, in nats; `epsilon` [L] each is standard normal. */
  bound(block: Block, epsilon: readonly Float32Array[]): Promise<Float32Array>;
}

type Batch = Readonly<Record<"images" | "labels" | "codes" | "epsilon", Tensor>>;
/** Outputs of a graph by the parts of a batch. */
type Graph = (batch: Batch) => Named;

/** The graphs of a coder, by what kind of code the model has. Throws ConfigError where it has none that can be coded. */
function graphsOf(model: LatentModel): Record<"encode" | "decode" | "bound", Graph> {
  const { codebook, likelihood } = model;
  if (codebook) {
    const decode: Graph = ({ codes, labels }) => ({ given: model.decode(codebook.codes(codes.cast("i32")), labels) });
    return {
      encode: ({ images, labels }) => ({ row: codebook.ids(images, labels).cast("f32") }),
      decode,
      bound({ images, labels }) {
        const given = model.decode(codebook.codes(codebook.ids(images, labels)), labels);
        return { bound: likelihood.logProbability(given, images).sub(codebook.places * Math.log(codebook.size)) };
      },
    };
  }
  const posterior = ({ images, labels }: Batch) => {
    const { mean, logVariance, rate } = model.encode(images, labels);
    if (logVariance && !rate) return { mean, logVariance };
    throw new ConfigError(
      "compress: expected a model whose codes are drawn from normal distributions, or are rows of a table, got one without; train a vae or a vqvae",
    );
  };
  return {
    encode(batch) {
      const { mean, logVariance } = posterior(batch);
      return { row: mean.concat([logVariance], 1) };
    },
    decode: ({ codes, labels }) => ({ given: model.decode(codes, labels) }),
    bound(batch) {
      const { mean, logVariance } = posterior(batch);
      const given = model.decode(reparameterise(mean, logVariance, batch.epsilon), batch.labels);
      const rate = normalKL(mean, logVariance).sum(1);
      return { bound: likelihood.logProbability(given, batch.images).sub(rate) };
    },
  };
}

/** Rows as one tensor of R rows, those that are missing zero. */
function batched(rows: readonly ArrayLike<number>[], R: number, shape: readonly number[]): HostTensor {
  const width = shape.reduce((a, b) => a * b, 1);
  const data = new Float32Array(R * width);
  for (const [r, row] of rows.entries()) data.set(row, r * width);
  return { data, shape: [R, ...shape], dtype: "f32" };
}

const labelsOf = (labels: readonly number[], R: number): HostTensor => ({
  data: Int32Array.from({ length: R }, (_, r) => labels[r] ?? 0),
  shape: [R],
  dtype: "i32",
});

/** The first `count` rows. Throws CheckpointError where a number is not finite. */
function rowsOf(output: HostTensor | undefined, R: number, count: number): Float32Array[] {
  const data = output?.data as Float32Array;
  const width = data.length / R;
  if (!data.subarray(0, count * width).every(Number.isFinite))
    throw new CheckpointError("compress: the model gives numbers that are not finite; take another checkpoint");
  return Array.from({ length: count }, (_, r) => data.slice(r * width, (r + 1) * width));
}

/** Compiles the networks of `model` for blocks of R rows. Throws ConfigError where its codes cannot be coded. */
export async function openNetworks(model: LatentModel, weights: Feeds, R: number): Promise<Networks> {
  const { codebook, latent: L, classes, image } = model;
  const graphs = graphsOf(model);
  const length = codebook?.places ?? L;
  const specs = {
    images: { shape: [R, ...image], dtype: "f32" },
    labels: { shape: [R], dtype: "i32" },
    codes: { shape: [R, length], dtype: "f32" },
    epsilon: { shape: [R, L], dtype: "f32" },
  } as const;
  const options: GraphOptions = { ...PLACE, weights };
  const compiled = async (graph: Graph, names: readonly (keyof Batch)[]) => {
    const inputs = Object.fromEntries(
      names.filter((name) => name !== "labels" || classes > 0).map((n) => [n, specs[n]]),
    );
    return RowProgram.create(model.parts, inputs, (batch) => graph(batch as Batch), options);
  };
  const encoder = await compiled(graphs.encode, ["images", "labels"]);
  const decoder = await compiled(graphs.decode, ["codes", "labels"]);
  const bound = await compiled(graphs.bound, codebook ? ["images", "labels"] : ["images", "labels", "epsilon"]);
  const classesOf = (labels: readonly number[]): Feeds => (classes > 0 ? { labels: labelsOf(labels, R) } : {});
  const blockOf = ({ images, labels }: Block) => ({ images: batched(images, R, image), ...classesOf(labels) });
  return {
    model,
    rows: R,
    code: codebook ? tableCode(length, codebook.size) : normalCode(L),
    encode: async (block) => rowsOf((await encoder.run(blockOf(block))).row, R, block.images.length),
    async decode(codes, labels) {
      const { given } = await decoder.run({ codes: batched(codes, R, [length]), ...classesOf(labels) });
      return rowsOf(given, R, codes.length);
    },
    async bound(block, epsilon) {
      const drawn: Feeds = codebook ? {} : { epsilon: batched(epsilon, R, [L]) };
      const found = await bound.run({ ...blockOf(block), ...drawn });
      return Float32Array.from(rowsOf(found.bound, R, block.images.length), ([nats]) => nats as number);
    },
    async [Symbol.asyncDispose]() {
      for (const program of [encoder, decoder, bound]) await program.release();
    },
  };
}
