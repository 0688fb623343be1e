import { describe, expect, it } from "vitest";
import { AnsStack, LEAST_HEAD } from "../../src/compress/ans.ts";
import { exp, logisticCdf, normalCdf, normalQuantiles, softplus } from "../../src/compress/elementary.ts";
import {
  Bins,
  LOGISTIC,
  NORMAL,
  ofTwo,
  PRECISION,
  popBit,
  popUniform,
  pushBit,
  pushUniform,
} from "../../src/compress/frequencies.ts";
import { stream, threefry2x32 } from "../../src/runtime/index.ts";

const relative = (a: number, b: number) => Math.abs(a - b) / Math.abs(b);

describe("functions of plain arithmetic", () => {
  it("exp is e^x", () => {
    for (let x = -700; x < 700; x += 0.37) expect(relative(exp(x), Math.exp(x))).toBeLessThan(5e-16);
    expect([exp(0), exp(-800), exp(710)]).toEqual([1, 0, Number.POSITIVE_INFINITY]);
    expect(exp(Number.NaN)).toBeNaN();
  });

  it("softplus and the logistic function are log(1 + e^x) and its slope", () => {
    for (let x = -40; x < 40; x += 0.013) {
      expect(relative(softplus(x), Math.log1p(Math.exp(-Math.abs(x))) + Math.max(x, 0))).toBeLessThan(1e-15);
      expect(relative(logisticCdf(x), 1 / (1 + Math.exp(-x)))).toBeLessThan(1e-15);
    }
  });

  it("the normal distribution has the values of tables", () => {
    const table = [
      [0, 0.5],
      [1, 0.8413447460685429],
      [2, 0.9772498680518208],
      [3, 0.9986501019683699],
      [-1.5, 0.06680720126885807],
      [6, 0.9999999990134123],
    ] as const;
    for (const [x, probability] of table) expect(Math.abs(normalCdf(x) - probability)).toBeLessThan(4e-16);
    const quantiles = normalQuantiles(1000);
    expect(relative(quantiles[974] as number, 1.959963984540054)).toBeLessThan(1e-14);
    expect(relative(quantiles[949] as number, 1.6448536269514722)).toBeLessThan(1e-14);
    expect(quantiles[499]).toBe(0);
    for (const [i, x] of quantiles.entries()) expect(Math.abs(normalCdf(x) - (i + 1) / 1000)).toBeLessThan(1e-14);
  });
});

describe("frequencies", () => {
  const edges = Float64Array.from({ length: 255 }, (_, v) => (v + 0.5) / 255);
  const cases = [
    [0.5, 0.1],
    [0, 1e-6],
    [1, 1e-6],
    [0.37, 1e-3],
    [-50, 0.1],
    [0.5, 1e6],
    [0.2, 1e-300],
  ] as const;

  it("give every bin at least one number, and 2^p to all", () => {
    for (const bins of [new Bins(NORMAL, edges, 1), new Bins(LOGISTIC, edges, 1)])
      for (const [mean, width] of cases) {
        const starts = Array.from({ length: 257 }, (_, i) => bins.start(i, mean, width));
        expect(starts.every((start, i) => i === 0 || start > (starts[i - 1] as number))).toBe(true);
        expect([starts[0], starts[256]]).toEqual([0, 2 ** PRECISION]);
      }
  });

  it("are as large as the mass of a bin", () => {
    const bins = new Bins(NORMAL, edges, 1);
    const [mean, width] = [0.43, 0.07];
    for (let i = 60; i < 160; i++) {
      const mass =
        normalCdf(((edges[i] as number) - mean) / width) - normalCdf(((edges[i - 1] as number) - mean) / width);
      const share = (bins.start(i + 1, mean, width) - bins.start(i, mean, width)) / 2 ** PRECISION;
      expect(Math.abs(share - mass)).toBeLessThan(2e-6);
    }
  });

  it("code every symbol, and give it back", () => {
    const bins = new Bins(LOGISTIC, edges, 1);
    for (const [mean, width] of cases) {
      const stack = new AnsStack(LEAST_HEAD);
      for (let i = 0; i < 256; i++) bins.push(stack, i, mean, width);
      for (let i = 255; i >= 0; i--) expect(bins.pop(stack, mean, width)).toBe(i);
      expect([stack.head, stack.words.length]).toEqual([LEAST_HEAD, 0]);
    }
  });

  it("draw only what has a number where none is due, with the distribution's moments", () => {
    const many = normalQuantiles(2 ** 14);
    const bins = new Bins(NORMAL, many, 0);
    const value = (i: number): number => many[Math.min(i, many.length - 1)] as number; // an end of the bin
    let taken = 0;
    const stack = new AnsStack(LEAST_HEAD, [], () => threefry2x32(3, 0, taken++, 0)[0] % 2 ** 16);
    const drawn = Array.from({ length: 50_000 }, () => bins.pop(stack, 0.7, 0.05));
    const scores = drawn.map((i) => (value(i) - 0.7) / 0.05);
    const mean = scores.reduce((a, b) => a + b, 0) / scores.length;
    const variance = scores.reduce((a, b) => a + (b - mean) ** 2, 0) / scores.length;
    expect(Math.abs(mean)).toBeLessThan(0.02); // 0.0045 is a standard error
    expect(Math.abs(variance - 1)).toBeLessThan(0.02); // with a number for each bin it would be 1.4
    for (const i of drawn.toReversed()) bins.push(stack, i, 0.7, 0.05);
    expect([stack.head, stack.words.length]).toEqual([LEAST_HEAD, taken]);
    expect(() => bins.push(stack, 3, 0.7, 0.05)).toThrow(/cannot have been drawn/); // 60 widths away
  });

  it("of two and of many alike", () => {
    expect([ofTwo(0), ofTwo(1), ofTwo(0.5)]).toEqual([1, 2 ** PRECISION - 1, 2 ** (PRECISION - 1)]);
    const stack = new AnsStack(LEAST_HEAD);
    const numbers = stream(0, 0, "uniform").integers(300, 10);
    for (const number of numbers) {
      pushUniform(stack, number, 10);
      pushBit(stack, number % 2, ofTwo(0.9));
      pushUniform(stack, 0, 1);
      pushUniform(stack, number, 1 << 14);
    }
    for (const number of numbers.toReversed()) {
      expect(popUniform(stack, 1 << 14)).toBe(number);
      expect(popUniform(stack, 1)).toBe(0);
      expect(popBit(stack, ofTwo(0.9))).toBe(number % 2);
      expect(popUniform(stack, 10)).toBe(number);
    }
    expect([stack.head, stack.words.length]).toEqual([LEAST_HEAD, 0]);
  });
});
