/** Tables of shares, a cell as dark as its share: what each column says of each row. */
import { element, picture } from "./svg.ts";

/** One table: the names of its rows, and shares from 0 to 1 for each row. */
export interface Shares {
  readonly name: string;
  readonly rows: readonly string[];
  readonly values: readonly (readonly number[])[];
}

const SIZE = { cell: 34, left: 90, top: 48, gap: 44 } as const;
const DARK = "#2b7bba";

/** One cell with its share in percent, which is left out where it is nothing. */
function cell(share: number, x: number, y: number): string[] {
  const size = { width: SIZE.cell - 1, height: SIZE.cell - 1 };
  const percent = Math.round(100 * share);
  const at = { x: x + SIZE.cell / 2, y: y + SIZE.cell / 2 + 4 };
  const fill = share > 0.5 ? "#fff" : "#888";
  return [
    element("rect", { x, y, ...size, fill: DARK, "fill-opacity": Math.max(0.03, Math.min(1, share)) }),
    ...(percent > 0
      ? [element("text", { ...at, "text-anchor": "middle", "font-size": 11, fill }, String(percent))]
      : []),
  ];
}

function drawn({ name, rows, values }: Shares, top: number): string[] {
  const columns = Math.max(0, ...values.map(({ length }) => length));
  const x = (k: number) => SIZE.left + k * SIZE.cell;
  const y = (i: number) => top + i * SIZE.cell;
  return [
    element("text", { x: SIZE.left, y: top - 22, "font-weight": "bold" }, name),
    ...Array.from({ length: columns }, (_, k) =>
      element("text", { x: x(k) + SIZE.cell / 2, y: top - 6, "text-anchor": "middle", "font-size": 11 }, String(k)),
    ),
    ...rows.flatMap((row, i) => [
      element("text", { x: SIZE.left - 8, y: y(i) + SIZE.cell / 2 + 4, "text-anchor": "end" }, row),
      ...(values[i] ?? []).flatMap((share, k) => cell(share, x(k), y(i))),
    ]),
  ];
}

/** An SVG of tables one below the other, columns numbered from 0, cells in percent. */
export function heatmap(title: string, tables: readonly Shares[]): string {
  const columns = Math.max(1, ...tables.flatMap(({ values }) => values.map(({ length }) => length)));
  let top: number = SIZE.top + 24;
  const content = tables.flatMap((table) => {
    const own = drawn(table, top);
    top += table.rows.length * SIZE.cell + SIZE.gap;
    return own;
  });
  const width = Math.max(SIZE.left + columns * SIZE.cell + 16, 7 * title.length + 32);
  return picture(width, top - SIZE.gap + 16, title, [element("text", { x: 16, y: 20 }, title), ...content]);
}
