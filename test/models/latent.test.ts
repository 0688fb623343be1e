/** Autoencoders of images against PyTorch's numbers (test/fixtures/latent.py), published sizes, and images of any size. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { gradient } from "../../src/graph/index.ts";
import { ae } from "../../src/models/ae.ts";
import { type Architecture, build, type LatentModel } from "../../src/models/index.ts";
import { vae } from "../../src/models/vae.ts";
import { vqvae } from "../../src/models/vqvae.ts";
import { Codebook, namedBuffers, namedParameters, namedState, traceTraining } from "../../src/nn/index.ts";
import { freeLeaves, type Named } from "../../src/onnx/index.ts";
import { compile, type Feeds, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { lossOf } from "../../src/tasks/reconstruct/objective.ts";
import { reconstruct } from "../../src/tasks/reconstruct.ts";
import { inputsOf, scalar, type Tensor, tensor } from "../../src/tensor/index.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { forward as forwardTolerance, model as tolerance } from "../tolerances.ts";

type Stored = Pick<HostTensor, "shape"> & { readonly data: number[] };
type Table = Readonly<Record<string, Stored>>;
interface Case {
  readonly name: string;
  readonly config: Record<string, unknown>;
  readonly weights: Table;
  readonly images: Stored;
  readonly labels: number[] | null;
  readonly epsilon: Stored;
  readonly settings: Readonly<Record<"beta" | "free" | "capacity" | "N", number>>;
  readonly parts: Table;
  readonly losses: Readonly<Record<string, number>>;
  readonly gradients: Readonly<Record<string, Table>>;
}
interface VQCase extends Omit<Case, "gradients"> {
  readonly ids: number[];
  readonly gradients: Table;
  readonly next: Table;
}
const fixture = JSON.parse(readFileSync(new URL("../fixtures/latent.json", import.meta.url), "utf8")) as {
  vae: Case[];
  vqvae: VQCase;
};

const stored = ({ data, shape }: Stored): HostTensor => host(data, shape);
const latentOf = (architecture: Architecture, config: Record<string, unknown>): LatentModel =>
  build(architecture, "latent", architecture.configure(config));
const feedsOf = (table: Table): Feeds =>
  Object.fromEntries(Object.entries(table).map(([name, value]) => [name, stored(value)]));

/**
 * Relative to the largest element of the same tensor, as gradients of models are compared. Weights e^x of the importance-
 * weighted bound are as far off as x is, which 32 bits hold to 2⁻²³ of `largest`.
 */
function requireGradient(name: string, got: HostTensor | undefined, expected: HostTensor, largest = 0): void {
  const scale = Math.max(...numbersOf(expected.data).map(Math.abs), 1e-3);
  requireClose(name, got, expected, { absolute: (2 * tolerance.gradient + 2 ** -23 * largest) * scale, relative: 0 });
}

/** The loss of a case with these options, its parts, and the gradients of all parameters. */
async function lossWith(one: Case, options: object): Promise<Readonly<Record<string, HostTensor | undefined>>> {
  const model = latentOf(vae, one.config);
  const [B] = one.images.shape as [number];
  const batch = inputsOf({
    images: { shape: one.images.shape, dtype: "f32" },
    labels: { shape: [B], dtype: "i32" },
  }) as Record<"images" | "labels", Tensor>;
  const { beta, capacity, N } = one.settings;
  const weights: Named = { beta: scalar(beta), ...("capacity" in options && { capacity: scalar(capacity) }) };
  const given = { images: batch.images, labels: one.labels ? batch.labels : undefined };
  const chosen = reconstruct.options.parse({ binarize: "none", ...options });
  const { loss, ...terms } = lossOf(model, given, chosen, weights, N);
  const parameters = namedParameters(model.parts);
  const slopes = gradient(loss, Object.values(parameters));
  const named = Object.fromEntries(Object.keys(parameters).map((name, i) => [`d ${name}`, slopes[i] as Tensor]));
  const [epsilon] = freeLeaves([loss], [...Object.values(batch), ...Object.values(parameters)]);
  if (!epsilon) throw new Error("the loss draws nothing");
  const inputs = { images: batch.images, ...(one.labels && { labels: batch.labels }), ...parameters, epsilon };
  const program = await compile(inputs, { loss, ...terms, ...named }, { threads: 1 });
  return program.run({
    images: stored(one.images),
    ...(one.labels && { labels: host(one.labels, [B], "i32") }),
    epsilon: stored(one.epsilon),
    ...feedsOf(one.weights),
  });
}

describe.each(fixture.vae.map((one) => [one.name, one] as const))("vae, %s", (_, one) => {
  const K = one.epsilon.shape[1] ?? 1;
  const beta = one.settings.beta;

  test("parameters are called as in the file", () => {
    const shapes = Object.entries(namedParameters(latentOf(vae, one.config).parts)).map(([name, { shape }]) => [
      name,
      shape,
    ]);
    expect(Object.fromEntries(shapes)).toEqual(
      Object.fromEntries(Object.entries(one.weights).map(([name, { shape }]) => [name, shape])),
    );
  });

  test("posterior and expected image, of a batch of any size", async () => {
    const model = latentOf(vae, one.config);
    const inputs = inputsOf(model.inputs) as Record<"images", Tensor>;
    const { mean, logVariance } = model.encode(inputs.images, (inputs as Named).labels);
    const outputs = { ...model.forward(inputs), mean, logVariance: logVariance as Tensor };
    const program = await compile({ ...inputs, ...namedParameters(model.parts) }, outputs, { threads: 1 });
    const labels = one.labels && { labels: host(one.labels, [one.labels.length], "i32") };
    const found = await program.run({ images: stored(one.images), ...labels, ...feedsOf(one.weights) });
    requireClose("mean", found.mean, stored(one.parts.mean as Stored), forwardTolerance);
    requireClose("log_variance", found.logVariance, stored(one.parts.log_variance as Stored), forwardTolerance);
    expect(found.reconstruction?.shape).toEqual(one.images.shape);
  });

  test.each(["elbo", "iwae", ...(one.gradients.tc ? ["tc"] : [])])(
    "loss %s, its parts and gradients",
    async (objective) => {
      const weighed = objective === "iwae" ? {} : { beta };
      const found = await lossWith(one, { objective, ...weighed, ...(objective !== "tc" && { samples: K }) });
      requireClose("loss", found.loss, host([one.losses[objective] ?? Number.NaN], []), forwardTolerance);
      const { logs, kl } = one.parts as Record<string, Stored>;
      const mean = (values: readonly number[], rows: number) => values.reduce((a, b) => a + b, 0) / rows;
      const expected = {
        reconstruction: -mean(logs?.data ?? [], logs?.data.length ?? 0),
        kl: mean(kl?.data ?? [], kl?.shape[0] ?? 0),
      };
      for (const [name, value] of Object.entries(expected))
        requireClose(name, found[name], host([value], []), forwardTolerance);
      const largest = objective === "iwae" ? Math.max(...(logs?.data ?? []).map(Math.abs)) : 0;
      for (const [name, slope] of Object.entries(one.gradients[objective] ?? {}))
        requireGradient(`d ${name}`, found[`d ${name}`], stored(slope), largest);
    },
  );

  test("free bits and capacity", async () => {
    const { free, capacity } = one.settings;
    const freed = await lossWith(one, { beta, freeBits: free, samples: K });
    requireClose("free bits", freed.loss, host([one.losses.free ?? Number.NaN], []), forwardTolerance);
    const bounded = await lossWith(one, { beta, capacity, samples: K });
    requireClose("capacity", bounded.loss, host([one.losses.capacity ?? Number.NaN], []), forwardTolerance);
  });
});

describe("vqvae", () => {
  const { vqvae: one } = fixture;
  const model = latentOf(vqvae, one.config);

  test("codes, loss, the gradient that goes straight through, and the codebook after the step", async () => {
    const { images } = inputsOf({ images: { shape: one.images.shape, dtype: "f32" } }) as Record<"images", Tensor>;
    const chosen = reconstruct.options.parse({ binarize: "none" });
    const { result, updates } = traceTraining(() => lossOf(model, { images }, chosen, {}, 1));
    const { loss, ...terms } = result;
    const parameters = namedParameters(model.parts);
    const slopes = gradient(loss, Object.values(parameters));
    const named = Object.fromEntries(Object.keys(parameters).map((name, i) => [`d ${name}`, slopes[i] as Tensor]));
    const buffers = namedBuffers(model.parts);
    const next = Object.fromEntries(
      Object.entries(buffers).map(([name, own]) => [`next ${name}`, updates.get(own) as Tensor]),
    );
    const ids = model.codebook?.ids(images) as Tensor;
    const all = { images, ...parameters, ...buffers };
    const draws = freeLeaves(Object.values(next), Object.values(all)).map((leaf, i) => [`noise ${i}`, leaf] as const);
    const program = await compile(
      { ...all, ...Object.fromEntries(draws) },
      { loss, ...terms, ...named, ...next, ids },
      { threads: 1 },
    );
    const zeros = draws.map(
      ([name, { shape }]) => [name, host(Array(Number(shape[0])).fill(0), shape as number[])] as const,
    );
    const found: Feeds = await program.run({
      images: stored(one.images),
      ...feedsOf(one.weights),
      ...Object.fromEntries(zeros),
    });
    expect(numbersOf(found.ids?.data as Int32Array)).toEqual(one.ids);
    for (const [name, value] of Object.entries(one.losses))
      requireClose(name, found[name], host([value], []), forwardTolerance);
    for (const [name, slope] of Object.entries(one.gradients)) requireGradient(name, found[`d ${name}`], stored(slope));
    for (const [name, value] of Object.entries(one.next))
      requireClose(name, found[`next ${name}`], stored(value), forwardTolerance);
  });

  test("the decoder sees the same rows whether codes come from images or from their numbers", async () => {
    const { images } = inputsOf(model.inputs) as Record<"images", Tensor>;
    const { mean, rate } = model.encode(images);
    const again = model.codebook?.codes(model.codebook.ids(images)) as Tensor;
    const program = await compile(
      { images, ...namedState(model.parts) },
      { mean, again, rate: rate as Tensor },
      { threads: 1 },
    );
    const found = await program.run({ images: stored(one.images), ...feedsOf(one.weights) });
    requireClose("codes", found.mean, found.again as HostTensor, forwardTolerance);
    expect(found.rate?.data[0]).toBeCloseTo(4 * Math.log(5), 5); // 2 × 2 places of 7 × 5
  });
});

describe("a codebook", () => {
  test("is the mean of what is near each row once it has forgotten the rest", async () => {
    const { layer } = Codebook(2, 1, { decay: 0, restart: 0, epsilon: 0 });
    const x = tensor([[1], [2], [-1]]);
    const { updates } = traceTraining(() => layer(x));
    const [count, sum] = [updates.get(layer.count) as Tensor, updates.get(layer.sum) as Tensor];
    const program = await compile({ sum: layer.sum, count: layer.count }, { next: sum, counts: count }, { threads: 1 });
    const found = await program.run({ sum: host([1, -1], [2, 1]), count: host([1, 1], [2]) });
    expect([...numbersOf(found.next.data), ...numbersOf(found.counts.data)]).toEqual([3, -1, 2, 1]);
  });

  test("a row that nothing is near starts anew at a vector of the batch", async () => {
    const { layer } = Codebook(3, 1, { decay: 0, restart: 0.5 });
    const x = tensor([[1], [1.5], [-1], [-1.5]]);
    const { updates } = traceTraining(() => layer(x));
    const [count, sum] = [updates.get(layer.count) as Tensor, updates.get(layer.sum) as Tensor];
    const bound = [layer.sum, layer.count];
    const [draw] = freeLeaves([sum], bound);
    const program = await compile(
      { sum: layer.sum, count: layer.count, draw: draw as Tensor },
      { sums: sum, counts: count },
      { threads: 1 },
    );
    const start = { sum: host([1, -1, 100], [3, 1]), count: host([1, 1, 1], [3]) };
    const found = await program.run({ ...start, draw: host([0, 0, 0.6], [3]) });
    expect(numbersOf(found.counts.data)[2]).toBeCloseTo(4 / 3, 6);
    expect(numbersOf(found.sums.data)[2]).toBeCloseTo((4 / 3) * -1, 6); // the third of four
  });

  test("vectors of another width are refused", () => {
    expect(() => Codebook(3, 2).layer(tensor([[1]]))).toThrow(ShapeError);
  });
});

test("the plain autoencoder decodes what it encodes, and adds nothing to the loss", async () => {
  const model = latentOf(ae, { num_channels: 1, image_height: 2, image_width: 3, latent: 2, hidden_size: 4 });
  const { images } = inputsOf(model.inputs) as Record<"images", Tensor>;
  const chosen = reconstruct.options.parse({ binarize: "none" });
  const { loss, reconstruction } = lossOf(model, { images }, chosen, {}, 1);
  const direct = model.likelihood
    .logProbability(model.decode(model.encode(images).mean), images)
    .mean()
    .neg();
  const program = await compile(
    { images, ...namedParameters(model.parts) },
    { loss, reconstruction: reconstruction as Tensor, direct },
  );
  const found = await program.run({
    images: uniform(1, [2, 1, 2, 3], 0, 1, "f32"),
    ...initialValues(namedParameters(model.parts), 0),
  });
  expect(found.loss.data).toEqual(found.direct.data);
  expect(found.reconstruction.data).toEqual(found.direct.data);
  expect(() => lossOf(model, { images }, reconstruct.options.parse({ beta: 2 }), {}, 1)).toThrow(ConfigError);
});

const count = (model: LatentModel): number =>
  Object.values(namedParameters(model.parts)).reduce(
    (sum, { shape }) => sum + shape.reduce<number>((a, b) => a * Number(b), 1),
    0,
  );
const digits = { num_channels: 1, image_height: 28, image_width: 28 };

test("sizes of published networks", () => {
  // Keras's example: 69,076 in the encoder, 65,089 in the decoder (https://keras.io/examples/generative/vae)
  expect(count(latentOf(vae, { ...digits, encoder: "conv", latent: 2, hidden_size: 16 }))).toBe(69_076 + 65_089);
  // Burda et al. 2016: 784-200-200-50-200-200-784 with two heads
  const [I, H, L] = [784, 200, 50];
  const dense = I * H + H + (H * H + H) * 2 + 2 * (H * L + L) + L * H + H + H * I + I;
  expect(count(latentOf(vae, { ...digits, latent: 50, activation: "tanh" }))).toBe(dense);
});

describe.each([
  ["dense vae", vae, {}],
  ["conv vae", vae, { encoder: "conv", conv_channels: 4 }],
  ["conv ae", ae, { encoder: "conv", conv_channels: 4, num_layers: 3 }],
  ["vqvae", vqvae, { conv_channels: 4, codebook_size: 6, embedding_dim: 3 }],
] as const)("%s", (_, architecture, config) => {
  test.each([
    [1, 1, 1],
    [1, 7, 5],
    [3, 1, 9],
    [1, 28, 28],
    [3, 32, 24],
    [4, 3, 2],
  ])("images of %i channels, %i x %i", async (C, H, W) => {
    const small = architecture === vqvae ? {} : { latent: 2, hidden_size: 6 };
    const model = latentOf(architecture, { ...config, ...small, num_channels: C, image_height: H, image_width: W });
    const inputs = inputsOf(model.inputs) as Record<"images", Tensor>;
    const state = namedState(model.parts);
    const program = await compile({ ...inputs, ...state }, model.forward(inputs), { threads: 1 });
    for (const B of [1, 3]) {
      const found = await program.run({ images: uniform(1, [B, C, H, W], 0, 1, "f32"), ...initialValues(state, 0) });
      expect(found.reconstruction?.shape).toEqual([B, C, H, W]);
      expect(found.mean?.shape).toEqual([B, model.latent]);
      expect(numbersOf(found.reconstruction?.data ?? new Float32Array()).every((x) => x >= 0 && x <= 1)).toBe(true);
    }
  });
});

test("labels are asked for where they are meant, and refused where not", () => {
  const sizes = { ...digits, latent: 2, hidden_size: 3 };
  const [told, untold] = [latentOf(vae, { ...sizes, num_labels: 4 }), latentOf(vae, sizes)];
  const { images, labels } = inputsOf({
    images: { shape: ["B", 1, 28, 28], dtype: "f32" },
    labels: { shape: ["B"], dtype: "i32" },
  }) as Record<string, Tensor>;
  expect(() => told.encode(images as Tensor)).toThrow("encode: the model is conditional on 4 classes; give labels [B]");
  expect(() => untold.encode(images as Tensor, labels)).toThrow(
    "encode: the model is not conditional and takes no labels",
  );
  expect(() => latentOf(vae, { latent: 2 })).toThrow("config: an autoencoder of images needs num_channels");
});

test("labels tell apart what images do not: the same code, another class", async () => {
  const model = latentOf(vae, { ...digits, latent: 2, hidden_size: 8, num_labels: 3 });
  const codes = tensor([
    [0, 0],
    [0, 0],
    [0, 0],
  ]);
  const parameters = namedParameters(model.parts);
  const given = model.decode(codes, tensor([0, 1, 0], "i32"));
  const found = await (await compile(parameters, { given })).run(initialValues(parameters, 0));
  const rows = [0, 1, 2].map((i) => numbersOf(found.given.data).slice(i * 784, (i + 1) * 784));
  expect(rows[0]).toEqual(rows[2]);
  expect(rows[0]).not.toEqual(rows[1]);
});
