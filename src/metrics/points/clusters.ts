/**
 * Clusters of points, and how well two ways of dividing them agree.
 *
 * k-means (Lloyd 1982) from starts far apart (k-means++, Arthur & Vassilvitskii 2007); normalised mutual information; the adjusted
 * Rand index (Hubert & Arabie 1985). Both measures are scikit-learn's.
 *
 * N points · D dimensions · K clusters
 */
import { DataError } from "../../errors.ts";
import { requireOptions, requireSizes } from "../../nn/arguments.ts";
import { stream } from "../../runtime/random.ts";
import { requireSignal } from "../../schema.ts";
import type { Numbers } from "../metric.ts";
import { classesOf, countClasses, type Points, requirePoints, squaredDistance, type Table, tableOf } from "./points.ts";
import { turn } from "./turn.ts";

/** How clusters are looked for. */
export interface KMeansOptions {
  /** Default 0. */
  readonly seed?: number;
  /** Starts, of which the one with the least inertia is kept; default 4. */
  readonly starts?: number;
  /** Most rounds of a start; default 100. */
  readonly rounds?: number;
  readonly signal?: AbortSignal;
}

/** Points divided into clusters. */
export interface Clusters {
  /** The cluster of each point: [N]. */
  readonly labels: Int32Array;
  /** [K, D], row by row. */
  readonly centres: Float64Array;
  /** Sum of the squared distances of the points from their centres. */
  readonly inertia: number;
}

/** The nearest centre of each point; gives how many changed, and keeps the squared distances. */
function assign({ N, D, at }: Table, centres: Float64Array, labels: Int32Array, distances: Float64Array): number {
  let changed = 0;
  for (let n = 0; n < N; n++) {
    let [best, least] = [0, Number.POSITIVE_INFINITY];
    for (let k = 0; k * D < centres.length; k++) {
      const distance = squaredDistance(at, n * D, centres, k * D, D);
      if (distance < least) [best, least] = [k, distance];
    }
    changed += Number(labels[n] !== best);
    labels[n] = best;
    distances[n] = least;
  }
  return changed;
}

/** Each centre becomes the mean of its points; one without points goes to the point that is farthest from its own. */
function move({ D, at }: Table, centres: Float64Array, labels: Int32Array, distances: Float64Array): void {
  const counts = new Float64Array(centres.length / D);
  centres.fill(0);
  for (const [n, k] of labels.entries()) {
    counts[k] = (counts[k] ?? 0) + 1;
    for (let d = 0; d < D; d++) centres[k * D + d] = (centres[k * D + d] ?? 0) + (at[n * D + d] ?? 0);
  }
  for (const [k, count] of counts.entries())
    if (count > 0) for (let d = k * D; d < (k + 1) * D; d++) centres[d] = (centres[d] ?? 0) / count;
    else {
      const far = distances.reduce((most, value, n) => (value > (distances[most] ?? 0) ? n : most), 0);
      centres.set(at.subarray(far * D, (far + 1) * D), k * D);
      distances[far] = 0;
    }
}

/** The point at which the running sum of `weights` passes `share` of it all; any where all are 0. */
function chosenBy(weights: Float64Array, share: number): number {
  const goal = share * weights.reduce((a, b) => a + b, 0);
  let sum = 0;
  const found = weights.findIndex((weight) => {
    sum += weight;
    return weight > 0 && sum > goal;
  });
  return found < 0 ? Math.floor(share * weights.length) : found;
}

/** K centres, each a point drawn with the square of its distance from the nearest one before. */
function spread({ N, D, at }: Table, K: number, uniform: Float64Array): Float64Array {
  const centres = new Float64Array(K * D);
  const distances = new Float64Array(N).fill(1);
  for (let k = 0; k < K; k++) {
    const chosen = chosenBy(distances, uniform[k] ?? 0);
    centres.set(at.subarray(chosen * D, (chosen + 1) * D), k * D);
    for (let n = 0; n < N; n++) {
      const distance = squaredDistance(at, n * D, centres, k * D, D);
      distances[n] = k === 0 ? distance : Math.min(distances[n] ?? 0, distance);
    }
  }
  return centres;
}

async function oneStart(table: Table, centres: Float64Array, rounds: number, signal?: AbortSignal): Promise<Clusters> {
  const labels = new Int32Array(table.N).fill(-1);
  const distances = new Float64Array(table.N);
  for (let round = 0; round < rounds && assign(table, centres, labels, distances) > 0; round++) {
    move(table, centres, labels, distances);
    await turn(signal);
  }
  assign(table, centres, labels, distances);
  return { labels, centres, inertia: distances.reduce((a, b) => a + b, 0) };
}

/**
 * `count` clusters of points [N, D], deterministic by seed. Throws ConfigError, DataError for fewer points than clusters, and the
 * signal's reason.
 */
export async function kMeans(points: Points, count: number, options: KMeansOptions = {}): Promise<Clusters> {
  requireOptions("kMeans", options, { seed: "number", starts: "number", rounds: "number", signal: "any" });
  const { seed = 0, starts = 4, rounds = 100, signal } = options;
  requireSizes("kMeans", { count, starts, rounds });
  requireSignal(signal, "kMeans");
  const table = tableOf("kMeans", points);
  requirePoints("kMeans", table);
  if (table.N < count)
    throw new DataError(
      `kMeans: expected at least ${count} points for ${count} clusters, got ${table.N}; ask for fewer`,
    );
  let best: Clusters | undefined;
  for (let start = 0; start < starts; start++) {
    const uniform = stream(seed, start, "kMeans").fillUniform(new Float64Array(count));
    const found = await oneStart(table, spread(table, count, uniform), rounds, signal);
    if (!best || found.inertia < best.inertia) best = found;
  }
  return best as Clusters;
}

/** How often each pair of labels occurs, and each label alone. */
interface Counts {
  readonly N: number;
  readonly both: readonly number[];
  readonly a: readonly number[];
  readonly b: readonly number[];
}

function countsOf(name: string, a: Numbers, b: Numbers): Counts {
  const one = classesOf(name, a, a.length);
  const other = classesOf(name, b, a.length);
  const [A, B] = [countClasses(one), countClasses(other)];
  const both = Array.from({ length: A }, () => Array<number>(B).fill(0));
  for (const [n, i] of one.entries()) {
    const row = both[i] ?? [];
    row[other[n] ?? 0] = (row[other[n] ?? 0] ?? 0) + 1;
  }
  const sum = (list: readonly number[]) => list.reduce((x, y) => x + y, 0);
  return {
    N: one.length,
    both: both.flat(),
    a: both.map(sum),
    b: Array.from({ length: B }, (_, k) => sum(both.map((row) => row[k] ?? 0))),
  };
}

/** -Σ p ln p of counts. */
const entropy = (counts: readonly number[], N: number): number =>
  counts.reduce((total, count) => (count > 0 ? total - (count / N) * Math.log(count / N) : total), 0);

/**
 * 2 I(a; b)/(H(a) + H(b)) of two divisions of the same points: 1 where they are the same, 0 where neither says anything of the other. 1
 * where both put all points together, and of none. Throws ShapeError, DataError.
 */
export function normalizedMutualInformation(a: Numbers, b: Numbers): number {
  const counts = countsOf("normalizedMutualInformation", a, b);
  const [one, other] = [entropy(counts.a, counts.N), entropy(counts.b, counts.N)];
  if (one === 0 && other === 0) return 1;
  const shared = one + other - entropy(counts.both, counts.N);
  return shared <= Number.EPSILON ? 0 : (2 * shared) / (one + other);
}

/** Pairs among so many. */
const pairs = (counts: readonly number[]): number => counts.reduce((total, n) => total + (n * (n - 1)) / 2, 0);

/**
 * How many pairs two divisions put together alike, above what chance does: 1 where they are the same, about 0 by chance, negative below it. 1
 * where neither or each puts any points apart, and of fewer than two. Throws ShapeError, DataError.
 */
export function adjustedRandIndex(a: Numbers, b: Numbers): number {
  const counts = countsOf("adjustedRandIndex", a, b);
  const [both, one, other] = [pairs(counts.both), pairs(counts.a), pairs(counts.b)];
  const expected = (one * other) / Math.max(1, pairs([counts.N]));
  const most = (one + other) / 2;
  return both === one && both === other ? 1 : (both - expected) / (most - expected);
}
