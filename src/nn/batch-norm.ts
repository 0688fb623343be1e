/**
 * Batch normalisation (Ioffe & Szegedy 2015, arXiv 1502.03167): (x - μ)/√(σ² + ε)·w + b for every channel.
 *
 * In training μ and σ² are those of the batch, and running ones are kept, r' = (1 - momentum)·r + momentum·new, of which
 * the variance divides by n - 1; otherwise the running ones are used.
 *
 * N batch · C channels · L, H, W places · n values of a channel in the batch
 */
import { ShapeError } from "../errors.ts";
import { buffer, formatShape, sizeOf, type Tensor } from "../tensor/index.ts";
import { constantInit } from "./init.ts";
import { isTraining, update } from "./mode.ts";
import { tensorLayer } from "./module.ts";
import { affineParts, perChannel, requireNorm, scaleChannels } from "./norm.ts";

/** How a batch normalisation learns. */
export interface BatchNormOptions<A extends boolean = boolean> {
  /** Share of the new statistics in the running ones. Default 0.1. */
  readonly momentum?: number;
  /** Whether there is a weight and a bias. Default true. */
  readonly affine?: A;
}

interface Running {
  readonly running_mean: Tensor;
  readonly running_var: Tensor;
  readonly num_batches_tracked: Tensor;
}

const blend = (old: Tensor, next: Tensor, momentum: number): Tensor =>
  old.mul(1 - momentum).add(next.reshape(old.shape).mul(momentum));

/** x with the statistics of its batch, which the running ones take in. */
function byBatch(x: Tensor, running: Running, epsilon: number, momentum: number): Tensor {
  const axes = x.shape.map((_, i) => i).filter((i) => i !== 1);
  if (sizeOf(axes.map((axis) => x.shape[axis] ?? 1)) === 1)
    throw new ShapeError(
      `BatchNorm: expected more than one value per channel in training, got ${formatShape(x.shape)}; use a larger batch`,
    );
  const mean = x.mean(axes, true); //                     [1, C, 1..]
  const variance = x.variance(axes, true); //             [1, C, 1..]
  update(running.running_mean, blend(running.running_mean, mean, momentum));
  update(running.running_var, blend(running.running_var, x.variance(axes, true, 1), momentum));
  update(running.num_batches_tracked, running.num_batches_tracked.add(1));
  return x.sub(mean).mul(variance.add(epsilon).rsqrt());
}

const byRunning = (x: Tensor, { running_mean, running_var }: Running, epsilon: number): Tensor =>
  x.sub(perChannel(running_mean, x)).mul(perChannel(running_var.add(epsilon).rsqrt(), x));

function batchNorm<A extends boolean>(
  name: string,
  ranks: readonly number[],
  C: number,
  epsilon: number,
  options: BatchNormOptions<A>,
) {
  requireNorm(name, { C }, epsilon, options, { momentum: "number", affine: "boolean" });
  const { momentum = 0.1, affine } = options;
  const parts = {
    ...affineParts<A, true>([C], { affine }),
    running_mean: buffer([C], constantInit(0)),
    running_var: buffer([C], constantInit(1)),
    num_batches_tracked: buffer([], constantInit(0), "i64"),
  };
  return tensorLayer(name, parts, ({ weight, bias, ...running }, x: Tensor) => {
    if (!ranks.includes(x.rank) || x.shape[1] !== C)
      throw new ShapeError(
        `${name}: expected rank ${ranks.join(" or ")} with ${C} channels on axis 1, got ${formatShape(x.shape)}; reshape the input or change the layer`,
      );
    const normal = isTraining() ? byBatch(x, running, epsilon, momentum) : byRunning(x, running, epsilon);
    return scaleChannels(normal, weight, bias);
  });
}

/** x [N, C] or [N, C, L] -> the same shape. Throws ShapeError on others, and for a single value per channel in training. */
export const BatchNorm1d = <A extends boolean = true>(C: number, epsilon = 1e-5, options: BatchNormOptions<A> = {}) =>
  batchNorm("BatchNorm1d", [2, 3], C, epsilon, options);

/** x [N, C, H, W] -> the same shape. Throws ShapeError on others, and for a single value per channel in training. */
export const BatchNorm2d = <A extends boolean = true>(C: number, epsilon = 1e-5, options: BatchNormOptions<A> = {}) =>
  batchNorm("BatchNorm2d", [4], C, epsilon, options);
