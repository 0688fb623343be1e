/** Likelihoods of images: closed forms, sums over all that a value may be, and sizes that do not fit. */
import { describe, expect, test } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { bernoulli, gaussian, type Likelihood, logistic } from "../../src/nn/index.ts";
import { run } from "../../src/runtime/index.ts";
import { input, tensor } from "../../src/tensor/index.ts";
import { host, numbersOf } from "../support/numbers.ts";

/** The log-probability of each of `images`, one value each, given the same numbers. */
async function logs(likelihood: Likelihood, numbers: readonly number[], images: readonly number[]): Promise<number[]> {
  const B = images.length;
  const given = host(
    images.flatMap(() => numbers),
    [B, numbers.length, 1, 1],
  );
  const [g, x] = [input("g", given.shape), input("x", [B, 1, 1, 1])];
  const { log } = await run(
    { log: likelihood.logProbability(g, x) },
    { g: given, x: host(images, x.shape as number[]) },
  );
  return numbersOf(log.data);
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const LEVELS = Array.from({ length: 256 }, (_, k) => k / 255);

test("bernoulli: x·l - log(1 + e^l), safe where a probability would be 0", async () => {
  for (const l of [-3, 0, 1.5]) {
    const [zero, one, half] = await logs(bernoulli, [l], [0, 1, 0.25]);
    expect(zero).toBeCloseTo(Math.log(1 - sigmoid(l)), 6);
    expect(one).toBeCloseTo(Math.log(sigmoid(l)), 6);
    expect(half).toBeCloseTo(0.25 * Math.log(sigmoid(l)) + 0.75 * Math.log(1 - sigmoid(l)), 6);
  }
  expect(await logs(bernoulli, [200], [0, 1])).toEqual([-200, 0]);
});

describe("gaussian", () => {
  const log = (x: number, m: number, s: number) =>
    -0.5 * ((x - sigmoid(m)) / s) ** 2 - Math.log(s * Math.sqrt(2 * Math.PI));

  test("with one deviation for all values", async () => {
    const found = await logs(gaussian(0.1), [0.4], [0, 0.5, 1]);
    for (const [i, x] of [0, 0.5, 1].entries()) expect(found[i]).toBeCloseTo(log(x, 0.4, 0.1), 4);
  });

  test("with a deviation of its own for each, of which the least is e^-6", async () => {
    const softened = (s: number) => Math.log1p(Math.exp(s + 6)) - 6;
    for (const s of [-1, 0.5, -30]) {
      const [found = 0] = await logs(gaussian(), [0.4, s], [0.6]);
      const expected = log(0.6, 0.4, Math.exp(softened(s)));
      expect(Math.abs(found - expected)).toBeLessThan(2e-5 * Math.abs(expected) + 1e-5);
    }
    expect(softened(-30)).toBeCloseTo(-6, 9);
  });

  test.each([0, -1, Number.NaN])("refuses a deviation of %d", (deviation) => {
    expect(() => gaussian(deviation)).toThrow(ConfigError);
  });
});

describe("logistic", () => {
  test.each([
    [0.1, -3],
    [0.9, -6.5],
    [-0.98, -9],
    [0, 2],
    [1.5, 0],
    [0.3, 9],
  ])("the probabilities of 256 levels are 1 together, location %d, log-scale %d", async (location, scale) => {
    const total = (await logs(logistic, [location, scale], LEVELS)).reduce((sum, log) => sum + Math.exp(log), 0);
    expect(Math.abs(total - 1)).toBeLessThan(2e-5);
  });

  test("each is the share of the distribution between the level's ends", async () => {
    const [location, scale] = [0.2, Math.log(0.05)];
    const cumulated = (x: number) => sigmoid((x - location) / 0.05);
    const found = await logs(logistic, [location, scale], LEVELS);
    for (const [k, log] of found.entries()) {
      const center = (2 * k) / 255 - 1;
      const low = k === 0 ? 0 : cumulated(center - 1 / 255);
      const high = k === 255 ? 1 : cumulated(center + 1 / 255);
      if (high - low > 1e-10) expect(Math.abs(log - Math.log(high - low))).toBeLessThan(1e-4);
    }
  });

  test("stays finite far from the location, where probabilities are 0 in 32 bits", async () => {
    const [far = 0] = await logs(logistic, [1, -7], [0.25]);
    expect(far).toBeCloseTo(-(1.5 - 1 / 255) * Math.exp(7), -1); // log σ(a) ≈ a
  });
});

test.each([
  ["bernoulli", bernoulli, 1],
  ["gaussian", gaussian(), 2],
  ["logistic", logistic, 2],
] as const)(
  "%s: images of the decoder's size, channels of one number before those of the next",
  async (_, likelihood, planes) => {
    expect(likelihood.planes).toBe(planes);
    const given = tensor([Array.from({ length: 3 * planes }, (_, i) => [[i < 3 ? i / 4 : -1]])]);
    const { mean } = await run({ mean: likelihood.mean(given) });
    expect(mean.shape).toEqual([1, 3, 1, 1]);
    const expected = [0, 0.25, 0.5].map((m) => (likelihood === logistic ? (m + 1) / 2 : sigmoid(m)));
    for (const [i, value] of numbersOf(mean.data).entries()) expect(value).toBeCloseTo(expected[i] ?? 9, 6);
    expect(() => likelihood.logProbability(given, input("x", [1, 3, 2, 1]))).toThrow(ShapeError);
    if (planes === 2) expect(() => likelihood.mean(input("g", [1, 3, 1, 1]))).toThrow(ShapeError);
  },
);
