/** Metrics against scikit-learn, whole and batch by batch, and at the edges. */
import { describe, expect, test } from "vitest";
import { ConfigError, DataError, ShapeError } from "../../src/errors.ts";
import * as metrics from "../../src/metrics/index.ts";
import fixture from "../fixtures/metrics.json" with { type: "json" };

/** The value after batches of 1, 2, 3, ... */
function inBatches<T>(metric: metrics.Tally<[metrics.Numbers, metrics.Numbers], T>, p: number[], t: number[]): T {
  const running = metric.running();
  for (let from = 0, size = 1; from < t.length; from += size++)
    running.add(p.slice(from, from + size), t.slice(from, from + size));
  return running.value;
}

const { precision, recall, f1 } = metrics;
const scoreMetrics = { precision, recall, f1 };

type Pairs = metrics.Tally<[metrics.Numbers, metrics.Numbers]>;
function requireValue(metric: Pairs, p: number[], t: number[], expected: number): void {
  expect(metric.of(p, t)).toBeCloseTo(expected, 12);
  expect(inBatches(metric, p, t)).toBeCloseTo(expected, 12);
}

describe("classes", () => {
  test.each(fixture.classes.map((line) => [line.name, line] as const))("%s", (_, line) => {
    const { predictions: p, targets: t } = line;
    const all = line.classes === null ? {} : { classes: line.classes };
    requireValue(metrics.accuracy(), p, t, line.accuracy);
    for (const average of ["macro", "micro", "weighted"] as const)
      for (const score of ["precision", "recall", "f1"] as const)
        requireValue(scoreMetrics[score]({ average, ...all }), p, t, line[average][score]);
    for (const { class: only, ...scores } of line.classScores)
      for (const score of ["precision", "recall", "f1"] as const)
        requireValue(scoreMetrics[score]({ class: only, ...all }), p, t, scores[score]);
    const each = metrics.classScores(all);
    expect(each.of(p, t).map((scores) => scores.class)).toEqual(line.classScores.map((scores) => scores.class));
    for (const [i, scores] of inBatches(each, p, t).entries()) {
      expect(scores.support).toBe(line.classScores[i]?.support);
      expect(scores.f1).toBeCloseTo(line.classScores[i]?.f1 ?? Number.NaN, 12);
    }
    const matrix = metrics.confusionMatrix(line.confusionMatrix.length);
    expect(matrix.of(p, t)).toEqual(line.confusionMatrix);
    expect(inBatches(matrix, p, t)).toEqual(line.confusionMatrix);
  });

  test("top-k, equal scores included", () => {
    const { scores, targets } = fixture.ranks;
    for (const [k, expected] of Object.entries(fixture.ranks.topKAccuracy)) {
      const metric = metrics.topKAccuracy(Number(k));
      expect(metric.of(Float64Array.from(scores), targets)).toBeCloseTo(expected, 12);
      const running = metric.running();
      running.add(scores.slice(0, 15), targets.slice(0, 3));
      running.add(scores.slice(15), targets.slice(3));
      expect(running.value).toBeCloseTo(expected, 12);
    }
  });

  test("scores that are NaN, and targets that are no class, are no hits", () => {
    expect(metrics.topKAccuracy(2).of([Number.NaN, 1, 3, 2], [0, 2])).toBe(0);
    expect(metrics.topKAccuracy(1).of([0, 1, 3, 2], [1, -1])).toBe(0.5);
  });

  test("targets that are ignored do not count", () => {
    const [p, t] = [
      [0, 1, 1, 0],
      [0, -100, 1, 1],
    ];
    const ignoreIndex = -100;
    expect(metrics.accuracy({ ignoreIndex }).of(p, t)).toBeCloseTo(2 / 3, 12);
    expect(metrics.recall({ ignoreIndex, class: 1 }).of(p, t)).toBe(0.5);
    expect(metrics.confusionMatrix(2, { ignoreIndex }).of(p, t)).toEqual([
      [1, 0],
      [1, 1],
    ]);
    expect(metrics.topKAccuracy(1, { ignoreIndex }).of([1, 0, 0, 1, 0, 1, 1, 0], t)).toBeCloseTo(2 / 3, 12);
  });

  test("typed arrays of any kind", () => {
    expect(metrics.accuracy().of(BigInt64Array.of(1n, 2n), Int32Array.of(1, 1))).toBe(0.5);
    expect(metrics.f1().of(Uint8Array.of(1, 0), BigInt64Array.of(1n, 0n))).toBe(1);
  });

  test("of nothing", () => {
    expect(metrics.accuracy().of([], [])).toBeNaN();
    expect(metrics.topKAccuracy(1).of([], [])).toBeNaN();
    expect(metrics.f1().of([], [])).toBe(0);
    expect(metrics.classScores().of([], [])).toEqual([]);
    expect(metrics.f1({ class: 3 }).of([1], [1])).toBe(0);
  });
});

describe("numbers", () => {
  test.each(fixture.numbers.map((line) => [line.name, line] as const))("%s", (_, line) => {
    const { predictions: p, targets: t } = line;
    requireValue(metrics.meanAbsoluteError(), p, t, line.meanAbsoluteError);
    requireValue(metrics.rootMeanSquaredError(), p, t, line.rootMeanSquaredError);
    if (line.r2 === null) expect(metrics.r2().of(p, t)).toBeNaN();
    else requireValue(metrics.r2(), p, t, line.r2);
  });

  test("perplexity of a fair die is 6, and losses count by their tokens", () => {
    expect(metrics.perplexity().of([Math.log(6), Math.log(6)])).toBeCloseTo(6, 12);
    expect(metrics.perplexity().of([Math.log(2), Math.log(16)], [3, 1])).toBeCloseTo(2 ** (7 / 4), 12);
    expect(metrics.perplexity().of([])).toBeNaN();
  });
});

test("every metric says which way is better", () => {
  const higher = [
    metrics.accuracy(),
    metrics.topKAccuracy(2),
    metrics.precision(),
    metrics.recall(),
    metrics.f1(),
    metrics.r2(),
  ];
  const lower = [metrics.perplexity(), metrics.meanAbsoluteError(), metrics.rootMeanSquaredError()];
  expect(higher.map(({ better }) => better)).toEqual(higher.map(() => "higher"));
  expect(lower.map(({ better }) => better)).toEqual(lower.map(() => "lower"));
  expect(higher.map(({ name }) => name)).toEqual(["accuracy", "top2Accuracy", "precision", "recall", "f1", "r2"]);
});

describe("what does not fit is refused in one line", () => {
  const rows: [string, () => unknown, new (...args: never[]) => Error, string][] = [
    [
      "counts",
      () => metrics.accuracy().of([1], [1, 2]),
      ShapeError,
      "accuracy: expected one prediction for each target, got 1 and 2",
    ],
    [
      "scores",
      () => metrics.topKAccuracy(1).of([1, 2, 3], [0, 1]),
      ShapeError,
      "topKAccuracy: 3 scores do not divide among 2 targets",
    ],
    ["k", () => metrics.topKAccuracy(0), ConfigError, "topKAccuracy: expected k to be a whole number from 1 on, got 0"],
    [
      "a class",
      () => metrics.f1().of([0], [-1]),
      DataError,
      "f1: expected classes to be whole numbers from 0 on, got -1",
    ],
    [
      "a class too high",
      () => metrics.confusionMatrix(2).of([2], [0]),
      DataError,
      "whole numbers from 0 on below 2, got 2",
    ],
    [
      "tokens",
      () => metrics.perplexity().of([1, 2], [3]),
      ShapeError,
      "perplexity: expected a number of tokens for each loss",
    ],
  ];
  test.each(rows)("%s", (_, make, kind, message) => {
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
    expect(make).toThrow(/^[^\n]+; [^\n]+$/);
  });
});
