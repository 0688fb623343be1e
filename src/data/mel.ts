/**
 * Sound as a network of speech sees it: the logarithm of the power in bands that are as wide as the ear's (mel; Stevens,
 * Volkmann & Newman 1937), in short windows that overlap. Scales: O'Shaughnessy 1987 as HTK has it, and Slaney 1998 with
 * bands of equal area, as librosa has it.
 *
 * N samples · T windows · F bands
 */
import { z } from "zod";
import { ConfigError, DataError, shown } from "../errors.ts";
import { checked, real, whole } from "../schema.ts";

/** Samples a second, bands, milliseconds of a window and from one to the next, and the scale of the bands. */
const settings = z.strictObject({
  rate: whole(1000, 768_000),
  mels: whole(1, 1024),
  window: real(1, 1000),
  hop: real(1, 1000),
  scale: z.enum(["htk", "slaney"]),
});
export type MelSettings = z.output<typeof settings>;

/** Numbers [T, F]. */
export interface Features {
  readonly data: Float32Array;
  readonly frames: number;
  readonly width: number;
}

const SCALES = {
  htk: {
    toMel: (hertz: number) => 2595 * Math.log10(1 + hertz / 700),
    toHertz: (mel: number) => 700 * (10 ** (mel / 2595) - 1),
  },
  slaney: {
    toMel: (hertz: number) => (hertz < 1000 ? (3 * hertz) / 200 : 15 + (27 * Math.log(hertz / 1000)) / Math.log(6.4)),
    toHertz: (mel: number) => (mel < 15 ? (200 * mel) / 3 : 1000 * Math.exp(((mel - 15) * Math.log(6.4)) / 27)),
  },
} as const;

/** Triangles between neighbouring mels, over the frequencies 0 to rate/2 of `bins` numbers: [F][bins]. */
export function melFilters(
  { rate, mels, scale }: Pick<MelSettings, "rate" | "mels" | "scale">,
  bins: number,
): Float64Array[] {
  const { toMel, toHertz } = SCALES[scale];
  const corners = Array.from({ length: mels + 2 }, (_, i) => toHertz((toMel(rate / 2) * i) / (mels + 1)));
  return Array.from({ length: mels }, (_, f) => {
    const [low = 0, middle = 0, high = 0] = corners.slice(f, f + 3);
    const area = scale === "slaney" ? 2 / (high - low) : 1;
    return Float64Array.from({ length: bins }, (_, k) => {
      const hertz = (k * rate) / 2 / (bins - 1);
      return area * Math.max(0, Math.min((hertz - low) / (middle - low), (high - hertz) / (high - middle)));
    });
  });
}

/** Where bit-reversed numbers below `size`, a power of two, go. */
function reversed(size: number): Uint32Array {
  const places = new Uint32Array(size);
  for (let i = 1; i < size; i++) places[i] = ((places[i >> 1] ?? 0) >> 1) | (i & 1 ? size >> 1 : 0);
  return places;
}

/** Power spectra |DFT|² of `size` real numbers, at size/2 + 1 frequencies (Cooley & Tukey 1965, radix 2, double precision). */
export function powerSpectrum(size: number): (real: Float64Array) => Float64Array {
  const places = reversed(size);
  const cos = Float64Array.from({ length: size / 2 }, (_, i) => Math.cos((2 * Math.PI * i) / size));
  const sin = Float64Array.from({ length: size / 2 }, (_, i) => -Math.sin((2 * Math.PI * i) / size));
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  const butterfly = (i: number, j: number, w: number): void => {
    const a = (cos[w] as number) * (re[j] as number) - (sin[w] as number) * (im[j] as number);
    const b = (cos[w] as number) * (im[j] as number) + (sin[w] as number) * (re[j] as number);
    re[j] = (re[i] as number) - a;
    im[j] = (im[i] as number) - b;
    re[i] = (re[i] as number) + a;
    im[i] = (im[i] as number) + b;
  };
  return (real) => {
    for (let i = 0; i < size; i++) re[i] = real[places[i] as number] as number;
    im.fill(0);
    for (let half = 1; half < size; half *= 2)
      for (let start = 0; start < size; start += 2 * half)
        for (let k = 0; k < half; k++) butterfly(start + k, start + k + half, (k * size) / (2 * half));
    return Float64Array.from({ length: size / 2 + 1 }, (_, k) => (re[k] as number) ** 2 + (im[k] as number) ** 2);
  };
}

/** Power below which nothing is heard: under the rounding of 16 bits. */
const FLOOR = 1e-10;

/** Throws DataError for what is no sound. */
export function requireSamples(name: string, samples: Float32Array): void {
  if (!(samples instanceof Float32Array))
    throw new DataError(`${name}: expected samples as a Float32Array, got ${shown(samples)}; give those of readWav`);
}

/** The part of a filter that is not 0. */
function support(filter: Float64Array): { from: number; weights: Float64Array } {
  const from = Math.max(
    0,
    filter.findIndex((weight) => weight > 0),
  );
  return { from, weights: filter.slice(from, filter.findLastIndex((weight) => weight > 0) + 1) };
}

/**
 * A function of samples at `rate`: the natural logarithm of the power in each band, for every window that lies within the
 * sound, and one of what there is, with zeros behind, where it is shorter than a window. Hann windows (periodic), padded with
 * zeros to a power of two. Throws ConfigError for windows of less than two samples.
 */
export function logMel(given: MelSettings): (samples: Float32Array) => Features {
  const { rate, mels, scale, window, hop } = checked(settings, given, "logMel");
  const [length, step] = [window, hop].map((ms) => Math.round((rate * ms) / 1000));
  if (!length || !step || length < 2)
    throw new ConfigError(
      `logMel: expected windows of two samples or more, got ${window} ms every ${hop} ms at ${rate} a second; make them longer`,
    );
  const size = 2 ** Math.ceil(Math.log2(length));
  const hann = Float64Array.from({ length }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / length));
  const filters = melFilters({ rate, mels, scale }, size / 2 + 1).map(support);
  const spectrum = powerSpectrum(size);
  const buffer = new Float64Array(size);
  return (samples) => {
    requireSamples("logMel", samples);
    const frames = 1 + Math.max(0, Math.floor((samples.length - length) / step));
    const data = new Float32Array(frames * mels);
    for (let t = 0; t < frames; t++) {
      for (let i = 0; i < length; i++) buffer[i] = (samples[t * step + i] ?? 0) * (hann[i] as number);
      const power = spectrum(buffer);
      for (const [f, { from, weights }] of filters.entries()) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += (weights[k] as number) * (power[from + k] as number);
        data[t * mels + f] = Math.log(Math.max(sum, FLOOR));
      }
    }
    return { data, frames, width: mels };
  };
}
