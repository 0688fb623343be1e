/**
 * Vector-quantised variational autoencoder (van den Oord et al. 2017, arXiv 1711.00937): a code is a row of a table for each
 * place of what convolutions leave of an image.
 *
 *   z_e = encoder(x)      z_q = the nearest row e of each place
 *   loss = -log p(x | z_q) + β·‖z_e - sg(e)‖²          the table follows the z_e that it stands for (moving averages)
 *   decoder(z_e + sg(z_q - z_e)), so that the gradient of z_q goes to z_e (straight through)
 *
 * B images · C channels · H height · W width · D width of a row · P = H'·W' places · V rows · L = P·D
 */
import { z } from "zod";
import { Codebook, Conv2d } from "../nn/index.ts";
import { real, whole } from "../schema.ts";
import type { Tensor } from "../tensor/index.ts";
import { architecture } from "./architecture.ts";
import {
  convolutions,
  downwards,
  glorot,
  imageKeys,
  imageSize,
  innermost,
  type LatentModel,
  latentModel,
  likelihoodOf,
  upwards,
} from "./latent/index.ts";

const vqvaeConfig = z.strictObject({
  codebook_size: whole(2, 65536).default(512).describe("rows of the table"),
  embedding_dim: whole(1, 4096).default(64).describe("width of a row"),
  commitment: real(0, 1000).default(0.25).describe("weight of what draws the encoder to the rows"),
  decay: real(0, 0.999999).default(0.99).describe("how much of the past stays in the table at a step"),
  restart: real(0, 0.99).default(0.01).describe("share of the mean use below which a row starts anew; 0 for never"),
  ...convolutions,
  ...imageKeys,
});
type VQVAEConfig = z.infer<typeof vqvaeConfig>;

function latent(config: VQVAEConfig): LatentModel {
  const { codebook_size: V, embedding_dim: D, commitment, decay, restart } = config;
  const [image, likelihood] = [imageSize(config), likelihoodOf(config)];
  const [inner, h, w] = innermost(config, image);
  const P = h * w;
  const [down, narrow] = [downwards(config, image), Conv2d(inner, D, 1, glorot(inner, D))];
  const up = upwards(config, image, D, likelihood.planes * image[0]);
  const { layer: codebook, rows } = Codebook(V, D, { decay, restart });
  const placed = (images: Tensor) => narrow(down(images)).rearrange("b d h w -> (b h w) d"); // z_e [B·P, D]
  return latentModel(config, {
    parts: { encoder: { down, narrow }, codebook, decoder: up },
    latent: P * D,
    encode(images) {
      const B = images.dim(0);
      const given = placed(images);
      const { rows: nearest } = codebook(given);
      const off = given.sub(nearest);
      return {
        mean: given.add(nearest.sub(given).stopGradient()).reshape([B, P * D]),
        rate: images.like(P * Math.log(V), [B]), // every row as likely as any
        terms: {
          commitment: off
            .mul(off)
            .reshape([B, P * D])
            .sum(1)
            .mul(commitment),
        },
      };
    },
    decode: (codes) => up(codes.reshape([codes.dim(0), h, w, D]).rearrange("b h w d -> b d h w")),
    codebook: {
      size: V,
      places: P,
      ids: (images) =>
        codebook(placed(images))
          .ids.cast("i32")
          .reshape([images.dim(0), P]),
      codes: (ids) => rows(ids).reshape([ids.dim(0), P * D]),
    },
  });
}

export const vqvae = architecture({
  modelType: "vqvae",
  about: "vector-quantised autoencoder (van den Oord et al. 2017)",
  config: vqvaeConfig,
  heads: { latent },
});
