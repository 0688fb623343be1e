/** How two lists of numbers go together. */
import { ShapeError } from "../errors.ts";

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

function requirePairs(name: string, a: ArrayLike<number>, b: ArrayLike<number>): void {
  if (a.length !== b.length)
    throw new ShapeError(`${name}: expected two lists of one length, got ${a.length} and ${b.length}; pair them first`);
}

/** Pearson's correlation, from -1 to 1; NaN where one of the lists is the same number throughout. Throws ShapeError. */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  requirePairs("pearson", a, b);
  const [x, y] = [Array.from(a), Array.from(b)];
  const [mx, my] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  for (const [i, value] of x.entries()) {
    const [dx, dy] = [value - mx, (y[i] ?? 0) - my];
    [xy, xx, yy] = [xy + dx * dy, xx + dx * dx, yy + dy * dy];
  }
  return xy / Math.sqrt(xx * yy);
}

/** Ranks from 1 on; equal numbers share the mean of theirs. */
function ranks(values: ArrayLike<number>): number[] {
  const order = Array.from(values, (_, i) => i).sort((i, j) => (values[i] ?? 0) - (values[j] ?? 0));
  const found = Array<number>(order.length).fill(0);
  for (let start = 0; start < order.length; ) {
    let end = start;
    while (end < order.length && values[order[end] ?? 0] === values[order[start] ?? 0]) end++;
    for (let k = start; k < end; k++) found[order[k] ?? 0] = (start + 1 + end) / 2;
    start = end;
  }
  return found;
}

/** Spearman's correlation: Pearson's of the ranks, those of equal numbers averaged. Throws ShapeError. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  requirePairs("spearman", a, b);
  return pearson(ranks(a), ranks(b));
}
