/**
 * Labelled sequences: ts files, or tables with one sequence a row, a column for each step and one for the label.
 *
 * T steps · C channels
 */
import { DataError, quoted } from "../errors.ts";
import { cureOf, type Grid, isMissing, numberIn, placeOf, readGrid, type SeriesOptions } from "./series.ts";
import type { Source } from "./source.ts";
import { LABEL_COLUMNS, usualName } from "./table.ts";
import { type Case, type Cases, parseTs } from "./ts-file.ts";

/** How a table is read. */
export interface CaseOptions {
  /** Column of the label, by name or number. Default: label, class, ... or, without a header, the last. */
  readonly label?: string | undefined;
  readonly header?: SeriesOptions["header"];
}

/** The column of labels; undefined where a table with names has none. */
function labelPlace(grid: Grid, asked: string | undefined): number | undefined {
  if (asked !== undefined) return placeOf(grid, asked);
  const usual = usualName(LABEL_COLUMNS, grid.columns);
  if (usual !== undefined) return grid.columns.indexOf(usual);
  return grid.named ? undefined : grid.columns.length - 1;
}

const ONE_ROW = "one row is one sequence, name the column of labels with label";

/** One row; cells that are empty at its end are no steps. */
function caseOf({ name, columns }: Grid, { cells, line }: Grid["records"][number], label: number | undefined): Case {
  const steps = cells.map((cell, i) => ({ cell: cell.trim(), column: columns[i] ?? "" })).filter((_, i) => i !== label);
  const size = steps.findLastIndex(({ cell }) => cell !== "") + 1;
  const values = Float64Array.from(steps.slice(0, size), ({ cell, column }) => {
    if (isMissing(cell)) return Number.NaN;
    const value = numberIn(cell);
    if (Number.isFinite(value)) return value;
    throw new DataError(
      `series ${name}, line ${line}: expected a finite number in column ${column}, got ${quoted(cell)}; ${cureOf(cell, ONE_ROW)}`,
    );
  });
  const found = label === undefined ? "" : (cells[label] ?? "").trim();
  return { values, size, label: found === "" ? undefined : found, line };
}

/** Missing values on the straight line between those beside them, at both ends the nearest one. Throws DataError where there is none. */
function filled(one: Case, C: number, name: string): Case {
  if (one.values.every((value) => !Number.isNaN(value))) return one;
  const values = one.values.slice();
  for (let c = 0; c < C; c++) fillChannel(values, c, C, () => `series ${name}, line ${one.line}`);
  return { ...one, values };
}

function fillChannel(values: Float64Array, c: number, C: number, where: () => string): void {
  const T = values.length / C;
  const at = (t: number): number => values[t * C + c] ?? Number.NaN;
  const known = Array.from({ length: T }, (_, t) => t).filter((t) => !Number.isNaN(at(t)));
  if (known.length === 0)
    throw new DataError(
      `${where()}: expected a value in dimension ${c + 1}, got missing ones only; leave the case out`,
    );
  let next = 0;
  for (let t = 0; t < T; t++) {
    if (t === known[next]) next++;
    if (!Number.isNaN(at(t))) continue;
    const [left, right] = [known[next - 1] ?? known[0] ?? 0, known[next] ?? known.at(-1) ?? 0];
    const share = left === right ? 0 : (t - left) / (right - left);
    values[t * C + c] = at(left) + share * (at(right) - at(left));
  }
}

/** The sequences in a source, no value missing. Throws DataError naming file and line. */
export async function readCases(source: Source, { label, header = "auto" }: CaseOptions = {}): Promise<Cases> {
  const { name } = source;
  const read =
    source.format === "ts" ? parseTs(await source.text(), `series ${name}`) : await readTable(source, label, header);
  return { ...read, name, cases: read.cases.map((one) => filled(one, read.channels, name)) };
}

async function readTable(source: Source, label: string | undefined, header: SeriesOptions["header"]): Promise<Cases> {
  const grid = await readGrid(source, header);
  const place = labelPlace(grid, label);
  return { name: source.name, channels: 1, cases: grid.records.map((record) => caseOf(grid, record, place)) };
}
