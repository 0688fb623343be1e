/** From hidden states to one vector a row. B batch · T positions · C width */
import { arange, type Tensor } from "../tensor/index.ts";
import { requireSizes, requireTensors } from "./arguments.ts";
import { Linear } from "./linear.ts";
import { module } from "./module.ts";
import { activeSteps } from "./recurrence/reading.ts";
import { softmaxWhere } from "./softmax-where.ts";

/** Which of T positions come before lengths [B]: [B, T]. */
const within = (x: Tensor, lengths: Tensor): Tensor => activeSteps(x, lengths).squeeze(2);

/** x [B, T, C] at the last position of each row -> [B, C]. A row of length 0 gives zeros. */
export function atLast(x: Tensor, lengths: Tensor): Tensor {
  const count = within(x, lengths).cast("i32").sum(1, true); // [B, 1], T at most
  const last = arange(x.dim(1)).equal(count.sub(1)); // [B, T]
  return last.unsqueeze(2).where(x, 0).sum(1);
}

/** The mean of x [B, T, C] over the positions of each row -> [B, C]. A row of length 0 gives zeros. */
export function meanOf(x: Tensor, lengths: Tensor): Tensor {
  const active = activeSteps(x, lengths);
  return active.where(x, 0).sum(1).div(active.cast(x.dtype).sum(1).maximum(1));
}

/** The largest of x [B, T, C] over the positions of each row -> [B, C]. A row of length 0 gives zeros. */
export function maxOf(x: Tensor, lengths: Tensor): Tensor {
  const largest = within(x, lengths).unsqueeze(2).where(x, -3e38).max(1);
  return lengths.greater(0).unsqueeze(1).where(largest, 0);
}

/**
 * A mean of x [B, T, C] whose weights are learned (Yang et al. 2016, HAN): [x [B, C], weights [B, T]].
 *
 *   u = tanh(W x + b)    a = softmax(v·u) over the positions of each row    y = Σ a x
 *
 * A row of length 0 gives zeros and weighs nothing.
 */
export const AttentionPooling = (C: number) => {
  requireSizes("AttentionPooling", { C });
  return module(
    "AttentionPooling",
    { hidden: Linear(C, C), score: Linear(C, 1, { bias: false }) },
    ({ hidden, score }, x: Tensor, lengths: Tensor): [Tensor, Tensor] => {
      requireTensors("AttentionPooling", x, lengths);
      const meant = within(x, lengths); // [B, T]
      const seen = meant.unsqueeze(2).where(x, 0);
      const scores = score(hidden(seen).tanh()).squeeze(2); // [B, T]
      const weights = softmaxWhere(scores, meant);
      return [seen.mul(weights.unsqueeze(2)).sum(1), weights];
    },
  );
};
