/**
 * Linear-chain conditional random field (Lafferty et al. 2001): the score of a sequence of tags, and its logarithm of a
 * probability among all sequences of tags, by the forward algorithm in log space.
 *
 *   s(y) = start[y_1] + Σ_t e_t[y_t] + Σ_t A[y_t, y_t+1] + end[y_n]    -log p(y) = log Σ_y' exp s(y') - s(y)
 *
 * Parts as in pytorch-crf 0.7.2 (kmkurn/pytorch-crf).
 *
 * B rows · T steps · K tags
 */
import { DTypeError, ShapeError } from "../errors.ts";
import { scan } from "../graph/index.ts";
import { arange, formatShape, isFloat, parameter, sameShape, staticShape, type Tensor } from "../tensor/index.ts";
import { requireOptions, requireSizes, requireTensors } from "./arguments.ts";
import { uniformInit } from "./init.ts";
import { module } from "./module.ts";
import { activeSteps } from "./recurrence/reading.ts";
import { REDUCTION, type ReductionOption, reduce } from "./reduction.ts";

/** What tags and pairs of tags score by themselves. */
export interface CRFScores {
  /** From the tag of the row to that of the column: [K, K]. */
  readonly transitions: Tensor;
  /** Of the first tag: [K]. */
  readonly start_transitions: Tensor;
  /** Of the last tag: [K]. */
  readonly end_transitions: Tensor;
}

/** Throws where emissions, tags, lengths and scores do not belong together. */
function requireChain(emissions: Tensor, tags: Tensor, lengths: Tensor, scores: CRFScores): void {
  const { transitions, start_transitions, end_transitions } = (scores ?? {}) as CRFScores;
  requireTensors("crf", emissions, tags, lengths, transitions, start_transitions, end_transitions);
  const K = emissions.dim(-1);
  if (emissions.shape[1] === 0)
    throw new ShapeError(
      `crf: expected at least one step, got emissions ${formatShape(emissions.shape)}; pad rows of length 0`,
    );
  if (emissions.rank !== 3 || !sameShape(emissions.shape.slice(0, 2), tags.shape))
    throw new ShapeError(
      `crf: expected emissions [B, T, K] and tags [B, T], got ${formatShape(emissions.shape)} and ${formatShape(tags.shape)}; give one tag for each step`,
    );
  const fits =
    sameShape(transitions.shape, [K, K]) && [start_transitions, end_transitions].every((s) => s.dim(0) === K);
  if (!fits)
    throw new ShapeError(
      `crf: expected transitions [${K}, ${K}] for emissions ${formatShape(emissions.shape)}, got ${formatShape(transitions.shape)}; make the emissions as wide as there are tags`,
    );
  if (!isFloat(emissions.dtype) || isFloat(tags.dtype) || tags.dtype === "bool")
    throw new DTypeError(
      `crf: expected emissions of floats and tags of whole numbers, got ${emissions.dtype} and ${tags.dtype}; cast them`,
    );
}

/** Scores [B, K] without what they have in common, and that: their log Σ exp [B, 1]. */
function common(scores: Tensor): [alpha: Tensor, sum: Tensor] {
  const sum = scores.logSumExp(1, true);
  return [scores.sub(sum), sum];
}

/**
 * log Σ_y exp s(y) over all y of each row: emissions [B, T, K], of which those that count are `active` [B, T, 1] -> [B].
 * What all tags have in common is taken out at every step, so that scores stay small, and float32 keeps its digits,
 * however long the row is.
 */
function logPartition(emissions: Tensor, active: Tensor, scores: CRFScores): Tensor {
  const [first, rest] = [emissions.slice(1, 0, 1).squeeze(1), emissions.slice(1, 1)];
  const step = (alpha: Tensor, { e, counts }: { e: Tensor; counts: Tensor }): [Tensor, Tensor] => {
    const [next, sum] = common(alpha.unsqueeze(2).add(scores.transitions).logSumExp(1).add(e)); // [B, K, K] -> [B, K]
    return [counts.where(next, alpha), counts.where(sum, 0)];
  };
  const [start, sum] = common(scores.start_transitions.add(first));
  const [alpha, sums] = scan(step, start, { e: rest, counts: active.slice(1, 1) });
  const end = alpha.add(scores.end_transitions).logSumExp(1);
  return end.add(sum.squeeze(1)).add(sums.squeeze(2).sum(1));
}

/** s(y) of the given tags [B, T]: [B]. */
function scoreOf(emissions: Tensor, tags: Tensor, lengths: Tensor, scores: CRFScores): Tensor {
  const [K = 0] = staticShape([emissions.dim(-1)], "crf");
  const places = arange(tags.dim(1), lengths.dtype === "i64" ? "i64" : "i32");
  const counts = places.less(lengths.unsqueeze(1)); // [B, T]
  const last = places.equal(counts.cast(lengths.dtype).sum(1, true).sub(1));
  const own = emissions.takeAlong(tags.unsqueeze(2), 2).squeeze(2);
  const ends = last.where(scores.end_transitions.gather(tags), 0);
  const starts = places.equal(0).where(scores.start_transitions.gather(tags), 0);
  const pairs = tags.slice(1, 0, -1).mul(K).add(tags.slice(1, 1)); // [B, T - 1]
  const moves = counts.slice(1, 1).where(scores.transitions.reshape([K * K]).gather(pairs), 0);
  return counts.where(own.add(starts).add(ends), 0).sum(1).add(moves.sum(1));
}

/**
 * -log p of the tags of each row: emissions [B, T, K], whole-number tags [B, T], of which the first lengths [B] count, T
 * at most. Mean over the rows, unless `reduction` says otherwise. A row of length 0 has one sequence of tags, whose loss is 0;
 * what stands behind a row's length changes nothing; a tag outside 0 to K - 1 makes its row NaN. T is 1 or more.
 * Throws ShapeError or DTypeError where they do not belong together.
 */
export function crfLoss(
  emissions: Tensor,
  tags: Tensor,
  lengths: Tensor,
  scores: CRFScores,
  options: ReductionOption = {},
): Tensor {
  requireOptions("crfLoss", options, REDUCTION);
  requireChain(emissions, tags, lengths, scores);
  const active = activeSteps(emissions, lengths);
  const within = active.squeeze(2);
  const [K = 0] = staticShape([emissions.dim(-1)], "crf");
  const meant = within.where(tags, 0);
  const known = meant.clamp(0, K - 1);
  const counted = active.where(emissions, 0);
  const losses = logPartition(counted, active, scores).sub(scoreOf(counted, known, lengths, scores));
  const odd = known.equal(meant).where(counted.like(0), Number.NaN).sum(1); // a tag of no class: NaN
  return reduce(lengths.greater(0).where(losses.add(odd), 0), options.reduction);
}

/**
 * A linear-chain CRF over K tags: emissions [B, T, K], tags [B, T], lengths [B] -> the mean of -log p of the rows' tags,
 * as `crfLoss`. Parts and initial values, uniform in ±0.1, as in pytorch-crf.
 */
export const CRF = (K: number, options: ReductionOption = {}) => {
  requireSizes("CRF", { K });
  requireOptions("CRF", options, REDUCTION);
  const init = uniformInit(0.1);
  return module(
    "CRF",
    {
      transitions: parameter([K, K], init),
      start_transitions: parameter([K], init),
      end_transitions: parameter([K], init),
    },
    (scores, emissions: Tensor, tags: Tensor, lengths: Tensor) => crfLoss(emissions, tags, lengths, scores, options),
  );
};
