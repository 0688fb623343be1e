/** Losses: scalars to be made small. */
import { flattenRows, type Tensor } from "../tensor/index.ts";

/** Mean of -log softmax(logits)[target], in nats: logits [.., V], whole-number targets [..]. */
export function crossEntropy(logits: Tensor, targets: Tensor): Tensor {
  const logProbabilities = flattenRows(logits).logSoftmax(); // [N, V]
  return logProbabilities
    .takeAlong(targets.reshape([-1, 1]), 1)
    .mean()
    .neg();
}

/** Mean of (prediction - target)². */
export function meanSquaredError(prediction: Tensor, target: Tensor): Tensor {
  const difference = prediction.sub(target);
  return difference.mul(difference).mean();
}
