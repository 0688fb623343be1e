/** What came before, what was foretold, and what came: a panel for each series. */
import { axisOf } from "./axes.ts";
import { COLOURS, digits, element, picture } from "./svg.ts";

/** One series over time. */
export interface Panel {
  readonly name: string;
  /** Of all points, those that are foretold included. */
  readonly times: readonly string[];
  readonly past: readonly number[];
  readonly forecast: readonly number[];
  /** What came, where it is known. */
  readonly truth?: readonly number[];
  /** The ends of intervals, where there are any. */
  readonly low?: readonly number[];
  readonly high?: readonly number[];
}

const SIZE = { width: 760, panel: 150, left: 64, right: 20, top: 36, gap: 46 } as const;
/** Times below a panel. */
const TIMES = 4;
const [FORESEEN] = COLOURS;
const KNOWN = "#888";

type Points = readonly (readonly [x: number, y: number])[];

const path = (points: Points): string => points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
const line = (points: Points, stroke: string, more: Readonly<Record<string, string | number>> = {}): string =>
  element("polyline", {
    points: path(points),
    fill: "none",
    stroke,
    "stroke-width": 1.5,
    "stroke-linejoin": "round",
    ...more,
  });

/** The places of a panel whose upper end is at `top`. */
function placesOf({ times, past, forecast, truth = [], low = [], high = [] }: Panel, top: number) {
  const { width, panel, left, right } = SIZE;
  const axis = axisOf([...past, ...forecast, ...truth, ...low, ...high].filter(Number.isFinite));
  const x = (n: number) => left + (n / Math.max(1, times.length - 1)) * (width - left - right);
  const y = (value: number) => top + panel * (0.97 - 0.94 * axis.place(value));
  const from = (first: number, values: readonly number[]): Points =>
    values.flatMap((value, i) => (Number.isFinite(value) ? [[x(first + i), y(value)] as const] : []));
  return { x, y, from, marks: axis.marks };
}

function drawn(panel: Panel, top: number): string[] {
  const { width, panel: height, left, right } = SIZE;
  const { name, times, past, forecast, truth, low, high } = panel;
  const { x, y, from, marks } = placesOf(panel, top);
  const grid = marks.flatMap(([value, label]) => [
    element("line", { x1: left, x2: width - right, y1: y(value), y2: y(value), stroke: "#8883" }),
    element("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, label),
  ]);
  const shown = Array.from({ length: TIMES }, (_, i) => Math.round((i * (times.length - 1)) / (TIMES - 1)));
  const below = [...new Set(shown)].map((n, i, all) =>
    element(
      "text",
      {
        x: x(n),
        y: top + height + 18,
        "text-anchor": i === 0 ? "start" : i === all.length - 1 ? "end" : "middle",
        "font-size": 11,
      },
      times[n] ?? "",
    ),
  );
  const now = x(Math.max(0, past.length - 0.5));
  const joined = (values: readonly number[]): Points => from(past.length - 1, [past.at(-1) ?? Number.NaN, ...values]);
  const band =
    low && high
      ? [
          element("polygon", {
            points: path([...joined(low), ...joined(high).toReversed()]),
            fill: FORESEEN,
            "fill-opacity": 0.2,
          }),
        ]
      : [];
  return [
    ...grid,
    element("line", { x1: now, x2: now, y1: top, y2: top + height, stroke: "#8886", "stroke-dasharray": "3 3" }),
    ...band,
    line(from(0, past), KNOWN),
    ...(truth ? [line(joined(truth), KNOWN)] : []),
    line(joined(forecast), FORESEEN, { "stroke-width": 2 }),
    element("text", { x: left, y: top - 6, "font-weight": "bold" }, name),
    ...below,
  ];
}

/** The key, at the right of the first line. */
function key(intervals: number): string[] {
  const names: [text: string, mark: string][] = [
    ["series", element("line", { x1: 0, x2: 18, y1: -4, y2: -4, stroke: KNOWN, "stroke-width": 1.5 })],
    ["forecast", element("line", { x1: 0, x2: 18, y1: -4, y2: -4, stroke: FORESEEN, "stroke-width": 2 })],
    ...(intervals > 0
      ? [
          [
            `${digits(intervals * 100)} % interval`,
            element("rect", { x: 0, y: -10, width: 18, height: 11, fill: FORESEEN, "fill-opacity": 0.2 }),
          ] as [string, string],
        ]
      : []),
  ];
  return names.map(([text, mark], i) =>
    element("g", { transform: `translate(${SIZE.width - SIZE.right - 110 * (names.length - i)} 18)` }, [
      mark,
      element("text", { x: 24, y: 0 }, text),
    ]),
  );
}

/** An SVG of panels one below the other. `intervals` is the share that intervals shall hold, 0 where there are none. */
export function forecasts(title: string, panels: readonly Panel[], intervals: number): string {
  const { width, panel, top, gap } = SIZE;
  const height = top + panels.length * (panel + gap) + 4;
  return picture(width, height, title, [
    ...key(intervals),
    ...panels.flatMap((one, i) => drawn(one, top + 12 + i * (panel + gap))),
  ]);
}
