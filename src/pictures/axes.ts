/** Axes of a chart: from numbers to places, and where its lines and labels stand. */
import { digits } from "./svg.ts";

/** Between four and eight round numbers within [low, high]. */
function roundNumbers(low: number, high: number): number[] {
  const raw = (high - low) / 5;
  const scale = 10 ** Math.floor(Math.log10(raw));
  const step = scale * ([1, 2, 5, 10].find((multiple) => multiple * scale >= raw) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

/** Powers of ten within [10^low, 10^high], at most eight of them. */
function powers(low: number, high: number): number[] {
  const [first, last] = [Math.ceil(low), Math.floor(high)];
  const every = Math.max(1, Math.ceil((last - first) / 7));
  return Array.from({ length: Math.max(0, Math.floor((last - first) / every)) + 1 }, (_, i) => first + i * every);
}

/** The smallest range that holds `values`, a little wider where they are all the same. */
function range(values: readonly number[]): [number, number] {
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

/** Characters for which there is room beside a chart. */
const ROOM = 7;

/** What is written beside a line: few characters also of numbers that are large or small, 2e8. */
function labelOf(value: number): string {
  const text = digits(value);
  return text.length > ROOM || text.includes("e")
    ? Number(value.toPrecision(3)).toExponential().replace("e+", "e")
    : text;
}

/** One axis. */
export interface Axis {
  /** Where a value stands, from 0 to 1. */
  place(value: number): number;
  /** Values that get a line, and what is written beside it. */
  readonly marks: readonly (readonly [value: number, label: string])[];
}

/** The axis on which `values` lie; with `log` by their logarithm, of which only positive ones have a place. */
export function axisOf(values: readonly number[], log = false): Axis {
  const scale = log ? Math.log10 : (value: number) => value;
  const [low, high] = range(values.map(scale).filter(Number.isFinite));
  const place = (value: number) => (scale(value) - low) / (high - low);
  const exponents = log && high - low >= 1 ? powers(low, high) : undefined;
  if (exponents) return { place, marks: exponents.map((e) => [10 ** e, `1e${e}`]) };
  const marks = roundNumbers(low, high).map((value) => (log ? 10 ** value : value));
  return { place, marks: marks.map((value) => [value, labelOf(value)]) };
}
