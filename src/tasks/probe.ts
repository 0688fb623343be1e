/**
 * What codes of pictures hold of their labels, beside what the pictures themselves hold: a linear classifier (Alain & Bengio 2016), k
 * nearest neighbours, and clusters (k-means, as many as classes). All learn from training pictures and are measured on held-out ones.
 */
import { z } from "zod";
import type { Store } from "../checkpoint/index.ts";
import { type DataGiven, type Dataset, imagesOf, type Picture } from "../data/index.ts";
import { ConfigError, DataError } from "../errors.ts";
import { asStore, type FindOptions, finding } from "../files/index.ts";
import {
  adjustedRandIndex,
  kMeans,
  linearClassifier,
  nearestNeighbors,
  normalizedMutualInformation,
  type Points,
} from "../metrics/points/index.ts";
import { type RunOptions, requireRunOptions, stream } from "../runtime/index.ts";
import { callable, checked, whole } from "../schema.ts";
import { describe, type Opened, open } from "./open.ts";
import type { Example } from "./reconstruct/baselines.ts";
import type { Imager } from "./reconstruct/imager.ts";
import { judgeSamples, type SampleScores, smallClassifier } from "./reconstruct/small-classifier.ts";
import { parseRecord, recorded } from "./record.ts";
import { sourceFor } from "./sources.ts";
import type { Watch } from "./task.ts";

export interface ProbeOptions extends Omit<FindOptions, "onProgress">, RunOptions {
  /** Labelled pictures to learn from; default what the run was trained on. */
  readonly data?: DataGiven | undefined;
  /** Labelled pictures that are only measured; default what the run held out, or a part of `data`. */
  readonly val?: DataGiven | undefined;
  /** Pictures of either at most, drawn where there are more; default 5000. */
  readonly most?: number | undefined;
  /** Neighbours; default 5. */
  readonly k?: number | undefined;
  /** Of the pictures that are drawn, and of clusters; default 0. */
  readonly seed?: number | undefined;
  /** Samples that are judged by a small classifier, which is trained for that in half a minute; default 0, none. */
  readonly samples?: number | undefined;
  readonly onProgress?: ((note: string) => void) | undefined;
}

const probing = z.strictObject({
  ...finding,
  onProgress: callable<(note: string) => void>("a line").optional(),
  data: z.unknown().optional(),
  val: z.unknown().optional(),
  most: whole(2, 1_000_000).default(5000),
  k: whole(1, 1000).default(5),
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(0),
  samples: z.union([z.literal(0), whole(2, 1_000_000)]).default(0),
  device: z.unknown().optional(),
  threads: z.unknown().optional(),
});

/** Of pictures that were not learned from. */
export interface ProbeScores {
  /** Share of labels that a linear classifier tells. */
  readonly linear: number;
  /** Share of labels that the nearest neighbours tell. */
  readonly nearest: number;
  /** How much clusters say of labels, and labels of clusters: normalised mutual information. */
  readonly nmi: number;
  /** How many pairs clusters put together as labels do, above chance: adjusted Rand index. */
  readonly ari: number;
}

/** How samples of the prior look to a small classifier that was trained on the pictures that are learned from. */
export interface ProbedSamples extends SampleScores {
  readonly count: number;
  /** Share of pictures whose class the classifier tells, of those of its own that it held out. */
  readonly accuracy: number;
  /** The Fréchet distance of pictures that were learned from, from those that were not: what perfect samples would have. */
  readonly frechet_of_pictures: number;
}

/** What was found. */
export interface Probed {
  readonly train: { readonly data: string; readonly pictures: number };
  readonly test: { readonly data: string; readonly pictures: number };
  readonly classes: number;
  /** L. */
  readonly latent: number;
  /** Whether the encoder is told the labels, so that codes may hold them without having seen them. */
  readonly conditional: boolean;
  readonly codes: ProbeScores;
  readonly pixels: ProbeScores;
  readonly samples?: ProbedSamples;
}

/** Points with their classes. */
interface Labelled {
  readonly points: Points;
  readonly labels: Int32Array;
}

interface Probing {
  readonly classes: number;
  readonly k: number;
  readonly seed: number;
}

async function scoresOf(
  train: Labelled,
  test: Labelled,
  { classes, k, seed }: Probing,
  { signal, onProgress }: Watch,
  what: string,
): Promise<ProbeScores> {
  const watch = signal ? { signal } : {};
  const hits = (found: Int32Array) => found.filter((label, i) => label === test.labels[i]).length / found.length;
  onProgress?.(`${what}: a linear classifier`);
  const linear = (await linearClassifier(train.points, train.labels, watch)).accuracy(test.points, test.labels);
  onProgress?.(`${what}: ${k} nearest neighbours`);
  const nearest = hits(await nearestNeighbors(train.points, train.labels, test.points, { k, ...watch }));
  onProgress?.(`${what}: ${classes} clusters`);
  const { centres } = await kMeans(train.points, classes, { seed, ...watch });
  const middles = { data: centres, shape: [classes, centres.length / classes] };
  const own = Int32Array.from({ length: classes }, (_, i) => i);
  const clusters = await nearestNeighbors(middles, own, test.points, { k: 1, ...watch });
  return {
    ...{ linear, nearest },
    nmi: normalizedMutualInformation(test.labels, clusters),
    ari: adjustedRandIndex(test.labels, clusters),
  };
}

/** Pictures that have a label, at most `most` of them. Throws DataError where there are fewer than two. */
function labelledIn(name: string, data: Dataset<Example>, most: number, seed: number): Picture[] {
  const order = stream(seed, 0, "probe").permutation(data.size);
  const found: Picture[] = [];
  for (let i = 0; i < order.length && found.length < most; i++) {
    const { picture } = data.at(order[i] ?? 0);
    if (picture.label !== undefined) found.push(picture);
  }
  if (found.length >= 2) return found;
  throw new DataError(
    `probe: expected labelled pictures in ${name}, got ${found.length}; put pictures into a folder for each class, or give labels beside them`,
  );
}

/** What is learned from and what is measured, by name and as examples. */
async function divide(
  store: Store,
  { task, problem }: Pick<Opened, "task" | "problem">,
  options: ProbeOptions,
  seed: number,
) {
  const trainer = await store.loadTrainer();
  const record = trainer && parseRecord(trainer, store.where);
  const given = options.data ?? (record && recorded(record.train));
  if (given === undefined)
    throw new ConfigError(
      "probe: expected data to learn from, as the folder names none that it was trained on; give data",
    );
  const kept = options.data === undefined && record?.validation.given ? recorded(record.validation) : undefined;
  const val = options.val ?? kept;
  const find = { dataDir: options.dataDir, signal: options.signal };
  const source = sourceFor(task, given, find);
  const other = val === undefined ? undefined : sourceFor(task, val, find);
  const split = await problem.split(source, other, options.data === undefined && record ? record.settings.seed : seed);
  const names = { train: source.name, test: other?.name ?? `${source.name}, held out` };
  return { names, train: split.train as Dataset<Example>, test: split.validation as Dataset<Example> };
}

async function judged(
  imager: Imager,
  [train, test]: readonly [readonly Picture[], readonly Picture[]],
  { samples: n = 0, seed = 0, device, threads }: ProbeOptions,
  watch: Watch,
): Promise<ProbedSamples> {
  await using classifier = await smallClassifier(train, { seed, device, threads, ...watch });
  watch.onProgress?.(`${n} samples`);
  const samples = await imager.sample({ n, seed, ...watch });
  const { classes } = imager;
  const asked = classes.length > 0 ? samples.map((_, i) => classes[i % classes.length] ?? "") : undefined; // they take turns
  const { frechet } = await judgeSamples(classifier, test, train);
  const scores = await judgeSamples(classifier, test, samples, asked);
  return { count: n, accuracy: classifier.accuracy, frechet_of_pictures: frechet, ...scores };
}

/** The numbers of labels among those that are known; a label that is not has one behind them, which nothing is taken for. */
const numbersOf = (pictures: readonly Picture[], known: readonly string[]) =>
  Int32Array.from(pictures, ({ label = "" }) => (known.includes(label) ? known.indexOf(label) : known.length));

/**
 * Probes the codes of the run in `place`, of task reconstruct. Throws CheckpointError, DataError where pictures have no labels, and the
 * signal's reason.
 */
export async function probe(place: Store | string, options: ProbeOptions = {}): Promise<Probed> {
  const { most, k, seed, signal, onProgress } = checked(probing, options, "probe");
  const { device, threads } = options;
  await requireRunOptions({ device, threads }, "probe");
  const store = asStore(place);
  const imager = await open(store, { task: "reconstruct", device, threads });
  try {
    onProgress?.("reading pictures");
    const { names, ...divided } = await divide(store, await describe(store), options, seed);
    const train = labelledIn(names.train, divided.train, most, seed);
    const test = labelledIn(names.test, divided.test, most, seed);
    const known = [...new Set(train.map(({ label = "" }) => label))];
    const classes = known.length;
    const watch = { signal, onProgress };
    const how = { classes, k, seed };
    const labelled = (pictures: readonly Picture[], points: Points): Labelled => ({
      points,
      labels: numbersOf(pictures, known),
    });
    onProgress?.("codes of pictures");
    const own = async (pictures: readonly Picture[]) => labelled(pictures, await imager.codes(pictures, watch));
    const raw = (pictures: readonly Picture[]) => labelled(pictures, imagesOf(pictures));
    const codes = await scoresOf(await own(train), await own(test), how, watch, "codes");
    const pixels = await scoresOf(raw(train), raw(test), how, watch, "pixels");
    const samples = options.samples ? { samples: await judged(imager, [train, test], options, watch) } : {};
    return {
      train: { data: names.train, pictures: train.length },
      test: { data: names.test, pictures: test.length },
      ...{ classes, latent: imager.model.latent, conditional: imager.model.classes > 0, codes, pixels, ...samples },
    };
  } finally {
    await imager.release();
  }
}
