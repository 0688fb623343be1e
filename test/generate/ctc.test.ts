/** Decoding of what a CTC network says, by enumeration of all paths. */
import { describe, expect, test } from "vitest";
import { CheckpointError, ConfigError, ShapeError } from "../../src/errors.ts";
import { ctcAlign, ctcBeam, ctcGreedy, type Emissions } from "../../src/generate/index.ts";
import { numbersOf, uniform } from "../support/numbers.ts";

const emissions = (seed: number, T: number, K: number, wide = 3): Emissions => ({
  data: numbersOf(uniform(seed, [T, K], -wide, wide).data),
  shape: [T, K],
});
const ofProbabilities = (rows: readonly (readonly number[])[]): Emissions => ({
  data: rows.flat().map(Math.log),
  shape: [rows.length, rows[0]?.length ?? 0],
});
const collapsed = (path: readonly number[]): number[] =>
  path.filter((label, t) => label !== path[t - 1]).filter((label) => label !== 0);

/** All paths with their probabilities. */
function paths({ data, shape: [T = 0, K = 0] }: Emissions): { path: number[]; p: number }[] {
  const rows = Array.from({ length: T }, (_, t) => {
    const row = Array.from({ length: K }, (_, k) => Math.exp(data[t * K + k] ?? 0));
    const total = row.reduce((a, b) => a + b, 0);
    return row.map((x) => x / total);
  });
  return Array.from({ length: K ** T }, (_, n) => {
    const path = rows.map((_, t) => Math.floor(n / K ** t) % K);
    return { path, p: path.reduce((p, k, t) => p * (rows[t]?.[k] ?? 0), 1) };
  });
}

/** All texts with their probabilities, the likeliest first. */
function texts(given: Emissions): { labels: string; p: number }[] {
  const sums = new Map<string, number>();
  for (const { path, p } of paths(given)) {
    const text = collapsed(path).join();
    sums.set(text, (sums.get(text) ?? 0) + p);
  }
  return [...sums].map(([labels, p]) => ({ labels, p })).sort((a, b) => b.p - a.p);
}

const sizes = [
  [1, 1],
  [1, 3],
  [2, 2],
  [3, 4],
  [5, 3],
  [6, 2],
  [4, 5],
] as const;

describe.each(sizes)("%i steps of %i classes", (T, K) => {
  const seeds = Array.from({ length: 20 }, (_, i) => i);

  test("a beam that loses nothing finds the likeliest text and its probability", () => {
    for (const seed of seeds) {
      const given = emissions(seed, T, K);
      const [best] = texts(given);
      const found = ctcBeam(given, { width: 5000 });
      expect(found.labels.join()).toBe(best?.labels);
      expect(Math.exp(found.logP)).toBeCloseTo(best?.p ?? 0, 12);
    }
  });

  test("a narrow beam never claims more than a text has", () => {
    for (const seed of seeds)
      for (const width of [1, 2, 3]) {
        const given = emissions(seed, T, K);
        const { labels, logP } = ctcBeam(given, { width });
        const p = texts(given).find((text) => text.labels === labels.join())?.p ?? 0;
        expect(Math.exp(logP)).toBeLessThanOrEqual(p + 1e-12);
      }
  });

  test("greedy decoding takes the likeliest path", () => {
    for (const seed of seeds) {
      const given = emissions(seed, T, K);
      const [best] = paths(given).sort((a, b) => b.p - a.p);
      const { labels, logP } = ctcGreedy(given);
      expect(labels).toEqual(collapsed(best?.path ?? []));
      expect(Math.exp(logP)).toBeCloseTo(best?.p ?? 0, 12);
    }
  });

  test("an alignment has the probability of the text and the steps of its likeliest path", () => {
    for (const { labels: text, p } of texts(emissions(4, T, K))) {
      const labels = text === "" ? [] : text.split(",").map(Number);
      const found = ctcAlign(emissions(4, T, K), labels);
      expect(Math.exp(found?.logP ?? 0)).toBeCloseTo(p, 12);
      const [best] = paths(emissions(4, T, K))
        .filter(({ path }) => collapsed(path).join() === text)
        .sort((a, b) => b.p - a.p);
      const said = Array<number>(T).fill(0);
      for (const [l, [from, to]] of (found?.spans ?? []).entries()) said.fill(labels[l] ?? 0, from, to);
      expect(said).toEqual(best?.path);
    }
  });
});

test("the likeliest text is not that of the likeliest path (Hannun et al. 2014)", () => {
  const given = ofProbabilities([
    [0.6, 0.4],
    [0.6, 0.4],
  ]);
  expect(ctcGreedy(given).labels).toEqual([]); // 0.36
  const { labels, logP } = ctcBeam(given);
  expect(labels).toEqual([1]);
  expect(Math.exp(logP)).toBeCloseTo(0.64, 12);
});

test("what cannot be said has no alignment", () => {
  expect(ctcAlign(emissions(1, 2, 3), [1, 1])).toBeUndefined();
  expect(ctcAlign(emissions(1, 1, 3), [1, 2])).toBeUndefined();
  expect(ctcAlign(emissions(1, 3, 3), [5])).toBeUndefined();
  expect(ctcAlign({ data: [], shape: [0, 3] }, [1])).toBeUndefined();
});

test("no steps say nothing for certain", () => {
  const none = { data: [], shape: [0, 3] };
  expect(ctcGreedy(none)).toEqual({ labels: [], logP: 0 });
  expect(ctcBeam(none)).toEqual({ labels: [], logP: 0 });
  expect(ctcAlign(none, [])).toEqual({ logP: 0, spans: [] });
});

test("junk is refused in one line", () => {
  expect(() => ctcBeam({ data: [1, 2, 3], shape: [2, 2] })).toThrow(ShapeError);
  expect(() => ctcGreedy({ data: [1, 2, 3], shape: [3] })).toThrow(ShapeError);
  expect(() => ctcBeam(emissions(1, 2, 2), { width: 0 })).toThrow(ConfigError);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY])("a network that says %d is refused, not decoded", (odd) => {
  const given = { data: [1, 0, 2, 0, odd, 2], shape: [2, 3] };
  for (const decode of [ctcGreedy, ctcBeam, (broken: Emissions) => ctcAlign(broken, [1])]) {
    expect(() => decode(given)).toThrow(CheckpointError);
    expect(() => decode(given)).toThrow(/: the model gives logits that are not finite at step 1; /);
  }
});

test("a class that is forbidden, -Infinity, is never said; where all are, nothing can be", () => {
  const forbidden = { data: [1, Number.NEGATIVE_INFINITY, 2, 0, Number.NEGATIVE_INFINITY, 2], shape: [2, 3] };
  expect(ctcGreedy(forbidden).labels).toEqual([2]);
  expect(ctcBeam(forbidden).labels).toEqual([2]);
  expect(ctcAlign(forbidden, [1])).toBeUndefined();
  expect(() => ctcBeam({ data: [Number.NEGATIVE_INFINITY], shape: [1, 1] })).toThrow(CheckpointError);
});
