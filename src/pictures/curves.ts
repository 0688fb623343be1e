/** Curves over the steps of a training. */
import { type Axis, axisOf } from "./axes.ts";
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
  const group = Math.ceil(points.length / MOST_POINTS);
  if (group <= 1) return { name, points };
  const groups = Array.from({ length: Math.ceil(points.length / group) }, (_, i) =>
    points.slice(i * group, (i + 1) * group),
  );
  const mean = (part: typeof points, k: 0 | 1) => part.reduce((sum, point) => sum + point[k], 0) / part.length;
  return { name, points: groups.map((part) => [mean(part, 0), mean(part, 1)] as const) };
}

/** What stands at the axes. */
export interface Labels {
  readonly x?: string;
  readonly y?: string;
  /** Whether y rises by its logarithm; what is not above 0 is left out. */
  readonly log?: boolean;
}

/** Width of a name above the curves. */
const NAME = 150;

/** An SVG of curves over one axis; the last value of each stands beside its name. Nothing where there are no points. */
export function curves(title: string, given: readonly Curve[], labels: Labels = {}): string | undefined {
  const drawable = ([, y]: readonly [number, number]) => Number.isFinite(y) && !(labels.log && y <= 0);
  const all = given
    .map(({ name, points }) => thinned({ name, points: points.filter(drawable) }))
    .filter(({ points }) => points.length > 0);
  const points = all.flatMap((curve) => curve.points);
  if (points.length === 0) return undefined;
  const perLine = Math.floor((SIZE.width - SIZE.left) / NAME);
  const lines = Math.ceil(all.length / perLine);
  const box = {
    ...SIZE,
    left: SIZE.left + (labels.y ? 16 : 0),
    top: SIZE.top + (lines - 1) * 16,
    bottom: SIZE.bottom + (labels.x ? 16 : 0),
  };
  const [across, up] = [
    axisOf(points.map(([x]) => x)),
    axisOf(
      points.map(([, y]) => y),
      labels.log,
    ),
  ];
  const x = (value: number) => box.left + across.place(value) * (box.width - box.left - box.right);
  const y = (value: number) => box.height - box.bottom - up.place(value) * (box.height - box.top - box.bottom);
  const drawn = all.map((curve, i) =>
    element("polyline", {
      points: curve.points.map(([a, b]) => `${x(a).toFixed(1)},${y(b).toFixed(1)}`).join(" "),
      fill: "none",
      stroke: colourOf(i),
      "stroke-width": 1.5,
    }),
  );
  const names = all.map((curve, i) =>
    element(
      "text",
      { x: box.left + (i % perLine) * NAME, y: 16 + 16 * Math.floor(i / perLine), fill: colourOf(i) },
      `${curve.name} ${digits(curve.points.at(-1)?.[1] ?? 0)}`,
    ),
  );
  return picture(box.width, box.height, title, [
    ...frame(box, across, up, x, y),
    ...drawn,
    ...names,
    ...named(box, labels),
  ]);
}

const colourOf = (i: number): string => COLOURS[i % COLOURS.length] ?? "";

type Box = { readonly [side in "left" | "right" | "top" | "bottom" | "width" | "height"]: number };
type Place = (value: number) => number;

/** Lines across the picture, and numbers beside and below it. */
const frame = ({ left, right, bottom, width, height }: Box, across: Axis, up: Axis, x: Place, y: Place): string[] => [
  ...up.marks.flatMap(([value, label]) => [
    element("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: "#8884" }),
    element("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, label),
  ]),
  ...across.marks.map(([value, label]) =>
    element("text", { x: x(value), y: height - bottom + 18, "text-anchor": "middle" }, label),
  ),
];

/** What the axes are called. */
function named({ left, right, top, bottom, width, height }: Box, { x, y }: Labels): string[] {
  const [middle, centre] = [left + (width - left - right) / 2, top + (height - top - bottom) / 2];
  return [
    ...(x ? [element("text", { x: middle, y: height - 8, "text-anchor": "middle" }, x)] : []),
    ...(y
      ? [element("text", { x: 12, y: centre, "text-anchor": "middle", transform: `rotate(-90 12 ${centre})` }, y)]
      : []),
  ];
}
