/** Bounds and rates: closed forms beside Monte Carlo, the parts of a rate, and how weights rise. */
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import {
  annealed,
  drawSamples,
  freeBits,
  importanceBound,
  logMeanExp,
  logNormal,
  normalKL,
  rateParts,
  reparameterise,
  repeatRows,
} from "../../src/nn/index.ts";
import { run, stream } from "../../src/runtime/index.ts";
import { input, tensor } from "../../src/tensor/index.ts";
import { host, numbersOf, uniform } from "../support/numbers.ts";

const normals = (seed: number, shape: readonly number[]) =>
  host(stream(seed, 0, "normals").fillNormal(new Float64Array(shape.reduce((a, b) => a * b, 1))), shape);

test("the closed form of the KL is 0 at the prior, and what its formula says", async () => {
  const kl = normalKL(tensor([[0, 1, -2]]), tensor([[0, Math.log(4), -1]]));
  const { found } = await run({ found: kl });
  const expected = [0, 0.5 * (1 + 4 - 1 - Math.log(4)), 0.5 * (4 + Math.exp(-1) - 1 + 1)];
  for (const [i, value] of numbersOf(found.data).entries()) expect(value).toBeCloseTo(expected[i] ?? 9, 5);
});

test("the closed form of the KL is its estimate by Monte Carlo, within five standard errors", async () => {
  const [S, L] = [40_000, 3];
  const [mean, logVariance] = [tensor([[0.5, -1, 2]]), tensor([[-1, 0.3, -3]])];
  const epsilon = input("epsilon", [S, L]);
  const wide = [mean.expand([S, L]), logVariance.expand([S, L])] as const;
  const z = reparameterise(...wide, epsilon);
  const ratio = logNormal(z, ...wide).sub(logNormal(z));
  const found = await run({ kl: normalKL(mean, logVariance), ratio }, { epsilon: normals(1, [S, L]) });
  const ratios = numbersOf(found.ratio.data);
  for (const l of [0, 1, 2]) {
    const own = ratios.filter((_, i) => i % L === l);
    const average = own.reduce((a, b) => a + b, 0) / S;
    const deviation = Math.sqrt(own.reduce((a, b) => a + (b - average) ** 2, 0) / S);
    expect(Math.abs(average - Number(found.kl.data[l]))).toBeLessThan((5 * deviation) / Math.sqrt(S));
  }
});

test("log-mean-exp is safe where exponentials are not, also over a size that is only known by name", async () => {
  const x = input("x", ["B", 3]);
  const found = await run(
    { rows: logMeanExp(x, 1), columns: logMeanExp(x, 0) },
    { x: host([-1000, -1000, -1000 + Math.log(4), 0, Math.log(2), Math.log(3)], [2, 3]) },
  );
  expect(found.rows.data[0]).toBeCloseTo(-1000 + Math.log(2), 3);
  expect(found.rows.data[1]).toBeCloseTo(Math.log(2), 6);
  expect(found.columns.data[1]).toBeCloseTo(Math.log(2) - Math.log(2), 6);
});

describe("the importance-weighted bound", () => {
  /** log p(x | z) = log N(x; z, 1) for a prior N(0, 1): log p(x) = log N(x; 0, 2), and the posterior is N(x/2, 1/2). */
  async function bound(K: number, mean: number, variance: number, S: number): Promise<number[]> {
    const x = 1.5;
    const [m, v] = [tensor([[mean]]).expand([S, 1]), tensor([[Math.log(variance)]]).expand([S, 1])];
    const epsilon = input("epsilon", [S, K, 1]);
    const samples = drawSamples(m, v, K, epsilon);
    const logLikelihood = logNormal(repeatRows(tensor([[x]]).expand([S, 1]), K), samples.codes).sum(1);
    const found = await run({ found: importanceBound(logLikelihood, samples) }, { epsilon: normals(K, [S, K, 1]) });
    return numbersOf(found.found.data);
  }
  const truth = -0.5 * (1.5 ** 2 / 2) - 0.5 * Math.log(2 * Math.PI * 2);
  const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

  test("is the likelihood itself, without noise, where the posterior is the true one", async () => {
    for (const K of [1, 7]) for (const value of await bound(K, 0.75, 0.5, 5)) expect(value).toBeCloseTo(truth, 5);
  });

  test("rises with its samples from the ELBO towards the likelihood, and never above", async () => {
    const [one, five, many] = [
      average(await bound(1, 0, 1, 4000)),
      average(await bound(5, 0, 1, 4000)),
      average(await bound(500, 0, 1, 400)),
    ];
    const elbo = -0.5 * Math.log(2 * Math.PI) - 0.5 * (1.5 ** 2 + 1); // E log p(x | z) under the prior, whose KL is 0
    expect(Math.abs(one - elbo)).toBeLessThan(0.15);
    expect(one).toBeLessThan(five);
    expect(five).toBeLessThan(many);
    expect(Math.abs(many - truth)).toBeLessThan(0.02);
  });
});

test("the parts of a rate are together E log q(z | x) - log p(z)", async () => {
  const [B, L] = [6, 2];
  const [z, m, v] = [input("z", [B, L]), input("m", [B, L]), input("v", [B, L])];
  const parts = rateParts(z, m, v, 100);
  const whole = logNormal(z, m, v).sub(logNormal(z)).sum(1).mean();
  const found = await run(
    { ...parts, whole },
    { z: uniform(1, [B, L], -2, 2, "f32"), m: uniform(2, [B, L], -2, 2, "f32"), v: uniform(3, [B, L], -2, 0, "f32") },
  );
  const of = (name: keyof typeof found) => Number(found[name].data[0]);
  expect(of("mutualInformation") + of("totalCorrelation") + of("dimensionwise")).toBeCloseTo(of("whole"), 4);
});

test("with one image of one, all codes are its posterior: no information, and one dimension has no other", async () => {
  const [z, m, v] = [tensor([[0.4]]), tensor([[0.1]]), tensor([[-1]])];
  const found = await run({ ...rateParts(z, m, v, 1) });
  expect(found.mutualInformation.data[0]).toBeCloseTo(0, 6);
  expect(found.totalCorrelation.data[0]).toBeCloseTo(0, 6);
});

test("free bits count where the mean of a dimension is below them", async () => {
  const kl = tensor([
    [0.1, 2, 0],
    [0.3, 4, 0],
  ]);
  const { found } = await run({ found: freeBits(kl, 0.5) });
  expect(found.data[0]).toBeCloseTo(0.5 + 3 + 0.5, 6);
});

describe("annealing", () => {
  const weights = (how: "none" | "linear" | "cyclical", steps: number, to: number) =>
    Array.from({ length: to }, (_, i) => annealed({ how, steps }, i + 1));
  test("none, linear, cyclical", () => {
    expect(weights("none", 4, 3)).toEqual([1, 1, 1]);
    expect(weights("linear", 4, 6)).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
    expect(weights("cyclical", 4, 9)).toEqual([0.5, 1, 1, 1, 0.5, 1, 1, 1, 0.5]);
  });
  test.each([0, -1, 1.5])("refuses %d steps", (steps) => {
    expect(() => annealed({ how: "linear", steps }, 1)).toThrow(ConfigError);
  });
});
