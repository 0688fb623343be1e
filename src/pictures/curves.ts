/** Curves over the steps of a training. */
import { COLOURS, digits, element, picture } from "./svg.ts";

/** Points of one curve, x rising. */
export interface Curve {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

const SIZE = { width: 640, height: 320, left: 56, right: 16, top: 28, bottom: 32 } as const;
/** Points of a curve; more are averaged in groups, as no screen shows them. */
const MOST_POINTS = 500;

/** A curve of at most `MOST_POINTS` points, each the mean of its neighbours. */
function thinned({ name, points }: Curve): Curve {
  const finite = points.filter(([, y]) => Number.isFinite(y));
  const group = Math.ceil(finite.length / MOST_POINTS);
  if (group <= 1) return { name, points: finite };
  const groups = Array.from({ length: Math.ceil(finite.length / group) }, (_, i) =>
    finite.slice(i * group, (i + 1) * group),
  );
  const mean = (part: typeof finite, k: 0 | 1) => part.reduce((sum, point) => sum + point[k], 0) / part.length;
  return { name, points: groups.map((part) => [mean(part, 0), mean(part, 1)] as const) };
}

/** Between four and eight round numbers within [low, high]. */
function ticks(low: number, high: number): number[] {
  const raw = (high - low) / 5;
  const scale = 10 ** Math.floor(Math.log10(raw));
  const step = scale * ([1, 2, 5, 10].find((multiple) => multiple * scale >= raw) ?? 10);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
}

/** The smallest range that holds `values`, a little wider where they are all the same. */
function range(values: readonly number[]): [number, number] {
  const low = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return low < high ? [low, high] : [low - 0.5, high + 0.5];
}

/** An SVG of curves over one axis; the last value of each stands beside its name. Nothing where there are no points. */
export function curves(title: string, given: readonly Curve[]): string | undefined {
  const all = given.map(thinned).filter(({ points }) => points.length > 0);
  const points = all.flatMap((curve) => curve.points);
  if (points.length === 0) return undefined;
  const { width, height, left, right, top, bottom } = SIZE;
  const [[x0, x1], [y0, y1]] = [range(points.map(([x]) => x)), range(points.map(([, y]) => y))];
  const x = (value: number) => left + ((value - x0) / (x1 - x0)) * (width - left - right);
  const y = (value: number) => height - bottom - ((value - y0) / (y1 - y0)) * (height - top - bottom);
  const grid = ticks(y0, y1).flatMap((value) => [
    element("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: "#8884" }),
    element("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, digits(value)),
  ]);
  const below = ticks(x0, x1).map((value) =>
    element("text", { x: x(value), y: height - bottom + 18, "text-anchor": "middle" }, digits(value)),
  );
  const lines = all.map((curve, i) =>
    element("polyline", {
      points: curve.points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" "),
      fill: "none",
      stroke: COLOURS[i % COLOURS.length] ?? "",
      "stroke-width": 1.5,
    }),
  );
  const names = all.map((curve, i) =>
    element(
      "text",
      { x: left + i * 150, y: 16, fill: COLOURS[i % COLOURS.length] ?? "" },
      `${curve.name} ${digits(curve.points.at(-1)?.[1] ?? 0)}`,
    ),
  );
  return picture(width, height, title, [...grid, ...below, ...lines, ...names]);
}
