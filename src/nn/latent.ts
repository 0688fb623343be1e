/**
 * What autoencoders with drawn codes are trained with: bounds of the likelihood, and how the rate is weighed.
 *
 * B images · L latent dimensions · K samples of each code · N images in the training data
 */
import { ConfigError, shown } from "../errors.ts";
import { type Dim, noise, type Shape, type Tensor } from "../tensor/index.ts";
import { requireNumbers, requireSizes, requireTensors } from "./arguments.ts";
import { requireAlike } from "./reduction.ts";

const LOG_TWO_PI = Math.log(2 * Math.PI);

/** mean + e^(logVariance/2)·ε, through which gradients reach both; ε is standard normal, like the mean where it is not given. */
export function reparameterise(
  mean: Tensor,
  logVariance: Tensor,
  epsilon: Tensor = noise("normal", mean.shape),
): Tensor {
  requireAlike("reparameterise", mean, logVariance);
  requireTensors("reparameterise: epsilon", epsilon);
  return mean.add(logVariance.mul(0.5).exp().mul(epsilon));
}

/** KL(N(mean, e^logVariance) ‖ N(0, 1)) of each dimension, in nats: ½(μ² + σ² - 1 - log σ²). [B, L] -> [B, L]. */
export function normalKL(mean: Tensor, logVariance: Tensor): Tensor {
  requireAlike("normalKL", mean, logVariance);
  return mean.mul(mean).add(logVariance.exp()).sub(1).sub(logVariance).mul(0.5);
}

/** log N(x; mean, e^logVariance) of each element; of the standard normal where neither is given. Shapes broadcast. */
export function logNormal(x: Tensor, mean?: Tensor, logVariance?: Tensor): Tensor {
  requireTensors("logNormal", x);
  const centred = mean ? x.sub(mean) : x;
  const square = centred.mul(centred);
  if (!logVariance) return square.add(LOG_TWO_PI).mul(-0.5);
  return square.mul(logVariance.neg().exp()).add(logVariance).add(LOG_TWO_PI).mul(-0.5);
}

/** The log of the mean of e^x along `axis`. */
export function logMeanExp(x: Tensor, axis: number): Tensor {
  requireTensors("logMeanExp", x);
  const count = x.dim(axis);
  const size = typeof count === "number" ? Math.log(count) : x.onesLike().sum(axis).log();
  return x.logSumExp(axis).sub(size);
}

/** Codes of a bound of K samples, and what of each sample's weight is known without a decoder. */
export interface Samples {
  /** [B·K, L], the K of an image one after the other. */
  readonly codes: Tensor;
  /** log p(z) - log q(z | x): [B, K]. */
  readonly logRatio: Tensor;
}

/** K codes for each image, drawn of its posterior [B, L]; `epsilon` [B, K, L] is standard normal. */
export function drawSamples(
  mean: Tensor,
  logVariance: Tensor,
  K: Dim,
  epsilon: Tensor = noise("normal", [mean.dim(0), K, mean.dim(1)]),
): Samples {
  requireAlike("drawSamples", mean, logVariance);
  const [center, spread] = [mean.unsqueeze(1), logVariance.unsqueeze(1)]; //             [B, 1, L]
  const codes = center.add(spread.mul(0.5).exp().mul(epsilon)); //                       [B, K, L]
  const posterior = epsilon.mul(epsilon).add(spread).add(LOG_TWO_PI).mul(-0.5).sum(2); // [B, K]
  return { codes: codes.reshape([-1, mean.dim(1)]), logRatio: logNormal(codes).sum(2).sub(posterior) };
}

/** x [B, ..] -> [B·K, ..], each row K times one after the other. */
export function repeatRows(x: Tensor, K: Dim): Tensor {
  requireTensors("repeatRows", x);
  const rest: Shape = x.shape.slice(1);
  return x
    .unsqueeze(1)
    .expand([x.dim(0), K, ...rest])
    .reshape([-1, ...rest]);
}

/**
 * The importance-weighted bound log 1/K Σ p(x, z_k)/q(z_k | x) of each image from log p(x | z_k) [B·K]: [B]. With one sample
 * it is the ELBO. Burda et al. 2016, arXiv 1509.00519.
 */
export const importanceBound = (logLikelihood: Tensor, { logRatio }: Samples): Tensor =>
  logMeanExp(logLikelihood.reshape(logRatio.shape).add(logRatio), 1);

/** Parts of the KL to the prior, in nats, means over a batch. */
export interface RateParts {
  /** Between images and codes, of the index-code kind. */
  readonly mutualInformation: Tensor;
  /** KL(q(z) ‖ Π q(z_l)): how much dimensions depend on each other. */
  readonly totalCorrelation: Tensor;
  /** Σ KL(q(z_l) ‖ p(z_l)). */
  readonly dimensionwise: Tensor;
}

/**
 * The three parts of the mean KL by minibatch-weighted sampling: log q(z_i) ≈ log 1/(NB) Σ_j q(z_i | x_j), where N is the
 * size of the training data. codes, mean and logVariance [B, L]. Chen et al. 2018, arXiv 1802.04942, equation 5.
 */
export function rateParts(codes: Tensor, mean: Tensor, logVariance: Tensor, N: number): RateParts {
  requireAlike("rateParts", mean, logVariance);
  requireAlike("rateParts", codes, mean);
  requireSizes("rateParts", { N });
  const pairs = logNormal(codes.unsqueeze(1), mean.unsqueeze(0), logVariance.unsqueeze(0)); // [B, B, L]
  const rows = codes.onesLike().mean(1).sum(); //                                              B
  const weight = rows.mul(N).log();
  const joint = pairs.sum(2).logSumExp(1).sub(weight); //        log q(z): [B]
  const product = pairs.logSumExp(1).sub(weight).sum(1); //      log Π q(z_l): [B]
  const posterior = logNormal(codes, mean, logVariance).sum(1);
  return {
    mutualInformation: posterior.sub(joint).mean(),
    totalCorrelation: joint.sub(product).mean(),
    dimensionwise: product.sub(logNormal(codes).sum(1)).mean(),
  };
}

/**
 * The rate that counts where each dimension has `nats` free: Σ_l max(nats, mean_B KL_l) for KL [B, L]. Kingma et al. 2016,
 * arXiv 1606.04934, equation 15, with groups of one dimension.
 */
export function freeBits(kl: Tensor, nats: number): Tensor {
  requireTensors("freeBits", kl);
  requireNumbers("freeBits", { nats });
  return kl.mean(0).maximum(nats).sum();
}

/** How the weight of a rate rises. */
export interface Annealing {
  /** From 0 once, or again and again; 1 from the start with "none". */
  readonly how: "none" | "linear" | "cyclical";
  /** Steps of the rise; of a cycle, rise and rest together. */
  readonly steps: number;
}

/** Share of a cycle in which the weight rises. Fu et al. 2019, arXiv 1903.10145, R. */
const RISE = 0.5;

/**
 * The weight from 0 to 1 at a step, counted from 1: linear as by Bowman et al. 2016 (arXiv 1511.06349), cyclical as by Fu et
 * al. 2019. Throws ConfigError for steps that are no whole number from 1 on.
 */
export function annealed({ how, steps }: Annealing, step: number): number {
  if (how === "none") return 1;
  requireSizes("annealed", { steps, step });
  if (how === "linear") return Math.min(1, step / steps);
  if (how === "cyclical") return Math.min(1, (((step - 1) % steps) + 1) / (RISE * steps));
  throw new ConfigError(`annealed: expected none, linear or cyclical, got ${shown(how)}; choose one of them`);
}
