/** How much each token of a target looked at each token of a source. S source · T target */
import { element, picture } from "./svg.ts";

const CELL = 22;
const MARGIN = 110;
/** Width of a letter on average; SVG text has no width before it is drawn. */
const LETTERS = 15;
/** Tokens of each side that are drawn. */
const MOST = 80;

const short = (token: string): string => (token.length > LETTERS ? `${token.slice(0, LETTERS - 1)}…` : token);

/** An SVG of weights [T][S] from 0 to 1, source tokens across and target tokens down; the darker, the more. */
export function alignment(
  title: string,
  source: readonly string[],
  target: readonly string[],
  weights: readonly ArrayLike<number>[],
): string {
  const [across, down] = [source.slice(0, MOST), target.slice(0, MOST)];
  const [width, height] = [MARGIN + across.length * CELL + 80, MARGIN + down.length * CELL + 16];
  const middle = CELL / 2;
  const cells = down.flatMap((word, t) =>
    across.map((other, s) => {
      const weight = weights[t]?.[s] ?? 0;
      const place = { x: MARGIN + s * CELL, y: MARGIN + t * CELL, width: CELL - 1, height: CELL - 1 };
      const title = element("title", {}, `${word} · ${other}: ${weight.toFixed(3)}`);
      return element("rect", { ...place, fill: "#2b7bba", "fill-opacity": Math.max(0.04, weight) }, [title]);
    }),
  );
  const above = across.map((token, s) => {
    const [x, y] = [MARGIN + s * CELL + middle, MARGIN - 8];
    return element("text", { x, y, transform: `rotate(-45 ${x} ${y})` }, short(token));
  });
  const beside = down.map((token, t) =>
    element("text", { x: MARGIN - 6, y: MARGIN + t * CELL + middle + 4, "text-anchor": "end" }, short(token)),
  );
  return picture(width, height, title, [...cells, ...above, ...beside]);
}
