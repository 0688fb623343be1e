/** Bars of shares, one below another. */
import { COLOURS, element, picture } from "./svg.ts";

/** One bar: a value from 0 to 1, and what stands behind it. */
export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly note: string;
}

const [ROW, NAME, WIDTH, NOTE, TOP] = [24, 140, 320, 120, 28];
/** Letters of a name. */
const LETTERS = 18;

const short = (name: string): string => (name.length > LETTERS ? `${name.slice(0, LETTERS - 1)}…` : name);

/** An SVG of bars, the value and a note behind each. Nothing where there are none. */
export function bars(title: string, rows: readonly Bar[]): string | undefined {
  if (rows.length === 0) return undefined;
  const lines = rows.flatMap(({ name, value, note }, i) => {
    const [y, width] = [TOP + i * ROW, Math.max(0, Math.min(1, value)) * WIDTH];
    return [
      element("text", { x: NAME - 8, y: y + 15, "text-anchor": "end" }, short(name)),
      element("rect", { x: NAME, y: y + 3, width: WIDTH, height: ROW - 8, fill: "#8882" }),
      element("rect", { x: NAME, y: y + 3, width, height: ROW - 8, fill: COLOURS[0] }),
      element("text", { x: NAME + WIDTH + 8, y: y + 15 }, `${value.toFixed(3)}, ${note}`),
    ];
  });
  const heading = element("text", { x: NAME, y: 16 }, title);
  return picture(NAME + WIDTH + NOTE, TOP + rows.length * ROW + 8, title, [heading, ...lines]);
}
