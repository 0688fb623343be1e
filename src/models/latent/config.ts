/** Configuration of the autoencoders of images: what all of them have. */
import { z } from "zod";
import { ConfigError } from "../../errors.ts";
import { bernoulli, gaussian, type Likelihood, logistic } from "../../nn/index.ts";
import { real, whole } from "../../schema.ts";

/** Sizes that follow from the data. */
const image = {
  num_channels: whole(1, 4).optional().describe("channels of an image; by default the data's"),
  image_height: whole(1, 16384).optional().describe("rows of an image; by default the data's"),
  image_width: whole(1, 16384).optional().describe("columns of an image; by default the data's"),
};

const likelihoods = {
  likelihood: z
    .enum(["bernoulli", "gaussian", "logistic"])
    .default("bernoulli")
    .describe("of the values of an image; logistic is a probability of 256 levels"),
  deviation: real(1e-3, 10)
    .optional()
    .describe("of a gaussian likelihood (default: the decoder says one for each value)"),
};

/** Convolutions of encoder and decoder, as many that each halve the image. */
export const convolutions = {
  num_layers: whole(1, 8).default(2).describe("convolutions that halve the image"),
  conv_channels: whole(1, 4096)
    .default(32)
    .describe("channels of the first convolution; each other one has twice as many"),
  activation: z.enum(["tanh", "relu", "elu", "gelu", "silu"]).optional().describe("between layers (default: relu)"),
};

/** Layers of encoder and decoder. */
const nets = {
  ...convolutions,
  encoder: z.enum(["dense", "conv"]).default("dense").describe("layers of encoder and decoder"),
  hidden_size: whole(1, 65536).default(200).describe("width of dense layers"),
  num_layers: whole(1, 8).default(2).describe("dense layers, or convolutions that halve the image"),
  num_labels: whole(1, 1e6).optional().describe("classes that encoder and decoder are told, where it is conditional"),
};

const latent = { latent: whole(1, 65536).default(16).describe("dimensions of a code") };

/** Of every autoencoder of images. */
export const imageKeys = { ...image, ...likelihoods };
/** Of autoencoders whose codes are vectors. */
export const latentConfig = z.strictObject({ ...latent, ...nets, ...imageKeys });
export type LatentConfig = z.infer<typeof latentConfig>;
/** What all of them say. */
export type ImageConfig = z.infer<z.ZodObject<typeof imageKeys>> & Partial<Pick<LatentConfig, "num_labels">>;

/** Channels, height and width of an image. */
export type ImageSize = readonly [channels: number, height: number, width: number];

/** The size of an image that a configuration names. Throws ConfigError where it names none. */
export function imageSize({ num_channels: C, image_height: H, image_width: W }: ImageConfig): ImageSize {
  if (C !== undefined && H !== undefined && W !== undefined) return [C, H, W];
  throw new ConfigError(
    `config: an autoencoder of images needs num_channels, image_height and image_width, got ${C ?? "none"}, ${H ?? "none"} and ${W ?? "none"}; give all three`,
  );
}

/** The likelihood that a configuration names. Throws ConfigError for a deviation of another than a gaussian one. */
export function likelihoodOf({ likelihood, deviation }: ImageConfig): Likelihood {
  if (likelihood === "gaussian") return gaussian(deviation);
  if (deviation !== undefined)
    throw new ConfigError(
      `config: deviation: only a gaussian likelihood has one, and likelihood is ${likelihood}; leave it out`,
    );
  return likelihood === "logistic" ? logistic : bernoulli;
}
