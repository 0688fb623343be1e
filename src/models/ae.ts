/**
 * Autoencoder: the code of an image is a vector that nothing is drawn of and that costs nothing. Hinton & Salakhutdinov 2006
 * (Science 313) have the history; here it is what `vae` is compared with.
 *
 *   loss = -log p(x | z), z = encoder(x)
 *
 * F features · L code
 */
import { architecture, labelCount } from "./architecture.ts";
import { Dense, type LatentConfig, type LatentModel, latentConfig, latentModel, nets } from "./latent/index.ts";

function latent(config: LatentConfig): LatentModel {
  const { encoder, decoder } = nets(config);
  const code = Dense(config.hidden_size, config.latent);
  return latentModel(config, {
    parts: { encoder, code, decoder },
    latent: config.latent,
    encode: (images, labels) => ({ mean: code(encoder(images, labels)) }),
    decode: decoder,
  });
}

export const ae = architecture({
  modelType: "ae",
  about: "plain autoencoder, to compare with",
  config: latentConfig,
  spellings: { num_labels: labelCount },
  heads: { latent },
});
