/** Codes out of nothing and between others. L code · P places · V rows of a codebook */
import { stream } from "../../runtime/index.ts";

/** Numbers [L] of the standard normal, which are those of sample `i` of `seed`, whatever else is drawn. */
export const normalCode = (L: number, seed: number, i: number): Float32Array =>
  stream(seed, i, "sample").fillNormal(new Float32Array(L));

/** A row for each of P places, by how often each stood there, or each of V as likely as any. */
export function drawnIds(
  P: number,
  V: number,
  counts: readonly (readonly number[])[] | undefined,
  seed: number,
  i: number,
) {
  const draws = stream(seed, i, "sample").fillUniform(new Float64Array(P));
  return Int32Array.from(draws, (u, place) => rowAt(u, counts?.[place]) ?? Math.floor(u * V));
}

/** The row at `u` of 0 to 1 of all that was counted. */
function rowAt(u: number, counts: readonly number[] | undefined): number | undefined {
  if (!counts) return undefined;
  let left = u * counts.reduce((a, b) => a + b, 0);
  for (const [row, count] of counts.entries()) {
    left -= count;
    if (left < 0) return row;
  }
  return undefined;
}

export type Between = "linear" | "spherical";

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, x, l) => sum + x * (b[l] ?? 0), 0);

/**
 * Between a at t = 0 and b at t = 1: (1 - t)·a + t·b, or along the arc between them, sin((1 - t)ω)/sin ω·a + sin(tω)/sin ω·b
 * with the angle ω (Shoemake 1985; White 2016, arXiv 1609.04468). Where there is no arc it is linear.
 */
export function between(a: Float32Array, b: Float32Array, t: number, how: Between): Float32Array {
  const angle = Math.acos(Math.max(-1, Math.min(1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)))));
  const arc = how === "spherical" && Math.sin(angle) > 1e-6; // no arc where one is 0, too: the angle is NaN
  const [from, to] = arc
    ? [Math.sin((1 - t) * angle) / Math.sin(angle), Math.sin(t * angle) / Math.sin(angle)]
    : [1 - t, t];
  return a.map((x, l) => from * x + to * (b[l] ?? 0));
}
