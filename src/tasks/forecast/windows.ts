/**
 * A series in three parts, in units of the deviations of its first, and all windows of a part.
 *
 * N rows · C channels · W window · H horizon · B windows
 */
import { type Dataset, digest, type Series, type Times } from "../../data/index.ts";
import { ConfigError, DataError } from "../../errors.ts";
import type { HostTensor } from "../../runtime/index.ts";

/** How many rows are trained on, validated on, and tested on. */
export interface Parts {
  readonly train: number;
  readonly validation: number;
  readonly test: number;
}

/** Three numbers as an option spells them: rows, or shares that are 1 in all. Throws ConfigError. */
export function partsOf(split: string, { name, size }: Pick<Series, "name" | "size">): Parts {
  const numbers = split.split(",").map((text) => (text.trim() === "" ? Number.NaN : Number(text)));
  const total = numbers.reduce((a, b) => a + b, 0);
  const shares = Math.abs(total - 1) < 1e-9;
  if (numbers.length !== 3 || !numbers.every((number) => number >= 0 && (shares || Number.isInteger(number))))
    throw new ConfigError(
      `option: split: expected three numbers of rows or shares, such as 8640,2880,2880 or 0.7,0.1,0.2, got ${split}`,
    );
  const [train = 0, validation = 0, test = 0] = shares
    ? numbers.map((share) => Math.floor(share * size + 1e-9))
    : numbers;
  if (shares) return { train, validation, test: numbers[2] === 0 ? 0 : size - train - validation };
  if (total <= size) return { train, validation, test };
  throw new ConfigError(`option: split: expected at most the ${size} rows of ${name}, got ${total}; take fewer`);
}

/** What is subtracted from each channel, and what it is then divided by: [C]. */
export interface Scale {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** Mean and deviation of the first `rows` rows; a channel that does not change is divided by 1. */
export function scaleOf({ values, channels }: Series, rows: number): Scale {
  const C = channels.length;
  const column = (c: number) => Array.from({ length: rows }, (_, n) => values[n * C + c] ?? 0);
  const mean = channels.map((_, c) => column(c).reduce((sum, value) => sum + value, 0) / rows);
  const deviation = mean.map((middle, c) =>
    Math.sqrt(column(c).reduce((sum, value) => sum + (value - middle) ** 2, 0) / rows),
  );
  return { mean, deviation: deviation.map((value, c) => (value > 1e-12 * Math.abs(mean[c] ?? 0) ? value : 1)) };
}

/** A series in units of deviations. */
export interface Scaled {
  readonly channels: readonly string[];
  /** [N, C], row by row. */
  readonly values: Float32Array;
  /** N. */
  readonly size: number;
  readonly scale: Scale;
  readonly times: Times | undefined;
}

export function scaled({ values, channels, size, times }: Series, scale: Scale): Scaled {
  const { mean, deviation } = scale;
  const C = channels.length;
  const each = Float32Array.from(values, (value, i) => (value - (mean[i % C] ?? 0)) / (deviation[i % C] ?? 1));
  return { channels, values: each, size, scale, times };
}

/** `value` of channel `c` in the units of the file. */
export const unscaled = (value: number, { mean, deviation }: Scale, c: number): number =>
  value * (deviation[c] ?? 1) + (mean[c] ?? 0);

/** How row `n` of a series is called. */
export const timeAt = ({ times }: Pick<Series, "times">, n: number): string =>
  times ? times.write(times.at[n] ?? 0) : String(n + 1);

/** W rows that are seen and H that follow; `at` is the first of these. */
export interface Window {
  readonly series: Scaled;
  readonly at: number;
}

/** W and H. */
export interface Sizes {
  readonly window: number;
  readonly horizon: number;
}

/** Rows `from` to `to` of a series, and what to call them in messages. */
export interface Range {
  readonly from: number;
  readonly to: number;
  readonly name: string;
}

/** The same for equal numbers in equal places. */
export const seriesDigest = ({ values }: Pick<Series, "values">): string =>
  digest(new Uint16Array(values.buffer, values.byteOffset, values.byteLength / 2));

/**
 * All windows whose H rows are in a range; what they see may lie before it. Throws DataError where there are none, or
 * where a value is beyond 32-bit numbers.
 */
export function windowsIn(
  series: Scaled,
  { window: W, horizon: H }: Sizes,
  { from, to, name }: Range,
  key: string,
): Dataset<Window> {
  const first = Math.max(from, W);
  const size = to - H - first + 1;
  if (size < 1)
    throw new DataError(
      `${name}: expected at least ${H} rows after ${W} to see, got ${from ? `${to - from} from row ${from + 1} on` : `${to - from} in all`}; use a shorter window or horizon, or another split`,
    );
  return { size, digest: `${key}-${from}-${to}`, at: (index) => ({ series, at: first + index }) };
}

/** Rows of windows side by side: [B, rows, C], from `offset` rows after the first of the future. */
function rowsOf(windows: readonly Window[], offset: number, rows: number): HostTensor {
  const C = windows[0]?.series.channels.length ?? 0;
  const data = new Float32Array(windows.length * rows * C);
  for (const [b, { series, at }] of windows.entries())
    data.set(series.values.subarray((at + offset) * C, (at + offset + rows) * C), b * rows * C);
  return { data, shape: [windows.length, rows, C], dtype: "f32" };
}

/** What the windows see: [B, W, C]. */
export const pastOf = (windows: readonly Window[], { window }: Pick<Sizes, "window">): HostTensor =>
  rowsOf(windows, -window, window);

/** Both halves of windows. */
export const windowFeeds = (windows: readonly Window[], sizes: Sizes): Record<"values" | "targets", HostTensor> => ({
  values: pastOf(windows, sizes),
  targets: rowsOf(windows, 0, sizes.horizon),
});

/** Mean of |x_t - x_t-period| of each channel over the first `rows` rows: [C]. */
export function naiveErrors({ values, channels }: Scaled, rows: number, period: number): number[] {
  const C = channels.length;
  return channels.map((_, c) => {
    let sum = 0;
    for (let n = period; n < rows; n++) sum += Math.abs((values[n * C + c] ?? 0) - (values[(n - period) * C + c] ?? 0));
    return sum / Math.max(1, rows - period);
  });
}
