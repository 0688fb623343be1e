/**
 * The linear recurrence h_t = a_t ∘ h_{t-1} + b_t, whose steps need not wait for each other: applying (a, b) and then
 * (a', b') is applying (a'a, a'b + b'), which is associative (Blelloch 1990).
 *
 * In parallel, neighbours are joined in pairs, the half as long recurrence of the pairs is solved in the same way, and
 * what it gives is filled in between: about 2 log₂ T operations on ever fewer numbers, 2T combinations in all. Nothing
 * is divided and no logarithm taken, so it is as accurate as step by step: sums of logarithms (Heinsen 2023) lose
 * digits with T, and their exponentials leave the range of float32 after a few hundred steps.
 *
 * B batch · T steps
 */
import { ConfigError, ShapeError } from "../errors.ts";
import { optionsOf } from "../tensor/arguments.ts";
import { zeros } from "../tensor/create.ts";
import { type Dim, formatShape, sameShape } from "../tensor/dim.ts";
import { requireTensor, type Tensor } from "../tensor/tensor.ts";
import { piecesOf, scan } from "./scan.ts";

/** How a linear recurrence is walked. */
export interface LinearScanOptions {
  /** From the last step to the first one. Default false. */
  readonly reverse?: boolean | undefined;
  /** All steps together, instead of one after the other. Default false. The number of steps must then be known. */
  readonly parallel?: boolean | undefined;
  /** Steps that a gradient goes back at most, as in `scan`. Default all. */
  readonly truncate?: number | undefined;
}

const part = (x: Tensor, start: number, end: number): Tensor => x.slice(1, start, end);

/** The first and the second of each pair in the order of the walk, from x [B, 2n, ..]: each [B, n, ..]. */
function pairs(x: Tensor, n: number, reverse: boolean): [first: Tensor, second: Tensor] {
  const [B = 1, , ...rest] = x.shape;
  const both = x.reshape([B, n, 2, ...rest]);
  const [even, odd] = [both.slice(2, 0, 1).squeeze(2), both.slice(2, 1, 2).squeeze(2)];
  return reverse ? [odd, even] : [even, odd];
}

/** The opposite of `pairs`. */
function interleave(first: Tensor, second: Tensor, reverse: boolean): Tensor {
  const [B = 1, n = 1, ...rest] = first.shape;
  const [even, odd] = reverse ? [second, first] : [first, second];
  return even
    .unsqueeze(2)
    .concat([odd.unsqueeze(2)], 2)
    .reshape([B, 2 * Number(n), ...rest]);
}

/** All h [B, T, ..] from a state of 0, in pairs. */
function inPairs(a: Tensor, b: Tensor, reverse: boolean): Tensor {
  const T = Number(b.shape[1]);
  if (T < 2) return b;
  if (T % 2 === 1) return withLast(a, b, T, reverse);
  const n = T / 2;
  const [[a1, a2], [b1, b2]] = [pairs(a, n, reverse), pairs(b, n, reverse)];
  const seconds = inPairs(a2.mul(a1), a2.mul(b1).add(b2), reverse);
  const rest = reverse ? [0, n - 1] : [1, n]; // the pairs that have another one before them
  const before = reverse ? part(seconds, 1, n) : part(seconds, 0, n - 1);
  const [from = 0, to = n] = rest;
  const later = part(a1, from, to)
    .mul(before)
    .add(part(b1, from, to));
  const firsts = reverse ? later.concat([part(b1, n - 1, n)], 1) : part(b1, 0, 1).concat([later], 1);
  return interleave(firsts, seconds, reverse);
}

/** The same for an odd number of steps: the last one by itself. */
function withLast(a: Tensor, b: Tensor, T: number, reverse: boolean): Tensor {
  const [from, to, at] = reverse ? [1, T, 0] : [0, T - 1, T - 1];
  const most = inPairs(part(a, from, to), part(b, from, to), reverse);
  const before = reverse ? part(most, 0, 1) : part(most, T - 2, T - 1);
  const last = part(a, at, at + 1)
    .mul(before)
    .add(part(b, at, at + 1));
  return reverse ? last.concat([most], 1) : most.concat([last], 1);
}

/** The last state and all h, in parallel, of T > 0 steps. */
function together(a: Tensor, b: Tensor, state: Tensor | undefined, T: number, reverse: boolean): [Tensor, Tensor] {
  const last = reverse ? 0 : T - 1;
  const hs = inPairs(a, state ? begunAt(a, b, state, T, reverse) : b, reverse);
  return [part(hs, last, last + 1).squeeze(1), hs];
}

/** b with what the first step makes of a state added to its own. */
function begunAt(a: Tensor, b: Tensor, state: Tensor, T: number, reverse: boolean): Tensor {
  const at = reverse ? T - 1 : 0;
  const begun = part(a, at, at + 1)
    .mul(state.unsqueeze(1))
    .add(part(b, at, at + 1));
  return reverse ? part(b, 0, at).concat([begun], 1) : begun.concat([part(b, 1, T)], 1);
}

/** The last state and all h, step by step. */
const oneByOne = (a: Tensor, b: Tensor, state: Tensor, reverse: boolean): [Tensor, Tensor] =>
  scan(
    (h: Tensor, x: { a: Tensor; b: Tensor }) => {
      const next = x.a.mul(h).add(x.b);
      return [next, next] as const;
    },
    state,
    { a, b },
    { reverse },
  );

function requireLike(what: string, got: Tensor, dtype: string, shape: readonly Dim[]): void {
  if (got.dtype === dtype && sameShape(got.shape, shape)) return;
  throw new ShapeError(
    `linearScan: expected ${what} of ${dtype}${formatShape(shape)}, got ${got.dtype}${formatShape(got.shape)}; give one number for each`,
  );
}

/**
 * h_t = a_t ∘ h_{t-1} + b_t along axis 1 of a, b [B, T, ..], from h_{-1} = state [B, ..], or 0 -> the last state and all
 * h [B, T, ..]. Throws ShapeError where the shapes differ, and where the number of steps must be known and is not.
 */
export function linearScan(
  a: Tensor,
  b: Tensor,
  state?: Tensor,
  options?: LinearScanOptions,
): [last: Tensor, hs: Tensor] {
  for (const tensor of [a, b, ...(state === undefined ? [] : [state])]) requireTensor("linearScan", tensor);
  const all = Number.POSITIVE_INFINITY;
  const { reverse, parallel, truncate } = optionsOf("linearScan", options, {
    reverse: false,
    parallel: false,
    truncate: all,
  });
  if (b.rank < 2) throw new ShapeError(`linearScan: expected [B, T, ..], got ${formatShape(b.shape)}; reshape it`);
  requireLike("a", a, b.dtype, b.shape);
  const [B = 1, T = 0, ...rest] = b.shape;
  const first = state ?? zeros([B, ...rest], b.dtype);
  requireLike("a state", first, b.dtype, [B, ...rest]);
  if (truncate !== all) return cut(a, b, first, { reverse, parallel, truncate });
  if (!parallel || T === 0) return oneByOne(a, b, first, reverse);
  if (typeof T === "number") return together(a, b, state, T, reverse);
  throw new ConfigError(`linearScan: parallel: expected a number of steps, got the named size ${T}; leave it out`);
}

/** The same in pieces, with no gradient from one to the other. */
function cut(
  a: Tensor,
  b: Tensor,
  first: Tensor,
  { reverse, parallel, truncate }: { reverse: boolean; parallel: boolean; truncate: number },
): [Tensor, Tensor] {
  let last = first;
  const parts = piecesOf(b.shape[1] ?? 0, truncate, reverse).map(([start, end], i) => {
    const from = i === 0 ? last : last.stopGradient();
    const [next, hs] = linearScan(part(a, start, end), part(b, start, end), from, { reverse, parallel });
    last = next;
    return hs;
  });
  const [head = b, ...more] = reverse ? parts.reverse() : parts;
  return [last, head.concat(more, 1)];
}
