/** k nearest neighbours (Cover & Hart 1967): a point is of the class that most of its nearest known points have. N known, M new. */
import { requireOptions, requireSizes } from "../../nn/arguments.ts";
import { requireSignal } from "../../schema.ts";
import type { Numbers } from "../metric.ts";
import { classesOf, countClasses, type Points, requireAlike, requirePoints, type Table, tableOf } from "./points.ts";
import { turn } from "./turn.ts";

/** How neighbours vote. */
export interface NeighborOptions {
  /** Neighbours; default 5, as many as there are where there are fewer. */
  readonly k?: number;
  readonly signal?: AbortSignal;
}

/** Squared distance of point n of a and m of b; what is above `most` need not be exact. */
function distanceUpTo(a: Table, n: number, b: Table, m: number, most: number): number {
  const { D } = a;
  let sum = 0;
  for (let d = 0; d < D && sum <= most; d++) {
    const off = (a.at[n * D + d] ?? 0) - (b.at[m * D + d] ?? 0);
    sum += off * off;
  }
  return sum;
}

/** The k nearest points of `known` to point m of `asked`, the nearest first; of equally near ones those that come first. */
function nearest(known: Table, asked: Table, m: number, k: number): number[] {
  const found: [distance: number, n: number][] = [];
  for (let n = 0; n < known.N; n++) {
    const most = found.length < k ? Number.POSITIVE_INFINITY : (found.at(-1)?.[0] ?? 0);
    const distance = distanceUpTo(known, n, asked, m, most);
    if (distance >= most) continue;
    let place = found.length;
    while (place > 0 && (found[place - 1]?.[0] ?? 0) > distance) place--;
    found.splice(place, 0, [distance, n]);
    found.length = Math.min(found.length, k);
  }
  return found.map(([, n]) => n);
}

/** The class that occurs most often, of several the lowest. */
function majority(votes: readonly number[], classes: number): number {
  const counts = new Int32Array(classes);
  for (const vote of votes) counts[vote] = (counts[vote] ?? 0) + 1;
  return counts.reduce((best, count, i) => (count > (counts[best] ?? 0) ? i : best), 0);
}

/**
 * The classes of points [M, D], by the k nearest (Euclidean) of known points [N, D] with their labels [N]: [M]. Throws ShapeError, DataError
 * where nothing is known, ConfigError, and the signal's reason.
 */
export async function nearestNeighbors(
  known: Points,
  labels: Numbers,
  points: Points,
  options: NeighborOptions = {},
): Promise<Int32Array> {
  requireOptions("nearestNeighbors", options, { k: "number", signal: "any" });
  const { k = 5, signal } = options;
  requireSizes("nearestNeighbors", { k });
  requireSignal(signal, "nearestNeighbors");
  const [there, asked] = [tableOf("nearestNeighbors", known), tableOf("nearestNeighbors", points)];
  requirePoints("nearestNeighbors", there);
  requireAlike("nearestNeighbors", there, asked);
  const classes = classesOf("nearestNeighbors", labels, there.N);
  const count = countClasses(classes);
  const answers = new Int32Array(asked.N);
  for (let m = 0; m < asked.N; m++) {
    answers[m] = majority(
      nearest(there, asked, m, k).map((n) => classes[n] ?? 0),
      count,
    );
    await turn(signal);
  }
  return answers;
}
