/** Examples by number: parts of data sets, digests, rows side by side. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bucket, digest, divided, listed, padded, spread, textDigest } from "../../src/data/index.ts";
import { stream } from "../../src/runtime/index.ts";

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("data sets", () => {
  const data = listed(["a", "bb", "ccc", "dddd"], "letters", ({ length }) => length);

  it("of what is in memory", () => {
    expect([data.size, data.digest, data.at(2), data.length?.(2)]).toEqual([4, "letters", "ccc", 3]);
    expect(listed([1], "x").length).toBe(undefined);
  });

  it("divided: the two parts make the whole in the order that is given, and neither is empty", () => {
    const shares = fc.record({
      size: fc.integer({ min: 2, max: 60 }),
      fraction: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(shares, ({ size, fraction }) => {
        const order = stream(0, size, "test").permutation(size);
        const whole = listed(range(size), "n", (number) => 10 * number);
        const parts = divided(whole, fraction, order);
        const items = parts.map((part) => range(part.size).map((i) => part.at(i)));
        expect(items.flat()).toEqual([...order]);
        for (const [i, part] of parts.entries()) {
          expect(part.size).toBeGreaterThan(0);
          expect(range(part.size).map((at) => part.length?.(at))).toEqual(items[i]?.map((number) => 10 * number));
        }
        expect(Math.abs((parts[1]?.size ?? 0) - size * fraction)).toBeLessThanOrEqual(1);
      }),
    );
    expect(divided(data, 0.5, Int32Array.of(3, 2, 1, 0)).map((part) => part.digest)).toEqual([
      "letters-train",
      "letters-validation",
    ]);
  });

  it("spread: evenly, the first included, all where there are no more", () => {
    expect(spread(10, 5)).toEqual([0, 2, 4, 6, 8]);
    expect(spread(10, 4)).toEqual([0, 2, 5, 7]);
    expect(spread(3, 256)).toEqual([0, 1, 2]);
    expect(spread(3, Number.POSITIVE_INFINITY)).toEqual([0, 1, 2]);
  });
});

describe("digest", () => {
  /** 32-bit FNV-1a as it is published, over whole units. */
  const fnv1a = (units: readonly number[]): number =>
    units.reduce((hash, unit) => Number((BigInt((hash ^ unit) >>> 0) * 16777619n) & 0xffffffffn), 0x811c9dc5);

  it("counts the units, and is FNV-1a", () => {
    expect(digest([])).toBe("0-811c9dc5");
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff })), (units) => {
        const [, count, half] = /^(\d+)-(.{8})$/.exec(digest(units)) ?? [];
        expect([count, half]).toEqual([String(units.length), fnv1a(units).toString(16).padStart(8, "0")]);
      }),
    );
    // The published value for the byte "a".
    expect(textDigest("a").slice(0, 10)).toBe("1-e40c292c");
  });

  it("any one change gives another", () => {
    const text = "The cat sat on the mat.";
    const all = [text, ...range(text.length).map((i) => `${text.slice(0, i)}#${text.slice(i + 1)}`)];
    const swapped = range(text.length - 1).map(
      (i) => `${text.slice(0, i)}${text[i + 1]}${text[i]}${text.slice(i + 2)}`,
    );
    const texts = new Set([...all, ...swapped, `${text} `, text.slice(1), ""]);
    expect(new Set([...texts].map(textDigest)).size).toBe(texts.size);
    expect(textDigest(text)).toBe(digest(Array.from(text, (letter) => letter.charCodeAt(0))));
  });
});

describe("padding", () => {
  it("bucket: few lengths, none shorter than asked and none a half longer", () => {
    expect(
      range(50)
        .map((n) => bucket(n))
        .filter((size, n) => n === size),
    ).toEqual([8, 12, 16, 24, 32, 48]);
    fc.assert(
      fc.property(fc.integer({ min: 9, max: 100_000 }), (length) => {
        expect(bucket(length)).toBeGreaterThanOrEqual(length);
        expect(bucket(length)).toBeLessThan(1.5 * length);
      }),
    );
    expect(new Set(range(100_000).map((n) => bucket(n))).size).toBe(29);
  });

  it("bucket: never beyond what is allowed", () => {
    expect(bucket(20, 20)).toBe(20);
    expect(bucket(13, 14)).toBe(14);
    expect(bucket(13, 100)).toBe(16);
    expect(bucket(3, 5)).toBe(5);
  });

  it("padded: rows as they are, zeros after them, their lengths", () => {
    const { ids, lengths } = padded([Int32Array.of(5, 6), Int32Array.of(), Int32Array.from(range(12))], 10);
    expect(ids.shape).toEqual([3, 10]);
    expect([...ids.data]).toEqual([5, 6, ...Array(18).fill(0), ...range(10)]);
    expect(lengths).toEqual({ data: Int32Array.of(2, 0, 10), shape: [3], dtype: "i32" });
    expect(padded([Int32Array.of()], 128).ids.shape).toEqual([1, 8]);
  });
});
