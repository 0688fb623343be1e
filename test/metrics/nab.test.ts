/** Scores of detectors against NAB's own scorer (test/fixtures/nab.json), in closed form, and on NAB's published baselines. */
import { describe, expect, test } from "vitest";
import { DataError, ShapeError } from "../../src/errors.ts";
import { nab, nabThreshold, pointF1, type Windows } from "../../src/metrics/index.ts";
import { probation } from "../../src/metrics/nab.ts";
import cases from "../fixtures/nab.json" with { type: "json" };

describe.each(cases)("as NAB's scorer: $name", ({ series, profiles }) => {
  const given = [
    series.map(({ scores }) => scores),
    series.map(({ windows }) => windows as unknown as Windows),
  ] as const;
  test.each(["standard", "reward_low_FP", "reward_low_FN"] as const)("%s", (profile) => {
    const { best, at, counts } = profiles[profile];
    expect(nab({ profile }).of(...given)).toBeCloseTo(best.score, 10);
    expect(nabThreshold({ profile }).of(...given)).toBe(best.threshold ?? Number.POSITIVE_INFINITY);
    for (const [i, { threshold, score }] of at.entries()) {
      expect(nab({ profile, threshold }).of(...given)).toBeCloseTo(score, 10);
      const [tp = 0, fp = 0, fn = 0] = counts[i] ?? [];
      expect(pointF1({ threshold }).of(...given)).toBeCloseTo((2 * tp) / (2 * tp + fp + fn), 12);
    }
  });
});

/** Scores that are 1 in `rows` and else 0. */
const detecting = (size: number, rows: readonly number[]): Float64Array => {
  const scores = new Float64Array(size);
  for (const row of rows) scores[row] = 1;
  return scores;
};

describe("in closed form", () => {
  const sigma = (y: number) => 2 / (1 + Math.exp(5 * y)) - 1;
  const score = (rows: readonly number[], threshold = 1) => nab({ threshold }).of([detecting(100, rows)], [[[50, 59]]]);

  test("the first row of a window is a perfect detection, later ones are worth less, the best one counts", () => {
    expect(score([50])).toBeCloseTo(100, 10);
    expect(score([57, 59])).toBeCloseTo(50 * (1 + sigma(-0.3) / sigma(-1)), 10);
  });

  test("a false positive costs by its distance to the window before, all of it where there is none", () => {
    expect(score([50, 30])).toBeCloseTo(100 - 50 * 0.11, 10);
    expect(score([50, 60])).toBeCloseTo(100 + 50 * 0.11 * sigma(1 / 9), 10);
    expect(score([50, 95])).toBeCloseTo(100 - 50 * 0.11, 10);
    expect(score([50, 3])).toBeCloseTo(100, 10); // probationary
  });

  test("a detector that never detects has 0", () => {
    expect(nab().of([detecting(100, [])], [[[50, 59]]])).toBe(0);
    expect(nabThreshold().of([detecting(100, [])], [[[50, 59]]])).toBe(Number.POSITIVE_INFINITY);
    expect(score([50], 2)).toBe(0);
  });

  test("windows of one row, and series without any", () => {
    const one = [[detecting(40, [20, 21])], [[[20, 20]] as const]] as const;
    expect(nab({ threshold: 1 }).of(...one)).toBeCloseTo(100 - 50 * 0.11, 10);
    expect(pointF1({ threshold: 1 }).of(...one)).toBeCloseTo(2 / 3, 12);
    expect(nab().of([detecting(40, [20])], [[]])).toBeNaN();
  });

  test("series come one by one or together", () => {
    const running = nab().running();
    const first = [[detecting(40, [20, 30])], [[[20, 24]] as const]] as const;
    const second = [[detecting(50, [31])], [[[30, 39]] as const]] as const;
    running.add(...first);
    running.add(...second);
    expect(running.value).toBe(nab().of([...first[0], ...second[0]], [...first[1], ...second[1]]));
  });

  test("the probationary period is 15 % of the rows, 750 at most", () => {
    expect([1, 6, 7, 100, 4032, 5000, 22695].map(probation)).toEqual([0, 0, 1, 15, 604, 750, 750]);
  });
});

test("junk is refused", () => {
  expect(() => nab().of([[0, Number.NaN]], [[]])).toThrow(DataError);
  expect(() => nab().of([[0, "1"] as never], [[]])).toThrow(DataError);
  expect(() => nab().of([[0, 1, 0]], [[[0, 3]]])).toThrow(ShapeError);
  expect(() => nab().of([[0, 1, 0]], [[[2, 1]]])).toThrow(ShapeError);
  expect(() =>
    nab().of(
      [[0, 1, 0]],
      [
        [
          [0, 1],
          [1, 2],
        ],
      ],
    ),
  ).toThrow("got 1 to 2");
  expect(() => nab().of([[0, 1, 0]], [])).toThrow(ShapeError);
  expect(() => nab().of([[0, 1, 0]], [undefined as never])).toThrow(ShapeError);
  expect(() => nab({ profile: "best" as never })).toThrow(DataError);
});
