/** Augmentation: what each change does to counted pixels, how often it happens, and that seed, epoch and example decide. */
import { expect, test } from "vitest";
import {
  type AugmentOptions,
  augmented,
  erased,
  flipped,
  type Picture,
  rotated,
  shifted,
} from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors.ts";

const picture = (width: number, height: number, data: readonly number[], channels = 1): Picture => ({
  ...{ name: "a", width, height, channels, data: Uint8Array.from(data) },
});
const COUNTED = picture(3, 2, [1, 2, 3, 4, 5, 6]);
const valuesOf = ({ data }: Picture): number[] => [...data];

test("mirrored: twice is once, lines stay lines, channels stay together", () => {
  expect(valuesOf(flipped(COUNTED))).toEqual([3, 2, 1, 6, 5, 4]);
  expect(flipped(flipped(COUNTED))).toEqual(COUNTED);
  expect(valuesOf(flipped(picture(2, 1, [1, 2, 3, 4, 5, 6], 3)))).toEqual([4, 5, 6, 1, 2, 3]);
});

test("shifted: what leaves is gone, what comes in is black", () => {
  expect(valuesOf(shifted(COUNTED, 1, 0))).toEqual([0, 1, 2, 0, 4, 5]);
  expect(valuesOf(shifted(COUNTED, -1, 1))).toEqual([0, 0, 0, 2, 3, 0]);
  expect(valuesOf(shifted(COUNTED, 9, 0))).toEqual(Array(6).fill(0));
});

test("turned: by nothing, by quarters, and four quarters are none", () => {
  const square = picture(3, 3, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(rotated(COUNTED, 0)).toEqual(COUNTED);
  expect(valuesOf(rotated(square, 90))).toEqual([3, 6, 9, 2, 5, 8, 1, 4, 7]);
  expect(valuesOf(rotated(square, -90))).toEqual([7, 4, 1, 8, 5, 2, 9, 6, 3]);
  expect(valuesOf(rotated(COUNTED, 180))).toEqual([6, 5, 4, 3, 2, 1]);
  expect([1, 2, 3, 4].reduce((turned) => rotated(turned, 90), square)).toEqual(square);
});

test("turned by 45 degrees, the middle is itself and its neighbours lie between two pixels", () => {
  const cross = picture(3, 3, [0, 100, 0, 100, 200, 100, 0, 100, 0]);
  const { data } = rotated(cross, 45);
  expect(data[4]).toBe(200);
  const d = Math.SQRT1_2; // the pixel to the right comes from (d, d) off the middle
  expect(data[5]).toBe(Math.round((1 - d) ** 2 * 200 + 2 * d * (1 - d) * 100));
  expect(new Set([data[1], data[3], data[5], data[7]]).size).toBe(1);
});

test("erased: a rectangle, and no more of it than there is", () => {
  expect(valuesOf(erased(COUNTED, 1, 0, 1, 2))).toEqual([1, 0, 3, 4, 0, 6]);
  expect(valuesOf(erased(COUNTED, -1, 1, 2, 9))).toEqual([1, 2, 3, 0, 5, 6]);
  expect(valuesOf(COUNTED)).toEqual([1, 2, 3, 4, 5, 6]);
});

const full = picture(10, 10, Array(100).fill(1));
const many = (options: AugmentOptions, count = 400, of = full): Picture[] =>
  Array.from({ length: count }, (_, example) => augmented(of, options, { seed: 3, epoch: 0, example }));

test("nothing is changed unless asked for", () => {
  expect(many({}, 20).every((one) => one === full)).toBe(true);
});

test("seed, epoch and example decide, and nothing else", () => {
  const options = { flip: true, pad: 2, rotate: 10, erase: 0.5 };
  const noisy = picture(
    8,
    8,
    Array.from({ length: 64 }, (_, i) => (i * 37) % 256),
  );
  const at = { seed: 1, epoch: 2, example: 3 };
  const first = augmented(noisy, options, at);
  expect(augmented(noisy, options, at)).toEqual(first);
  for (const other of [
    { ...at, seed: 2 },
    { ...at, epoch: 3 },
    { ...at, example: 4 },
  ])
    expect(augmented(noisy, options, other)).not.toEqual(first);
});

test("half of the pictures are mirrored", () => {
  const count = many({ flip: true }, 400, COUNTED).filter(({ data }) => data[0] === 3).length;
  expect(Math.abs(count - 200)).toBeLessThan(4 * Math.sqrt(100)); // four deviations of a fair coin
});

test("one option does not change what another draws", () => {
  const mirrored = many({ flip: true }, 50, COUNTED).map(({ data }) => data[0] === 3);
  const both = many({ flip: true, pad: 0, erase: 0.3 }, 50, COUNTED);
  both.forEach((one, i) => {
    const plain = mirrored[i] ? flipped(COUNTED) : COUNTED;
    expect(valuesOf(one).every((value, at) => value === 0 || value === plain.data[at])).toBe(true);
  });
});

test("cut out after padding: every one of the places comes, none else", () => {
  const places = new Set<string>();
  for (let x = -1; x <= 1; x++) for (let y = -1; y <= 1; y++) places.add(valuesOf(shifted(COUNTED, x, y)).join());
  expect(new Set(many({ pad: 1 }, 400, COUNTED).map((one) => valuesOf(one).join()))).toEqual(places);
});

test("erased as often as asked, a rectangle of 2 to 33 percent", () => {
  const holes = many({ erase: 0.25 }).map(valuesOf);
  const counts = holes.map((values) => values.filter((value) => value === 0).length).filter((hole) => hole > 0);
  expect(Math.abs(counts.length - 100)).toBeLessThan(4 * Math.sqrt(400 * 0.25 * 0.75));
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
  expect(Math.max(...counts)).toBeLessThanOrEqual(40); // 33 and what rounding two sides adds
  for (const values of holes) {
    const rows = new Set(values.flatMap((value, i) => (value === 0 ? [Math.floor(i / 10)] : [])));
    const columns = new Set(values.flatMap((value, i) => (value === 0 ? [i % 10] : [])));
    expect(values.filter((value) => value === 0)).toHaveLength(rows.size * columns.size);
  }
});

test("a picture of one pixel takes all of it; options that are none are refused", () => {
  expect(many({ flip: true, pad: 1, rotate: 5, erase: 0.9 }, 20, picture(1, 1, [9]))[0]).toMatchObject({ width: 1 });
  expect(() => many({ rotate: -1 }, 1)).toThrow(ConfigError);
  expect(() => many({ pad: 0.5 }, 1)).toThrow(/augment: pad: expected a whole number/);
});
