/**
 * Pictures as numbers and numbers as pictures.
 *
 * B pictures · C channels · H height · W width
 */
import { ConfigError, DataError, shown } from "../errors.ts";
import { type HostTensor, isHostTensor } from "../runtime/index.ts";
import { type Picture, requireAlike } from "./picture.ts";

/** Pictures of one size and as many channels as numbers from 0 to 1: f32 [B, C, H, W]. Throws DataError on others. */
export function imagesOf(pictures: readonly Picture[]): HostTensor {
  const { width, height, channels } = requireAlike("imagesOf", pictures);
  const plane = width * height;
  const values = new Float32Array(pictures.length * channels * plane);
  pictures.forEach(({ data }, b) => {
    for (let c = 0; c < channels; c++) {
      const to = (b * channels + c) * plane;
      for (let i = 0; i < plane; i++) values[to + i] = (data[i * channels + c] ?? 0) / 255;
    }
  });
  return { data: values, shape: [pictures.length, channels, height, width], dtype: "f32" };
}

/** Throws DataError on what is not [B, C, H, W] of floats, C 1, 3 or 4. */
function requireImages(what: string, images: HostTensor): { data: Float32Array | Float64Array; shape: number[] } {
  const floats = isHostTensor(images) && (images.data instanceof Float32Array || images.data instanceof Float64Array);
  if (floats && images.shape.length === 4 && [1, 3, 4].includes(images.shape[1] ?? 0))
    return { data: images.data as Float32Array, shape: [...images.shape] };
  const got = isHostTensor(images) ? `${images.dtype} [${images.shape.join(", ")}]` : shown(images);
  throw new DataError(`${what}: expected floats [B, C, H, W], C 1, 3 or 4, got ${got}; reshape them`);
}

/** Pictures called 0, 1, ... from numbers [B, C, H, W]: 0 and less is black, 1 and more white, NaN black. Throws DataError. */
export function picturesOf(images: HostTensor): Picture[] {
  const { data, shape } = requireImages("picturesOf", images);
  const [count = 0, channels = 0, height = 0, width = 0] = shape;
  const plane = height * width;
  return Array.from({ length: count }, (_, b) => {
    const pixels = new Uint8ClampedArray(plane * channels); // rounds and clamps
    for (let c = 0; c < channels; c++)
      for (let i = 0; i < plane; i++)
        pixels[i * channels + c] = Math.round((data[(b * channels + c) * plane + i] ?? 0) * 255);
    return { name: String(b), width, height, channels, data: new Uint8Array(pixels.buffer) };
  });
}

/**
 * (x - mean) / deviation of each channel of images [B, C, H, W]; one number of each serves for all channels. Throws DataError, and
 * ConfigError on other counts or a deviation of 0.
 */
export function normalized(images: HostTensor, mean: readonly number[], deviation: readonly number[]): HostTensor {
  const { data, shape } = requireImages("normalized", images);
  const [, channels = 0, height = 0, width = 0] = shape;
  for (const [name, given] of Object.entries({ mean, deviation })) {
    const fits = Array.isArray(given) && [1, channels].includes(given.length) && given.every(Number.isFinite);
    if (!fits || (name === "deviation" && given.includes(0)))
      throw new ConfigError(
        `normalized: expected ${name} as 1 or ${channels} numbers, got ${shown(given)}; give one for each channel`,
      );
  }
  const of = (values: readonly number[], i: number): number =>
    values[values.length === 1 ? 0 : Math.floor(i / (height * width)) % channels] ?? 0;
  return { ...images, data: data.map((value, i) => (value - of(mean, i)) / of(deviation, i)), shape };
}

const MOST_COLUMNS = 1_000_000;
const MOST_GAP = 1024;

/**
 * Pictures that are alike side by side, row by row, `columns` in each, `gap` pixels of black apart. Throws DataError, and
 * ConfigError on a count that is none.
 */
export function grid(pictures: readonly Picture[], columns: number, gap = 1): Picture {
  const { width, height, channels } = requireAlike("grid", pictures);
  for (const [name, value, least, most] of [
    ["columns", columns, 1, MOST_COLUMNS],
    ["gap", gap, 0, MOST_GAP],
  ] as const)
    if (!Number.isInteger(value) || value < least || value > most)
      throw new ConfigError(`grid: expected ${name} as a whole number from ${least} to ${most}, got ${shown(value)}`);
  const across = Math.min(columns, pictures.length);
  const down = Math.ceil(pictures.length / across);
  const W = across * (width + gap) - gap;
  const H = down * (height + gap) - gap;
  const data = new Uint8Array(W * H * channels);
  pictures.forEach((picture, i) => {
    const [left, top] = [(i % across) * (width + gap), Math.floor(i / across) * (height + gap)];
    for (let y = 0; y < height; y++) {
      const row = picture.data.subarray(y * width * channels, (y + 1) * width * channels);
      data.set(row, ((top + y) * W + left) * channels);
    }
  });
  return { name: "grid", width: W, height: H, channels, data };
}
