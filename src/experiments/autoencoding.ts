/** Autoencoders of drawn digits, which several experiments train: on the same digits, at the same size. */
import type { z } from "zod";
import { type DataGiven, type Picture, readPictures } from "../data/index.ts";
import { type DigitFactors, type DrawnDigitsOptions, digitImages, digitLabels, drawnDigits } from "../digits/index.ts";
import { openSource } from "../files/index.ts";
import { real, whole } from "../schema.ts";
import { type Trained, train } from "../tasks/train.ts";
import type { ExperimentWatch } from "./experiment.ts";

/** Options of autoencoders of digits, and of their training. */
export const autoencoding = ({ steps, batch, lr } = { steps: 2000, batch: 64, lr: 0.004 }) => ({
  pictures: whole(100, 1e6).default(10_000).describe("drawn digits that are learned from"),
  size: whole(8, 64).default(20).describe("pixels of a side"),
  hidden: whole(1, 4096).default(200).describe("width of the two dense layers on either side"),
  steps: whole(1, 1e6).default(steps).describe("training steps"),
  batch: whole(2, 4096).default(batch).describe("digits in a batch"),
  lr: real(1e-6, 1).default(lr).describe("highest learning rate"),
});
/** How they are made and trained, apart from what is compared. */
export type Autoencoding = z.output<z.ZodObject<ReturnType<typeof autoencoding>>>;

/** Drawn digits. */
export interface DigitSet {
  /** A folder in memory. */
  readonly data: DataGiven;
  readonly pictures: readonly Picture[];
  /** What each was drawn from. */
  readonly factors: readonly DigitFactors[];
}

/** Digits as `drawnDigits` draws them, as pictures and as what a training reads. */
export async function digitSet(options: DrawnDigitsOptions): Promise<DigitSet> {
  const drawn = drawnDigits(options);
  const data = {
    name: `digits:${drawn.count}:${options.seed ?? 0}`,
    files: [
      { name: "digits-images-idx3-ubyte", bytes: digitImages(drawn) },
      { name: "digits-labels-idx1-ubyte", bytes: digitLabels(drawn) },
    ],
  };
  const { pictures } = await readPictures(openSource(data, {}));
  return { data, pictures, factors: drawn.factors };
}

/** What differs from one training to another. */
export interface AutoencoderTraining {
  /** In notes. */
  readonly name: string;
  readonly model: "vae" | "ae";
  /** L. */
  readonly latent: number;
  readonly objective?: { readonly objective?: "tc"; readonly beta?: number; readonly anneal?: "linear" };
  readonly seed: number;
}

/** Learned from, and only measured. */
export interface Divided {
  readonly train: DigitSet;
  readonly held: DigitSet;
}

/** Digits that are only measured. */
const MEASURED = 2000;

/** Digits of two seeds. */
export const divided = async ({
  pictures: count,
  size,
}: Pick<Autoencoding, "pictures" | "size">): Promise<Divided> => ({
  train: await digitSet({ count, seed: 0, size }),
  held: await digitSet({ count: MEASURED, seed: 1, size }),
});

/** Trains an autoencoder of digits; its scores are those of digits that were held out. Throws the signal's reason. */
export async function trained(
  { name, model, latent, objective, seed }: AutoencoderTraining,
  { train: { data }, held: { data: val } }: Divided,
  { hidden, steps, batch, lr }: Autoencoding,
  { signal, onNote, threads }: ExperimentWatch,
): Promise<Trained<"reconstruct">> {
  const run = train<"reconstruct">(model, {
    task: "reconstruct",
    ...{ data, val, steps, batch, lr, seed, signal, threads, evalEvery: steps },
    ...objective,
    config: { latent, hidden_size: hidden, encoder: "dense" },
  });
  for await (const event of run)
    if (event.event === "step" && event.step % 100 === 0)
      onNote?.(`${name}, seed ${seed}: step ${event.step} of ${steps}, loss ${event.loss.toFixed(2)} nats`);
  signal?.throwIfAborted();
  return run;
}
