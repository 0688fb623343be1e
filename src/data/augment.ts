/**
 * Pictures changed at random, so that a model sees each one in many forms: mirrored, cut out after padding, shifted, turned,
 * with a rectangle erased. What becomes of an example is a function of seed, epoch and example alone.
 *
 * C channels · H height · W width
 */
import { z } from "zod";
import { type RandomStream, stream } from "../runtime/random.ts";
import { checked, probability, real, whole } from "../schema.ts";
import { type Picture, requirePicture } from "./picture.ts";
import { cropped } from "./resize.ts";

/** What may happen to a picture; all off unless asked for. */
export const augmentOptions = {
  flip: z.boolean().default(false).describe("mirror half of the pictures, left to right"),
  pad: whole(0, 1024).default(0).describe("pixels of black around a picture, out of which its size is cut at random"),
  rotate: real(0, 180).default(0).describe("turn by at most so many degrees, either way"),
  erase: probability().default(0).describe("probability that a rectangle is blackened"),
};
const schema = z.strictObject(augmentOptions);
export type AugmentOptions = z.input<typeof schema>;

/** Every line of a picture from right to left. */
export function flipped(picture: Picture): Picture {
  const { width, channels: C, data } = picture;
  const out = new Uint8Array(data.length);
  for (let i = 0; i < data.length / C; i++) {
    const mirrored = i + width - 1 - 2 * (i % width);
    for (let c = 0; c < C; c++) out[mirrored * C + c] = data[i * C + c] ?? 0;
  }
  return { ...picture, data: out };
}

/** A picture moved right by `x` and down by `y` pixels; what comes in is black. */
export const shifted = (picture: Picture, x: number, y: number): Picture =>
  cropped(picture, -x, -y, picture.width, picture.height);

/** The value between four pixels, those outside black: bilinear. */
function valueAt({ data, width, height, channels: C }: Picture, x: number, y: number, c: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [a, b] = [x - left, y - top];
  const at = (i: number, j: number): number =>
    i < 0 || j < 0 || i >= width || j >= height ? 0 : (data[(j * width + i) * C + c] ?? 0);
  const above = at(left, top) * (1 - a) + at(left + 1, top) * a;
  return above * (1 - b) + (at(left, top + 1) * (1 - a) + at(left + 1, top + 1) * a) * b;
}

/** A picture turned about its middle, counterclockwise as it is seen, by bilinear interpolation; what comes in is black. */
export function rotated(picture: Picture, degrees: number): Picture {
  const { width, height, channels: C } = picture;
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [X, Y] = [(width - 1) / 2, (height - 1) / 2];
  const data = new Uint8Array(picture.data.length);
  for (let i = 0; i < width * height; i++) {
    const [dx, dy] = [(i % width) - X, Math.floor(i / width) - Y];
    const [x, y] = [X + cos * dx - sin * dy, Y + sin * dx + cos * dy].map((at) => Math.round(at * 2 ** 16) / 2 ** 16);
    for (let c = 0; c < C; c++) data[i * C + c] = Math.round(valueAt(picture, x ?? 0, y ?? 0, c));
  }
  return { ...picture, data };
}

/** A picture with the rectangle of `width` by `height` at (`left`, `top`) black. */
export function erased(picture: Picture, left: number, top: number, width: number, height: number): Picture {
  const data = picture.data.slice();
  const C = picture.channels;
  for (let y = Math.max(0, top); y < Math.min(picture.height, top + height); y++) {
    const row = y * picture.width;
    data.fill(0, (row + Math.max(0, left)) * C, (row + Math.min(picture.width, left + width)) * C);
  }
  return { ...picture, data };
}

/** Share of the pixels that is erased, and height by width of the rectangle (Zhong et al. 2020). */
const ERASED = { least: 0.02, most: 1 / 3, slimmest: 0.3 } as const;

/** A rectangle of random size and place, by four numbers in [0, 1). */
function erasedAt(picture: Picture, [size = 0, shape = 0, x = 0, y = 0]: readonly number[]): Picture {
  const area = (ERASED.least + size * (ERASED.most - ERASED.least)) * picture.width * picture.height;
  const ratio = ERASED.slimmest ** (1 - 2 * shape); // log-uniform from 0.3 to 1/0.3
  const side = (length: number, most: number): number => Math.max(1, Math.min(most, Math.round(length)));
  const [width, height] = [side(Math.sqrt(area / ratio), picture.width), side(Math.sqrt(area * ratio), picture.height)];
  const left = Math.floor(x * (picture.width - width + 1));
  return erased(picture, left, Math.floor(y * (picture.height - height + 1)), width, height);
}

/** Numbers that are drawn for every picture, whatever is asked for, so that one option does not change another's draws. */
const DRAWS = 9;

/** A picture as it comes out of `draw`. Throws ConfigError. */
export function augment(picture: Picture, options: AugmentOptions, draw: RandomStream): Picture {
  requirePicture("augment", picture);
  const { flip, pad, rotate, erase } = checked(schema, options, "augment");
  const [mirror = 0, x = 0, y = 0, turn = 0, hide = 0, ...where] = draw.fillUniform(new Float64Array(DRAWS));
  let changed = flip && mirror < 0.5 ? flipped(picture) : picture;
  if (rotate > 0) changed = rotated(changed, (2 * turn - 1) * rotate);
  const shift = (u: number): number => Math.floor(u * (2 * pad + 1)) - pad;
  if (pad > 0) changed = shifted(changed, shift(x), shift(y));
  return hide < erase ? erasedAt(changed, where) : changed;
}

const number = () => whole(0, Number.MAX_SAFE_INTEGER);
const place = z.strictObject({ seed: number(), epoch: number(), example: number() });

/** Which example is meant, in which epoch, both from 0. */
export type AugmentedAt = z.output<typeof place>;

/** Example number `example` as `epoch` sees it. Throws ConfigError. */
export function augmented(picture: Picture, options: AugmentOptions, at: AugmentedAt): Picture {
  const { seed, epoch, example } = checked(place, at, "augmented");
  return augment(picture, options, stream(seed, epoch, `augment ${example}`));
}
