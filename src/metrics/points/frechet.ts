/**
 * The Fréchet distance of two normal distributions (Dowson & Landau 1982), by which samples are compared with data in the features of
 * a classifier (Heusel et al. 2017, there squared as here):
 *
 *   d² = ‖μ₁ - μ₂‖² + tr(Σ₁ + Σ₂ - 2 (Σ₁^½ Σ₂ Σ₁^½)^½)
 *
 * D dimensions
 */
import { ShapeError } from "../../errors.ts";
import { eigen } from "./eigen.ts";
import { covariancesOf, meansOf, type Points, requireAlike, requirePoints, tableOf } from "./points.ts";

/** A normal distribution: mean [D], and covariance [D, D] row by row. */
export interface Normal {
  readonly mean: ArrayLike<number>;
  readonly covariance: ArrayLike<number>;
}

function product(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const c = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < n; k++) {
      const value = a[i * n + k] ?? 0;
      for (let j = 0; j < n; j++) c[i * n + j] = (c[i * n + j] ?? 0) + value * (b[k * n + j] ?? 0);
    }
  return c;
}

/** The square root of a symmetric matrix without negative eigenvalues: Σ √λ q qᵀ. */
export function squareRoot(matrix: Float64Array, n: number): Float64Array {
  const { values, vectors } = eigen(matrix, n);
  const root = new Float64Array(n * n);
  for (let k = 0; k < n; k++) {
    const scale = Math.sqrt(Math.max(0, values[k] ?? 0));
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        root[i * n + j] = (root[i * n + j] ?? 0) + scale * (vectors[k * n + i] ?? 0) * (vectors[k * n + j] ?? 0);
  }
  return root;
}

const trace = (matrix: Float64Array, n: number): number =>
  Array.from({ length: n }, (_, i) => matrix[i * n + i] ?? 0).reduce((sum, value) => sum + value, 0);

/** d² of two normal distributions of equally many dimensions. Throws ShapeError. */
export function frechetOfNormals(one: Normal, other: Normal): number {
  const n = one.mean.length;
  const sizes = [other.mean.length, Math.sqrt(one.covariance.length), Math.sqrt(other.covariance.length)];
  if (n === 0 || sizes.some((size) => size !== n))
    throw new ShapeError(
      `frechet: expected means [D] and covariances [D, D], got sizes ${[n, ...sizes].join(", ")}; measure both alike`,
    );
  const [a, b] = [one, other].map(({ covariance }) => Float64Array.from(covariance)) as [Float64Array, Float64Array];
  const root = squareRoot(a, n);
  const between = eigen(product(product(root, b, n), root, n), n).values;
  const apart = Array.from(one.mean, (value, i) => (value - (other.mean[i] ?? 0)) ** 2);
  const shared = between.reduce((sum, value) => sum + Math.sqrt(Math.max(0, value)), 0);
  return Math.max(0, apart.reduce((sum, value) => sum + value, 0) + trace(a, n) + trace(b, n) - 2 * shared);
}

/** The mean and the covariance of points [N, D]. Throws DataError for fewer than two. */
export function normalOf(points: Points): Normal {
  const table = tableOf("frechet", points);
  requirePoints("frechet", table, 2);
  const mean = meansOf(table);
  return { mean, covariance: covariancesOf(table, mean) };
}

/** d² of the normal distributions with the means and covariances of two sets of points: [N, D] and [M, D]. Throws ShapeError, DataError. */
export function frechetDistance(points: Points, others: Points): number {
  requireAlike("frechet", tableOf("frechet", points), tableOf("frechet", others));
  return frechetOfNormals(normalOf(points), normalOf(others));
}
