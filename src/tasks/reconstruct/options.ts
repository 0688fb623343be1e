/** Options of an autoencoder's training: what is made small, how fast its weights rise, and what of a picture is seen. */
import { z } from "zod";
import { pictureOptions } from "../../data/index.ts";
import { ConfigError } from "../../errors.ts";
import type { LatentModel } from "../../models/index.ts";
import { annealed, type Likelihood } from "../../nn/index.ts";
import { real, whole } from "../../schema.ts";
import { noise, type Tensor } from "../../tensor/index.ts";

export const options = z.strictObject({
  ...pictureOptions,
  conditional: z.boolean().default(false).describe("tells encoder and decoder the label of each picture"),
  objective: z
    .enum(["elbo", "iwae", "tc"])
    .default("elbo")
    .describe("the ELBO, its importance-weighted bound, or its KL with beta on the total correlation alone"),
  samples: whole(1, 1000).optional().describe("codes drawn of a picture in training (default: 1, and 5 of iwae)"),
  beta: real(0, 1e6).default(1).describe("weight of the KL, or of the total correlation"),
  anneal: z.enum(["none", "linear", "cyclical"]).default("none").describe("how that weight rises from 0"),
  annealSteps: whole(1, 1e9)
    .optional()
    .describe("steps of the rise, or of a cycle (default: half of all, or a quarter)"),
  capacity: real(0, 1e6)
    .optional()
    .describe("nats that the KL is drawn to instead of 0; they rise from 0 over annealSteps"),
  freeBits: real(0, 1000).default(0).describe("nats of the KL that each dimension has free"),
  binarize: z
    .enum(["none", "threshold", "dynamic"])
    .optional()
    .describe("makes values 0 or 1, at a half or at random (default: threshold with bernoulli, else none)"),
  holdout: real(0.001, 0.9).default(0.1).describe("share that is only measured, where no validation data is given"),
  heldOut: z.enum(["random", "last"]).default("random").describe("which pictures that share is"),
  importance: whole(1, 100_000)
    .default(200)
    .describe("samples of the likelihood that eval estimates, of 2000 pictures at most"),
});
export type Options = z.output<typeof options>;

const refuse = (what: string, why: string): never => {
  throw new ConfigError(`option: ${what}: ${why}; leave it out`);
};

/** Throws ConfigError where steps of a rise are given and nothing rises. */
export function requireRise({ anneal, annealSteps, capacity }: Omit<Rising, "beta">): void {
  if (annealSteps !== undefined && anneal === "none" && capacity === undefined)
    refuse("annealSteps", "nothing rises within them, as anneal is none");
}

/** Throws ConfigError for options that do not go together. */
export function requireTogether(chosen: Options): void {
  const { objective, beta, anneal, capacity, freeBits, samples } = chosen;
  requireRise(chosen);
  if (capacity !== undefined && freeBits > 0) refuse("freeBits", "capacity already says what the KL may be");
  if (objective === "elbo") return;
  if (capacity !== undefined) refuse("capacity", `it is of the KL, which ${objective} does not weigh`);
  if (freeBits > 0) refuse("freeBits", `they are of the KL, which ${objective} does not weigh`);
  if (objective === "iwae" && (beta !== 1 || anneal !== "none"))
    refuse(beta === 1 ? "anneal" : "beta", "the importance-weighted bound has no weights");
  if (objective === "tc" && (samples ?? 1) !== 1)
    refuse("samples", "the total correlation is estimated from one of each");
}

/** Codes of a picture that are drawn in training. */
export const samplesOf = ({ samples, objective }: Options): number => samples ?? (objective === "iwae" ? 5 : 1);

/** A weight at a step, counted from 1, in a training of `steps`. */
type Weight = (step: number, steps: number) => number;

/** What of the options says how weights rise. */
type Rising = Pick<Options, "beta" | "anneal" | "annealSteps" | "capacity">;

/** The weights of a training, where codes are drawn. */
export function scheduled(chosen: Rising): Readonly<Record<"beta", Weight> & Partial<Record<"capacity", Weight>>> {
  const { beta, anneal, annealSteps, capacity } = chosen;
  const rise = (steps: number) => annealSteps ?? Math.max(1, Math.ceil(steps / (anneal === "cyclical" ? 4 : 2)));
  const weight: Weight = (step, steps) => beta * annealed({ how: anneal, steps: rise(steps) }, step);
  if (capacity === undefined) return { beta: weight };
  const linear: Weight = (step, steps) => capacity * annealed({ how: "linear", steps: rise(steps) }, step);
  return { beta: weight, capacity: linear };
}

export type Binarize = NonNullable<Options["binarize"]>;

/** What becomes of values before a model with this likelihood sees them. */
export const binarizing = ({ binarize }: Pick<Options, "binarize">, likelihood: Likelihood["name"]): Binarize =>
  binarize ?? (likelihood === "bernoulli" ? "threshold" : "none");

/** images [B, C, H, W] of 0 to 1 as the model sees them: 1 above a half, or with the probability that a value is. */
export function seen(images: Tensor, { likelihood }: LatentModel, chosen: Pick<Options, "binarize">): Tensor {
  const how = binarizing(chosen, likelihood.name);
  if (how === "none") return images;
  const edge = how === "threshold" ? images.like(0.5) : noise("uniform", images.shape);
  return edge.less(images).cast("f32");
}
