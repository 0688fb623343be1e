/**
 * From errors of a forecast to how odd each row is, from the rows before it alone: conformal p-values (Laxhammar & Falkman
 * 2014), which need no distribution.
 *
 *   p of a = (1 + how many before are no less)/(1 + how many are before)
 *            beyond the farthest one so far, f:   · (f/a)^4, a thousandth at least      a tail that falls by a power
 *   level:   p of |x_t - mean of x_0 .. x_t-1|
 *   error:   p of the mean of the last few |e|
 *   score = -log10 p, weighed: (1 - w)·level + w·error                  3 is one in a thousand, as seen so far
 *
 * An alarm is raised once: a score that is not above all of the last few counts as 0.
 */
import { pastOf } from "./series.ts";

/** ln of the coefficients of erfc's rational approximation, relative error below 1.2e-7 (Press et al., Numerical Recipes, §6.2). */
const ERFC = [
  -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587, -0.82215223,
  0.17087277,
] as const;

/** Q(z) = P(Z > z) of a normal Z. */
export function tail(z: number): number {
  if (z < 0) return 1 - tail(-z);
  const x = z / Math.SQRT2;
  const t = 1 / (1 + x / 2);
  return (t / 2) * Math.exp(ERFC.reduceRight<number>((sum, c) => sum * t + c, 0) - x * x);
}

/** How scores are made. */
export interface Likelihood {
  /** Errors that are averaged. */
  readonly recent: number;
  /** How much errors count, 0 to 1; the rest is the level. */
  readonly errors: number;
  /** Rows after one score during which only a higher one counts. */
  readonly pause: number;
}

/** Counts of numbers by rank, which are added to and summed in log time (Fenwick 1994). */
class Counts {
  readonly #sums: Int32Array;
  constructor(ranks: number) {
    this.#sums = new Int32Array(ranks + 1);
  }
  add(rank: number): void {
    for (let i = rank + 1; i < this.#sums.length; i += i & -i) this.#sums[i] = (this.#sums[i] ?? 0) + 1;
  }
  /** How many have a lower rank. */
  below(rank: number): number {
    let sum = 0;
    for (let i = rank; i > 0; i -= i & -i) sum += this.#sums[i] ?? 0;
    return sum;
  }
}

/** The place of each number among all different ones. */
function ranksOf(numbers: Float64Array): { ranks: Int32Array; count: number } {
  const rising = [...new Set(numbers)].sort((a, b) => a - b);
  const places = new Map(rising.map((number, rank) => [number, rank]));
  return { ranks: Int32Array.from(numbers, (number) => places.get(number) ?? 0), count: rising.length };
}

/** Numbers of which there must be as many before one is judged. */
const FEWEST = 100;
const POWER = 4;
const BEYOND = 3;

/** -log10 p of each number among those before it: [N]. Later ones only say where a rank stands, not what is counted. */
export function unlikely(numbers: Float64Array): Float64Array {
  const { ranks, count } = ranksOf(numbers);
  const counts = new Counts(count);
  let farthest = 0;
  return numbers.map((number, n) => {
    const rank = ranks[n] ?? 0;
    const above = n - counts.below(rank);
    const beyond = above === 0 && number > farthest ? Math.min(BEYOND, POWER * Math.log10(number / farthest)) : 0;
    counts.add(rank);
    farthest = Math.max(farthest, number);
    return n < FEWEST ? 0 : Math.log10((n + 1) / (above + 1)) + beyond;
  });
}

/** How far each value is from the mean of those before it, and how unlikely that is: [N]. */
export function unlikelyLevels(values: Float64Array): Float64Array {
  const { mean } = pastOf(values, Number.POSITIVE_INFINITY);
  return unlikely(values.map((value, n) => (n === 0 ? 0 : Math.abs(value - (mean[n] ?? 0)))));
}

/** Means of the last `length` numbers up to each. */
function movingMean(numbers: Float64Array, length: number): Float64Array {
  const { mean } = pastOf([...numbers, 0], length);
  return mean.subarray(1);
}

/** How odd each row is: [N]. `errors` are of all rows, the first one's 0. */
export function oddness(values: Float64Array, errors: Float64Array, how: Likelihood): Float64Array {
  const level = unlikelyLevels(values);
  const error = unlikely(movingMean(errors.map(Math.abs), how.recent));
  return level.map((odd, n) => (1 - how.errors) * odd + how.errors * (error[n] ?? 0));
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
