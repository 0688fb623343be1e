import type { Tensor } from "../tensor/index.ts";

/** softmax over the last axis of `scores` where they are `seen`; 0 for all others, for a row of which nothing is seen too. */
export function softmaxWhere(scores: Tensor, seen: Tensor): Tensor {
  const weights = seen.where(scores, -3e38).softmax();
  return seen.where(weights, 0);
}
