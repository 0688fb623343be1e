/**
 * Principal components: the directions in which points vary most (Pearson 1901; Hotelling 1933), eigenvectors of their covariance.
 *
 * N points · D dimensions · K components
 */
import { DataError } from "../../errors.ts";
import { requireSizes } from "../../nn/arguments.ts";
import { eigen } from "./eigen.ts";
import { covariancesOf, meansOf, type Points, requireAlike, requirePoints, type Table, tableOf } from "./points.ts";

/** Directions in which points vary, the strongest first. */
export interface PCA {
  /** [D] */
  readonly mean: Float64Array;
  /** Directions of length 1, whose largest number is positive: [K, D]. */
  readonly components: Float64Array;
  /** Variance along each, divided by N - 1: [K]. */
  readonly variances: Float64Array;
  /** Share of the whole variance along each: [K]; 0 where there is none. */
  readonly shares: Float64Array;
  /** Points along the components: [N, K], row by row. Throws ShapeError for other dimensions. */
  project(points: Points): Float64Array;
}

/** `vector` or its opposite: the largest number in it is positive. */
function signed(vector: Float64Array): Float64Array {
  const largest = vector.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return largest < 0 ? vector.map((value) => -value) : vector;
}

function along({ N, D, at }: Table, mean: Float64Array, components: Float64Array): Float64Array {
  const K = components.length / D;
  return Float64Array.from({ length: N * K }, (_, i) => {
    const [n, k] = [Math.floor(i / K), i % K];
    let sum = 0;
    for (let d = 0; d < D; d++) sum += ((at[n * D + d] ?? 0) - (mean[d] ?? 0)) * (components[k * D + d] ?? 0);
    return sum;
  });
}

/**
 * The first `count` principal components (default 2) of points [N, D], in time N·D² + D³. Throws ConfigError, DataError for fewer than two
 * points and where `count` is above D.
 */
export function pca(points: Points, count = 2): PCA {
  requireSizes("pca", { count });
  const table = tableOf("pca", points);
  requirePoints("pca", table, 2);
  const { D } = table;
  if (count > D)
    throw new DataError(`pca: expected at most ${D} components of ${D} dimensions, got ${count}; ask for fewer`);
  const mean = meansOf(table);
  const { values, vectors } = eigen(covariancesOf(table, mean), D);
  const components = new Float64Array(count * D);
  for (let k = 0; k < count; k++) components.set(signed(vectors.subarray(k * D, (k + 1) * D)), k * D);
  const variances = values.slice(0, count).map((value) => Math.max(0, value));
  const whole = values.reduce((sum, value) => sum + Math.max(0, value), 0);
  const project = (others: Points): Float64Array => {
    const other = tableOf("pca", others);
    requireAlike("pca", table, other);
    return along(other, mean, components);
  };
  return { mean, components, variances, shares: variances.map((value) => (whole > 0 ? value / whole : 0)), project };
}
