/**
 * How well pictures are told without a model: every value on its own, by what it was in the training pictures.
 *
 * N training pictures · D values of a picture
 */
import type { Dataset, Picture } from "../../data/index.ts";
import type { LatentModel } from "../../models/index.ts";
import type { Scores } from "../../train/index.ts";
import type { Watch } from "../task.ts";
import { type Binarize, binarizing, type Options } from "./options.ts";

/** A picture as an example of a training. */
export interface Example {
  readonly picture: Picture;
  /** The number of its class; -1 where it has none. */
  readonly label: number;
}

/** Nats that a picture costs. */
type Cost = (values: Uint8Array) => number;

const NONE = new Uint8Array();
const picturesOf = function* (data: Dataset<Example>, { signal }: Watch): Generator<Uint8Array> {
  for (let i = 0; i < data.size; i++) {
    signal?.throwIfAborted();
    yield data.at(i).picture.data;
  }
};
const sumOf = (values: Uint8Array, of: (value: number, d: number) => number): number => {
  let sum = 0;
  for (let d = 0; d < values.length; d++) sum += of(values[d] ?? 0, d);
  return sum;
};

/** How likely a value counts as 1. */
const share = (value: number, how: Binarize): number => (how === "threshold" ? Number(value > 127.5) : value / 255);

/** Every value is 1 as often as in training, one more than counted. */
function frequencies(train: Dataset<Example>, how: Binarize, watch: Watch): Cost {
  const sums = new Float64Array(train.at(0).picture.data.length);
  for (const values of picturesOf(train, watch))
    for (let d = 0; d < sums.length; d++) sums[d] = (sums[d] ?? 0) + share(values[d] ?? 0, how);
  const p = sums.map((sum) => (sum + 1) / (train.size + 2));
  return (values) =>
    -sumOf(values, (value, d) => {
      const [x, own] = [share(value, how), p[d] ?? 0];
      return x * Math.log(own) + (1 - x) * Math.log1p(-own);
    });
}

/** Every value has each of 256 levels as often as in training, one more than counted. */
function levels(train: Dataset<Example>, watch: Watch): Cost {
  const counts = new Float64Array(train.at(0).picture.data.length * 256).fill(1);
  for (const values of picturesOf(train, watch))
    for (let d = 0; d < values.length; d++) {
      const at = d * 256 + (values[d] ?? 0);
      counts[at] = (counts[at] ?? 0) + 1;
    }
  return (values) => -sumOf(values, (value, d) => Math.log((counts[d * 256 + value] ?? 1) / (train.size + 256)));
}

/** Every value is normal around its mean in training, with its deviation there or that of the likelihood. */
function moments(train: Dataset<Example>, watch: Watch): Cost {
  const D = train.at(0).picture.data.length;
  const [sums, squares] = [new Float64Array(D), new Float64Array(D)];
  for (const values of picturesOf(train, watch))
    for (let d = 0; d < D; d++) {
      const x = (values[d] ?? 0) / 255;
      [sums[d], squares[d]] = [(sums[d] ?? 0) + x, (squares[d] ?? 0) + x * x];
    }
  const mean = sums.map((sum) => sum / train.size);
  const deviation = squares.map((square, d) =>
    Math.max(Math.exp(-6), Math.sqrt(square / train.size - (mean[d] ?? 0) ** 2)),
  );
  return (values) =>
    sumOf(values, (value, d) => {
      const [s, m] = [deviation[d] ?? 1, mean[d] ?? 0];
      return 0.5 * ((value / 255 - m) / s) ** 2 + Math.log(s) + 0.5 * Math.log(2 * Math.PI);
    });
}

/** Bits of a value by what pictures cost in nats; undefined where that is no probability. */
function bitsOf(nats: number, D: number, { likelihood }: LatentModel, how: Binarize): number | undefined {
  if (likelihood.name === "bernoulli" && how === "none") return undefined;
  return nats / (D * Math.LN2) + (likelihood.name === "gaussian" ? 8 : 0);
}

/** The baseline that fits a model's likelihood, by name. */
export function imageBaselines(
  train: Dataset<Example>,
  test: Dataset<Example>,
  watch: Watch,
  model: LatentModel,
  options: Options,
): Readonly<Record<string, Scores>> {
  const how = binarizing(options, model.likelihood.name);
  const kinds = {
    bernoulli: ["pixel frequencies", () => frequencies(train, how, watch)],
    logistic: ["pixel levels", () => levels(train, watch)],
    gaussian: ["pixel means", () => moments(train, watch)],
  } as const;
  const [name, learn] = kinds[model.likelihood.name];
  const cost = learn();
  let nats = 0;
  for (const values of picturesOf(test, watch)) nats += cost(values) / test.size;
  const bits = bitsOf(nats, (test.at(0).picture.data ?? NONE).length, model, how);
  return { [name]: { loss: nats, elbo: -nats, reconstruction: nats, kl: 0, ...(bits !== undefined && { bits }) } };
}
