/** Which examples a batch holds: pure functions of seed and number. */
import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import { batchesPerEpoch, draws, epochs } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors.ts";

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const sizes = fc.record({
  size: fc.integer({ min: 1, max: 400 }),
  batch: fc.integer({ min: 1, max: 50 }),
  seed: fc.integer({ min: 0, max: 1000 }),
  epoch: fc.integer({ min: 0, max: 5 }),
  byLength: fc.boolean(),
});
/** Lengths without an order. */
const lengthOf = (index: number) => (index * 7919) % 31;

describe("draws", () => {
  it("is a pure function of seed and number", () => {
    const at = (seed: number, n: number) => draws({ size: 50, batch: 4, seed })(n).join();
    expect(at(0, 5)).toBe(at(0, 5));
    expect(new Set([at(0, 5), at(0, 6), at(1, 5)]).size).toBe(3);
  });

  it("every example is as likely as any other, the first and last included", () => {
    const counts = new Map<number, number>();
    for (const index of draws({ size: 47, batch: 47_000, seed: 0 })(0)) counts.set(index, (counts.get(index) ?? 0) + 1);
    expect([...counts.keys()].sort((a, b) => a - b)).toEqual(range(47));
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(160); // 5 deviations
  });

  it("takes any batch of the smallest data set", () =>
    expect([...draws({ size: 1, batch: 3, seed: 0 })(9)]).toEqual([0, 0, 0]));
});

describe("epochs", () => {
  it("every example comes once in each pass, in full batches but for the last", () => {
    fc.assert(
      fc.property(sizes, ({ size, batch, seed, epoch, byLength }) => {
        const count = batchesPerEpoch({ size, batch, seed });
        expect(count).toBe(Math.ceil(size / batch));
        const order = epochs({ size, batch, seed, ...(byLength && { length: lengthOf }) });
        const batches = range(count).map((n) => [...order(epoch * count + n)]);
        expect(batches.flat().sort((a, b) => a - b)).toEqual(range(size));
        const short = batches.filter(({ length }) => length !== batch);
        expect(short.map(({ length }) => length)).toEqual(size % batch ? [size % batch] : []);
      }),
    );
  });

  it("without the last batch, all are full and none comes twice", () => {
    fc.assert(
      fc.property(sizes, ({ size, batch, seed, epoch, byLength }) => {
        fc.pre(batch <= size);
        const options = { size, batch, seed, last: "drop", ...(byLength && { length: lengthOf }) } as const;
        const count = batchesPerEpoch(options);
        expect(count).toBe(Math.floor(size / batch));
        const order = epochs(options);
        const seen = range(count).flatMap((n) => [...order(epoch * count + n)]);
        expect(new Set(seen).size).toBe(count * batch);
      }),
    );
    expect(() => epochs({ size: 3, batch: 4, seed: 0, last: "drop" })).toThrow(
      new ConfigError("batch: expected at most the 3 examples there are, got 4; make batches smaller"),
    );
  });

  it("is a pure function of seed and number, whatever was asked for before", () => {
    const make = (seed: number) => epochs({ size: 40, batch: 8, seed });
    const forward = make(3);
    const all = range(15).map((n) => forward(n).join());
    const backward = make(3);
    expect([...range(15)].reverse().map((n) => backward(n).join())).toEqual(all.toReversed());
    expect(new Set(all).size).toBe(15); // three passes, each in an order of its own
    expect(make(4)(0).join()).not.toBe(all[0]);
  });

  it("examples of like length share a batch, and batches come in any order", () => {
    const [size, batch] = [1024, 16]; // one pool of 64 batches
    const order = epochs({ size, batch, seed: 1, length: lengthOf });
    const lengths = range(64).map((n) => Array.from(order(n), lengthOf));
    for (const group of lengths) expect(Math.max(...group) - Math.min(...group)).toBeLessThanOrEqual(1);
    const shortest = lengths.map((group) => Math.min(...group));
    expect(shortest).not.toEqual(shortest.toSorted((a, b) => a - b));
  });

  it("of several pools, each is sorted by itself", () => {
    const [batch, size] = [2, 2 * 64 * 3];
    const order = epochs({ size, batch, seed: 1, length: (index) => index });
    const batches = range(192).map((n) => [...order(n)]);
    for (const [a = 0, b = 0] of batches) expect(a).toBeLessThan(b);
    // 128 numbers of 384 in order have gaps of 3 on average; all 384 would have gaps of 1 alone.
    expect(batches.filter(([a = 0, b = 0]) => b - a > 1).length).toBeGreaterThan(64);
  });

  it("shuffles a pass once", () => {
    const length = vi.fn(lengthOf);
    const order = epochs({ size: 40, batch: 8, seed: 0, length });
    for (const n of range(5)) order(n);
    const calls = length.mock.calls.length;
    for (const n of range(5)) order(n);
    expect(length.mock.calls.length).toBe(calls);
  });
});
