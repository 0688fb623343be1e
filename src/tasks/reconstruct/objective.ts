/**
 * What an autoencoder is trained for, and what is measured of it.
 *
 *   ELBO = E log p(x | z) - KL(q(z | x) ‖ p(z))                                 Kingma & Welling 2014
 *   loss = -E log p(x | z) + β·KL                                                β-VAE, Higgins et al. 2017
 *          -E log p(x | z) + β·|KL - C|                                          Burgess et al. 2018, arXiv 1804.03599
 *          -E log p(x | z) + β·Σ max(λ, KL_l)                                    free bits, Kingma et al. 2016
 *          -E log p(x | z) + MI + β·TC + Σ KL_l                                  β-TCVAE, Chen et al. 2018
 *          -E log 1/K Σ p(x, z_k)/q(z_k | x)                                     IWAE, Burda et al. 2016
 *
 * B pictures · L code · K samples · N pictures in the training data
 */
import { ConfigError } from "../../errors.ts";
import type { LatentModel, Posterior } from "../../models/index.ts";
import { drawSamples, freeBits, importanceBound, normalKL, rateParts, repeatRows } from "../../nn/index.ts";
import type { Named } from "../../onnx/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { LossTerms } from "../../train/index.ts";
import { type Options, samplesOf, seen } from "./options.ts";

/** Pictures and their labels, where the model takes any. */
export interface Given {
  readonly images: Tensor;
  readonly labels?: Tensor | undefined;
}

/** What a code that is drawn gives: [B·K] nats of each sample, and the KL of each dimension [B, L]. */
function sampled(model: LatentModel, { images, labels }: Given, { mean, logVariance }: Drawn, K: number) {
  const samples = drawSamples(mean, logVariance, K);
  const given = model.decode(samples.codes, labels && repeatRows(labels, K));
  const logs = model.likelihood.logProbability(given, repeatRows(images, K));
  return { samples, logs, kl: normalKL(mean, logVariance) };
}

type Drawn = Posterior & { readonly logVariance: Tensor };
const isDrawn = (posterior: Posterior): posterior is Drawn => posterior.logVariance !== undefined;

/** Nats [B] that a code costs in pictures that it is not drawn of. */
const reconstructionOf = (model: LatentModel, { images, labels }: Given, { mean }: Posterior): Tensor =>
  model.likelihood.logProbability(model.decode(mean, labels), images).neg();

/** Throws ConfigError where options are about the samples or the KL of a code, and it has neither. */
function requireNoWeights({ objective, samples, beta, anneal, capacity, freeBits: free }: Options): void {
  const plain = objective === "elbo" && samples === undefined && capacity === undefined;
  if (plain && beta === 1 && anneal === "none" && free === 0) return;
  throw new ConfigError(
    "task reconstruct: objective, samples, beta, anneal, capacity and freeBits are about a code that is drawn, and this model draws none; leave them out or choose vae",
  );
}

/** The loss of a code that is not drawn, with what the model adds to it. */
function fixedLoss(model: LatentModel, given: Given, posterior: Posterior, options: Options): LossTerms {
  requireNoWeights(options);
  const reconstruction = reconstructionOf(model, given, posterior).mean();
  const terms = Object.entries(posterior.terms ?? {}).map(([name, term]) => [name, term.mean()] as const);
  const loss = terms.reduce((sum, [, term]) => sum.add(term), reconstruction);
  return { loss, reconstruction, ...Object.fromEntries(terms) };
}

/** The rate that counts. */
function weighed(kl: Tensor, { beta, capacity }: Named, { freeBits: free }: Options): Tensor {
  const rate = kl.sum(1).mean();
  if (capacity)
    return rate
      .sub(capacity)
      .abs()
      .mul(beta as Tensor);
  return (free > 0 ? freeBits(kl, free) : rate).mul(beta as Tensor);
}

/** The loss and its parts, means over a batch in nats. `weights` are those of the step, N the size of the training data. */
export function lossOf(model: LatentModel, batch: Given, options: Options, weights: Named, N: number): LossTerms {
  const given = { ...batch, images: seen(batch.images, model, options) };
  const posterior = model.encode(given.images, given.labels);
  if (!isDrawn(posterior)) return fixedLoss(model, given, posterior, options);
  const { samples, logs, kl } = sampled(model, given, posterior, samplesOf(options));
  const parts = { reconstruction: logs.mean().neg(), kl: kl.sum(1).mean() };
  if (options.objective === "iwae") return { loss: importanceBound(logs, samples).mean().neg(), ...parts };
  if (options.objective === "elbo") return { loss: parts.reconstruction.add(weighed(kl, weights, options)), ...parts };
  const { mutualInformation, totalCorrelation, dimensionwise } = rateParts(
    samples.codes,
    posterior.mean,
    posterior.logVariance,
    N,
  );
  const rate = mutualInformation.add(totalCorrelation.mul(weights.beta as Tensor)).add(dimensionwise);
  return { loss: parts.reconstruction.add(rate), ...parts, tc: totalCorrelation };
}

/** Bits of each value [B] of nats [B] of whole pictures, where those are of a probability. A density is divided into 256 levels. */
function bitsOf(nats: Tensor, model: LatentModel, binary: boolean): Named {
  const { name } = model.likelihood;
  if (name === "bernoulli" && !binary) return {};
  const bits = nats.div(model.image.reduce((a, b) => a * b, 1) * Math.LN2);
  return { bits: name === "gaussian" ? bits.add(8) : bits };
}

/**
 * By example: nats of the reconstruction and of the code, the mean of the code [B, L], the KL of each dimension [B, L], and
 * what else there is: the bound of several samples, what the model adds to the loss, rows of a codebook.
 */
export function measuredOf(model: LatentModel, batch: Given, options: Options): Named {
  const given = { ...batch, images: seen(batch.images, model, options) };
  const posterior = model.encode(given.images, given.labels);
  const binary = given.images !== batch.images;
  const { mean, rate: costs, terms = {} } = posterior;
  if (!isDrawn(posterior)) {
    const reconstruction = reconstructionOf(model, given, posterior);
    const rate: Named = costs ? { rate: costs, ...bitsOf(reconstruction.add(costs), model, binary) } : {};
    const ids: Named = model.codebook ? { ids: model.codebook.ids(given.images, given.labels) } : {};
    const added = Object.entries(terms).map(([name, term]) => [`term.${name}`, term] as const);
    return { mean, reconstruction, ...rate, ...ids, ...Object.fromEntries(added) };
  }
  const K = samplesOf(options);
  const { samples, logs, kl } = sampled(model, given, posterior, K);
  const reconstruction = logs.reshape([-1, K]).mean(1).neg();
  const bound: Named = options.objective === "iwae" ? { bound: importanceBound(logs, samples) } : {};
  return { mean, kl, reconstruction, ...bound, ...bitsOf(reconstruction.add(kl.sum(1)), model, binary) };
}
