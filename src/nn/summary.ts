/** From hidden states to one vector a row. B batch · T positions · C width */
import { arange, type Tensor } from "../tensor/index.ts";

/** Which of T positions come before lengths [B]: [B, T]. */
const within = (x: Tensor, lengths: Tensor): Tensor => arange(x.dim(1)).less(lengths.unsqueeze(1));

/** x [B, T, C] at the last position of each row -> [B, C]. A row of length 0 gives zeros. */
export function atLast(x: Tensor, lengths: Tensor): Tensor {
  const last = arange(x.dim(1)).equal(lengths.sub(1).unsqueeze(1)); // [B, T]
  return last.unsqueeze(2).where(x, 0).sum(1);
}

/** The mean of x [B, T, C] over the positions of each row -> [B, C]. A row of length 0 gives zeros. */
export function meanOf(x: Tensor, lengths: Tensor): Tensor {
  const sum = within(x, lengths).unsqueeze(2).where(x, 0).sum(1);
  return sum.div(lengths.maximum(1).cast(x.dtype).unsqueeze(1));
}

/** The largest of x [B, T, C] over the positions of each row -> [B, C]. A row of length 0 gives zeros. */
export function maxOf(x: Tensor, lengths: Tensor): Tensor {
  const largest = within(x, lengths).unsqueeze(2).where(x, -3e38).max(1);
  return lengths.greater(0).unsqueeze(1).where(largest, 0);
}
