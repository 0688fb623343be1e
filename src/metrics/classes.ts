/**
 * Metrics of classes, which are counted from 0. A class that is never predicted has precision 0, one that never occurs
 * recall 0, as scikit-learn's with `zero_division=0`.
 *
 * N examples · V classes
 */
import { DataError, ShapeError } from "../errors.ts";
import { requireOptions, requireSizes } from "../nn/arguments.ts";
import { eachPair, type Metric, metric, type Numbers, numberAt, requireLists, type Tally, tally } from "./metric.ts";

/** Which targets count. */
export interface ClassOptions {
  /** Examples with this target do not count, such as -100 for padding. */
  readonly ignoreIndex?: number;
}

const KINDS = { ignoreIndex: "number" } as const;

/** Hits among examples. */
interface Share {
  hits: number;
  count: number;
}
const emptyShare = (): Share => ({ hits: 0, count: 0 });
const share = ({ hits, count }: Share): number => hits / count;

/** Share of predicted classes that are the target. NaN of nothing. */
export function accuracy(options: ClassOptions = {}): Metric {
  requireOptions("accuracy", options, KINDS);
  const { ignoreIndex } = options;
  return metric("accuracy", "higher", {
    start: emptyShare,
    add(sums, predictions: Numbers, targets: Numbers) {
      eachPair("accuracy", predictions, targets, (prediction, target) => {
        if (target === ignoreIndex) return;
        sums.count++;
        sums.hits += Number(prediction === target);
      });
    },
    value: share,
  });
}

/** How many classes have a higher score than `target`; among equal scores the higher class comes first. */
function rankOf(scores: Numbers, from: number, classes: number, target: number): number {
  const own = numberAt("topKAccuracy", scores, from + target);
  if (Number.isNaN(own)) return classes;
  let rank = 0;
  for (let i = 0; i < classes; i++) {
    const score = numberAt("topKAccuracy", scores, from + i);
    if (score > own || (score === own && i > target)) rank++;
  }
  return rank;
}

/**
 * Share of targets among the k highest of their scores: scores [N, V], row by row, and targets [N]. Throws ConfigError
 * unless k is a whole number from 1, and ShapeError where the scores do not divide among the targets.
 */
export const topKAccuracy = (k: number, options: ClassOptions = {}): Metric<[scores: Numbers, targets: Numbers]> => {
  requireSizes("topKAccuracy", { k });
  requireOptions("topKAccuracy", options, KINDS);
  const { ignoreIndex } = options;
  return metric(`top${k}Accuracy`, "higher", {
    start: emptyShare,
    add(sums, scores: Numbers, targets: Numbers) {
      requireLists("topKAccuracy", scores, targets);
      const classes = scores.length / targets.length;
      if (targets.length > 0 && !Number.isInteger(classes))
        throw new ShapeError(
          `topKAccuracy: ${scores.length} scores do not divide among ${targets.length} targets; give one row of scores for each`,
        );
      for (let i = 0; i < targets.length; i++) {
        const target = numberAt("topKAccuracy", targets, i);
        if (target === ignoreIndex) continue;
        sums.count++;
        sums.hits += Number(target >= 0 && target < classes && rankOf(scores, i * classes, classes, target) < k);
      }
    },
    value: share,
  });
};

/** Throws DataError for what is no class. */
function requireClass(name: string, value: number, classes = Number.POSITIVE_INFINITY): void {
  if (Number.isInteger(value) && value >= 0 && value < classes) return;
  const limit = Number.isFinite(classes) ? ` below ${classes}` : "";
  throw new DataError(
    `${name}: expected classes to be whole numbers from 0 on${limit}, got ${value}; leave others out with ignoreIndex`,
  );
}

/** How often each class occurred with each prediction: row the target, column the prediction. */
export const confusionMatrix = (
  classes: number,
  options: ClassOptions = {},
): Tally<[predictions: Numbers, targets: Numbers], number[][]> => {
  requireSizes("confusionMatrix", { classes });
  requireOptions("confusionMatrix", options, KINDS);
  const { ignoreIndex } = options;
  return tally("confusionMatrix", {
    start: () => Array.from({ length: classes }, () => Array<number>(classes).fill(0)),
    add(rows, predictions: Numbers, targets: Numbers) {
      eachPair("confusionMatrix", predictions, targets, (prediction, target) => {
        if (target === ignoreIndex) return;
        for (const value of [prediction, target]) requireClass("confusionMatrix", value, classes);
        const row = rows[target] ?? [];
        row[prediction] = (row[prediction] ?? 0) + 1;
      });
    },
    value: (rows) => rows.map((row) => [...row]),
  });
};

/** What is known of one class: how often it was predicted rightly, predicted at all, and the target. */
interface Counts {
  hits: number;
  predicted: number;
  actual: number;
}

/** The scores of one class. */
export interface ClassScores {
  readonly class: number;
  /** Share of its predictions that are right. */
  readonly precision: number;
  /** Share of its occurrences that are found. */
  readonly recall: number;
  /** 2·precision·recall/(precision + recall). */
  readonly f1: number;
  /** How often it is the target. */
  readonly support: number;
}

type Score = "precision" | "recall" | "f1";

const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);
const scoresOf = ({ hits, predicted, actual }: Counts) => ({
  precision: ratio(hits, predicted),
  recall: ratio(hits, actual),
  f1: ratio(2 * hits, predicted + actual),
});

/** How the scores of several classes become one number. */
export interface ScoreOptions extends ClassOptions {
  /**
   * `"macro"` is the mean over classes, `"weighted"` that by how often each occurs, `"micro"` the score of all counts
   * together. Default macro.
   */
  readonly average?: "macro" | "micro" | "weighted";
  /** The score of this class alone. */
  readonly class?: number;
  /** How many classes there are. Default: those that occur as target or prediction. */
  readonly classes?: number;
}

function countPairs(
  name: string,
  found: Map<number, Counts>,
  [predictions, targets]: readonly [Numbers, Numbers],
  { ignoreIndex, classes }: ScoreOptions,
): void {
  const at = (value: number): Counts => {
    const known = found.get(value);
    if (known) return known;
    requireClass(name, value, classes);
    const counts = { hits: 0, predicted: 0, actual: 0 };
    found.set(value, counts);
    return counts;
  };
  eachPair(name, predictions, targets, (prediction, target) => {
    if (target === ignoreIndex) return;
    at(prediction).predicted++;
    at(target).actual++;
    if (prediction === target) at(target).hits++;
  });
}

const startCounts = (classes = 0): Map<number, Counts> =>
  new Map(Array.from({ length: classes }, (_, i) => [i, { hits: 0, predicted: 0, actual: 0 }]));

/** Precision, recall, F1 and support of every class, in their order. */
export const classScores = (
  options: Pick<ScoreOptions, "classes" | "ignoreIndex"> = {},
): Tally<[predictions: Numbers, targets: Numbers], ClassScores[]> => {
  requireOptions("classScores", options, { ...KINDS, classes: "number" });
  return tally("classScores", {
    start: () => startCounts(options.classes),
    add: (found, predictions: Numbers, targets: Numbers) =>
      countPairs("classScores", found, [predictions, targets], options),
    value: (found) =>
      [...found]
        .sort(([a], [b]) => a - b)
        .map(([label, counts]) => ({ class: label, ...scoresOf(counts), support: counts.actual })),
  });
};

function averaged(found: ReadonlyMap<number, Counts>, score: Score, { average = "macro", class: only }: ScoreOptions) {
  const none = { hits: 0, predicted: 0, actual: 0 };
  if (only !== undefined) return scoresOf(found.get(only) ?? none)[score];
  const all = [...found.values()];
  const total = (key: keyof Counts) => all.reduce((sum, counts) => sum + counts[key], 0);
  if (average === "micro")
    return scoresOf({ hits: total("hits"), predicted: total("predicted"), actual: total("actual") })[score];
  const weight = ({ actual }: Counts) => (average === "weighted" ? actual : 1);
  const weights = all.reduce((sum, counts) => sum + weight(counts), 0);
  return ratio(
    all.reduce((sum, counts) => sum + weight(counts) * scoresOf(counts)[score], 0),
    weights,
  );
}

function scoreMetric(score: Score, options: ScoreOptions): Metric {
  const average = ["macro", "micro", "weighted"];
  requireOptions(score, options, { ...KINDS, classes: "number", class: "number", average });
  return metric(score, "higher", {
    start: () => startCounts(options.classes),
    add: (found, predictions: Numbers, targets: Numbers) => countPairs(score, found, [predictions, targets], options),
    value: (found) => averaged(found, score, options),
  });
}

/** Share of the predictions of a class that are right. */
export const precision = (options: ScoreOptions = {}): Metric => scoreMetric("precision", options);
/** Share of the occurrences of a class that are found. */
export const recall = (options: ScoreOptions = {}): Metric => scoreMetric("recall", options);
/** The harmonic mean of precision and recall. */
export const f1 = (options: ScoreOptions = {}): Metric => scoreMetric("f1", options);
