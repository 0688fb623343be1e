import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { stream, threefry2x32 } from "../../src/runtime/random.ts";

const words = (hex: string) => hex.split(" ").map((word) => Number.parseInt(word, 16));

describe("threefry2x32", () => {
  // Random123, examples/kat_vectors, rows "threefry2x32 20": counter, key, expected.
  it.each([
    ["00000000 00000000", "00000000 00000000", "6b200159 99ba4efe"],
    ["ffffffff ffffffff", "ffffffff ffffffff", "1cb996fc bb002be7"],
    ["243f6a88 85a308d3", "13198a2e 03707344", "c4923a9c 483df7a0"],
  ])("counter %s, key %s", (counter, key, expected) => {
    const [c0 = 0, c1 = 0] = words(counter);
    const [k0 = 0, k1 = 0] = words(key);
    expect(threefry2x32(k0, k1, c0, c1)).toEqual(words(expected));
  });
});

describe("stream", () => {
  it("depends on seed, step and site, and on nothing else", () => {
    const first = (...of: Parameters<typeof stream>) => [...stream(...of).fillUniform(new Float32Array(4))].join();
    const all = [
      first(0, 0, 0),
      first(1, 0, 0),
      first(0, 1, 0),
      first(0, 0, 1),
      first(0, 0, "0"),
      first(0, 0, "dropout"),
    ];
    const wide = [first(2 ** 32, 0, 0), first(0, 2 ** 32, 0), first(0, 0, "tuopord"), first(0, 0, "")];
    expect(new Set([...all, ...wide]).size).toBe(10);
    expect(first(7, 3, "dropout")).toBe(first(7, 3, "dropout"));
  });

  it("refuses a seed that is negative, fractional or past 2^53", () => {
    for (const seed of [-1, 0.5, 2 ** 53, Number.NaN])
      expect(() => stream(seed, 0, 0)).toThrow(
        `random stream: seed must be a whole number from 0 to 2^53 - 1, got ${seed}`,
      );
  });

  it("filling in parts equals filling at once", () => {
    const length = fc.integer({ min: 0, max: 5000 });
    fc.assert(
      fc.property(length, length, fc.constantFrom(Float32Array, Float64Array), (a, b, Type) => {
        const source = stream(1, 2, "parts");
        for (const fill of ["fillUniform", "fillNormal"] as const) {
          const whole = source[fill](new Type(a + b));
          const parts = new Type(a + b);
          source[fill](parts.subarray(0, a));
          source[fill](parts.subarray(a), a);
          expect(Buffer.from(parts.buffer).equals(Buffer.from(whole.buffer))).toBe(true);
        }
        const integers = [...source.integers(a, 1000), ...source.integers(b, 1000, a)];
        expect(integers).toEqual([...source.integers(a + b, 1000)]);
      }),
      { numRuns: 30 },
    );
  });

  it("two numbers that start at an odd index come from their own blocks only", () => {
    const source = stream(0, 0, "odd");
    const whole = source.fillUniform(new Float32Array(4));
    expect(source.fillUniform(new Float32Array(2), 1)).toEqual(whole.subarray(1, 3));
  });

  it.each([Float32Array, Float64Array])("uniforms: range, mean 1/2, variance 1/12 (%o)", (Type) => {
    const out = stream(3, 0, "uniform").fillUniform(new Type(1_000_000));
    const { mean, variance, least, most } = moments(out);
    expect(least).toBeGreaterThanOrEqual(0);
    expect(most).toBeLessThan(1);
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.0015); // 5 deviations of the mean
    expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.0005);
  });

  it("normals: mean 0, variance 1, kurtosis 3, finite", () => {
    const out = stream(3, 0, "normal").fillNormal(new Float64Array(1_000_000));
    const { mean, variance, kurtosis, most } = moments(out);
    expect(Math.abs(mean)).toBeLessThan(0.005);
    expect(Math.abs(variance - 1)).toBeLessThan(0.008);
    expect(Math.abs(kurtosis - 3)).toBeLessThan(0.025);
    expect(most).toBeLessThan(6.67);
  });

  it("integers: all values of a small range, equally often (chi squared)", () => {
    const counts = new Float64Array(13);
    for (const value of stream(5, 0, "integers").integers(130_000, 13)) counts[value] = (counts[value] ?? 0) + 1;
    const chi = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
    expect(chi).toBeLessThan(32.9); // 12 degrees of freedom, p = 0.001
    expect([...stream(5, 0, "one").integers(3, 1)]).toEqual([0, 0, 0]);
    expect(() => stream(5, 0, "none").integers(3, 0)).toThrow("below must be a whole number from 1 to 2^31, got 0");
  });

  it("permutation: each number once, each place equally often", () => {
    const sorted = [...stream(0, 0, "p").permutation(1000)].sort((a, b) => a - b);
    expect(sorted).toEqual(Array.from({ length: 1000 }, (_, i) => i));
    const seen = new Map<string, number>();
    for (let step = 0; step < 6000; step++) {
      const order = stream(0, step, "p").permutation(3).join("");
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(145); // 5 deviations
    expect([...stream(0, 0, "p").permutation(0)]).toEqual([]);
  });
});

function moments(values: Float32Array | Float64Array) {
  let [mean, variance, fourth, least, most] = [0, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) mean += value / values.length;
  for (const value of values) {
    variance += (value - mean) ** 2 / values.length;
    fourth += (value - mean) ** 4 / values.length;
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return { mean, variance, kurtosis: fourth / variance ** 2, least, most };
}
