/**
 * What autoencoders of images give.
 *
 * B images · C channels · H height · W width · L dimensions of a code · K classes
 */
import type { Likelihood } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { Model } from "../heads.ts";

/** What an encoder says of the codes of images. */
export interface Posterior {
  /** [B, L]. */
  readonly mean: Tensor;
  /** [B, L]; absent where a code is not drawn but is the mean. */
  readonly logVariance?: Tensor;
  /** What is added to the loss, [B] each, by name. */
  readonly terms?: Readonly<Record<string, Tensor>>;
  /** [B] nats, where a code costs something else than the KL to the standard normal. */
  readonly rate?: Tensor;
}

/** Codes that are rows of a table, one for each of P places. */
export interface Codebook {
  /** Rows of the table. */
  readonly size: number;
  /** P. */
  readonly places: number;
  /** images [B, C, H, W], labels [B] -> rows of the table [B, P]. */
  ids(images: Tensor, labels?: Tensor): Tensor;
  /** Rows of the table [B, P] -> codes [B, L]. */
  codes(ids: Tensor): Tensor;
}

/**
 * images [B, C, H, W] of 0 to 1, and labels [B] where it has classes -> the mean of each code [B, L] and the image that is
 * expected of it [B, C, H, W]. In between, images become codes and codes what the likelihood takes.
 */
export interface LatentModel extends Model<"images", "mean" | "reconstruction"> {
  readonly image: readonly [channels: number, height: number, width: number];
  /** L. */
  readonly latent: number;
  /** K; 0 where it takes no labels. */
  readonly classes: number;
  readonly likelihood: Likelihood;
  /** Where codes are rows of a table. */
  readonly codebook?: Codebook;
  forward(
    inputs: Readonly<Record<"images", Tensor> & Partial<Record<"labels", Tensor>>>,
  ): Readonly<Record<"mean" | "reconstruction", Tensor>>;
  encode(images: Tensor, labels?: Tensor): Posterior;
  /** codes [B, L] -> what the likelihood takes: [B, P·C, H, W]. */
  decode(codes: Tensor, labels?: Tensor): Tensor;
}
