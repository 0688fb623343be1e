/** Correlations against scipy 1.16: spearmanr, pearsonr. */
import { expect, test } from "vitest";
import { ShapeError } from "../../src/errors.ts";
import { pearson, spearman } from "../../src/metrics/correlation.ts";

const [a, b] = [
  [1, 2, 2, 5, 3, 9, 0.5, 2],
  [2, 1, 4, 8, 8, 7, 1, 3],
];

test("with ties", () => {
  expect(spearman(a, b)).toBeCloseTo(0.8148769172359116, 14);
  expect(pearson(a, b)).toBeCloseTo(0.7117357969145286, 14);
});

test("any rising function leaves ranks as they are", () => {
  expect(spearman(a, a.map(Math.exp))).toBeCloseTo(1, 14);
  expect(
    spearman(
      a,
      a.map((value) => -(value ** 3)),
    ),
  ).toBeCloseTo(-1, 14);
});

test("a constant has no correlation, lists of two lengths are refused", () => {
  expect(spearman([1, 2, 3], [4, 4, 4])).toBeNaN();
  expect(() => spearman([1, 2], [1])).toThrow(ShapeError);
});
