/** BLEU against sacreBLEU: `test/fixtures/bleu.py`. */
import { describe, expect, test } from "vitest";
import { DataError, ShapeError } from "../../src/errors.ts";
import { bleu, tokens13a } from "../../src/metrics/bleu.ts";
import fixture from "../fixtures/bleu.json" with { type: "json" };

test.each(fixture.tokens)("tokens of $text", ({ text, tokens }) => expect(tokens13a(text)).toEqual(tokens));

describe("scores", () => {
  test.each(fixture.scores)("$name", ({ hypotheses, references, bleu: score, lowercase }) => {
    for (const [metric, expected] of [
      [bleu(), score],
      [bleu({ lowercase: true }), lowercase],
    ] as const) {
      expect(Math.abs(metric.of(hypotheses, references) - expected)).toBeLessThan(1e-9);
      const running = metric.running();
      for (const [i, text] of hypotheses.entries()) running.add([text], [references[i] ?? []]);
      expect(Math.abs(running.value - expected)).toBeLessThan(1e-9);
    }
  });

  test("one reference may stand without a list", () =>
    expect(bleu().of(["a man runs over there"], ["a man runs over there"])).toBeCloseTo(100, 9));

  test("of nothing", () => expect(bleu().of([], [])).toBe(0));
});

test("what are no sentences is refused", () => {
  expect(() => bleu().of(["a"], [])).toThrow(ShapeError);
  expect(() => bleu().of("a" as never, ["a"])).toThrow(DataError);
  expect(() => bleu().of([5] as never, ["a"])).toThrow(new DataError('bleu: expected sentences, got "5"'));
});
