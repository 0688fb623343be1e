/**
 * How likely images are, given what a decoder says of each of their values.
 *
 * B images · C channels · H height · W width · P numbers for each value
 */
import { ConfigError, ShapeError, shown } from "../errors.ts";
import { formatShape, sameShape, type Tensor } from "../tensor/index.ts";
import { requireTensors } from "./arguments.ts";

/** How likely images are, given what a decoder says. */
export interface Likelihood {
  readonly name: "bernoulli" | "gaussian" | "logistic";
  /** P: 1 is a location, or its logit; 2 a location and a log-deviation or log-scale. */
  readonly planes: 1 | 2;
  /** Of a gaussian one that has the same for all values. */
  readonly deviation?: number;
  /**
   * given [B, P·C, H, W], all channels of the first number before those of the second, and images [B, C, H, W] of 0 to 1
   * -> the logarithm of the probability or density of each image, in nats: [B]. Throws ShapeError where sizes differ.
   */
  logProbability(given: Tensor, images: Tensor): Tensor;
  /** given [B, P·C, H, W] -> the expected images [B, C, H, W], of 0 to 1. */
  mean(given: Tensor): Tensor;
}

/** What a likelihood says of single values, given its P numbers [B, C, H, W] each. */
interface Values {
  readonly name: Likelihood["name"];
  readonly planes: Likelihood["planes"];
  readonly logProbability: (numbers: readonly Tensor[], images: Tensor) => Tensor;
  readonly mean: (numbers: readonly Tensor[]) => Tensor;
}

/** The P numbers of every value, each [B, C, H, W]. */
function numbersOf({ name, planes }: Values, given: Tensor): readonly Tensor[] {
  requireTensors(`${name} likelihood`, given);
  if (given.rank === 4 && Number(given.dim(1)) % planes === 0) return given.chunk(planes, 1);
  throw new ShapeError(
    `${name} likelihood: expected ${planes} number(s) for each value as [B, ${planes === 1 ? "C" : "2·C"}, H, W], got ${formatShape(given.shape)}; give the decoder as many channels`,
  );
}

const likelihood = (values: Values): Likelihood => ({
  name: values.name,
  planes: values.planes,
  logProbability(given, images) {
    const numbers = numbersOf(values, given);
    requireTensors(`${values.name} likelihood: images`, images);
    if (!sameShape(numbers[0]?.shape ?? [], images.shape))
      throw new ShapeError(
        `${values.name} likelihood: expected images like the decoder's ${formatShape(numbers[0]?.shape ?? [])}, got ${formatShape(images.shape)}; give both one size`,
      );
    return values.logProbability(numbers, images).sum([1, 2, 3]);
  },
  mean: (given) => values.mean(numbersOf(values, given)),
});

/**
 * x is 1 with probability σ(l): log p = x·l - log(1 + e^l). It is a probability of images of 0 and 1; of the values between
 * it is the cross-entropy that is expected where they are drawn as 0 or 1 with that probability.
 */
export const bernoulli: Likelihood = likelihood({
  name: "bernoulli",
  planes: 1,
  logProbability: ([logits], x) => x.mul(logits as Tensor).sub((logits as Tensor).softplus()),
  mean: ([logits]) => (logits as Tensor).sigmoid(),
});

const HALF_LOG_TWO_PI = 0.5 * Math.log(2 * Math.PI);
/** The least log-deviation, which is approached smoothly: σ ≥ e⁻⁶. Rybkin et al. 2021, arXiv 2006.13202. */
const LEAST_DEVIATION = -6;

const squareAt = (x: Tensor, mean: Tensor, logDeviation: Tensor | number): Tensor => {
  const scaled = x.sub(mean).mul(typeof logDeviation === "number" ? Math.exp(-logDeviation) : logDeviation.neg().exp());
  return scaled.mul(scaled).mul(0.5);
};

/**
 * A density around σ(m), as the mean of images lies between 0 and 1 (Kingma & Welling 2014, appendix C.2), with one
 * deviation for all values, or, where none is given, one that the decoder says for each. Throws ConfigError for a deviation
 * that is not above 0.
 */
export function gaussian(deviation?: number): Likelihood {
  if (deviation === undefined)
    return likelihood({
      name: "gaussian",
      planes: 2,
      logProbability([m, s], x) {
        const logDeviation = (s as Tensor).sub(LEAST_DEVIATION).softplus().add(LEAST_DEVIATION);
        return squareAt(x, (m as Tensor).sigmoid(), logDeviation)
          .add(logDeviation)
          .add(HALF_LOG_TWO_PI)
          .neg();
      },
      mean: ([m]) => (m as Tensor).sigmoid(),
    });
  if (!(Number.isFinite(deviation) && deviation > 0))
    throw new ConfigError(`gaussian: expected a deviation above 0, got ${shown(deviation)}; 0.1 is common`);
  const logDeviation = Math.log(deviation);
  const one = likelihood({
    name: "gaussian",
    planes: 1,
    logProbability: ([m], x) =>
      squareAt(x, (m as Tensor).sigmoid(), logDeviation)
        .add(logDeviation + HALF_LOG_TWO_PI)
        .neg(),
    mean: ([m]) => (m as Tensor).sigmoid(),
  });
  return { ...one, deviation };
}

/** Log-scales of the logistic distribution stay within ±7, the lower bound as in PixelCNN++. */
const LOG_SCALE = 7;
/** Half of the distance between two of 256 levels from -1 to 1. */
const HALF_LEVEL = 1 / 255;

/** log(1 - e^-d) for d > 0, right where d is small: 1 - e^-d = 2t/(1 + t), t = tanh(d/2). */
function logOneMinusExp(d: Tensor): Tensor {
  const t = d.mul(0.5).tanh();
  return t.mul(2).log().sub(t.add(1).log());
}

/**
 * A logistic distribution between -1 and 1 of which each of 256 levels has its share, the first and the last all that is
 * beyond them (Salimans et al. 2017, arXiv 1701.05517): log(σ(a) - σ(b)) = log σ(a) + log σ(-b) + log(1 - e^-(a-b)), where
 * a and b are the level's ends. Images are expected to have 8 bits.
 */
export const logistic: Likelihood = likelihood({
  name: "logistic",
  planes: 2,
  logProbability([location, logScale], images) {
    const centred = images
      .mul(2)
      .sub(1)
      .sub(location as Tensor);
    const inverse = (logScale as Tensor).clamp(-LOG_SCALE, LOG_SCALE).neg().exp();
    const below = centred.add(HALF_LEVEL).mul(inverse).logSigmoid(); //        log σ(a)
    const above = centred.sub(HALF_LEVEL).mul(inverse).neg().logSigmoid(); //  log σ(-b)
    const width = logOneMinusExp(inverse.mul(2 * HALF_LEVEL));
    const [first, last] = [images.less(HALF_LEVEL / 2), images.greater(1 - HALF_LEVEL / 2)];
    return first.where(below, last.where(above, below.add(above).add(width)));
  },
  mean: ([location]) => (location as Tensor).add(1).mul(0.5).clamp(0, 1),
});
