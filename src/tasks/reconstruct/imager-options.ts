/** Options of what is asked of an autoencoder of pictures: schemas, from which flags, help and checks come, and their types. */
import { z } from "zod";
import { real, whole } from "../../schema.ts";
import type { CodeOptions } from "../latent.ts";
import type { Watch } from "../task.ts";
import type { Between } from "./codes.ts";

const told = z.string().optional().describe("class of pictures without a label, where the model is conditional");
export const prediction = z.strictObject({
  batch: whole(1, 65536).default(32).describe("pictures at a time"),
  class: told,
});

export const sampling = z.strictObject({
  n: whole(1, 1_000_000).default(16).describe("how many"),
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(0).describe("chooses the codes that are drawn"),
  class: z.string().optional().describe("one class, where the model is conditional (default: they take turns)"),
  temperature: real(0, 100)
    .default(1)
    .describe("deviation of the codes; below 1 they are nearer to the most usual one"),
});
export const walking = z.strictObject({
  steps: whole(2, 10_000).default(9).describe("pictures from one to the other, both ends included"),
  how: z.enum(["linear", "spherical"]).default("linear").describe("along a line, or along the arc around 0"),
  class: told,
});
export const traversing = z.strictObject({
  from: real(-100, 100).default(-3).describe("first value of a dimension, in deviations of the prior"),
  to: real(-100, 100).default(3).describe("last value"),
  steps: whole(2, 1000).default(7).describe("values, both ends included"),
  dimensions: z.array(whole(0, 65535)).optional(),
  class: z.string().optional().describe("class that is shown, where the model is conditional (default: the picture's)"),
});
export const codes = {
  embed: prediction,
  sample: sampling,
  interpolate: walking,
  traverse: traversing,
} satisfies CodeOptions;

/** What samples are drawn. */
export interface PictureSampleOptions extends z.input<typeof sampling>, Watch {}
/** How many pictures between two, and along what. */
export interface PictureInterpolateOptions extends z.input<typeof walking>, Watch {
  readonly how?: Between | undefined;
}
/** Values of one dimension after the other: `steps` of them in deviations of the prior, of the `dimensions` named or of all. */
export interface PictureTraverseOptions extends z.input<typeof traversing>, Watch {}
