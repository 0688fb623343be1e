/** Metrics of numbers, and of losses. */
import { ShapeError } from "../errors.ts";
import { eachPair, type Metric, metric, type Numbers, numberAt, requireLists } from "./metric.ts";

/** The mean of something about each pair, and what is made of it. */
const meanOf = (name: string, error: (difference: number) => number, finish = (mean: number): number => mean): Metric =>
  metric(name, "lower", {
    start: () => ({ sum: 0, count: 0 }),
    add(sums, predictions: Numbers, targets: Numbers) {
      eachPair(name, predictions, targets, (prediction, target) => {
        sums.sum += error(prediction - target);
        sums.count++;
      });
    },
    value: ({ sum, count }) => finish(sum / count),
  });

/** Mean of |prediction - target|. NaN of nothing. */
export const meanAbsoluteError = (): Metric => meanOf("meanAbsoluteError", Math.abs);

/** √ of the mean of (prediction - target)². NaN of nothing. */
export const rootMeanSquaredError = (): Metric => meanOf("rootMeanSquaredError", (d) => d * d, Math.sqrt);

/**
 * 1 - Σ (prediction - target)²/Σ (target - mean)²: 1 where all is explained, 0 for the mean. Of targets that are all alike 1
 * where the predictions are right and 0 otherwise, of fewer than two NaN, as scikit-learn's.
 */
export const r2 = (): Metric =>
  metric("r2", "higher", {
    start: () => ({ count: 0, mean: 0, spread: 0, errors: 0 }),
    add(sums, predictions: Numbers, targets: Numbers) {
      eachPair("r2", predictions, targets, (prediction, target) => {
        const before = target - sums.mean;
        sums.mean += before / ++sums.count;
        sums.spread += before * (target - sums.mean); // Welford 1962
        sums.errors += (prediction - target) ** 2;
      });
    },
    value({ count, spread, errors }) {
      if (count < 2) return Number.NaN;
      return spread === 0 ? Number(errors === 0) : 1 - errors / spread;
    },
  });

/**
 * e to the mean loss in nats: mean losses of parts of a text and, where the parts differ in length, how many tokens each
 * of them has. NaN of nothing. Throws ShapeError where there are more counts than losses or fewer.
 */
export const perplexity = (): Metric<[losses: Numbers, tokens?: Numbers]> =>
  metric("perplexity", "lower", {
    start: () => ({ sum: 0, count: 0 }),
    add(sums, losses: Numbers, tokens?: Numbers) {
      requireLists("perplexity", losses, tokens ?? []);
      if (tokens && tokens.length !== losses.length)
        throw new ShapeError(
          `perplexity: expected a number of tokens for each loss, got ${tokens.length} and ${losses.length}; give both for the same parts`,
        );
      for (let i = 0; i < losses.length; i++) {
        const count = tokens ? numberAt("perplexity", tokens, i) : 1;
        sums.sum += numberAt("perplexity", losses, i) * count;
        sums.count += count;
      }
    },
    value: ({ sum, count }) => Math.exp(sum / count),
  });
