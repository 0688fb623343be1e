/** A text whose tokens have weights: the heavier, the darker. */
import { element, picture } from "./svg.ts";

const LINE = 26;
const MARGIN = 16;
const WIDTH = 640;
/** Width of a letter of the font on average; SVG text has no width before it is drawn. */
const LETTER = 7.2;

interface Placed {
  readonly token: string;
  readonly weight: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** Tokens one after another in lines. */
function places(tokens: readonly (readonly [string, number])[]): Placed[] {
  let [x, y] = [MARGIN, MARGIN + LINE];
  return tokens.map(([token, weight]) => {
    const width = token.length * LETTER + 10;
    if (x + width > WIDTH - MARGIN && x > MARGIN) [x, y] = [MARGIN, y + LINE];
    const place = { token, weight, x, y, width };
    x += width + 3;
    return place;
  });
}

/** An SVG of `tokens` with their weights under `title`. */
export function weightedText(title: string, tokens: readonly (readonly [token: string, weight: number])[]): string {
  const most = Math.max(1e-9, ...tokens.map(([, weight]) => weight));
  const placed = places(tokens);
  const words = placed.flatMap(({ token, weight, x, y, width }) => [
    element("rect", { x, y, width, height: LINE - 4, rx: 3, fill: "#e08214", "fill-opacity": (0.9 * weight) / most }, [
      element("title", {}, `${token}: ${weight.toFixed(3)}`),
    ]),
    element(
      "text",
      {
        x: x + width / 2,
        y: y + 15,
        "text-anchor": "middle",
        "font-family": "monospace",
        fill: weight > most / 2 ? "#222" : "#888",
      },
      token,
    ),
  ]);
  const height = (placed.at(-1)?.y ?? MARGIN) + LINE + MARGIN;
  return picture(WIDTH, height, title, [
    element("text", { x: MARGIN, y: MARGIN + 8, "font-weight": "bold" }, title),
    ...words,
  ]);
}
