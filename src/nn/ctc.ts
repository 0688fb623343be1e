/**
 * Connectionist temporal classification (Graves et al. 2006): the probability that a network, which says something at
 * every step, gives to a text of which nobody says where its letters are. A path says one class at each step, 0 for
 * nothing; the text is what remains of it when repetitions and then zeros are taken out. The loss is -log of the sum over
 * all paths of a text, summed step by step over the text with blanks around its letters, in logarithms:
 *
 *   α'(s) = log(e^α(s) + e^α(s-1) + e^α(s-2)) + log p(s),   α(s-2) only where s is a letter other than that of s-2
 *
 * B rows · T steps · K classes · L letters · S = 2L + 1
 */
import { DTypeError, ShapeError } from "../errors.ts";
import { scan } from "../graph/index.ts";
import { arange, formatShape, isFloat, stack, staticShape, type Tensor, zeros } from "../tensor/index.ts";
import { requireOptions, requireTensors } from "./arguments.ts";
import { activeSteps } from "./recurrence/reading.ts";
import { REDUCTION, type ReductionOption, reduce } from "./reduction.ts";

/** How `ctcLoss` counts. */
export interface CTCOptions extends ReductionOption {
  /** Whether rows with more letters than steps can hold count 0 instead of infinity. Default false. */
  readonly zeroInfinity?: boolean;
}

/** log 0, as far as sums and their gradients stay finite; nothing above the half of it is possible. */
const IMPOSSIBLE = -1e30;

function requireCounts(what: string, counts: Tensor, B: Tensor["shape"][number] | undefined): void {
  if (counts.rank !== 1 || counts.shape[0] !== B)
    throw new ShapeError(`ctcLoss: expected ${what} [${B}], got ${formatShape(counts.shape)}; give one for each row`);
}

function requireText(logits: Tensor, labels: Tensor, lengths: Tensor, labelLengths: Tensor): void {
  requireTensors("ctcLoss", logits, labels, lengths, labelLengths);
  if (logits.rank !== 3 || !isFloat(logits.dtype))
    throw new ShapeError(`ctcLoss: expected float logits [B, T, K], got ${logits.dtype}${formatShape(logits.shape)}`);
  const B = logits.shape[0];
  if (labels.rank !== 2 || labels.shape[0] !== B)
    throw new ShapeError(
      `ctcLoss: expected labels [${B}, L], got ${formatShape(labels.shape)}; pad them to one length`,
    );
  requireCounts("lengths", lengths, B);
  requireCounts("labelLengths", labelLengths, B);
  for (const whole of [labels, lengths, labelLengths])
    if (whole.dtype !== "i32" && whole.dtype !== "i64")
      throw new DTypeError(`ctcLoss: expected labels and lengths of i32 or i64, got ${whole.dtype}; cast them`);
}

/** labels [B, L] -> 0, first, 0, second, .., 0: [B, S]. */
function withBlanks(labels: Tensor): Tensor {
  const [B = 0, L = 0] = labels.shape;
  const blank = zeros([B, 1], labels.dtype);
  if (L === 0) return blank;
  const pairs = stack([labels.zerosLike(), labels], 2).rearrange("b l two -> b (l two)");
  return pairs.concat([blank], 1);
}

/** places [B, S] -> 0 where a path may come from two places before, else log 0: a letter may follow another without a blank. */
function skips(places: Tensor, like: Tensor): Tensor {
  const before = places.pad([0, 2], [0, 0]).slice(1, 0, -2);
  return places.equal(before).where(like.like(IMPOSSIBLE), 0);
}

/** log p [B, T, K] of the class at each place [B, S], as [B, T, S]: a product with zeros and ones, whose gradient is one too. */
const picked = (logP: Tensor, places: Tensor, K: number): Tensor =>
  logP.matmul(places.oneHot(K, logP.dtype === "f64" ? "f64" : "f32"), { transB: true });

/** log(e^a + e^b + e^c). */
function logAdd(a: Tensor, b: Tensor, c: Tensor): Tensor {
  const top = a.maximum(b).maximum(c).stopGradient();
  const sum = a.sub(top).exp().add(b.sub(top).exp()).add(c.sub(top).exp());
  return sum.log().add(top);
}

/** α [B, S] after the last step of each row, from emissions log p [B, T, S]. */
function lastSums(emissions: Tensor, skip: Tensor, active: Tensor): Tensor {
  const [B = 0, S = 0] = skip.shape;
  const start = arange(S).equal(0).where(skip.like(0), IMPOSSIBLE).expand([B, S]);
  const step = (alpha: Tensor, { logP, counts }: { logP: Tensor; counts: Tensor }) => {
    const wide = alpha.pad([0, 2], [0, 0], IMPOSSIBLE);
    const [one, two] = [wide.slice(1, 1, -1), wide.slice(1, 0, -2).add(skip)];
    return [counts.where(logAdd(alpha, one, two).add(logP), alpha), {}] as const;
  };
  const [last] = scan(step, start, { logP: emissions, counts: active });
  return last;
}

/**
 * -log of the probability of each row's text [B]; infinity where it has more letters than fit, NaN where one is no class or
 * not there at all.
 */
function negativeLogs(logits: Tensor, labels: Tensor, lengths: Tensor, labelLengths: Tensor): Tensor {
  const [K = 0] = staticShape([logits.dim(2)], "ctcLoss");
  const active = activeSteps(logits, lengths);
  const logP = active.where(logits, 0).logSoftmax().maximum(IMPOSSIBLE);
  const read = arange(labels.dim(1)).less(labelLengths.cast("i32").unsqueeze(1)); // [B, L]
  const letters = read.where(labels.clamp(1, K - 1), 0);
  const known = read.and(letters.equal(labels)).cast("i32").sum(1);
  const places = withBlanks(letters);
  const last = lastSums(picked(logP, places, K), skips(places, logP), active);
  const ends = labelLengths
    .cast("i32")
    .mul(2)
    .unsqueeze(1)
    .sub(arange(places.dim(1))); // 0 at the last blank, 1 at the last letter
  const total = ends.equal(0).or(ends.equal(1)).where(last, IMPOSSIBLE).logSumExp(1);
  const loss = total.less(IMPOSSIBLE / 2).where(Number.POSITIVE_INFINITY, total.neg());
  return known.equal(labelLengths.cast("i32")).where(loss, Number.NaN);
}

/**
 * -log of the probability of a text, in nats: logits [B, T, K] with class 0 for nothing, labels [B, L] from 1 to K - 1, of
 * which the first labelLengths [B] count, and lengths [B], the steps that count. As torch.nn.functional.ctc_loss, but
 * batch first and before the softmax: `"mean"` divides each row's loss by its number of letters, `"none"` gives [B]. What
 * stands behind the lengths changes nothing. A row with more letters than its steps can hold (letters, and one more step
 * between two that are alike) is infinite and has no gradient; a label of no class, or more of them than L,
 * makes its row NaN. Throws ShapeError or DTypeError on what does not fit together.
 */
export function ctcLoss(
  logits: Tensor,
  labels: Tensor,
  lengths: Tensor,
  labelLengths: Tensor,
  options: CTCOptions = {},
): Tensor {
  requireOptions("ctcLoss", options, { ...REDUCTION, zeroInfinity: "boolean" });
  requireText(logits, labels, lengths, labelLengths);
  const { reduction = "mean", zeroInfinity = false } = options;
  const rows = negativeLogs(logits, labels, lengths, labelLengths);
  const losses = zeroInfinity ? rows.equal(Number.POSITIVE_INFINITY).where(0, rows) : rows;
  if (reduction !== "mean") return reduce(losses, reduction);
  return losses.div(labelLengths.cast(losses.dtype).maximum(1)).mean();
}
