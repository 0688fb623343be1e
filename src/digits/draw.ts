/**
 * Digits as a pen would draw them, from factors that are known. A way of writing (`hands.ts`) is bent a little and its points
 * are moved, as no hand writes twice alike; then it is made upright and of height 1, and the factors are applied:
 *
 *   column = W·(1/2 + x + scale·(u - slant·v))    row = H·(1/2 + y + scale·v)
 *
 * for a point (u, v) of the pen's way, v from -1/2 to 1/2 and down. A pixel is as bright as the pen covers it. Only sums, products,
 * quotients and square roots are taken, so that the pictures are the same, bit for bit, wherever they are drawn.
 */
import { z } from "zod";
import { stream } from "../runtime/random.ts";
import { checked, real, whole } from "../schema.ts";
import { HANDS, type Point } from "./hands.ts";

/** What a drawn digit is made from. Lengths are in sides of the picture. */
export interface DigitFactors {
  /** The digit: 0 to 9. */
  readonly class: number;
  /** Which way of writing it: 0 to 2. */
  readonly hand: number;
  /** How far the top leans to the right of the foot, in heights of the digit: -0.25 to 0.4. */
  readonly slant: number;
  /** Width of the pen: 0.045 to 0.11. */
  readonly thickness: number;
  /** How far to the right of the middle: -0.07 to 0.07. */
  readonly x: number;
  /** How far below the middle: -0.07 to 0.07. */
  readonly y: number;
  /** Height of the pen's way: 0.48 to 0.65. */
  readonly scale: number;
}

/** From where to where each factor is drawn, uniformly: as far as no ink reaches the edge of the picture. */
export const DIGIT_RANGES = {
  slant: [-0.25, 0.4],
  thickness: [0.045, 0.11],
  x: [-0.07, 0.07],
  y: [-0.07, 0.07],
  scale: [0.48, 0.65],
} as const;

/** The names of the factors, in the order in which they are listed. */
export const DIGIT_FACTORS = ["class", "hand", "slant", "thickness", "x", "y", "scale"] as const;

/** A digit, as it was drawn. */
export interface Digit {
  readonly factors: DigitFactors;
  /** Brightness, 0 to 255, row by row: [size, size]. */
  readonly pixels: Uint8Array;
}

/** Factors that are given instead of drawn at random. */
export const givenFactors = {
  class: whole(0, 9).optional(),
  hand: whole(0, 2).optional(),
  slant: real(-1, 1).optional(),
  thickness: real(0.01, 0.5).optional(),
  x: real(-1, 1).optional(),
  y: real(-1, 1).optional(),
  scale: real(0.05, 2).optional(),
};
const shape = z.strictObject({
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(0),
  index: whole(0, Number.MAX_SAFE_INTEGER).default(0),
  size: whole(8, 1024).default(28),
  ...givenFactors,
});

/** Which digit, how large, and the factors that are not to be drawn at random. */
export type DigitOptions = z.input<typeof shape>;

/** Random numbers of a digit: factors, then how the hand bends, then three of each point. */
const RANDOM = { factors: 0, bend: 8, points: 20, total: 128 } as const;
/** Lines between two points of the pen's way. */
const LINES = 6;
/** How far a point is moved, how far the plane is bent, how much wider or narrower the digit and the pen's trace become. */
const MOVED = 0.075;
const BENT = 0.15;
const WIDENED = 0.16;
const PRESSED = 0.2;

type Draw = (i: number) => number;

function factorsOf(u: Draw, given: Partial<Record<keyof DigitFactors, number | undefined>>): DigitFactors {
  const between = (name: keyof typeof DIGIT_RANGES, i: number) => {
    const [low, high] = DIGIT_RANGES[name];
    return given[name] ?? low + (high - low) * u(RANDOM.factors + i);
  };
  return {
    class: given.class ?? Math.floor(10 * u(RANDOM.factors)),
    hand: given.hand ?? Math.floor(3 * u(RANDOM.factors + 1)),
    slant: between("slant", 2),
    thickness: between("thickness", 3),
    x: between("x", 4),
    y: between("y", 5),
    scale: between("scale", 6),
  };
}

/** A place of the pen, and how wide it writes there, in widths of the pen. */
interface Trace {
  x: number;
  y: number;
  width: number;
}

/** Between -1 and 1, near 0 more often than far from it: the sum of two uniform numbers. */
const around = (u: Draw, i: number): number => u(i) + u(i + 1) - 1;

/** The points of a stroke as this hand puts them: each moved, the plane bent by quadratic terms, which lean to no side. */
function placed(points: readonly Point[], u: Draw, first: number): Trace[] {
  const bend = Array.from({ length: 5 }, (_, i) => around(u, RANDOM.bend + 2 * i));
  const [a = 0, b = 0, c = 0, d = 0, e = 0] = bend.map((value) => BENT * value);
  return points.map(({ x, y }, i) => {
    const at = RANDOM.points + 3 * (first + i);
    const [px, py] = [x + MOVED * (2 * u(at) - 1), y + MOVED * (2 * u(at + 1) - 1)];
    return {
      x: (px + a * py * py + b * px * py) * (1 + (WIDENED / BENT) * e),
      y: py + c * px * px + d * px * py,
      width: 1 + PRESSED * (2 * u(at + 2) - 1),
    };
  });
}

/** Cubic through b and c that leaves b along `out` and comes to c along `into` (Hermite), at t. */
function hermite(b: number, c: number, out: number, into: number, t: number): number {
  const s = 1 - t;
  return b * (1 + 2 * t) * s * s + out * t * s * s + c * (3 - 2 * t) * t * t - into * s * t * t;
}

/** The pen's way through the points: a Catmull-Rom curve (1974), which ends and begins anew where the pen turns sharply. */
function way(points: readonly Point[], traces: readonly Trace[]): Trace[] {
  const at = (i: number): Trace => traces[Math.max(0, Math.min(traces.length - 1, i))] as Trace;
  const turns = (i: number): boolean => i <= 0 || i >= points.length - 1 || points[i]?.sharp === true;
  const along = (i: number, side: 1 | -1, key: "x" | "y"): number =>
    turns(i) ? side * (at(i + side)[key] - at(i)[key]) : (at(i + 1)[key] - at(i - 1)[key]) / 2;
  const found: Trace[] = [at(0)];
  for (let i = 0; i + 1 < traces.length; i++)
    for (let line = 1; line <= LINES; line++) {
      const t = line / LINES;
      const on = (key: "x" | "y") => hermite(at(i)[key], at(i + 1)[key], along(i, 1, key), along(i + 1, -1, key), t);
      found.push({ x: on("x"), y: on("y"), width: at(i).width + t * (at(i + 1).width - at(i).width) });
    }
  return found;
}

/** Strokes of height 1 whose box has its middle at (0, 0). */
function upright(strokes: readonly Trace[][]): Trace[][] {
  const all = strokes.flat();
  const ends = (key: "x" | "y"): [number, number] =>
    all.reduce(([low, high], at) => [Math.min(low, at[key]), Math.max(high, at[key])], [9, -9] as [number, number]);
  const [[left, right], [top, bottom]] = [ends("x"), ends("y")];
  const height = bottom - top;
  return strokes.map((stroke) =>
    stroke.map(({ x, y, width }) => ({
      x: (x - (left + right) / 2) / height,
      y: (y - (top + bottom) / 2) / height,
      width,
    })),
  );
}

/** Raises `ink` [size, size] to how far inside of the pen's trace each pixel lies, along the line from a to b, in pixels. */
function mark(ink: Float64Array, size: number, a: Trace, b: Trace): void {
  const reach = Math.max(a.width, b.width) + 1;
  const from = (low: number) => Math.max(0, Math.floor(low - reach));
  const to = (high: number) => Math.min(size - 1, Math.ceil(high + reach));
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const square = dx * dx + dy * dy;
  const [left, right] = [from(Math.min(a.x, b.x)), to(Math.max(a.x, b.x))];
  for (let row = from(Math.min(a.y, b.y)); row <= to(Math.max(a.y, b.y)); row++)
    for (let column = left; column <= right; column++) {
      const [px, py] = [column + 0.5 - a.x, row + 0.5 - a.y];
      const t = square > 0 ? Math.max(0, Math.min(1, (px * dx + py * dy) / square)) : 0;
      const [ex, ey] = [px - t * dx, py - t * dy];
      const inside = a.width + t * (b.width - a.width) - Math.sqrt(ex * ex + ey * ey);
      const i = row * size + column;
      if (inside > (ink[i] ?? 0)) ink[i] = inside;
    }
}

function drawn(strokes: readonly Trace[][], { slant, thickness, x, y, scale }: DigitFactors, size: number): Uint8Array {
  const ink = new Float64Array(size * size).fill(-0.5);
  const inPixels = (at: Trace): Trace => ({
    x: size * (0.5 + x + scale * (at.x - slant * at.y)),
    y: size * (0.5 + y + scale * at.y),
    width: (size * thickness * at.width) / 2,
  });
  for (const stroke of strokes.map((points) => points.map(inPixels)))
    for (let i = 0; i + 1 < stroke.length; i++) mark(ink, size, stroke[i] as Trace, stroke[i + 1] as Trace);
  return Uint8Array.from(ink, (inside) => Math.round(255 * Math.min(1, inside + 0.5)));
}

/**
 * Digit number `index` of `seed`, a pure function of both, in a square of `size` pixels (default 28). Factors that are given
 * replace those that were drawn; the hand stays the same, so that one factor can be changed alone. Throws ConfigError.
 */
export function drawDigit(options: DigitOptions = {}): Digit {
  const { seed, index, size, ...given } = checked(shape, options, "drawDigit");
  const random = stream(seed, index, "digit").fillUniform(new Float64Array(RANDOM.total));
  const u: Draw = (i) => random[i] ?? 0;
  const factors = factorsOf(u, given);
  const hand = HANDS[factors.class]?.[factors.hand] ?? [];
  let first = 0;
  const strokes = hand.map((points) => {
    const traces = placed(points, u, first);
    first += points.length;
    return way(points, traces);
  });
  return { factors, pixels: drawn(upright(strokes), factors, size) };
}
