/**
 * Pictures of another size: resampled with a filter as wide as pixels become (antialiased), byte for byte as Pillow 3.3
 * to 12 do (Resample.c): weights of 22 bits, first along rows, rounded to 8 bits, then along columns. Pillow 13 takes
 * columns first where that is cheaper, and rounds otherwise. Cut out, and padded.
 *
 * C channels · H height · W width
 */
import { ConfigError, nearest, shown } from "../errors.ts";
import { type Picture, requirePicture } from "./picture.ts";

interface Filter {
  /** How far from the middle it reaches, in pixels of the result. */
  readonly support: number;
  weight(x: number): number;
}

const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(x * Math.PI) / (x * Math.PI));

/** Keys 1981 with a = -1/2. */
function cubic(x: number): number {
  const a = -0.5;
  const d = Math.abs(x);
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

const FILTERS = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, weight: cubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
} satisfies Record<string, Filter>;

/** How pixels between pixels are found. */
export type Resampling = keyof typeof FILTERS | "nearest";
const NAMES = [...Object.keys(FILTERS), "nearest"];

/** Bits of a weight behind the point. */
const BITS = 22;
const MOST_SIZE = 99_999;

/** Which pixels one of the result is made of: `weights` of those from `from` on. */
interface Window {
  readonly from: number;
  readonly weights: Int32Array;
}

/** The windows of `to` pixels over `size` pixels. */
function windowsOf(size: number, to: number, { support, weight }: Filter): Window[] {
  const scale = size / to;
  const wide = Math.max(scale, 1);
  const reach = support * wide;
  return Array.from({ length: to }, (_, i) => {
    const center = (i + 0.5) * scale;
    const from = Math.max(0, Math.trunc(center - reach + 0.5));
    const end = Math.min(size, Math.trunc(center + reach + 0.5));
    const inverse = 1 / wide;
    const raw = Array.from({ length: end - from }, (_, j) => weight((j + from - center + 0.5) * inverse));
    const sum = raw.reduce((a, b) => a + b, 0);
    const share = (w: number): number => (sum === 0 ? w : w / sum) * 2 ** BITS;
    return { from, weights: Int32Array.from(raw, (w) => Math.trunc(share(w) + (w < 0 ? -0.5 : 0.5))) };
  });
}

/** The axis in the middle of [outer, size, inner] filtered to as many numbers as there are windows. */
function filtered(
  data: Uint8Array,
  outer: number,
  size: number,
  inner: number,
  windows: readonly Window[],
): Uint8Array {
  const to = windows.length;
  const out = new Uint8Array(outer * to * inner);
  for (let o = 0; o < outer; o++)
    windows.forEach(({ from, weights }, i) => {
      for (let n = 0; n < inner; n++) {
        const at = (o * size + from) * inner + n;
        let sum = 2 ** (BITS - 1);
        for (let j = 0; j < weights.length; j++) sum += (data[at + j * inner] ?? 0) * (weights[j] ?? 0);
        out[(o * to + i) * inner + n] = Math.max(0, Math.min(255, sum >> BITS));
      }
    });
  return out;
}

/** Colors multiplied by alpha, so that what cannot be seen does not run into what can. */
function multiplied(data: Uint8Array): Uint8Array {
  return data.map((value, i) => {
    if (i % 4 === 3) return value;
    const product = value * (data[i - (i % 4) + 3] ?? 0) + 128;
    return (product + (product >> 8)) >> 8;
  });
}

/** Its inverse, as far as 8 bits go. */
function divided(data: Uint8Array): Uint8Array {
  return data.map((value, i) => {
    const alpha = data[i - (i % 4) + 3] ?? 0;
    return i % 4 === 3 || alpha === 0 ? value : Math.min(255, Math.trunc((255 * value) / alpha));
  });
}

function resampled({ data, width, height, channels }: Picture, W: number, H: number, filter: Filter): Uint8Array {
  const rows = channels === 4 ? multiplied(data) : data;
  const narrow = W === width ? rows : filtered(rows, height, width, channels, windowsOf(width, W, filter));
  const both = H === height ? narrow : filtered(narrow, 1, height, W * channels, windowsOf(height, H, filter));
  return channels === 4 ? divided(both) : both;
}

/** The pixel of `size` below the middle of each of `to`. */
function nearestPlaces(size: number, to: number): Int32Array {
  let at = (size / to) * 0.5; // summed up, as Pillow does
  return Int32Array.from({ length: to }, () => {
    const place = Math.min(size - 1, Math.floor(at));
    at += size / to;
    return place;
  });
}

function picked({ data, width, height, channels: C }: Picture, W: number, H: number): Uint8Array {
  const [columns, rows] = [nearestPlaces(width, W), nearestPlaces(height, H)];
  const out = new Uint8Array(W * H * C);
  rows.forEach((y, to) => {
    columns.forEach((x, i) => {
      const at = (y * width + x) * C;
      out.set(data.subarray(at, at + C), (to * W + i) * C);
    });
  });
  return out;
}

/** Throws ConfigError on sizes that no picture has. */
function requireSize(what: string, width: number, height: number): void {
  for (const size of [width, height])
    if (!Number.isInteger(size) || size < 1 || size > MOST_SIZE)
      throw new ConfigError(
        `${what}: expected a width and a height from 1 to ${MOST_SIZE}, got ${shown(width)} and ${shown(height)}`,
      );
}

/**
 * A picture of `width` by `height`, whatever its shape was; alpha weighs colors. Equal to the `resize` of Pillow 12 to the byte.
 * Throws ConfigError.
 */
export function resized(picture: Picture, width: number, height: number, resampling: Resampling = "bilinear"): Picture {
  requirePicture("resized", picture);
  requireSize("resized", width, height);
  if (!NAMES.includes(resampling))
    throw new ConfigError(
      `resized: expected one of ${NAMES.join(", ")}, got ${shown(resampling)}${nearest(resampling, NAMES)}`,
    );
  if (picture.width === width && picture.height === height) return picture;
  const data =
    resampling === "nearest" ? picked(picture, width, height) : resampled(picture, width, height, FILTERS[resampling]);
  return { ...picture, width, height, data };
}

/**
 * The part of a picture of `width` by `height` whose left upper corner is at (`left`, `top`), which may lie outside; what does
 * is `fill`, so that (-2, -2) pads by 2.
 * Throws ConfigError.
 */
export function cropped(picture: Picture, left: number, top: number, width: number, height: number, fill = 0): Picture {
  requirePicture("cropped", picture);
  requireSize("cropped", width, height);
  for (const [name, value, least, most] of [
    ["left", left, -MOST_SIZE, MOST_SIZE],
    ["top", top, -MOST_SIZE, MOST_SIZE],
    ["fill", fill, 0, 255],
  ] as const)
    if (!Number.isInteger(value) || value < least || value > most)
      throw new ConfigError(
        `cropped: expected ${name} as a whole number from ${least} to ${most}, got ${shown(value)}`,
      );
  const { channels: C } = picture;
  const data = new Uint8Array(width * height * C).fill(fill);
  const [from, to] = [Math.max(0, left), Math.min(picture.width, left + width)];
  for (let y = Math.max(0, top); y < Math.min(picture.height, top + height) && from < to; y++) {
    const row = picture.data.subarray((y * picture.width + from) * C, (y * picture.width + to) * C);
    data.set(row, ((y - top) * width + from - left) * C);
  }
  return { ...picture, width, height, data };
}

/** The middle of a picture, padded with `fill` where it is smaller; of an odd rest the larger half lies right and below. Throws ConfigError. */
export function centered(picture: Picture, width: number, height: number, fill = 0): Picture {
  requirePicture("centered", picture);
  requireSize("centered", width, height);
  const [left, top] = [Math.floor((picture.width - width) / 2), Math.floor((picture.height - height) / 2)];
  return cropped(picture, left, top, width, height, fill);
}

/**
 * A picture of `width` by `height` in its own proportions: of `cover` its largest part of that shape,
 * in the middle; of `contain` all, padded with `fill`. Throws ConfigError.
 */
export function fitted(picture: Picture, width: number, height: number, how: "cover" | "contain", fill = 0): Picture {
  requirePicture("fitted", picture);
  requireSize("fitted", width, height);
  if (how !== "cover" && how !== "contain")
    throw new ConfigError(`fitted: expected "cover" or "contain", got ${shown(how)}`);
  const side = (size: number): number => Math.max(1, Math.round(size));
  if (how === "cover") {
    const [W, H] = [picture.height * (width / height), picture.width * (height / width)];
    const part = centered(picture, Math.min(picture.width, side(W)), Math.min(picture.height, side(H)));
    return resized(part, width, height);
  }
  const scale = Math.min(width / picture.width, height / picture.height);
  const whole = resized(picture, side(picture.width * scale), side(picture.height * scale));
  return centered(whole, width, height, fill);
}
