/** Error rates of texts against jiwer (test/fixtures/errors.json) and by hand. */
import { describe, expect, test } from "vitest";
import { DataError, ShapeError } from "../../src/errors.ts";
import { characterErrorRate, wordErrorRate } from "../../src/metrics/index.ts";
import cases from "../fixtures/errors.json" with { type: "json" };

describe("as jiwer's", () => {
  test.each(cases.map((line, i) => ({ ...line, i })))("case $i", ({ predictions, targets, cer, wer }) => {
    expect(characterErrorRate().of(predictions, targets)).toBeCloseTo(cer, 12);
    expect(wordErrorRate().of(predictions, targets)).toBeCloseTo(wer, 12);
  });

  test("batch by batch, over all of them", () => {
    const sums = cases.reduce((words, { targets }) => words + targets.join(" ").split(/\s+/).filter(Boolean).length, 0);
    const running = wordErrorRate().running();
    for (const { predictions, targets } of cases) running.add(predictions, targets);
    const edits = cases.reduce(
      (sum, { targets, wer }) => sum + wer * targets.join(" ").split(/\s+/).filter(Boolean).length,
      0,
    );
    expect(running.value).toBeCloseTo(edits / sums, 12);
  });
});

test("by hand", () => {
  expect(characterErrorRate().of(["kitten"], ["sitting"])).toBeCloseTo(3 / 7, 12);
  expect(characterErrorRate().of([" ab "], ["ab"])).toBe(0);
  expect(characterErrorRate().of(["𝄞b"], ["ab"])).toBe(0.5); // a code point is one character
  expect(wordErrorRate().of(["a  b\tc"], ["a b c"])).toBe(0);
  expect(wordErrorRate().of(["a b c d"], ["x"])).toBe(4);
  expect(wordErrorRate().of([], [])).toBeNaN();
  expect(characterErrorRate().of(["a"], [""])).toBe(Number.POSITIVE_INFINITY);
});

test("junk is refused", () => {
  expect(() => wordErrorRate().of(["a"], [])).toThrow(ShapeError);
  expect(() => wordErrorRate().of([1] as never, ["a"])).toThrow(DataError);
  expect(() => wordErrorRate().of("a" as never, ["a"])).toThrow(DataError);
});
