/** Points in a plane, coloured by what they are: the codes of pictures, for one. */
import { axisOf } from "./axes.ts";
import { element, picture } from "./svg.ts";

/** One point and, where it has one, its class. */
export interface Spot {
  readonly x: number;
  readonly y: number;
  readonly label?: string | undefined;
}

/** Ten colours that differ for every kind of colour vision (Paul Tol, muted; grey and a darker sand for the last two). */
const HUES = [
  "#4477aa",
  "#cc6677",
  "#ddaa33",
  "#117733",
  "#66ccee",
  "#882255",
  "#44aa99",
  "#999933",
  "#aa4499",
  "#777777",
] as const;
/** Marks of radius 1; the next one begins where colours are used up. */
const MARKS = [
  "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0 -2 0z",
  "M-.9 -.9h1.8v1.8h-1.8z",
  "M0 -1.2L1.1 .8H-1.1z",
  "M0 -1.3L1.1 0L0 1.3L-1.1 0z",
] as const;
/** More classes than anybody tells apart are drawn alike. */
const MOST_CLASSES = HUES.length * MARKS.length;

const SIZE = { plane: 520, left: 56, top: 28, bottom: 44, key: 110 } as const;
const HEIGHT = SIZE.top + SIZE.plane + SIZE.bottom;
const ROW = 18;

/** How class `k` is drawn. */
const hueOf = (k: number): string => HUES[k % HUES.length] ?? "";
const markOf = (k: number): string => MARKS[Math.floor(k / HUES.length)] ?? MARKS[0];

/** The mark of class `k` at a place. */
const mark = (k: number, x: number, y: number, radius: number): string =>
  element("path", {
    d: markOf(k),
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)}) scale(${radius.toFixed(2)})`,
    fill: hueOf(k),
  });

/** Classes in their order: numbers by size, others by letter. */
const inOrder = (a: string, b: string): number => Number(a) - Number(b) || (a < b ? -1 : Number(a > b));

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

type Place = (value: number) => number;

/** The name of a class where half of its points are on either side, readable on any colour. */
const nameOf = (label: string, spots: readonly Spot[], x: Place, y: Place): string =>
  element(
    "text",
    {
      ...{ x: x(median(spots.map((spot) => spot.x))), y: y(median(spots.map((spot) => spot.y))) + 5 },
      ...{ "text-anchor": "middle", "font-size": 16, "font-weight": "bold", fill: "#111" },
      ...{ stroke: "#fffc", "stroke-width": 3, "paint-order": "stroke" },
    },
    label,
  );

/** The key at the right: a mark and a name for each class, in as many columns as it takes. */
function key(labels: readonly string[]): string[] {
  const rows = Math.floor((HEIGHT - SIZE.top) / ROW);
  return labels.flatMap((label, k) => {
    const left = SIZE.left + SIZE.plane + 20 + SIZE.key * Math.floor(k / rows);
    const y = SIZE.top + 6 + ROW * (k % rows);
    return [
      mark(k, left, y, 4.5),
      element("text", { x: left + 12, y: y + 4 }, label.length > 14 ? `${label.slice(0, 13)}…` : label),
    ];
  });
}

/** Lines at round numbers of both axes, and what these are called. */
function frame(across: ReturnType<typeof axisOf>, up: ReturnType<typeof axisOf>, x: Place, y: Place, names: Names) {
  const { plane, left, top } = SIZE;
  const middle = top + plane / 2;
  return [
    ...up.marks.flatMap(([value, label]) => [
      element("line", { x1: left, x2: left + plane, y1: y(value), y2: y(value), stroke: "#8883" }),
      element("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, label),
    ]),
    ...across.marks.flatMap(([value, label]) => [
      element("line", { x1: x(value), x2: x(value), y1: top, y2: top + plane, stroke: "#8883" }),
      element("text", { x: x(value), y: top + plane + 16, "text-anchor": "middle" }, label),
    ]),
    element("text", { x: left + plane / 2, y: HEIGHT - 8, "text-anchor": "middle" }, names[0]),
    element("text", { x: 12, y: middle, "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }, names[1]),
  ];
}

type Names = readonly [across: string, up: string];

/**
 * An SVG of points in a plane, a colour and a name for each class. Points that are not finite are left out; nothing where
 * there are none.
 */
export function plane(title: string, given: readonly Spot[], names: Names = ["", ""]): string | undefined {
  const spots = given.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  if (spots.length === 0) return undefined;
  const all = [...new Set(spots.flatMap(({ label }) => label ?? []))].sort(inOrder);
  const labels = all.length <= MOST_CLASSES ? all : [];
  const [across, up] = [axisOf(spots.map(({ x }) => x)), axisOf(spots.map(({ y }) => y))];
  const inside = (share: number) => SIZE.plane * (0.02 + 0.96 * share);
  const x = (value: number) => SIZE.left + inside(across.place(value));
  const y = (value: number) => SIZE.top + SIZE.plane - inside(up.place(value));
  const radius = Math.max(1.6, Math.min(4, 60 / Math.sqrt(spots.length)));
  const places = new Map(labels.map((label, k) => [label, k]));
  const groups = labels.map((label) => spots.filter((spot) => spot.label === label));
  const drawn = spots.map((spot) => {
    const k = places.get(spot.label ?? "") ?? (labels.length > 0 ? HUES.length - 1 : 0);
    return mark(k, x(spot.x), y(spot.y), radius);
  });
  const columns = Math.ceil(labels.length / Math.floor((HEIGHT - SIZE.top) / ROW));
  const width = SIZE.left + SIZE.plane + 16 + SIZE.key * columns;
  return picture(width, HEIGHT, title, [
    element("text", { x: SIZE.left, y: 16, "font-weight": "bold" }, title),
    ...frame(across, up, x, y, names),
    element("g", { "fill-opacity": 0.75 }, drawn),
    ...labels.map((label, k) => nameOf(label, groups[k] ?? [], x, y)),
    ...key(labels),
  ]);
}
