/** Points in a space of many dimensions, such as codes of pictures or the pictures themselves: N points, D dimensions. */
import { DataError, ShapeError, shown } from "../../errors.ts";
import { type Numbers, numberAt, requireLists } from "../metric.ts";

/** A point for each example: a HostTensor [N, ...], or anything with its `data` and `shape`. */
export interface Points {
  readonly data: Numbers;
  readonly shape: readonly number[];
}

/** Points as float64, one after the other: [N, D]. */
export interface Table {
  readonly N: number;
  readonly D: number;
  readonly at: Float64Array;
}

const product = (sizes: readonly number[]): number => sizes.reduce((a, b) => a * b, 1);

/** The numbers of `points`; axes behind the first are one. Throws ShapeError, and DataError for what is not finite. */
export function tableOf(name: string, points: Points): Table {
  const shape: unknown = points?.shape;
  if (!Array.isArray(shape) || shape.length === 0)
    throw new ShapeError(
      `${name}: expected points with data and shape [N, D], got ${shown(points)}; give { data, shape } or a HostTensor`,
    );
  requireLists(name, points.data);
  const [N = 0, ...rest] = points.shape;
  const D = product(rest);
  if (points.data.length !== N * D)
    throw new ShapeError(
      `${name}: expected ${N * D} numbers for shape [${shape.join(", ")}], got ${points.data.length}; give both of the same points`,
    );
  const at = Float64Array.from({ length: N * D }, (_, i) => numberAt(name, points.data, i));
  const stray = at.findIndex((value) => !Number.isFinite(value));
  if (stray >= 0)
    throw new DataError(`${name}: expected finite numbers, got ${at[stray]} at ${stray}; leave that point out`);
  return { N, D, at };
}

/** Throws DataError where there are fewer than `least` points, and ShapeError where they have no dimension. */
export function requirePoints(name: string, { N, D }: Table, least = 1): void {
  if (N < least) throw new DataError(`${name}: expected at least ${least} points, got ${N}; give more`);
  if (D < 1)
    throw new ShapeError(`${name}: expected points of at least one dimension, got [${N}, ${D}]; give their numbers`);
}

/** Throws ShapeError where points of two kinds cannot be compared. */
export function requireAlike(name: string, a: Table, b: Table): void {
  if (a.D !== b.D)
    throw new ShapeError(
      `${name}: expected points of equally many dimensions, got ${a.D} and ${b.D}; measure both alike`,
    );
}

/** Classes of `N` points, from 0 on. Throws ShapeError for another count, DataError for what is no class. */
export function classesOf(name: string, labels: Numbers, N: number): Int32Array {
  requireLists(name, labels);
  if (labels.length !== N)
    throw new ShapeError(
      `${name}: expected one label for each of ${N} points, got ${labels.length}; give both for the same`,
    );
  const classes = Int32Array.from({ length: N }, (_, i) => numberAt(name, labels, i));
  const stray = classes.findIndex((value, i) => value < 0 || value !== numberAt(name, labels, i));
  if (stray >= 0)
    throw new DataError(`${name}: expected classes as whole numbers from 0 on, got ${labels[stray]}; number them`);
  return classes;
}

/** How many classes there are where the highest one is among `classes`. */
export const countClasses = (classes: Int32Array): number => classes.reduce((most, one) => Math.max(most, one + 1), 0);

/** Mean of each dimension: [D]. */
export function meansOf({ N, D, at }: Table): Float64Array {
  const means = new Float64Array(D);
  for (let i = 0; i < at.length; i++) means[i % D] = (means[i % D] ?? 0) + (at[i] ?? 0) / N;
  return means;
}

/** Covariances of the dimensions, divided by N - 1 as NumPy's `cov` does: [D, D]. */
export function covariancesOf({ N, D, at }: Table, means: Float64Array): Float64Array {
  const sums = new Float64Array(D * D);
  const off = new Float64Array(D);
  for (let n = 0; n < N; n++) {
    for (let d = 0; d < D; d++) off[d] = (at[n * D + d] ?? 0) - (means[d] ?? 0);
    for (let d = 0; d < D; d++) {
      const value = (off[d] ?? 0) / (N - 1);
      if (value !== 0) for (let e = 0; e <= d; e++) sums[d * D + e] = (sums[d * D + e] ?? 0) + value * (off[e] ?? 0);
    }
  }
  for (let d = 0; d < D; d++) for (let e = 0; e < d; e++) sums[e * D + d] = sums[d * D + e] ?? 0;
  return sums;
}

/** Squared distance of the points that begin at i of a and at j of b. */
export function squaredDistance(a: Float64Array, i: number, b: Float64Array, j: number, D: number): number {
  let sum = 0;
  for (let d = 0; d < D; d++) {
    const off = (a[i + d] ?? 0) - (b[j + d] ?? 0);
    sum += off * off;
  }
  return sum;
}
