/**
 * Autoencoders of pictures: what comes of a picture when it has gone through its code, and how much that code says.
 *
 * B pictures · C channels · H height · W width · L code
 */
import { z } from "zod";
import {
  type Dataset,
  divided,
  imagesOf,
  listed,
  type Pictures as PictureSet,
  readPictures,
  type Source,
} from "../data/index.ts";
import { CheckpointError, ConfigError, DataError, quoted } from "../errors.ts";
import type { LatentModel } from "../models/index.ts";
import { stream } from "../runtime/index.ts";
import { checked, whole } from "../schema.ts";
import { type Example, imageBaselines } from "./reconstruct/baselines.ts";
import { Imager } from "./reconstruct/imager.ts";
import { codes, prediction } from "./reconstruct/imager-options.ts";
import { judgeImages } from "./reconstruct/judge.ts";
import { lossOf, measuredOf } from "./reconstruct/objective.ts";
import { type Options, options, requireTogether, scheduled } from "./reconstruct/options.ts";
import { imageScorer } from "./reconstruct/scores.ts";
import type { Problem, Task, Tensors, Watch } from "./task.ts";

/** What is known of the training data; it is kept in task.json. */
const learned = z.object({
  channels: whole(1, 4),
  height: whole(1, 1e6),
  width: whole(1, 1e6),
  /** The labels, in order; none where pictures have none. */
  labels: z.array(z.string()),
  pictures: whole(1, 1e9),
});
type Learned = z.output<typeof learned>;
type Column = "images" | "labels";

/** How often each row of a codebook stood at each place, as a measurement found. */
const calibrated = z.object({ counts: z.array(z.array(z.number().min(0))) });

/** Throws DataError where pictures are of another size or have labels that are not known. */
function requireAlike(found: PictureSet, known: Learned, conditional: boolean): void {
  const of = ({ width, height, channels }: Pick<Learned, "width" | "height" | "channels">) =>
    `${width}x${height}x${channels}`;
  if (of(found) !== of(known))
    throw new DataError(
      `data ${found.name}: expected pictures of ${of(known)} as in training, width by height by channels, got ${of(found)}; give pictures of that size`,
    );
  const odd = conditional && found.pictures.find(({ label }) => label === undefined || !known.labels.includes(label));
  if (odd)
    throw new DataError(
      `data ${found.name}: expected a label of ${known.labels.slice(0, 20).join(", ")}, as the model is conditional, got ${odd.label === undefined ? "none" : quoted(odd.label)} for ${odd.name}; label it`,
    );
}

function requireModel(model: LatentModel, known: Learned, conditional: boolean): void {
  const [C, H, W] = model.image;
  if (C !== known.channels || H !== known.height || W !== known.width)
    throw new ConfigError(
      `model: expected pictures of ${known.width}x${known.height}x${known.channels}, as the data have, got ${W}x${H}x${C}; resize the pictures with size=${W}x${H}, or leave num_channels, image_height and image_width out`,
    );
  const K = conditional ? known.labels.length : 0;
  if (K > 0 && model.classes === 0)
    throw new ConfigError("option: conditional: this model takes no labels; leave it out, or choose vae");
  if (model.classes !== K)
    throw new ConfigError(
      `model: expected ${K} classes, got ${model.classes}; leave num_labels out, and say conditional=true for a model that is told labels`,
    );
}

/** Which pictures come first, so that the rest is held out. */
const orderOf = (size: number, seed: number, { heldOut }: Options): Int32Array =>
  heldOut === "last" ? Int32Array.from({ length: size }, (_, i) => i) : stream(seed, 0, "holdout").permutation(size);

function problem(
  known: Learned,
  chosen: Options,
  counts?: readonly (readonly number[])[],
): Problem<"latent", Example, Column> {
  const { channels: C, height: H, width: W, labels } = known;
  const { conditional } = chosen;
  const numbers = new Map(labels.map((label, i) => [label, i]));
  const examples = async (source: Source, watch: Watch = {}): Promise<Dataset<Example>> => {
    const found = await readPictures(source, chosen, watch);
    requireAlike(found, known, conditional);
    const all = found.pictures.map((picture) => ({ picture, label: numbers.get(picture.label ?? "") ?? -1 }));
    return listed(all, found.digest);
  };
  const givenOf = ({ images, labels: classes }: Tensors<Column>) => ({
    images,
    labels: conditional ? classes : undefined,
  });
  return {
    config: {
      ...{ num_channels: C, image_height: H, image_width: W },
      ...(C > 1 && { likelihood: "logistic" }),
      ...(conditional && { num_labels: labels.length }),
    },
    files: { "task.json": { learned: known } },
    accept: (model) => requireModel(model, known, conditional),
    async split(train, validation, seed) {
      const whole = await examples(train);
      if (validation) return { train: whole, validation: await examples(validation) };
      if (whole.size < 2)
        throw new DataError(
          `data ${train.name}: expected at least 2 pictures, got ${whole.size}; give more, or some as val`,
        );
      const [first, rest] = divided(whole, chosen.holdout, orderOf(whole.size, seed, chosen));
      return { train: first, validation: rest };
    },
    examples,
    order: "epochs",
    batch: { images: { shape: ["B", C, H, W], dtype: "f32" }, labels: { shape: ["B"], dtype: "i32" } },
    collate: (rows) => ({
      images: imagesOf(rows.map(({ picture }) => picture)),
      labels: { data: Int32Array.from(rows, ({ label }) => label), shape: [rows.length], dtype: "i32" },
    }),
    scheduled: scheduled(chosen),
    loss: (model, batch, _, weights) => lossOf(model, givenOf(batch), chosen, weights, known.pictures),
    measure: (model, batch) => measuredOf(model, givenOf(batch), chosen),
    scorer: () => imageScorer(chosen),
    judge: (predictor, data, watch) =>
      judgeImages(predictor as unknown as Imager, data as Dataset<Example>, chosen, watch),
    baselines: async (train, test, watch, model) => imageBaselines(train, test, watch, model, chosen),
    open: async (model, weights, run) => new Imager(model, { options: chosen, labels, counts }, weights, run),
  };
}

/** Reconstruction of pictures as a task. */
export const reconstruct: Task<"latent", Example, typeof options, Column> = {
  name: "reconstruct",
  about: "pictures through a code: reconstructed, drawn anew, compressed",
  head: "latent",
  options,
  prediction,
  codes,
  defaults: { batch: 100, beta2: 0.999, weightDecay: 0, clip: 0 },
  defaultData: "digits",
  reads: "files",
  unit: "pictures",
  scores: {
    loss: "lower",
    elbo: "higher",
    reconstruction: "lower",
    kl: "lower",
    rate: "lower",
    bits: "lower",
    nll: "lower",
    active: "higher",
    perplexity: "higher",
  },
  best: "loss",
  async learn(source, chosen, watch) {
    requireTogether(chosen);
    const { channels, height, width, classes, pictures } = await readPictures(source, chosen, watch);
    if (chosen.conditional && classes.length === 0)
      throw new DataError(
        `data ${source.name}: expected labels, as the model shall be conditional, got none; put pictures into a folder for each class, or leave conditional out`,
      );
    const known = { channels, height, width, labels: [...classes], pictures: pictures.length };
    return problem(known, chosen);
  },
  async reopen({ "task.json": task = {}, "calibration.json": found }, chosen) {
    if (!task.learned)
      throw new CheckpointError(
        "task.json: expected what was learned of the pictures, got none; take the folder of a run",
      );
    const counts = found && checked(calibrated, found, "calibration.json").counts;
    return problem(checked(learned, task.learned, "task.json"), chosen, counts);
  },
};
