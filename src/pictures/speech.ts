/** A sound, and when each letter of what is said in it is heard. */
import { COLOURS, element, picture } from "./svg.ts";

/** A transcript on the sound that it is of. */
export interface Heard {
  readonly file: string;
  readonly transcript: string;
  readonly seconds: number;
  /** Lowest and highest samples, from left to right. */
  readonly envelope: readonly (readonly [low: number, high: number])[];
  /** Probability that something is said at each step, and seconds of a step. */
  readonly said: readonly number[];
  readonly step: number;
  readonly characters: readonly { readonly character: string; readonly start: number; readonly end: number }[];
}

const SIZE = { left: 16, right: 16, wave: 120, top: 32, gap: 34, curve: 90, bottom: 30 } as const;
const [LEAST, MOST] = [320, 1600];
const WIDTH = 360; // of a second

/** The sound as one closed line. */
function wave(envelope: Heard["envelope"], x: (share: number) => number): string {
  const loudest = envelope.reduce((most, [low, high]) => Math.max(most, -low, high), 1e-6);
  const y = (value: number) => SIZE.top + (SIZE.wave / 2) * (1 - value / loudest);
  const along = (side: 0 | 1) =>
    envelope.map((pair, i) => `${x((i + 0.5) / envelope.length).toFixed(1)},${y(pair[side]).toFixed(1)}`);
  const points = [...along(1), ...along(0).reverse()].join(" ");
  return element("polygon", { points, fill: COLOURS[0], "fill-opacity": 0.7 });
}

/** Seconds below the curve. */
function ruler(seconds: number, x: (share: number) => number, y: number): string[] {
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 600].find((each) => seconds / each <= 10) ?? seconds;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, i) => {
    const text = `${Number((i * step).toFixed(1))} s`;
    return element("text", { x: x((i * step) / seconds), y, "text-anchor": i === 0 ? "start" : "middle" }, text);
  });
}

/** An SVG: the sound above, the probability of any letter below, and the letters where they are said. */
export function speech({ file, transcript, seconds, envelope, said, step, characters }: Heard): string {
  const width = Math.min(MOST, Math.max(LEAST, seconds * WIDTH)) + SIZE.left + SIZE.right;
  const x = (share: number) => SIZE.left + Math.min(1, share) * (width - SIZE.left - SIZE.right);
  const base = SIZE.top + SIZE.wave + SIZE.gap + SIZE.curve;
  const height = base + SIZE.bottom;
  const points = said.map(
    (p, t) => `${x(((t + 0.5) * step) / seconds).toFixed(1)},${(base - p * SIZE.curve).toFixed(1)}`,
  );
  const letters = characters.map(({ character, start, end }) =>
    element(
      "text",
      {
        x: x((start + end) / 2 / seconds),
        y: base - SIZE.curve - 10,
        "text-anchor": "middle",
        "font-size": 14,
        fill: COLOURS[1],
      },
      character === " " ? "␣" : character,
    ),
  );
  return picture(width, height, `${file}: ${transcript}`, [
    element("text", { x: SIZE.left, y: 18, "font-size": 14 }, transcript || "(nothing said)"),
    wave(envelope, x),
    element("line", { x1: x(0), x2: x(1), y1: base, y2: base, stroke: "#8884" }),
    element("polyline", { points: points.join(" "), fill: "none", stroke: COLOURS[1], "stroke-width": 1.5 }),
    ...letters,
    ...ruler(seconds, x, base + 20),
  ]);
}
