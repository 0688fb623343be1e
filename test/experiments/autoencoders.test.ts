/** Experiments with autoencoders of drawn digits: their parts, and each of them within the band that theory gives. */
import { describe, expect, test } from "vitest";
import { drawnDigits } from "../../src/digits/index.ts";
import { ConfigError } from "../../src/errors.ts";
import { classesAmong } from "../../src/experiments/ae-vs-vae.ts";
import { digitSet, divided } from "../../src/experiments/autoencoding.ts";
import { runExperiment } from "../../src/experiments/index.ts";

/** Small enough for seconds. */
const small = { threads: 1, size: 14, hidden: 100, pictures: 2000, steps: 700, batch: 32, lr: 0.008, seeds: 1 };

type Rows = readonly Readonly<Record<string, number>>[];
const column = (table: unknown, name: string): number[] => (table as Rows).map((row) => Number(row[name]));

/** Differences of neighbours. */
const steps = (values: readonly number[]): number[] => values.slice(1).map((value, i) => value - (values[i] ?? 0));

describe("digits", () => {
  test("are those that are drawn, with their labels and factors", async () => {
    const drawn = drawnDigits({ count: 20, seed: 3, size: 12 });
    const { pictures, factors } = await digitSet({ count: 20, seed: 3, size: 12 });
    expect(pictures.map(({ label }) => Number(label))).toEqual(Array.from(drawn.labels));
    expect(pictures.flatMap(({ data }) => Array.from(data))).toEqual(Array.from(drawn.images));
    expect(factors).toEqual(drawn.factors);
  });

  test("that are measured are none of those that are learned from", async () => {
    const { train, held } = await divided({ pictures: 300, size: 12 });
    const learned = new Set(train.pictures.map(({ data }) => data.join()));
    expect(learned.size).toBe(300);
    expect(held.pictures.some(({ data }) => learned.has(data.join()))).toBe(false);
  });
});

describe("beta", () => {
  test("with β the rate falls and the distortion rises, and the ELBO is best where β is 1", async () => {
    const { table, values, picture } = await runExperiment("beta", { ...small, betas: "8,0.1,1" });
    expect(column(table, "beta")).toEqual([0.1, 1, 8]);
    for (const step of steps(column(table, "KL"))) expect(step).toBeLessThan(-2);
    for (const step of steps(column(table, "reconstruction"))) expect(step).toBeGreaterThan(2);
    const elbo = column(table, "ELBO");
    expect(elbo[1]).toBe(Math.max(...elbo));
    const [KL, reconstruction] = [column(table, "KL"), column(table, "reconstruction")];
    for (const [i, bound] of elbo.entries()) expect(bound).toBeCloseTo(-(KL[i] ?? 0) - (reconstruction[i] ?? 0), 6);
    const { slopes } = values as { slopes: { from: number; to: number; slope: number }[] };
    for (const { from, to, slope } of slopes) {
      expect(slope).toBeGreaterThan(from);
      expect(slope).toBeLessThan(to);
    }
    expect(picture).toMatch(/^<svg.*polyline.*<\/svg>\n$/s);
  }, 120_000);

  test.each(["1,x", "-1", ""])("of %j is refused", async (betas) => {
    const message = `experiment: betas: expected numbers from 0 to 1000000 with commas between them, got "${betas}"`;
    await expect(runExperiment("beta", { betas })).rejects.toThrow(new ConfigError(message));
  });
});

describe("latent-size", () => {
  test("more dimensions say more, as long as there is more to say; those that are left over are not used", async () => {
    const { table, values } = await runExperiment("latent-size", { ...small, latents: "32,1,4" });
    expect(column(table, "latent")).toEqual([1, 4, 32]);
    const [one = 0, four = 0, many = 0] = column(table, "ELBO");
    expect(four - one).toBeGreaterThan(2);
    expect(many - one).toBeGreaterThan(2);
    for (const step of steps(column(table, "linear probe"))) expect(step).toBeGreaterThan(0);
    const active = column(table, "active");
    expect(active.slice(0, 2)).toEqual([1, 4]);
    expect(active[2]).toBeLessThan(32);
    expect(values.pixels).toBeGreaterThan(0.7);
  }, 120_000);
});

describe("ae-vs-vae", () => {
  test.each([
    ["all the same", [1, 0, 1, 0], [2, 2], 1],
    ["one of each", [1, 0, 0, 1], [2, 2], 2],
    ["nobody knows", [0.25, 0.25, 0.25, 0.25], [1, 4], 4],
    ["three to one", [1, 0, 1, 0, 1, 0, 0, 1], [4, 2], 4 / 3 ** 0.75],
  ] as const)("classes among pictures, %s", (_, data, shape, expected) => {
    expect(classesAmong({ data: Float32Array.from(data), shape, dtype: "f32" })).toBeCloseTo(expected, 6);
  });

  test("the autoencoder reconstructs better, and its samples look less like digits than those of the VAE", async () => {
    const { table, values, picture, summary } = await runExperiment("ae-vs-vae", {
      ...{ ...small, hidden: 128, pictures: 3000, steps: 1200, batch: 64, lr: 0.006 },
      ...{ latent: 8, samples: 500 },
    });
    const [ae, vae] = table as unknown as Rows;
    const of = (row: Rows[number] | undefined, name: string) => Number(row?.[name]);
    expect(of(vae, "reconstruction") - of(ae, "reconstruction")).toBeGreaterThan(0.5);
    expect(of(ae, "Fréchet")).toBeGreaterThan(2 * of(vae, "Fréchet"));
    expect(of(ae, "classes")).toBeLessThan(of(vae, "classes"));
    expect(of(vae, "parameters") - of(ae, "parameters")).toBe(8 * 128 + 8); // the layer of log σ²
    const { digits } = values as { digits: { frechet: number; classes: number } };
    expect(digits.frechet).toBeLessThan(of(vae, "Fréchet"));
    expect(digits.classes).toBeCloseTo(10, 0);
    expect(picture.match(/<image/g)).toHaveLength(7);
    expect(summary).toContain(`vae ${of(vae, "reconstruction").toFixed(1)} nats`);
  }, 180_000);
});
