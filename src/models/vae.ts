/**
 * Variational autoencoder (Kingma & Welling 2014, arXiv 1312.6114; Rezende et al. 2014), conditional where it is told labels
 * (Sohn et al. 2015).
 *
 *   q(z | x) = N(μ(x), σ²(x))      the encoder gives μ and log σ²
 *   p(z)     = N(0, 1)
 *   p(x | z)                       the decoder gives what the likelihood takes
 *
 * B images · C channels · H height · W width · F features · L code
 */
import { architecture, labelCount } from "./architecture.ts";
import { Dense, type LatentConfig, type LatentModel, latentConfig, latentModel, nets } from "./latent/index.ts";

function latent(config: LatentConfig): LatentModel {
  const { encoder, decoder } = nets(config);
  const { hidden_size: F, latent: L } = config;
  const [mean, log_variance] = [Dense(F, L), Dense(F, L)];
  return latentModel(config, {
    parts: { encoder, mean, log_variance, decoder },
    latent: L,
    encode(images, labels) {
      const features = encoder(images, labels);
      return { mean: mean(features), logVariance: log_variance(features) };
    },
    decode: decoder,
  });
}

export const vae = architecture({
  modelType: "vae",
  about: "variational autoencoder (Kingma & Welling 2014)",
  config: latentConfig,
  spellings: { num_labels: labelCount },
  heads: { latent },
});
