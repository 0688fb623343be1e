/** Series with their alarms and with what somebody labelled: a panel for each, and below it how odd each row is. */
import { axisOf } from "./axes.ts";
import { COLOURS, element, picture } from "./svg.ts";

/** One series over time. */
export interface Detected {
  readonly name: string;
  /** How row `n` is called. */
  times(n: number): string;
  /** [N] */
  readonly values: ArrayLike<number>;
  /** How odd each row is: [N]. */
  readonly odd: ArrayLike<number>;
  readonly threshold: number;
  /** Rows. */
  readonly alarms: readonly number[];
  /** First and last row. */
  readonly windows: readonly (readonly [first: number, last: number])[];
}

const SIZE = { width: 760, panel: 130, strip: 34, left: 64, right: 20, top: 40, gap: 50 } as const;
const TIMES = 4;
const [SERIES, LABELLED, , , ALARM] = COLOURS;
const ODD = "#888";
/** Groups of rows that are drawn as one vertical stroke. */
const GROUPS = (SIZE.width - SIZE.left - SIZE.right) * 2;

const point = (x: number, y: number): string => `${x.toFixed(1)},${y.toFixed(1)}`;

/** Rows and values of which each group shows its lowest and highest, in the order in which they came. */
function thinned(values: ArrayLike<number>): (readonly [n: number, value: number])[] {
  const N = values.length;
  const size = Math.max(1, Math.ceil(N / GROUPS));
  const kept: (readonly [number, number])[] = [];
  for (let from = 0; from < N; from += size) {
    let [low, high] = [from, from];
    for (let n = from; n < Math.min(N, from + size); n++) {
      if ((values[n] ?? 0) < (values[low] ?? 0)) low = n;
      if ((values[n] ?? 0) > (values[high] ?? 0)) high = n;
    }
    for (const n of low === high ? [low] : [Math.min(low, high), Math.max(low, high)]) kept.push([n, values[n] ?? 0]);
  }
  return kept;
}

/** Bars from the ground up to how odd the rows are, and the threshold. */
function strip({ odd, threshold }: Detected, x: (n: number) => number, top: number): string[] {
  const kept = thinned(odd);
  const highest = kept.reduce((most, [, value]) => Math.max(most, value), Math.min(threshold, 1e9));
  const y = (value: number) => top + SIZE.strip * (1 - value / (highest || 1));
  const ground = y(0);
  const area = [
    point(x(0), ground),
    ...kept.map(([n, value]) => point(x(n), y(value))),
    point(x(odd.length - 1), ground),
  ];
  const line = { x1: SIZE.left, x2: SIZE.width - SIZE.right };
  return [
    element("polygon", { points: area.join(" "), fill: ODD, "fill-opacity": 0.55 }),
    ...(threshold <= highest
      ? [element("line", { ...line, y1: y(threshold), y2: y(threshold), stroke: ALARM, "stroke-dasharray": "3 3" })]
      : []),
    element("text", { x: SIZE.left - 8, y: ground, "text-anchor": "end", "font-size": 11 }, "oddness"),
  ];
}

function drawn(one: Detected, top: number): string[] {
  const { width, panel, left, right, strip: below } = SIZE;
  const N = one.values.length;
  const kept = thinned(one.values);
  const axis = axisOf(kept.map(([, value]) => value));
  const x = (n: number) => left + (n / Math.max(1, N - 1)) * (width - left - right);
  const y = (value: number) => top + panel * (0.97 - 0.94 * axis.place(value));
  const bottom = top + panel + below + 8;
  const shades = one.windows.map(([first, last]) =>
    element("rect", {
      x: x(first),
      y: top,
      width: Math.max(1.5, x(last) - x(first)),
      height: bottom - top,
      fill: LABELLED,
      "fill-opacity": 0.22,
    }),
  );
  const grid = axis.marks.flatMap(([value, label]) => [
    element("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: "#8883" }),
    element("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, label),
  ]);
  const shown = [...new Set(Array.from({ length: TIMES }, (_, i) => Math.round((i * (N - 1)) / (TIMES - 1))))];
  const times = shown.map((n, i) => {
    const anchor = i === 0 ? "start" : i === shown.length - 1 ? "end" : "middle";
    return element("text", { x: x(n), y: bottom + 15, "text-anchor": anchor, "font-size": 11 }, one.times(n));
  });
  const alarms = one.alarms.flatMap((n) => [
    element("line", { x1: x(n), x2: x(n), y1: top, y2: bottom, stroke: ALARM, "stroke-opacity": 0.35 }),
    element("circle", { cx: x(n), cy: y(one.values[n] ?? 0), r: 3.5, fill: ALARM }),
  ]);
  return [
    ...shades,
    ...grid,
    element("polyline", {
      points: kept.map(([n, value]) => point(x(n), y(value))).join(" "),
      fill: "none",
      stroke: SERIES,
      "stroke-width": 1,
      "stroke-linejoin": "round",
    }),
    ...strip(one, x, top + panel + 8),
    ...alarms,
    element("text", { x: left, y: top - 8, "font-weight": "bold" }, one.name),
    ...times,
  ];
}

/** The key, at the right of the first line. */
function key(labelled: boolean): string[] {
  const names: [text: string, mark: string][] = [
    ...(labelled
      ? [
          [
            "labelled",
            element("rect", { x: 0, y: -10, width: 18, height: 11, fill: LABELLED, "fill-opacity": 0.3 }),
          ] as [string, string],
        ]
      : []),
    ["alarm", element("circle", { cx: 9, cy: -4, r: 3.5, fill: ALARM })],
  ];
  return names.map(([text, mark], i) =>
    element("g", { transform: `translate(${SIZE.width - SIZE.right - 90 * (names.length - i)} 18)` }, [
      mark,
      element("text", { x: 24, y: 0 }, text),
    ]),
  );
}

/** An SVG of panels one below the other. */
export function detections(title: string, all: readonly Detected[]): string {
  const { width, panel, strip: below, top, gap } = SIZE;
  const each = panel + below + gap;
  return picture(width, top + all.length * each + 4, title, [
    ...key(all.some(({ windows }) => windows.length > 0)),
    ...all.flatMap((one, i) => drawn(one, top + 10 + i * each)),
  ]);
}
