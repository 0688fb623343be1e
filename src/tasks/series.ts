/**
 * Classification of numeric sequences: one label for each, from ts files and tables.
 *
 * B sequences · T steps of the longest · C channels · K labels
 */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import {
  bucket,
  type Case,
  type Cases,
  type DataGiven,
  type Dataset,
  divided,
  listed,
  readCases,
  type Source,
  textDigest,
} from "../data/index.ts";
import { CheckpointError, ConfigError, DataError, quoted } from "../errors.ts";
import { openSource } from "../files/index.ts";
import type { SeriesModel } from "../models/index.ts";
import { crossEntropy } from "../nn/index.ts";
import { type HostTensor, type RunOptions, stream, type Weights } from "../runtime/index.ts";
import { checked, real, whole } from "../schema.ts";
import { finite, grouped, RowProgram, requireWatch, rowOf, several } from "./batched.ts";
import { classesLine, classScorer, namedClasses, softmax } from "./classify/scores.ts";
import { namedLabels } from "./classify.ts";
import { nearestNeighbours, type Sequence } from "./series/baselines.ts";
import type { Predictor, Problem, Task, Watch } from "./task.ts";

const options = z.strictObject({
  label: z.string().optional().describe("column of the label in a table (default: label, class, ... or the last)"),
  header: z.enum(["auto", "yes", "no"]).default("auto").describe("whether the first row of a table names the columns"),
  scale: z
    .enum(["channels", "series", "none"])
    .default("channels")
    .describe("mean and deviation that are taken off: of a channel in training, of each sequence"),
  holdout: real(0.001, 0.9).default(0.2).describe("share that is only measured, where no validation data is given"),
});
type Options = z.output<typeof options>;

const prediction = z.strictObject({
  top: whole(1, 1000).default(1).describe("labels to name, likeliest first"),
  batch: whole(1, 65536).default(32).describe("sequences at a time"),
});

/** What is known of the training data; it is kept in task.json, labels in config.json. */
const learned = z.object({ mean: z.array(z.number()).min(1), deviation: z.array(z.number()) });
type Learned = z.output<typeof learned>;
type Column = "values" | "lengths" | "labels";

/** Mean and deviation of channel `c` over all steps; 0 and 1 where there are none, 1 where nothing changes. */
function momentsOf(cases: readonly Case[], c: number, C: number): [mean: number, deviation: number] {
  let [count, sum, squares] = [0, 0, 0];
  for (const { values } of cases)
    for (let i = c; i < values.length; i += C) [count, sum] = [count + 1, sum + (values[i] ?? 0)];
  const mean = count ? sum / count : 0;
  for (const { values } of cases) for (let i = c; i < values.length; i += C) squares += ((values[i] ?? 0) - mean) ** 2;
  const deviation = count ? Math.sqrt(squares / count) : 0;
  return [mean, deviation > 1e-12 * Math.abs(mean) ? deviation : 1];
}

function scaleOf(cases: readonly Case[], C: number): Learned {
  const moments = Array.from({ length: C }, (_, c) => momentsOf(cases, c, C));
  return { mean: moments.map(([mean]) => mean), deviation: moments.map(([, deviation]) => deviation) };
}

/** The values of a case in units of deviations: [T, C]. */
function scaledValues(one: Case, known: Learned, how: Options["scale"]): Float32Array {
  const C = known.mean.length;
  if (how === "none") return Float32Array.from(one.values);
  const { mean, deviation } = how === "series" ? scaleOf([one], C) : known;
  return Float32Array.from(one.values, (value, i) => (value - (mean[i % C] ?? 0)) / (deviation[i % C] ?? 1));
}

/** The labels of cases, numbers by size. Throws DataError where a case has none, or all have the same. */
function labelsOf({ name, cases }: Cases): string[] {
  const without = cases.find(({ label }) => label === undefined);
  if (without)
    throw new DataError(
      `series ${name}, line ${without.line}: expected a label to learn, got none; name its column with label`,
    );
  const labels = [...new Set(cases.map(({ label }) => label ?? ""))];
  if (labels.length < 2)
    throw new DataError(`series ${name}: expected at least two different labels, got ${quoted(labels[0] ?? "")} only`);
  if (labels.length > Math.max(2, cases.length / 2))
    throw new DataError(
      `series ${name}: expected labels that occur again, got ${labels.length} different ones in ${cases.length} cases; name the column of labels with label`,
    );
  const numeric = labels.every((label) => Number.isFinite(Number(label)));
  return labels.sort((a, b) => (numeric ? Number(a) - Number(b) : a < b ? -1 : 1));
}

/** Values [B, T, C], filled up with 0, and lengths [B]. */
function paddedValues(
  rows: readonly Pick<Sequence, "values" | "size">[],
  C: number,
): Record<"values" | "lengths", HostTensor> {
  const T = bucket(Math.max(1, ...rows.map(({ size }) => size)));
  const data = new Float32Array(rows.length * T * C);
  for (const [b, { values }] of rows.entries()) data.set(values, b * T * C);
  return {
    values: { data, shape: [rows.length, T, C], dtype: "f32" },
    lengths: { data: Int32Array.from(rows, ({ size }) => size), shape: [rows.length], dtype: "i32" },
  };
}

/** Throws DataError where a file has other channels than the training data. */
function requireChannels({ name, channels }: Cases, { mean }: Learned): void {
  if (channels !== mean.length)
    throw new DataError(
      `series ${name}: expected ${mean.length} dimensions as in training, got ${channels}; give sequences of the same kind`,
    );
}

/** An order in which every share of the cases holds about as much of each label. */
function stratified(data: Dataset<Sequence>, seed: number): Int32Array {
  const order = stream(seed, 0, "holdout").permutation(data.size);
  const counts = new Map<number, number>();
  const places = Array.from(order, (i) => {
    const { label } = data.at(i);
    const place = counts.get(label) ?? 0;
    counts.set(label, place + 1);
    return { i, label, place };
  });
  const rank = ({ label, place }: (typeof places)[number]) => (place + 0.5) / (counts.get(label) ?? 1);
  return Int32Array.from(
    places.sort((a, b) => rank(a) - rank(b)),
    ({ i }) => i,
  );
}

function problem(labels: readonly string[], known: Learned, chosen: Options): Problem<"series", Sequence, Column> {
  const C = known.mean.length;
  const numbers = new Map(labels.map((label, i) => [label, i]));
  const sequence = (one: Case, name: string): Sequence => {
    const label = numbers.get(one.label ?? "");
    if (label === undefined)
      throw new DataError(
        `series ${name}, line ${one.line}: label ${quoted(one.label ?? "")} is none of the ${labels.length} that were trained: ${labels.slice(0, 20).join(", ")}`,
      );
    return { values: scaledValues(one, known, chosen.scale), size: one.size, label };
  };
  const examples = async (source: Source): Promise<Dataset<Sequence>> => {
    const cases = await readCases(source, chosen);
    requireChannels(cases, known);
    const content = textDigest(JSON.stringify(cases.cases.map(({ values, label }) => [...values, label])));
    return listed(
      cases.cases.map((one) => sequence(one, source.name)),
      content,
      ({ size }) => size,
    );
  };
  return {
    config: { input_size: C, num_labels: labels.length },
    files: {
      "task.json": { learned: known },
      "config.json": {
        id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
        label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
      },
    },
    accept({ channels, classes }: SeriesModel) {
      if (channels !== C || classes !== labels.length)
        throw new ConfigError(
          `model: expected ${C} channels and ${labels.length} labels, as the data have, got ${channels} and ${classes}; leave input_size and num_labels out`,
        );
    },
    async split(train, validation, seed) {
      const whole = await examples(train);
      if (validation) return { train: whole, validation: await examples(validation) };
      if (whole.size < 2) throw new DataError(`series ${train.name}: expected at least 2 cases, got ${whole.size}`);
      const [first, rest] = divided(whole, chosen.holdout, stratified(whole, seed));
      return { train: first, validation: rest };
    },
    examples,
    order: "epochs",
    batch: {
      values: { shape: ["B", "T", C], dtype: "f32" },
      lengths: { shape: ["B"], dtype: "i32" },
      labels: { shape: ["B"], dtype: "i32" },
    },
    collate: (rows) => ({
      ...paddedValues(rows, C),
      labels: { data: Int32Array.from(rows, ({ label }) => label), shape: [rows.length], dtype: "i32" },
    }),
    loss(model, { values, lengths, labels: targets }) {
      const { logits } = model.forward({ values, lengths });
      const right = logits.argMax(-1).cast("i32").equal(targets).cast("f32");
      return { loss: crossEntropy(logits, targets), accuracy: right.mean() };
    },
    measure: (model, { values, lengths }) => ({ logits: model.forward({ values, lengths }).logits }),
    scorer: () => classScorer(labels),
    baselines: (train, test, watch) => nearestNeighbours(train, test, { channels: C, classes: labels.length }, watch),
    open: (model, weights, run) =>
      SeriesClassifier.open({ labels, learned: known, options: chosen }, model, weights, run),
  };
}

/** Classification of numeric sequences as a task. */
export const series: Task<"series", Sequence, typeof options, Column> = {
  name: "series",
  about: "a label for a sequence of numbers: a movement, a heartbeat",
  head: "series",
  options,
  prediction,
  defaults: { epochs: 100, batch: 16, weightDecay: 0.01 },
  reads: "files",
  unit: "sequences",
  scores: { loss: "lower", accuracy: "higher", f1: "higher" },
  best: "accuracy",
  async learn(source, chosen) {
    const cases = await readCases(source, chosen);
    return problem(labelsOf(cases), scaleOf(cases.cases, cases.channels), chosen);
  },
  async reopen({ "task.json": task = {}, "config.json": config = {} }, chosen) {
    const labels = namedLabels(config);
    if (!labels || !task.learned)
      throw new CheckpointError(
        "task.json: expected what was learned of the sequences, got none; take the folder of a run",
      );
    return problem(labels, checked(learned, task.learned, "task.json"), chosen);
  },
};

/** The likeliest label of a sequence, and how likely it and others are. */
export interface SeriesClass {
  readonly file: string;
  /** The number of the sequence in its file, from 1. */
  readonly case: number;
  readonly label: string;
  /** Of the label, from 0 to 1. */
  readonly probability: number;
  /** The likeliest labels, as many as were asked for, with their probabilities. */
  readonly labels: Readonly<Record<string, number>>;
}

/** What a classifier has learned. */
interface Encoding {
  readonly labels: readonly string[];
  readonly learned: Learned;
  readonly options: Options;
}

/** A classifier of sequences: files go in, an answer for each of their cases comes out. */
export class SeriesClassifier implements Predictor<DataGiven, SeriesClass> {
  readonly #encoding: Encoding;
  readonly #program: RowProgram;
  private constructor(encoding: Encoding, program: RowProgram) {
    [this.#encoding, this.#program] = [encoding, program];
  }

  static async open(encoding: Encoding, model: SeriesModel, weights: Weights, run: RunOptions) {
    const logits = (batch: Record<string, never>) => ({ logits: model.forward(batch as never).logits });
    const program = await RowProgram.create(model.parts, model.inputs, logits as never, { ...run, weights });
    return new SeriesClassifier(encoding, program);
  }

  /** A label for each case of each file; labels in the files are passed over. */
  async *predict(
    inputs: Iterable<DataGiven> | AsyncIterable<DataGiven>,
    options: Json & Watch = {},
  ): AsyncGenerator<SeriesClass> {
    requireWatch(options);
    const { signal, onProgress: _, ...given } = options;
    const { top, batch } = checked(prediction, given, "option");
    const { learned: known, options: chosen } = this.#encoding;
    for await (const input of several(inputs)) {
      const source = openSource(input, { signal });
      const cases = await readCases(source, chosen);
      requireChannels(cases, known);
      let number = 0;
      for await (const group of grouped(cases.cases, batch)) {
        signal?.throwIfAborted();
        const rows = group.map((one) => ({ values: scaledValues(one, known, chosen.scale), size: one.size }));
        const { logits } = await this.#program.run(paddedValues(rows, known.mean.length));
        if (!logits) throw new Error("internal: a classifier without logits");
        for (const i of rows.keys()) yield this.#answer(source.name, ++number, rowOf(logits, i), top);
      }
    }
  }

  #answer(file: string, number: number, logits: Float32Array, top: number): SeriesClass {
    return { file, case: number, ...namedClasses(softmax(finite(logits)), this.#encoding.labels, top) };
  }

  line({ labels }: SeriesClass): string {
    return classesLine(labels);
  }

  release(): Promise<void> {
    return this.#program.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
