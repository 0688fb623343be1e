import { describe, expect, it } from "vitest";
import { AnsStack, LEAST_HEAD } from "../../src/compress/ans.ts";
import { compressWith, decompressWith } from "../../src/compress/compress.ts";
import { readContainer } from "../../src/compress/container.ts";
import { fileName } from "../../src/compress/names.ts";
import { tableCode } from "../../src/compress/table-code.ts";
import { stream } from "../../src/runtime/index.ts";
import { compression } from "../tolerances.ts";
import { picturesOf, type Size, subjectOf, tableSubject } from "./subject.ts";

const LEAST_BITS = Math.log2(LEAST_HEAD);

async function back(subject: Parameters<typeof compressWith>[0], bytes: Uint8Array) {
  return decompressWith(subject, await readContainer(bytes, "file"), "file");
}

describe("pictures come back bit for bit", () => {
  const cases: readonly [name: string, size: Size, count: number, keys: Record<string, unknown>, rows: number][] = [
    ["a dense model", [1, 6, 5], 23, {}, 4],
    ["one latent dimension", [1, 6, 5], 9, { latent: 1 }, 2],
    ["one picture", [1, 6, 5], 1, {}, 1],
    ["fewer pictures than a block", [1, 6, 5], 3, {}, 8],
    ["pictures of one pixel", [1, 1, 1], 40, { latent: 1 }, 3],
    [
      "convolutions, red, green and blue",
      [3, 9, 7],
      6,
      { encoder: "conv", conv_channels: 4, likelihood: "logistic" },
      2,
    ],
    ["256 levels, logistic", [1, 6, 5], 23, { likelihood: "logistic" }, 5],
    ["256 levels, one deviation", [1, 6, 5], 23, { likelihood: "gaussian", deviation: 0.2 }, 5],
    ["256 levels, a deviation for each value", [4, 6, 5], 7, { likelihood: "gaussian" }, 5],
    ["256 levels, with hardly any deviation", [1, 6, 5], 7, { likelihood: "gaussian", deviation: 0.001 }, 5],
    ["classes", [1, 6, 5], 23, { num_labels: 3 }, 5],
  ];
  for (const [name, size, count, keys, rows] of cases)
    it(name, async () => {
      const subject = await subjectOf(size, keys);
      const levels = keys.likelihood === undefined ? "two" : "all";
      const plain = picturesOf(size, count, levels);
      const pictures = keys.num_labels ? plain.map((one, i) => ({ ...one, label: String(i % 3) })) : plain;
      const { bytes, values } = await compressWith(subject, pictures, { rows });
      expect(values).toBe(count * size[0] * size[1] * size[2]);
      expect(await back(subject, bytes)).toEqual(pictures);
    });
});

describe("codes of a table", () => {
  const size: Size = [1, 6, 5];

  it("come back, and pictures with them", async () => {
    for (const count of [1, 23]) {
      const subject = tableSubject(size);
      const pictures = picturesOf(size, count, "two");
      const { bytes, rate } = await compressWith(subject, pictures, { rows: 4 });
      expect(await back(subject, bytes)).toEqual(pictures);
      expect(rate.gross).toBeGreaterThan(rate.net); // the head alone: nothing was popped
    }
  });

  it("come back with a vqvae, in color", async () => {
    const size: Size = [3, 9, 7];
    const subject = await subjectOf(size, { likelihood: "logistic" }, { factor: 1, type: "vqvae" });
    const pictures = picturesOf(size, 7, "all");
    const { bytes } = await compressWith(subject, pictures, { rows: 2 });
    expect(await back(subject, bytes)).toEqual(pictures);
  });

  it("cost less where some of them are frequent, and what equal chances cost where all are alike", () => {
    const bits = (codes: readonly Uint32Array[]): number => {
      const stack = new AnsStack(LEAST_HEAD);
      const prior = tableCode(3, 16);
      prior.foresee?.(codes);
      for (const code of codes) prior.push(stack, code);
      const there = stack.bits;
      const back = tableCode(3, 16);
      for (const code of codes.toReversed()) expect(back.pop(stack)).toEqual(code);
      expect([stack.head, stack.words.length]).toEqual([LEAST_HEAD, 0]);
      return there - LEAST_BITS;
    };
    const draw = (below: number) =>
      Array.from({ length: 600 }, (_, i) => Uint32Array.from(stream(1, i, "codes").integers(3, below)));
    expect(bits(draw(16)) / (600 * 3 * 4)).toBeCloseTo(1, 1);
    expect(bits(draw(2)) / (600 * 3 * 1)).toBeCloseTo(1, 1); // 2 of 16 rows: 1 bit, not 4
    expect(bits(draw(1))).toBeLessThan(60);
  });
});

describe("names", () => {
  it("are those of PNG files, whatever a picture was", () => {
    expect(["a.png", "b/A.PNG", "a.jpg", "12"].map(fileName)).toEqual(["a.png", "b/A.PNG", "a.jpg.png", "12.png"]);
  });
});

describe("the rate", () => {
  const size: Size = [1, 8, 8];

  const cases = [
    [{ likelihood: "bernoulli" }, "two", 1],
    [{ likelihood: "logistic" }, "all", 1],
    [{ likelihood: "gaussian", deviation: 0.1 }, "middle", 1], // no level near the ends, whose mass a density does not have
  ] as const;
  for (const [keys, levels, factor] of cases)
    it(`is the negative ELBO: ${keys.likelihood}`, async () => {
      const subject = await subjectOf(size, keys, { factor });
      const { rate, payload, values, bytes } = await compressWith(subject, picturesOf(size, 1000, levels));
      expect(Math.abs(rate.net / rate.elbo - 1)).toBeLessThan(compression.rate);
      expect(rate.gross).toBeGreaterThan(rate.net);
      expect(rate.gross * values).toBeGreaterThan(8 * payload - 20); // a head has 36 to 52 bits of 56
      expect(rate.gross * values).toBeLessThanOrEqual(8 * payload);
      expect(rate.file * values).toBe(8 * bytes.length);
    });

  it("does not depend on the seed or the size of a block but for the bits that were there before", async () => {
    const subject = await subjectOf(size, {}, { factor: 1 });
    const pictures = picturesOf(size, 200, "two");
    const rates = [];
    for (const options of [{ rows: 1 }, { rows: 50 }, { seed: 9 }, { rows: 256 }])
      rates.push((await compressWith(subject, pictures, options)).rate);
    for (const { net, elbo } of rates) expect(Math.abs(net / elbo - 1)).toBeLessThan(compression.rate);
    expect(rates[1]?.gross).toBeGreaterThan(rates[0]?.gross ?? 0);
    expect(rates[3]?.gross).toBeGreaterThan(rates[1]?.gross ?? 0);
  });

  it("is that of equal chances where the model knows nothing", async () => {
    const subject = await subjectOf(size, {}, { factor: 0 });
    const { rate } = await compressWith(subject, picturesOf(size, 20, "two"));
    expect(Math.abs(rate.net - 1)).toBeLessThan(1e-3); // logits 0 and a posterior that is the prior: 1 bit a pixel
    expect(Math.abs(rate.elbo - 1)).toBeLessThan(1e-6);
  });
});
