/**
 * The strongest principal components of points with thousands of dimensions, where the covariance of all of them is too large: subspace
 * iteration from random directions (Halko, Martinsson & Tropp 2011, arXiv 0909.4061, algorithm 4.4). Each pass multiplies
 * the directions Q by XᵀX and makes them orthogonal; they turn towards the strongest ones, the faster the more these stand out.
 *
 * N points · D dimensions · K components · M directions
 */
import { stream } from "../../runtime/random.ts";
import { eigen } from "./eigen.ts";
import { covariancesOf, meansOf, type Table } from "./points.ts";

/** Directions beside those that are asked for, and passes over the points. */
const [BESIDE, PASSES] = [8, 12];

/** Rows [M, D] that are orthogonal and of length 1, by Gram and Schmidt, twice. */
function orthogonal(rows: Float64Array, D: number): void {
  const row = (m: number) => rows.subarray(m * D, (m + 1) * D);
  for (let m = 0; m < rows.length / D; m++) {
    const own = row(m);
    for (let again = 0; again < 2; again++)
      for (let other = 0; other < m; other++) {
        const before = row(other);
        const along = dotAt(own, before, 0, D);
        for (let d = 0; d < D; d++) own[d] = (own[d] ?? 0) - along * (before[d] ?? 0);
      }
    const length = Math.sqrt(dotAt(own, own, 0, D));
    for (let d = 0; d < D; d++) own[d] = length > 0 ? (own[d] ?? 0) / length : 0;
  }
}

/** a [D] times row b [D] that begins at `from`. */
function dotAt(a: Float64Array, b: Float64Array, from: number, D: number): number {
  let sum = 0;
  for (let d = 0; d < D; d++) sum += (a[d] ?? 0) * (b[from + d] ?? 0);
  return sum;
}

/** Calls `visit` with each point less the mean, in the same memory each time. */
function centred({ N, D, at }: Table, mean: Float64Array, visit: (point: Float64Array, n: number) => void): void {
  const point = new Float64Array(D);
  for (let n = 0; n < N; n++) {
    for (let d = 0; d < D; d++) point[d] = (at[n * D + d] ?? 0) - (mean[d] ?? 0);
    visit(point, n);
  }
}

/** Points in their K strongest components. */
export interface Strongest {
  /** [N, K] */
  readonly at: Float64Array;
  /** Share of the whole variance along each; 0 where there is none. */
  readonly shares: Float64Array;
}

/** The K strongest components of points, in time N·D·(K + 8) for each of 12 passes. */
export function strongest(table: Table, K: number): Strongest {
  const { D } = table;
  const [mean, M] = [meansOf(table), Math.min(D, K + BESIDE)];
  let directions = stream(0, 0, "components").fillNormal(new Float64Array(M * D));
  orthogonal(directions, D);
  for (let pass = 0; pass < PASSES; pass++) {
    const next = new Float64Array(M * D);
    centred(table, mean, (point) => {
      for (let m = 0; m < M; m++) {
        const along = dotAt(point, directions, m * D, D);
        for (let d = 0; d < D; d++) next[m * D + d] = (next[m * D + d] ?? 0) + along * (point[d] ?? 0);
      }
    });
    orthogonal(next, D);
    directions = next;
  }
  return within(table, mean, directions, K);
}

/** Points in the K strongest components that lie within the span of M directions. */
function within(table: Table, mean: Float64Array, directions: Float64Array, K: number): Strongest {
  const { N, D } = table;
  const M = directions.length / D;
  const seen = new Float64Array(N * M);
  let variance = 0;
  centred(table, mean, (point, n) => {
    variance += dotAt(point, point, 0, D) / (N - 1);
    for (let m = 0; m < M; m++) seen[n * M + m] = dotAt(point, directions, m * D, D);
  });
  const { values, vectors } = eigen(covariancesOf({ N, D: M, at: seen }, new Float64Array(M)), M);
  const at = Float64Array.from({ length: N * K }, (_, i) =>
    dotAt(vectors.subarray((i % K) * M), seen, Math.floor(i / K) * M, M),
  );
  return { at, shares: values.slice(0, K).map((value) => (variance > 0 ? Math.max(0, value) / variance : 0)) };
}
