/** How often each label was taken for each other. K labels */
import { element, picture } from "./svg.ts";

const CELL = 44;
const MARGIN = 96;
/** Labels that are shown; of more, the matrix would be a carpet. */
export const MOST_LABELS = 40;
/** Characters of a label. */
const LETTERS = 14;

const short = (label: string): string => (label.length > LETTERS ? `${label.slice(0, LETTERS - 1)}…` : label);

/**
 * An SVG of counts [K, K], rows the right labels, columns the predicted ones; a cell is as dark as its share of its row.
 * Nothing where there are more than 40 labels.
 */
export function confusion(labels: readonly string[], counts: readonly (readonly number[])[]): string | undefined {
  const K = labels.length;
  if (K === 0 || K > MOST_LABELS) return undefined;
  const at = (i: number) => MARGIN + i * CELL;
  const middle = CELL / 2;
  const cells = counts.flatMap((row, i) => {
    const total = row.reduce((a, b) => a + b, 0);
    return row.flatMap((count, j) => {
      const share = total === 0 ? 0 : count / total;
      const colour = share > 0.5 ? "#fff" : "#888";
      return [
        element("rect", {
          x: at(j),
          y: at(i),
          width: CELL - 1,
          height: CELL - 1,
          fill: "#2b7bba",
          "fill-opacity": share,
        }),
        element(
          "text",
          { x: at(j) + middle, y: at(i) + middle + 4, "text-anchor": "middle", fill: colour },
          String(count),
        ),
      ];
    });
  });
  const names = labels.flatMap((label, i) => [
    element("text", { x: MARGIN - 6, y: at(i) + middle + 4, "text-anchor": "end" }, short(label)),
    element(
      "text",
      { x: at(i) + middle, y: MARGIN - 8, transform: `rotate(-45 ${at(i) + middle} ${MARGIN - 8})` },
      short(label),
    ),
  ]);
  const size = MARGIN + K * CELL + 16;
  return picture(size + 40, size, "confusion: rows are the right labels, columns the predicted ones", [
    ...cells,
    ...names,
  ]);
}
