/**
 * From errors of a forecast to scores of anomalies, row by row, from the past alone (Ahmad et al. 2017, Unsupervised
 * real-time anomaly detection for streaming data: the anomaly likelihood).
 *
 *   Q(z) = P(Z > z) of a normal Z
 *   error:   z = (mean of the last few |e| - mean of |e| before)/(their deviation)        how unlikely the recent errors are
 *   level:   z = |x - mean of x before|/(their deviation)                                 how unlikely the value itself is
 *   score = -log10 Q(z of error) - log10 Q(z of level), each 10 at most
 *
 * A score that is not above all of the last few is 0: an alarm is raised once.
 */
import { pastOf } from "./series.ts";

/** Coefficients of erfc's rational approximation, relative error below 1.2e-7 (Press et al., Numerical Recipes, §6.2). */
const ERFC = [
  -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
  0.17087277,
] as const;

/** ln Q(z) of z ≥ 0, however small Q is. */
function logTail(z: number): number {
  const x = z / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  return Math.log(t / 2) - x * x + ERFC.reduceRight<number>((sum, c) => sum * t + c, 0);
}

/** P(Z > z). */
export const tail = (z: number): number => (z >= 0 ? Math.exp(logTail(z)) : 1 - Math.exp(logTail(-z)));

const MOST = 10;
/** -log10 Q(z): 0.3 of what is usual, 3 of one in a thousand, 10 at most. */
export const surprise = (z: number): number =>
  Math.min(MOST, (z >= 0 ? -logTail(z) : -Math.log1p(-Math.exp(logTail(-z)))) / Math.LN10);

/** How scores are made. */
export interface Likelihood {
  /** Errors that are averaged. */
  readonly average: number;
  /** Errors before, that they are compared with. */
  readonly history: number;
  /** Values before, that a value is compared with; 0 leaves it out. */
  readonly levels: number;
  /** Rows after one score during which only a higher one counts. */
  readonly pause: number;
}

/** Rows of which there must be as many before one is scored. */
const FEWEST = 20;
const LEAST = 1e-6;

/** Means of the last `length` numbers up to each. */
function movingMean(numbers: Float64Array, length: number): Float64Array {
  const { mean } = pastOf([...numbers, 0], length);
  return mean.subarray(1);
}

/** How unlikely the errors of late are: [N]. `errors` are of all rows but the first. */
function unlikelyErrors(errors: Float64Array, { average, history }: Likelihood): Float64Array {
  const sizes = errors.map(Math.abs);
  const recent = movingMean(sizes, average);
  const { mean, deviation } = pastOf(sizes, history);
  return recent.map((own, n) =>
    n < FEWEST ? 0 : surprise((own - (mean[n] ?? 0)) / Math.max(deviation[n] ?? 0, LEAST)),
  );
}

/** How unlikely each value is among those before: [N]. */
function unlikelyLevels(values: Float64Array, levels: number): Float64Array {
  const { mean, deviation } = pastOf(values, levels);
  return values.map((value, n) => {
    const least = Math.max(deviation[n] ?? 0, LEAST * Math.abs(mean[n] ?? 0), Number.MIN_VALUE);
    return n < FEWEST ? 0 : surprise(Math.abs(value - (mean[n] ?? 0)) / least);
  });
}

/** Both together: how odd each row is, 0 to 20: [N]. `errors` are of all rows, the first one's 0. */
export function oddness(values: Float64Array, errors: Float64Array, how: Likelihood): Float64Array {
  const own = unlikelyErrors(errors.subarray(1), how);
  const level = how.levels > 0 ? unlikelyLevels(values, how.levels) : new Float64Array(values.length);
  return level.map((odd, n) => odd + (n > 0 ? (own[n - 1] ?? 0) : 0));
}

/** Scores of which each is above those of the `pause` rows before; what is not is 0. */
export function raised(scores: Float64Array, pause: number): Float64Array {
  const falling: number[] = []; // rows within reach whose scores fall; the first one holds the highest
  let start = 0;
  return scores.map((score, n) => {
    while (start < falling.length && (falling[start] ?? 0) < n - pause) start++;
    const highest = start < falling.length ? (scores[falling[start] ?? 0] ?? 0) : Number.NEGATIVE_INFINITY;
    while (falling.length > start && (scores[falling.at(-1) ?? 0] ?? 0) <= score) falling.pop();
    falling.push(n);
    return score > highest ? score : 0;
  });
}
