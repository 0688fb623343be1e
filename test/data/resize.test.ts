/** Resizing against Pillow, byte for byte; cutting out, padding and gray in numbers that can be counted. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { centered, cropped, fitted, type Picture, type Resampling, recolored, resized } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors.ts";
import { stream } from "../../src/runtime/index.ts";

interface Case {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: readonly number[];
  readonly to: readonly [number, number];
  readonly results: Readonly<Record<Resampling, readonly number[]>>;
  readonly gray: readonly number[] | null;
}

const cases: readonly Case[] = JSON.parse(readFileSync(new URL("../fixtures/resize.json", import.meta.url), "utf8"));
const filters: readonly Resampling[] = ["nearest", "box", "bilinear", "bicubic", "lanczos"];

const picture = (width: number, height: number, data: readonly number[]): Picture => ({
  ...{ name: "a", width, height, channels: data.length / (width * height), data: Uint8Array.from(data) },
});
const COUNTED = picture(4, 3, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
const rows = ({ width, data }: Picture): number[][] =>
  Array.from({ length: data.length / width }, (_, y) => [...data.subarray(y * width, (y + 1) * width)]);

describe("as Pillow does", () => {
  for (const one of cases)
    for (const filter of filters)
      test(`${one.width}x${one.height}x${one.channels} to ${one.to.join("x")}, ${filter}`, () => {
        const made = resized(picture(one.width, one.height, one.data), ...one.to, filter);
        expect([...made.data]).toEqual(one.results[filter]);
        expect([made.width, made.height, made.channels]).toEqual([...one.to, one.channels]);
      });

  test("gray of colors", () => {
    const colored = cases.filter(({ gray }) => gray);
    expect(colored.length).toBeGreaterThan(2);
    for (const { width, height, data, gray } of colored)
      expect([...recolored(picture(width, height, data), "gray").data]).toEqual(gray);
  });
});

describe("sizes at the edge", () => {
  test("one pixel becomes many of its value, and 10,000 in a row become few", () => {
    for (const filter of filters) {
      expect(new Set(resized(picture(1, 1, [77]), 9, 5, filter).data)).toEqual(new Set([77]));
      const long = resized(picture(10_000, 1, Array(10_000).fill(200)), 28, 28, filter);
      expect(new Set(long.data)).toEqual(new Set([200]));
    }
  });

  test("a box that takes whole pixels is their mean, rounded", () => {
    const data = [...stream(1, 0, "pixels").integers(64, 256)];
    const half = resized(picture(8, 8, data), 4, 4, "box");
    const at = (x: number, y: number): number => data[8 * y + x] ?? 0;
    const along = (x: number, y: number): number => Math.floor((at(2 * x, y) + at(2 * x + 1, y) + 1) / 2);
    const means = Array.from({ length: 16 }, (_, i) => [i % 4, 2 * Math.floor(i / 4)] as const).map(([x, y]) =>
      Math.floor((along(x, y) + along(x, y + 1) + 1) / 2),
    );
    expect([...half.data]).toEqual(means);
  });

  test("the same size is the same picture", () => {
    expect(resized(COUNTED, 4, 3, "lanczos")).toBe(COUNTED);
  });

  test("sizes and filters that are none are refused", () => {
    for (const size of [0, -1, 1.5, Number.NaN, 2 ** 31]) expect(() => resized(COUNTED, size, 3)).toThrow(ConfigError);
    expect(() => resized(COUNTED, 2, 2, "bilinaer" as "bilinear")).toThrow(/did you mean "bilinear"/);
  });
});

describe("cut out and padded", () => {
  test("a part inside", () => {
    expect(rows(cropped(COUNTED, 1, 1, 2, 2))).toEqual([
      [6, 7],
      [10, 11],
    ]);
  });

  test("a part that stands out on every side, and one beside the picture", () => {
    expect(rows(cropped(COUNTED, -1, -1, 6, 5, 9))).toEqual([
      [9, 9, 9, 9, 9, 9],
      [9, 1, 2, 3, 4, 9],
      [9, 5, 6, 7, 8, 9],
      [9, 9, 10, 11, 12, 9],
      [9, 9, 9, 9, 9, 9],
    ]);
    expect(rows(cropped(COUNTED, 7, 0, 2, 1))).toEqual([[0, 0]]);
  });

  test("the middle, and padding back to where it was", () => {
    expect(rows(centered(COUNTED, 2, 1))).toEqual([[6, 7]]);
    expect(rows(centered(COUNTED, 1, 2))).toEqual([[2], [6]]);
    expect(cropped(cropped(COUNTED, -1, -2, 8, 9, 5), 1, 2, 4, 3)).toEqual(COUNTED);
  });

  test("cover fills the frame, contain keeps all", () => {
    const wide = picture(4, 2, [10, 20, 30, 40, 10, 20, 30, 40]);
    expect(rows(fitted(wide, 2, 2, "cover"))).toEqual([
      [20, 30],
      [20, 30],
    ]);
    expect(rows(fitted(wide, 4, 4, "contain", 7))).toEqual([
      [7, 7, 7, 7],
      [10, 20, 30, 40],
      [10, 20, 30, 40],
      [7, 7, 7, 7],
    ]);
    for (const [W, H] of [
      [28, 28],
      [1, 9],
      [9, 1],
    ] as const)
      for (const how of ["cover", "contain"] as const)
        expect(fitted(picture(10_000, 1, Array(10_000).fill(3)), W, H, how)).toMatchObject({ width: W, height: H });
  });

  test("alpha is laid over white, and gray becomes three equal colors", () => {
    const half = { ...picture(2, 1, [0, 100, 200, 0, 0, 100, 200, 255]), channels: 4 };
    expect([...recolored(half, "rgb").data]).toEqual([255, 255, 255, 0, 100, 200]);
    expect([...recolored(picture(2, 1, [3, 4]), "rgb").data]).toEqual([3, 3, 3, 4, 4, 4]);
    expect(recolored(COUNTED, "gray")).toBe(COUNTED);
  });
});
