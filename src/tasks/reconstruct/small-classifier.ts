/**
 * A small convolutional classifier, trained here on labelled pictures, in whose features samples are compared with pictures: a Fréchet
 * distance as Heusel et al. 2017 have it, but in features that fit the data at hand and need no download. It takes seconds.
 *
 * B pictures · C channels · H height · W width · F features · K classes
 */
import { imagesOf, type Picture } from "../../data/index.ts";
import { DataError, quoted } from "../../errors.ts";
import { frechetDistance } from "../../metrics/points/index.ts";
import { Conv2d, crossEntropy, Linear, module, times } from "../../nn/index.ts";
import type { Named } from "../../onnx/index.ts";
import { cosineDecay } from "../../optim/index.ts";
import { type HostTensor, type RunOptions, stream } from "../../runtime/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { type Fitted, fit } from "../../train/index.ts";
import { RowProgram } from "../batched.ts";
import type { Watch } from "../task.ts";

/** F, and channels after the first convolution. */
const [FEATURES, CHANNELS] = [64, 16];
/** Height and width up to which pictures are halved. */
const SMALL = 8;
const [BATCH, EPOCHS, RATE] = [64, 4, 0.003];
/** Steps, however many pictures there are. */
const [LEAST_STEPS, MOST_STEPS] = [300, 1000];
/** Share of the pictures that accuracy is measured on. */
const HELD_OUT = 0.1;
/** Pictures that go through at a time. */
const ROWS = 256;

/** Convolutions of stride 2 until little is left, and two dense layers: images [B, C, H, W] -> features [B, F], logits [B, K]. */
function net([C, H, W]: readonly [number, number, number], K: number) {
  const levels = Math.max(2, Math.ceil(Math.log2(Math.max(H, W) / SMALL)));
  const half = (size: number) => Math.ceil(size / 2 ** levels);
  const width = (level: number) => CHANNELS * 2 ** Math.min(level, 2);
  const inner = width(levels - 1) * half(H) * half(W);
  const parts = {
    convolutions: times(levels, (i) => Conv2d(i === 0 ? C : width(i - 1), width(i), 3, { stride: 2, padding: 1 })),
    dense: Linear(inner, FEATURES),
    out: Linear(FEATURES, K),
  };
  return module("SmallClassifier", parts, ({ convolutions, dense, out }, images: Tensor) => {
    const maps = convolutions.reduce((x, layer) => layer(x).relu(), images);
    const features = dense(maps.reshape([images.dim(0), inner])).relu();
    return { features, logits: out(features) };
  });
}

type Net = ReturnType<typeof net>;

/** How the classifier is made. */
export interface SmallClassifierOptions extends Watch, RunOptions {
  /** Of initial weights, of the order of pictures, and of those that are held out; default 0. */
  readonly seed?: number | undefined;
}

/** A classifier of pictures, and the features that it looks at. */
export interface SmallClassifier extends AsyncDisposable {
  /** The labels of the classes, in their order: K. */
  readonly classes: readonly string[];
  /** Share of the pictures that were held out whose class it tells. */
  readonly accuracy: number;
  /** images [B, C, H, W] of 0 to 1 -> [B, F]. */
  features(images: HostTensor): Promise<HostTensor>;
  /** images [B, C, H, W] of 0 to 1 -> the number of the class of each: [B]. */
  classify(images: HostTensor): Promise<Int32Array>;
  /** images [B, C, H, W] of 0 to 1 -> how likely it takes each class to be: [B, K]. */
  probabilities(images: HostTensor): Promise<HostTensor>;
  release(): Promise<void>;
}

/** Numbers read as numbers, others by their letters. */
const inOrder = (a: string, b: string): number => Number(a) - Number(b) || (a < b ? -1 : Number(a > b));

/** The labels of pictures, sorted. Throws DataError where one has none, or all have the same. */
function classesOf(pictures: readonly Picture[]): string[] {
  const bare = pictures.find(({ label }) => label === undefined);
  if (bare)
    throw new DataError(`small classifier: expected labelled pictures, got none for ${quoted(bare.name)}; label it`);
  const classes = [...new Set(pictures.map(({ label }) => label ?? ""))].sort(inOrder);
  if (classes.length < 2)
    throw new DataError(
      `small classifier: expected pictures of at least 2 classes, got ${classes.length}; give others`,
    );
  return classes;
}

interface Labelled {
  readonly images: HostTensor;
  readonly labels: HostTensor;
}

function labelled(pictures: readonly Picture[], classes: readonly string[]): Labelled {
  const numbers = new Map(classes.map((label, k) => [label, k]));
  const labels = Int32Array.from(pictures, ({ label }) => numbers.get(label ?? "") ?? 0);
  return { images: imagesOf(pictures), labels: { data: labels, shape: [labels.length], dtype: "i32" } };
}

async function trained(model: Net, data: Labelled, options: SmallClassifierOptions): Promise<Fitted> {
  const { seed = 0, signal, onProgress, device, threads } = options;
  const count = data.labels.data.length;
  const steps = Math.max(LEAST_STEPS, Math.min(MOST_STEPS, Math.ceil((EPOCHS * count) / BATCH)));
  const run = fit(
    model,
    { images: data.images, labels: data.labels },
    {
      loss: ({ images, labels }) => crossEntropy(model(images).logits, labels),
      ...{ steps, batch: BATCH, seed, signal, device, threads },
      lr: cosineDecay(RATE, { to: steps }),
    },
  );
  for await (const event of run)
    if (event.event === "step" && event.step % 50 === 0)
      onProgress?.(`small classifier: step ${event.step} of ${steps}, loss ${event.loss.toFixed(3)}`);
  signal?.throwIfAborted();
  return run;
}

/** Rows [from, from + ROWS) of images. */
function part({ data, shape, dtype }: HostTensor, from: number): HostTensor {
  const width = data.length / Math.max(1, shape[0] ?? 1);
  const count = Math.min(ROWS, (shape[0] ?? 0) - from);
  return { data: data.slice(from * width, (from + count) * width), shape: [count, ...shape.slice(1)], dtype };
}

/** What `program` gives as `name` for all images, row by row: [B, width]. */
async function rowsOf(program: RowProgram, images: HostTensor, name: string, width: number): Promise<HostTensor> {
  const B = images.shape[0] ?? 0;
  const data = new Float32Array(B * width);
  for (let from = 0; from < B; from += ROWS) {
    const found = (await program.run({ images: part(images, from) }))[name];
    data.set((found?.data ?? []) as Float32Array, from * width);
  }
  return { data, shape: [B, width], dtype: "f32" };
}

const highest = ({ data, shape: [B = 0, K = 1] }: HostTensor): Int32Array =>
  Int32Array.from({ length: B }, (_, b) => {
    const row = (data as Float32Array).subarray(b * K, (b + 1) * K);
    return row.reduce((best, value, k) => (value > (row[best] ?? 0) ? k : best), 0);
  });

/**
 * Trains a small classifier on labelled pictures of one size, of which a tenth is only measured; deterministic by seed. Throws DataError
 * where pictures have no labels or all the same one, and the signal's reason.
 */
export async function smallClassifier(
  pictures: readonly Picture[],
  options: SmallClassifierOptions = {},
): Promise<SmallClassifier> {
  const classes = classesOf(pictures);
  const order = stream(options.seed ?? 0, 0, "held out").permutation(pictures.length);
  const chosen = Array.from(order, (i) => pictures[i] as Picture);
  const held = Math.max(1, Math.floor(HELD_OUT * pictures.length));
  const [data, test] = [chosen.slice(held), chosen.slice(0, held)].map((some) => labelled(some, classes)) as [
    Labelled,
    Labelled,
  ];
  const [, C = 1, H = 1, W = 1] = data.images.shape;
  const model = net([C, H, W], classes.length);
  await using fitted = await trained(model, data, options);
  const { device, threads } = options;
  const specs = { images: { shape: ["B", C, H, W], dtype: "f32" } } as const;
  const run = { device, threads, weights: fitted.values };
  const outputs = ({ images }: Named): Named => {
    const { features, logits } = model(images as Tensor);
    return { features, probabilities: logits.softmax(1) };
  };
  const program = await RowProgram.create(model, specs, outputs, run);
  const probabilities = (images: HostTensor) => rowsOf(program, images, "probabilities", classes.length);
  const classify = async (images: HostTensor) => highest(await probabilities(images));
  const hits = (await classify(test.images)).filter((k, i) => k === test.labels.data[i]).length;
  const release = () => program.release();
  return {
    ...{ classes, accuracy: hits / held, classify, probabilities, release },
    features: (images) => rowsOf(program, images, "features", FEATURES),
    [Symbol.asyncDispose]: release,
  };
}

/** How samples look to a classifier. */
export interface SampleScores {
  /** Fréchet distance of the samples' features from those of the pictures. */
  readonly frechet: number;
  /** Share of samples of a class that are taken for it, where classes are known. */
  readonly sample_accuracy?: number;
  /** The same by label. */
  readonly by_class?: Readonly<Record<string, number>>;
}

/** Share of hits among `answers` of each class that was asked for. */
function byClass(classes: readonly string[], asked: readonly string[], answers: Int32Array): Record<string, number> {
  const shares = classes.map((label, k) => {
    const own = asked.flatMap((one, i) => (one === label ? [answers[i] === k] : []));
    return [label, own.filter(Boolean).length / own.length] as const;
  });
  return Object.fromEntries(shares.filter(([, share]) => !Number.isNaN(share)));
}

/**
 * Samples against pictures, two or more of each, all of one size. Where `asked` names the class that each sample was drawn for, it is
 * counted how many are taken for it. Throws DataError.
 */
export async function judgeSamples(
  classifier: SmallClassifier,
  pictures: readonly Picture[],
  samples: readonly Picture[],
  asked?: readonly string[],
): Promise<SampleScores> {
  const [real, drawn] = [imagesOf(pictures), imagesOf(samples)];
  const frechet = frechetDistance(await classifier.features(drawn), await classifier.features(real));
  if (!asked) return { frechet };
  const answers = await classifier.classify(drawn);
  const hits = asked.filter((label, i) => classifier.classes[answers[i] ?? -1] === label).length;
  return { frechet, sample_accuracy: hits / asked.length, by_class: byClass(classifier.classes, asked, answers) };
}
