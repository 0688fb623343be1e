/** Drawn digits are the same everywhere, show what they were made from, and can be told apart. */
import { describe, expect, test } from "vitest";
import { sha256 } from "../../src/checkpoint/node-files.ts";
import { parseIdx, type Source } from "../../src/data/index.ts";
import { DIGIT_RANGES, type Digit, type DigitOptions, drawDigit, drawnDigits } from "../../src/digits/index.ts";
import { ConfigError, DataError } from "../../src/errors.ts";
import { files as inPage } from "../../src/files/browser-files.ts";
import { files as inNode } from "../../src/files/node-files.ts";

/** Ink, its middle in pixels, and how far columns move per row, by first and second moments. */
function moments(pixels: Uint8Array, size: number) {
  let [ink, x, y, xy, yy] = [0, 0, 0, 0, 0];
  for (const [i, brightness] of pixels.entries()) {
    const [row, column] = [Math.floor(i / size), i % size];
    ink += brightness;
    x += brightness * column;
    y += brightness * row;
    xy += brightness * column * row;
    yy += brightness * row * row;
  }
  [x, y] = [x / ink, y / ink];
  return { ink: ink / 255, x, y, lean: -(xy / ink - x * y) / (yy / ink - y * y) };
}

const SIZE = 112;
const measured = (options: DigitOptions) => moments(drawDigit({ size: SIZE, ...options }).pixels, SIZE);
const each = Array.from({ length: 30 }, (_, i) => ({ index: i, class: i % 10, hand: Math.floor(i / 10) }));

describe("drawn digits", () => {
  test("the first hundred are these, whatever draws them", () => {
    const { images, labels, factors } = drawnDigits({ count: 100 });
    expect(sha256(images)).toBe("a097c830ec6391ddc8c9876db803b8ce58e315051d84e71d6e731cde38a1f3e5");
    expect([...labels.subarray(0, 10)]).toEqual(factors.slice(0, 10).map((of) => of.class));
  });
  test("more digits begin with the same; another seed has others; a digit is found by its number", () => {
    const [few, more, others] = [{ count: 5 }, { count: 9 }, { count: 5, seed: 1 }].map(drawnDigits);
    expect(more?.images.subarray(0, 5 * 784)).toEqual(few?.images);
    expect(others?.images).not.toEqual(few?.images);
    expect(drawDigit({ index: 4 }).pixels).toEqual(few?.images.subarray(4 * 784));
  });
  test("factors are uniform in their ranges and independent of each other", () => {
    const { factors, labels } = drawnDigits({ count: 4000, size: 8 });
    const names = ["slant", "thickness", "x", "y", "scale"] as const;
    const unit = names.map((name) => {
      const [low, high] = DIGIT_RANGES[name];
      return factors.map((of) => (of[name] - low) / (high - low));
    });
    const correlation = (a: readonly number[], b: readonly number[]) =>
      12 * a.reduce((sum, value, i) => sum + ((value - 0.5) * ((b[i] ?? 0) - 0.5)) / a.length, 0);
    const four = 4 / Math.sqrt(factors.length); // standard errors of a correlation
    for (const [i, a] of unit.entries())
      for (const [j, b] of unit.entries()) expect(Math.abs(correlation(a, b) - Number(i === j))).toBeLessThan(four);
    const counts = Array.from({ length: 10 }, (_, k) => labels.filter((label) => label === k).length);
    for (const count of counts) expect(Math.abs(count - 400)).toBeLessThan(4 * Math.sqrt(400 * 0.9));
  });
  test("no ink is lost at the edge of the picture", () => {
    const { images, count, size } = drawnDigits({ count: 2000 });
    let edge = 0;
    for (let n = 0; n < count; n++)
      for (let i = 0; i < size; i++)
        for (const at of [i, i * size, i * size + size - 1, (size - 1) * size + i])
          edge = Math.max(edge, images[n * size * size + at] ?? 0);
    expect(edge).toBe(0);
  });
});

describe("factors", () => {
  test("the middle of the ink moves with the position, by as many pixels", () => {
    for (const one of each) {
      const same = { ...one, scale: 0.5, thickness: 0.06 };
      const still = measured({ ...same, x: 0, y: 0 });
      const moved = measured({ ...same, x: 0.0625, y: -4 / SIZE });
      expect(moved.x - still.x).toBeCloseTo(0.0625 * SIZE, 6); // whole pixels, so the same picture elsewhere
      expect(moved.y - still.y).toBeCloseTo(-4, 6);
    }
  });
  test("second moments lean as far as the slant says", () => {
    const errors = each.map((one) => {
      const lean = (slant: number) => measured({ ...one, slant, x: 0, y: 0, thickness: 0.045, scale: 0.65 }).lean;
      return lean(0.3) - lean(0) - 0.3;
    });
    // A pen of one width gives a stroke more ink where the slant makes it longer; that of an upright 1 it does not.
    for (const error of errors) expect(Math.abs(error)).toBeLessThan(0.06);
    expect(Math.abs(errors[1] ?? 1)).toBeLessThan(0.003);
  });
  test("ink grows with thickness nearly in proportion, and with scale", () => {
    for (const one of each) {
      const ink = (options: DigitOptions) => measured({ ...one, x: 0, y: 0, ...options }).ink;
      const thick = ink({ thickness: 0.08, scale: 0.6 }) / ink({ thickness: 0.05, scale: 0.6 });
      expect(thick).toBeGreaterThan(1.35); // less than 1.6 where strokes meet, more where they end
      expect(thick).toBeLessThan(1.75);
      expect(ink({ scale: 0.65, thickness: 0.06 })).toBeGreaterThan(1.15 * ink({ scale: 0.5, thickness: 0.06 }));
    }
  });
  test("a picture four times as large is the same picture: the mean of its squares", () => {
    for (const one of each) {
      const [small, large] = [28, 112].map((size) => drawDigit({ ...one, size }).pixels);
      const means = Array.from(small ?? [], (_, i) => {
        const [row, column] = [4 * Math.floor(i / 28), 4 * (i % 28)];
        let sum = 0;
        for (let k = 0; k < 16; k++) sum += large?.[(row + (k >> 2)) * 112 + column + (k & 3)] ?? 0;
        return sum / 16;
      });
      const difference = means.reduce((sum, value, i) => sum + Math.abs(value - (small?.[i] ?? 0)), 0) / 784;
      expect(difference).toBeLessThan(3); // of 255: coverage by distance against coverage by count
    }
  });
});

/** Share of `held` whose nearest one of `known` is of its class. */
function nearestIsRight(held: readonly Digit[], known: readonly Example[]): number {
  const nearest = (one: ArrayLike<number>) => {
    const found = { distance: Number.POSITIVE_INFINITY, class: -1 };
    for (const other of known) {
      let distance = 0;
      for (let i = 0; i < 784 && distance < found.distance; i++)
        distance += ((one[i] ?? 0) - (other.pixels[i] ?? 0)) ** 2;
      if (distance < found.distance) Object.assign(found, { distance, class: other.factors.class });
    }
    return found.class;
  };
  return held.filter(({ pixels, factors }) => nearest(pixels) === factors.class).length / held.length;
}

interface Example {
  readonly factors: { readonly class: number };
  readonly pixels: ArrayLike<number>;
}

describe("classes", () => {
  const many = (count: number, options: DigitOptions) =>
    Array.from({ length: count }, (_, index) => drawDigit({ index, ...options }));
  test("the nearest of 3000 digits is of the same class, whatever slant, place and size do", () => {
    expect(nearestIsRight(many(300, { seed: 1 }), many(3000, {}))).toBeGreaterThan(0.93);
  });
  test("where these are alike, the mean digits of the 30 ways of writing tell all of them apart", () => {
    const alike = { slant: 0.1, thickness: 0.08, x: 0, y: 0, scale: 0.6 };
    const known = many(3000, alike);
    const means = Array.from({ length: 30 }, (_, k) => {
      const of = known.filter(({ factors }) => factors.class === k % 10 && factors.hand === Math.floor(k / 10));
      const pixels = Float64Array.from({ length: 784 }, (_, i) =>
        of.reduce((sum, one) => sum + (one.pixels[i] ?? 0), 0),
      );
      return { factors: { class: k % 10 }, pixels: pixels.map((sum) => sum / of.length) };
    });
    expect(nearestIsRight(many(500, { seed: 1, ...alike }), means)).toBeGreaterThan(0.98);
  });
});

const contents = async (source: Source) => Promise.all(((await source.files?.()) ?? []).map((file) => file.bytes?.()));

describe("the data set digits", () => {
  test("is IDX images and labels and a table of factors, in Node and in a page", async () => {
    const source = inNode.source("digits:50:3");
    const drawn = drawnDigits({ count: 50, seed: 3 });
    const [images, labels] = await contents(source);
    expect(parseIdx(images ?? new Uint8Array(), "").shape).toEqual([50, 28, 28]);
    expect([...parseIdx(images ?? new Uint8Array(), "").data]).toEqual([...drawn.images]);
    expect([...parseIdx(labels ?? new Uint8Array(), "").data]).toEqual([...drawn.labels]);
    const [names, first] = (await source.beside?.("digits-factors.csv").text())?.split("\n") ?? [];
    expect(names).toBe("class,hand,slant,thickness,x,y,scale");
    expect(first?.split(",").map(Number)).toEqual(Object.values(drawn.factors[0] ?? {}));
    expect(await contents(inPage.source("digits:50:3"))).toEqual(await contents(source));
  });
  test.each(["digits:0", "digits:x", "digits:5:-1", "digits:5:1:2", "digits:1000001", "digits:"])("%s", (name) => {
    expect(() => inNode.source(name)).toThrow(ConfigError);
    expect(() => inNode.source(name)).toThrow(`data ${name}: expected digits, digits:COUNT or digits:COUNT:SEED`);
  });
  test("has no text, and no other files", async () => {
    await expect(inNode.source("digits").text()).rejects.toThrow("data digits: expected text, got pictures");
    expect(() => inNode.source("digits").beside?.("x")).toThrow(DataError);
  });
  test("what cannot be drawn is refused by name", () => {
    expect(() => drawDigit({ class: 10 })).toThrow("drawDigit: class: expected a whole number from 0 to 9, got 10");
    expect(() => drawDigit({ size: 7 })).toThrow(ConfigError);
    expect(() => drawnDigits({ count: 0 })).toThrow(ConfigError);
    expect(() => drawnDigits({ seed: -1 })).toThrow(ConfigError);
  });
});
