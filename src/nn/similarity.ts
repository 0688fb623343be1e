/**
 * How near two vectors are, and losses that pull some together and push others apart.
 *
 * N rows · C width
 */
import { ShapeError } from "../errors.ts";
import { arange, formatShape, type Operand, sameShape, type Tensor } from "../tensor/index.ts";
import { requireNumbers, requireOptions, requireTensors } from "./arguments.ts";
import { crossEntropy } from "./loss.ts";
import { REDUCTION, type ReductionOption, reduce, requireAlike } from "./reduction.ts";

/** x/max(‖x‖, 1e-12) along `axis`. */
export function normalize(x: Tensor, axis = -1): Tensor {
  requireTensors("normalize", x);
  requireNumbers("normalize", { axis });
  return x.mul(x.mul(x).sum(axis, true).maximum(1e-24).rsqrt());
}

/** a·b/(‖a‖‖b‖) along `axis`, from -1 to 1; norms below 1e-8 count as that. Throws ShapeError where shapes differ. */
export function cosineSimilarity(a: Tensor, b: Tensor, axis = -1): Tensor {
  requireAlike("cosineSimilarity", a, b);
  requireNumbers("cosineSimilarity", { axis });
  const scale = (x: Tensor) => x.mul(x).sum(axis).maximum(1e-16).rsqrt();
  return a.mul(b).sum(axis).mul(scale(a)).mul(scale(b));
}

/** How far apart is far enough. */
export interface MarginOptions extends ReductionOption {
  readonly margin?: number;
}

/** Mean of 1 - cos(a, b) where the target is 1, of max(0, cos(a, b) - margin) where it is -1: [N, C], [N, C], [N]. */
export function cosineEmbedding(a: Tensor, b: Tensor, targets: Tensor, options: MarginOptions = {}): Tensor {
  requireTensors("cosineEmbedding", a, b, targets);
  requireOptions("cosineEmbedding", options, { ...REDUCTION, margin: "number" });
  const { margin = 0, reduction } = options;
  const cosine = cosineSimilarity(a, b);
  if (!sameShape(cosine.shape, targets.shape))
    throw new ShapeError(
      `cosineEmbedding: expected targets ${formatShape(cosine.shape)}, got ${formatShape(targets.shape)}; give 1 or -1 for each row`,
    );
  return reduce(targets.greater(0).where(cosine.rsub(1), cosine.sub(margin).relu()), reduction);
}

/** How `contrastive` compares. */
export interface ContrastiveOptions {
  /** Divides the cosines; a tensor may be learnt. Default 0.07. */
  readonly temperature?: Operand;
  /** Whether b also looks for its partner in a, as in CLIP; otherwise InfoNCE. Default true. */
  readonly symmetric?: boolean;
}

/**
 * Row i of a [N, C] should find row i of b [N, C] among all rows by its cosine: the mean cross-entropy of
 * cos(a_i, b_j)/temperature over j. van den Oord et al. 2018, arXiv 1807.03748; Radford et al. 2021, arXiv 2103.00020.
 */
export function contrastive(a: Tensor, b: Tensor, options: ContrastiveOptions = {}): Tensor {
  requireOptions("contrastive", options, { temperature: "operand", symmetric: "boolean" });
  const { temperature = 0.07, symmetric = true } = options;
  requireAlike("contrastive", a, b);
  const logits = normalize(a).matmul(normalize(b), { transB: true }).div(temperature); // [N, N]
  const own = arange(a.dim(0));
  const forwards = crossEntropy(logits, own);
  return symmetric ? forwards.add(crossEntropy(logits.mT, own)).mul(0.5) : forwards;
}

/** ‖a - b + 1e-6‖ along the last axis, as torch has it: the small number keeps the slope finite where a = b. */
const distance = (a: Tensor, b: Tensor): Tensor => {
  const difference = a.sub(b).add(1e-6);
  return difference.mul(difference).sum(-1).sqrt();
};

/** Mean of max(0, ‖anchor - positive‖ - ‖anchor - negative‖ + margin), all [.., C]. Balntas et al. 2016. */
export function tripletMargin(anchor: Tensor, positive: Tensor, negative: Tensor, options: MarginOptions = {}): Tensor {
  requireOptions("tripletMargin", options, { ...REDUCTION, margin: "number" });
  const { margin = 1, reduction } = options;
  requireAlike("tripletMargin", anchor, positive);
  requireAlike("tripletMargin", anchor, negative);
  return reduce(distance(anchor, positive).sub(distance(anchor, negative)).add(margin).relu(), reduction);
}
