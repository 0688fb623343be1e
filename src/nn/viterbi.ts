/**
 * The best sequence of tags (Viterbi 1967). On the host: it is K² additions a step, nothing beside the network that gave
 * the emissions; rules about which tag may follow which come and go without another graph; and the path is read backwards.
 *
 * T steps · K tags
 */
import { DataError, ShapeError, shown } from "../errors.ts";
import { requireRecord } from "../tensor/index.ts";

/** What tags and pairs of tags score by themselves, as numbers; -Infinity forbids. */
export interface ChainScores {
  /** From the tag of the row to that of the column: K·K numbers, row by row. */
  readonly transitions: ArrayLike<number>;
  /** Of the first tag: K numbers. */
  readonly start: ArrayLike<number>;
  /** Of the last tag: K numbers. */
  readonly end: ArrayLike<number>;
}

function requireSizes(emissions: ArrayLike<number>, scores: ChainScores): void {
  const { transitions, start, end } = requireRecord("viterbi", "scores", scores);
  const K = start?.length;
  if (K > 0 && end?.length === K && transitions?.length === K * K && emissions?.length % K === 0) return;
  const got = [emissions, transitions, start, end].map((list) => list?.length ?? shown(list)).join(", ");
  throw new ShapeError(
    `viterbi: expected T·K emissions, K·K transitions, and K scores of the first and of the last tag, got ${got}; give them row by row`,
  );
}

const hasNaN = (scores: ArrayLike<number>): boolean => Array.prototype.some.call(scores, Number.isNaN);

function requireComparable(emissions: ArrayLike<number>, { transitions, start, end }: ChainScores): void {
  if ([emissions, transitions, start, end].some(hasNaN))
    throw new DataError("viterbi: expected scores that can be compared, got NaN; look at what computed them");
}

/** The best way to each tag of the next step: its scores, and where it came from, written to `from`. */
function advance(before: Float64Array, transitions: ArrayLike<number>, from: Int32Array): Float64Array<ArrayBuffer> {
  const K = before.length;
  const best = new Float64Array(K).fill(Number.NEGATIVE_INFINITY);
  for (let i = 0; i < K; i++)
    for (let j = 0; j < K; j++) {
      const score = (before[i] ?? 0) + Number(transitions[i * K + j]);
      if (score <= (best[j] ?? 0)) continue;
      best[j] = score;
      from[j] = i;
    }
  return best;
}

const highest = (scores: Float64Array): number =>
  scores.reduce((best, score, k) => (score > (scores[best] ?? 0) ? k : best), 0);

/**
 * The tags whose scores sum highest, the first of equals: emissions of T·K numbers, row by row -> T tags.
 * Throws ShapeError where sizes do not fit, and DataError where a score is NaN.
 */
export function viterbi(emissions: ArrayLike<number>, scores: ChainScores): Int32Array {
  requireSizes(emissions, scores);
  requireComparable(emissions, scores);
  const { transitions, start, end } = scores;
  const K = start.length;
  const T = emissions.length / K;
  const from = Array.from({ length: T }, () => new Int32Array(K));
  let sums = Float64Array.from(start);
  for (let t = 0; t < T; t++) {
    if (t > 0) sums = advance(sums, transitions, from[t] as Int32Array);
    for (let k = 0; k < K; k++) sums[k] = (sums[k] ?? 0) + Number(emissions[t * K + k]);
  }
  const path = new Int32Array(T);
  if (T > 0) path[T - 1] = highest(sums.map((sum, k) => sum + Number(end[k])));
  for (let t = T - 1; t > 0; t--) path[t - 1] = from[t]?.[path[t] ?? 0] ?? 0;
  return path;
}
