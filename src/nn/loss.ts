/**
 * Losses of classes and of numbers. Those that take logits never pass through a probability, whose logarithm would be
 * lost where it is near 0 or 1.
 *
 * N rows · V classes
 */
import { DTypeError, ShapeError } from "../errors.ts";
import { flattenRows, formatShape, type Operand, sameShape, staticShape, type Tensor } from "../tensor/index.ts";
import { requireOptions, requireTensors } from "./arguments.ts";
import { REDUCTION, type ReductionOption, reduce, requireAlike } from "./reduction.ts";

// Classes

/** How rows with a label count. */
export interface LabelOptions extends ReductionOption {
  /** Weight of each class [V]; the mean then divides by the sum of the weights of the labels. */
  readonly weights?: Tensor;
  /** Rows with this label do not count. */
  readonly ignoreIndex?: number;
}

/** How `crossEntropy` counts. */
export interface CrossEntropyOptions extends LabelOptions {
  /** Share of the target that is spread over all classes, from 0 to 1 (Szegedy et al. 2016). Default 0. */
  readonly smoothing?: number;
}

const LABELS = { ...REDUCTION, weights: "tensor", ignoreIndex: "number" } as const;

function requireLabels(loss: string, rows: Tensor, labels: Tensor): void {
  requireTensors(loss, rows, labels);
  if (labels.dtype !== "i32" && labels.dtype !== "i64")
    throw new DTypeError(`${loss}: expected labels of i32 or i64, got ${labels.dtype}; cast them with .cast("i32")`);
  if (!sameShape(rows.shape.slice(0, -1), labels.shape))
    throw new ShapeError(
      `${loss}: expected one label for each row of ${formatShape(rows.shape)}, got ${formatShape(labels.shape)}; classes are the last axis`,
    );
}

/** -log p[label] of every row of logP [N, V] as a column [N, 1], weighted and smoothed, and the weight of each row. */
function labelLosses(logP: Tensor, labels: Tensor, { smoothing = 0, weights, ignoreIndex }: CrossEntropyOptions) {
  const [V = 0] = staticShape([logP.dim(-1)], "crossEntropy");
  const ignored = ignoreIndex === undefined ? undefined : labels.equal(ignoreIndex);
  const inside = labels.clamp(0, V - 1);
  const valid = ignored ? inside.equal(labels).or(ignored) : inside.equal(labels);
  const picked = logP.takeAlong(inside, 1).add(valid.where(logP.like(0), Number.NaN)); // a label of no class: NaN
  const share = weights?.gather(inside);
  const own = share ? picked.mul(share) : picked;
  const spread = smoothing === 0 ? undefined : (weights ? logP.mul(weights) : logP).mean(1, true);
  const score = spread ? own.mul(1 - smoothing).add(spread.mul(smoothing)) : own;
  if (!ignored) return { score, share };
  return { score: ignored.where(0, score), share: ignored.where(0, share ?? logP.like(1)) };
}

function fromLogP(logP: Tensor, labels: Tensor, options: CrossEntropyOptions): Tensor {
  const { score, share } = labelLosses(flattenRows(logP), labels.reshape([-1, 1]), options);
  if (options.reduction === "none") return score.neg().reshape(labels.shape);
  const mean = options.reduction !== "sum";
  return share && mean ? score.sum().div(share.sum()).neg() : reduce(score, options.reduction).neg();
}

/**
 * Mean of -log softmax(logits)[target], in nats: logits [.., V], whole-number targets [..]. As
 * torch.nn.functional.cross_entropy, but that classes are the last axis. A target outside 0 to V - 1 that is not the
 * ignored one makes its row NaN, and with it a training step that says so. Throws ShapeError or DTypeError on targets
 * that do not fit.
 */
export function crossEntropy(logits: Tensor, targets: Tensor, options: CrossEntropyOptions = {}): Tensor {
  requireOptions("crossEntropy", options, { ...LABELS, smoothing: "number" });
  requireLabels("crossEntropy", logits, targets);
  return fromLogP(flattenRows(logits).logSoftmax(), targets, options);
}

/** Mean of -logP[target]: log-probabilities [.., V], whole-number targets [..]; otherwise as `crossEntropy`. */
export function negativeLogLikelihood(logP: Tensor, targets: Tensor, options: LabelOptions = {}): Tensor {
  requireOptions("negativeLogLikelihood", options, LABELS);
  requireLabels("negativeLogLikelihood", logP, targets);
  return fromLogP(logP, targets, options);
}

/** How `binaryCrossEntropy` counts. */
export interface BinaryOptions extends ReductionOption {
  /** Factor on the losses of positive targets: a number, or one for each of the last axis. */
  readonly positiveWeight?: Operand;
}

/** Mean of -y·log σ(x) - (1 - y)·log(1 - σ(x)): logits x and targets y from 0 to 1, of one shape. */
export function binaryCrossEntropy(logits: Tensor, targets: Tensor, options: BinaryOptions = {}): Tensor {
  requireOptions("binaryCrossEntropy", options, { ...REDUCTION, positiveWeight: "operand" });
  const { positiveWeight, reduction } = options;
  requireAlike("binaryCrossEntropy", logits, targets);
  const positive = targets.mul(logits.logSigmoid());
  const negative = targets.rsub(1).mul(logits.neg().logSigmoid());
  const score = (positiveWeight === undefined ? positive : positive.mul(positiveWeight)).add(negative);
  return reduce(score, reduction).neg();
}

/** What the targets of `klDivergence` are. */
export interface DivergenceOptions extends ReductionOption {
  /** Whether the target is log p. Default false. */
  readonly logTarget?: boolean;
}

/**
 * Mean over rows of Σ p·(log p - log q) along the last axis: log-probabilities log q and the target p, both [.., V].
 * For [N, V] this is torch's "batchmean". Kullback & Leibler 1951.
 */
export function klDivergence(logQ: Tensor, target: Tensor, options: DivergenceOptions = {}): Tensor {
  requireOptions("klDivergence", options, { ...REDUCTION, logTarget: "boolean" });
  const { logTarget = false, reduction } = options;
  requireAlike("klDivergence", logQ, target);
  const logP = logTarget ? target : target.greater(0).where(target, 1).log(); // 0·log 0 = 0
  const p = logTarget ? target.exp() : target;
  return reduce(p.mul(logP.sub(logQ)).sum(-1), reduction);
}

// Numbers

/** Mean of (prediction - target)². Throws ShapeError where the shapes differ. */
export function meanSquaredError(prediction: Tensor, target: Tensor, options: ReductionOption = {}): Tensor {
  requireOptions("meanSquaredError", options, REDUCTION);
  requireAlike("meanSquaredError", prediction, target);
  const difference = prediction.sub(target);
  return reduce(difference.mul(difference), options.reduction);
}

/** Mean of |prediction - target|. Throws ShapeError where the shapes differ. */
export function meanAbsoluteError(prediction: Tensor, target: Tensor, options: ReductionOption = {}): Tensor {
  requireOptions("meanAbsoluteError", options, REDUCTION);
  requireAlike("meanAbsoluteError", prediction, target);
  return reduce(prediction.sub(target).abs(), options.reduction);
}

/** Where a square becomes a line. */
export interface HuberOptions extends ReductionOption {
  /** Default 1. */
  readonly delta?: number;
}

/** Mean of d²/2 where |d| <= δ, δ·(|d| - δ/2) beyond; d = prediction - target. Huber 1964. */
export function huber(prediction: Tensor, target: Tensor, options: HuberOptions = {}): Tensor {
  requireOptions("huber", options, { ...REDUCTION, delta: "number" });
  const { delta = 1, reduction } = options;
  requireAlike("huber", prediction, target);
  const size = prediction.sub(target).abs();
  const near = size.minimum(delta);
  return reduce(near.mul(near).mul(0.5).add(size.sub(near).mul(delta)), reduction);
}

/** Where a square becomes a line. */
export interface SmoothL1Options extends ReductionOption {
  /** Default 1. */
  readonly beta?: number;
}

/** `huber` over its δ, here β: slope 1 beyond β. Girshick 2015, arXiv 1504.08083. */
export function smoothL1(prediction: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  requireOptions("smoothL1", options, { ...REDUCTION, beta: "number" });
  const { beta = 1, ...rest } = options;
  return huber(prediction, target, { ...rest, delta: beta }).div(beta);
}
