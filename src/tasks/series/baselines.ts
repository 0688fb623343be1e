/**
 * Classes of sequences without a network: the class of the nearest training sequence. T steps · C channels
 *
 *   Euclidean    √Σ_t |x_t - y_t|², the shorter one filled up with 0
 *   DTW          the least Σ |x_i - y_j|² along a path from (0, 0) to the ends that advances i, j or both
 *                (Sakoe & Chiba 1978), within a band of a tenth of the longer one
 */
import type { Dataset } from "../../data/index.ts";
import { accuracy, f1 } from "../../metrics/index.ts";
import type { Scores } from "../../train/index.ts";
import type { Watch } from "../task.ts";

/** A sequence in units of deviations, and the number of its class. */
export interface Sequence {
  /** [T, C], step by step. */
  readonly values: Float32Array;
  /** T. */
  readonly size: number;
  readonly label: number;
}

/** How far apart two sequences are, or anything above `least`, which is near enough to be sure. */
type Distance = (a: Sequence, b: Sequence, C: number, least: number) => number;

const euclidean: Distance = (a, b) => {
  let sum = 0;
  for (let i = 0; i < Math.max(a.values.length, b.values.length); i++)
    sum += ((a.values[i] ?? 0) - (b.values[i] ?? 0)) ** 2;
  return sum;
};

const apart = (a: Sequence, i: number, b: Sequence, j: number, C: number): number => {
  let sum = 0;
  for (let c = 0; c < C; c++) sum += ((a.values[i * C + c] ?? 0) - (b.values[j * C + c] ?? 0)) ** 2;
  return sum;
};

/** Share of the longer sequence that the two may be out of step. */
const BAND = 0.1;

/** Dynamic time warping, which stops where no path can be shorter than `least`. */
export const warped: Distance = (a, b, C, least) => {
  const [n, m] = [a.size, b.size];
  if (n === 0 || m === 0) return euclidean(a, b, C, least);
  const band = Math.max(Math.ceil(BAND * Math.max(n, m)), Math.abs(n - m));
  let before = new Float64Array(m + 1).fill(Number.POSITIVE_INFINITY);
  before[0] = 0;
  for (let i = 1; i <= n; i++) {
    const row = new Float64Array(m + 1).fill(Number.POSITIVE_INFINITY);
    let best = Number.POSITIVE_INFINITY;
    for (let j = Math.max(1, i - band); j <= Math.min(m, i + band); j++) {
      const shortest = Math.min(before[j - 1] ?? 0, before[j] ?? 0, row[j - 1] ?? 0);
      row[j] = shortest + apart(a, i - 1, b, j - 1, C);
      best = Math.min(best, row[j] ?? 0);
    }
    if (best > least) return best;
    before = row;
  }
  return before[m] ?? Number.POSITIVE_INFINITY;
};

/** The class of the nearest of `known`; the first of those that are equally near. */
function nearestClass(one: Sequence, known: readonly Sequence[], C: number, distance: Distance): number {
  let [label, least] = [known[0]?.label ?? 0, Number.POSITIVE_INFINITY];
  for (const other of known) {
    const far = distance(one, other, C, least);
    if (far < least) [label, least] = [other.label, far];
  }
  return label;
}

const all = <E>(data: Dataset<E>): E[] => Array.from({ length: data.size }, (_, i) => data.at(i));

/** Lets others have a turn, and stops when told to, between one sequence and the next. */
async function classesOf(
  test: readonly Sequence[],
  find: (one: Sequence) => number,
  { signal }: Watch,
): Promise<number[]> {
  const found: number[] = [];
  for (const one of test) {
    await Promise.resolve();
    signal?.throwIfAborted();
    found.push(find(one));
  }
  return found;
}

/** Steps of paths that are looked at; of more, DTW would take minutes. */
const MOST_STEPS = 3e9;

/** Accuracy and F1 of the nearest training sequence, by Euclidean distance and, where it is soon done, by DTW. */
export async function nearestNeighbours(
  train: Dataset<Sequence>,
  test: Dataset<Sequence>,
  { channels: C, classes }: { readonly channels: number; readonly classes: number },
  watch: Watch,
): Promise<Readonly<Record<string, Scores>>> {
  const [known, unknown] = [all(train), all(test)];
  const scored = async (distance: Distance): Promise<Scores> => {
    const found = await classesOf(unknown, (one) => nearestClass(one, known, C, distance), watch);
    const labels = unknown.map(({ label }) => label);
    return { accuracy: accuracy().of(found, labels), f1: f1({ classes }).of(found, labels) };
  };
  const longest = Math.max(...known.map(({ size }) => size), ...unknown.map(({ size }) => size));
  const steps = known.length * unknown.length * 2 * BAND * longest ** 2 * C;
  return {
    "1-nearest, Euclidean": await scored(euclidean),
    ...(steps < MOST_STEPS && { "1-nearest, DTW": await scored(warped) }),
  };
}
