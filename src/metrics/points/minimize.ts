/**
 * The lowest point of a smooth function of many numbers: BFGS with limited memory (Liu & Nocedal 1989), each step made shorter until
 * it falls as far as the slope promises (Armijo 1966).
 */
import { turn } from "./turn.ts";

/** f(x); writes its gradient to `gradient`. */
export type Smooth = (x: Float64Array, gradient: Float64Array) => number;

/** Steps that are remembered, the part of the promised fall that is asked for, and how often a step is halved at most. */
const [REMEMBERED, SHARE, HALVINGS] = [10, 1e-4, 40];

/** A step, the change of the gradient along it, and 1/(s·y). */
interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

/** a + scale·b */
const plus = (a: Float64Array, scale: number, b: Float64Array): Float64Array =>
  a.map((value, i) => value + scale * (b[i] ?? 0));

/** -H·gradient, of the inverse curvature H that the pairs have shown: two loops over them. */
function direction(gradient: Float64Array, pairs: readonly Pair[]): Float64Array {
  let q = gradient;
  const alphas: number[] = [];
  for (const { s, y, rho } of [...pairs].reverse()) {
    const alpha = rho * dot(s, q);
    alphas.unshift(alpha);
    q = plus(q, -alpha, y);
  }
  const last = pairs.at(-1);
  const scale = last ? 1 / (last.rho * dot(last.y, last.y)) : 1 / Math.max(1, Math.sqrt(dot(gradient, gradient)));
  q = q.map((value) => value * scale);
  for (const [i, { s, y, rho }] of pairs.entries()) q = plus(q, (alphas[i] ?? 0) - rho * dot(y, q), s);
  return q.map((value) => -value);
}

/** Where `f` is lowest, from `start`: until no slope is above `tolerance`, or for `rounds`. Throws the signal's reason. */
export async function minimize(
  f: Smooth,
  start: Float64Array,
  { rounds, tolerance, signal }: { rounds: number; tolerance: number; signal?: AbortSignal | undefined },
): Promise<Float64Array> {
  let x = start;
  let gradient = new Float64Array(x.length);
  let value = f(x, gradient);
  const pairs: Pair[] = [];
  for (let round = 0; round < rounds && gradient.some((slope) => Math.abs(slope) > tolerance); round++) {
    const way = direction(gradient, pairs);
    const promised = dot(gradient, way);
    const next = new Float64Array(x.length);
    let size = 1;
    let there = plus(x, size, way);
    let fallen = f(there, next);
    for (let halving = 0; !(fallen <= value + SHARE * size * promised); halving++) {
      if (halving === HALVINGS) return x; // rounding is all that is left
      size /= 2;
      there = plus(x, size, way);
      fallen = f(there, next);
    }
    const [s, y] = [plus(there, -1, x), plus(next, -1, gradient)];
    const curvature = dot(s, y);
    if (curvature > 0) pairs.push({ s, y, rho: 1 / curvature });
    if (pairs.length > REMEMBERED) pairs.shift();
    [x, gradient, value] = [there, next, fallen];
    await turn(signal);
  }
  return x;
}
