/** Autoencoders of images around any kind of code. B images · C channels · H height · W width · F features · L code */
import type { Tensor } from "../../tensor/index.ts";
import { guarded } from "../guarded.ts";
import { type ImageConfig, imageSize, type LatentConfig, likelihoodOf } from "./config.ts";
import { convDecoder, convEncoder } from "./conv.ts";
import { denseDecoder, denseEncoder } from "./dense.ts";
import type { LatentModel } from "./head.ts";

/** Encoder [B, C, H, W] -> [B, F] and decoder [B, L] -> [B, P·C, H, W] that a configuration asks for. */
export function nets(config: LatentConfig) {
  const [image, K, { planes }] = [imageSize(config), config.num_labels ?? 0, likelihoodOf(config)];
  if (config.encoder === "conv")
    return { encoder: convEncoder(config, image, K), decoder: convDecoder(config, image, K, planes) };
  return { encoder: denseEncoder(config, image, K), decoder: denseDecoder(config, image, K, planes) };
}

/** What one kind of autoencoder states. */
export type Coding = Pick<LatentModel, "parts" | "latent" | "encode" | "decode" | "codebook">;

/** A model of images out of what it states; it gives the image that is expected of the mean of each code. */
export function latentModel(config: ImageConfig, coding: Coding): LatentModel {
  const [[C, H, W], classes, likelihood] = [imageSize(config), config.num_labels ?? 0, likelihoodOf(config)];
  const images = { shape: ["B", C, H, W], dtype: "f32" } as const;
  return guarded<"images", LatentModel>({
    ...coding,
    inputs: classes === 0 ? { images } : { images, ...{ labels: { shape: ["B"], dtype: "i32" } as const } },
    image: [C, H, W],
    classes,
    likelihood,
    forward({ images: given, labels }: { images: Tensor; labels?: Tensor }) {
      const { mean } = coding.encode(given, labels);
      return { mean, reconstruction: likelihood.mean(coding.decode(mean, labels)) };
    },
  });
}

export {
  convolutions,
  type ImageSize,
  imageKeys,
  imageSize,
  type LatentConfig,
  latentConfig,
  likelihoodOf,
} from "./config.ts";
export { downwards, innermost, upwards } from "./conv.ts";
export { Dense, glorot } from "./dense.ts";
export type { Codebook, LatentModel, Posterior } from "./head.ts";
