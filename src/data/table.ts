/** Tables of examples: csv, tsv and JSON Lines. */
import Papa from "papaparse";
import { parseJson } from "../checkpoint/index.ts";
import { DataError, nearest, quoted } from "../errors.ts";
import type { Row, Source } from "./source.ts";

/** Rows of cells, with names of the columns where the file has them. */
export interface Table {
  readonly name: string;
  /** In order; undefined where the file has no header. */
  readonly columns: readonly string[] | undefined;
  readonly rows: readonly Row[];
  /** The line of the file in which each row begins. */
  readonly lines: readonly number[];
}

/** Whether the first row of a table names its columns; "auto" looks for usual names. */
export type Header = "auto" | "yes" | "no";

/** Names that columns of text, and of labels, often have. */
export const TEXT_COLUMNS = ["text", "sentence", "review", "content", "comment", "title"];
export const LABEL_COLUMNS = ["label", "class", "category", "target", "sentiment", "y"];

/** One line of JSON Lines as a row. Throws DataError. */
export function parseRow(line: string, place: string): Row {
  const wrong = (cause?: unknown) =>
    new DataError(`${place}: expected a JSON object, got ${quoted(line.slice(0, 40))}`, { cause });
  let value: unknown;
  try {
    value = parseJson(new TextEncoder().encode(line), place);
  } catch (cause) {
    throw wrong(cause);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Row;
  throw wrong();
}

function jsonLines(text: string, name: string): Table {
  const found = text
    .split("\n")
    .flatMap((line, i) => (line.trim() ? [{ row: parseRow(line, `table ${name}, line ${i + 1}`), line: i + 1 }] : []));
  const rows = found.map(({ row }) => row);
  return { name, columns: Object.keys(rows[0] ?? {}), rows, lines: found.map(({ line }) => line) };
}

/** A first row is a header when one of its cells is a name that was asked for, or that columns often have. */
function isHeader(cells: readonly string[], asked: readonly string[]): boolean {
  const names = new Set([...asked, ...TEXT_COLUMNS, ...LABEL_COLUMNS]);
  return cells.some((cell) => names.has(cell.trim().toLowerCase()) || asked.includes(cell.trim()));
}

function requireWidth(records: readonly CellRecord[], name: string): void {
  const width = records[0]?.cells.length ?? 0;
  const odd = records.find(({ cells }) => cells.length !== width);
  if (odd)
    throw new DataError(
      `table ${name}, line ${odd.line}: expected ${width} columns as in the first row, got ${odd.cells.length}; quote cells that hold the separator`,
    );
}

/** How many columns there are but for those at the end in which every cell is empty, which spreadsheets leave behind. */
const widthOf = (cells: readonly (readonly string[])[]): number =>
  cells.reduce((most, row) => Math.max(most, row.findLastIndex((cell) => cell.trim() !== "") + 1), 0);

function requireDistinct(columns: readonly string[], name: string): void {
  const twice = columns.find((column, i) => columns.indexOf(column) !== i);
  if (twice !== undefined)
    throw new DataError(`table ${name}: expected every column once, got ${quoted(twice)} twice; rename one of them`);
}

/** Rows that tell the separator; blank lines would mislead. */
const GUESSED_FROM = 20;

/** Cells side by side, and the line of the file in which they begin. */
export interface CellRecord {
  readonly cells: readonly string[];
  readonly line: number;
}

/**
 * The records of a delimited text but for blank lines. Tabs separate in .tsv, where quotes are letters like any other;
 * commas, or what is detected, in .csv, where quotes enclose. Throws DataError.
 */
export function recordsOf(text: string, { name, format }: Pick<Source, "name" | "format">): CellRecord[] {
  const tabs = format === "tsv" ? { delimiter: "\t", quoteChar: "\0" } : {};
  const { delimiter } = Papa.parse<string[]>(text, { skipEmptyLines: true, preview: GUESSED_FROM, ...tabs }).meta;
  const { data, errors } = Papa.parse<string[]>(text, { ...tabs, delimiter });
  const [error] = errors.filter(({ code }) => code !== "UndetectableDelimiter");
  if (error) throw new DataError(`table ${name}: ${error.message} in row ${(error.row ?? 0) + 1}`);
  const records: CellRecord[] = [];
  let line = 1;
  for (const cells of data) {
    if (cells.length > 1 || cells[0] !== "") records.push({ cells, line });
    line += 1 + cells.reduce((breaks, cell) => breaks + (cell.match(/\n/g)?.length ?? 0), 0);
  }
  return records;
}

function delimited(text: string, { name, format }: Source, asked: readonly string[], naming: Header): Table {
  const records = recordsOf(text, { name, format });
  requireWidth(records, name);
  const width = widthOf(records.map(({ cells }) => cells));
  const cells = records.map((record) => record.cells.slice(0, width));
  const [first = []] = cells;
  const header = naming === "auto" ? isHeader(first, asked) : naming === "yes";
  const columns = header ? first.map((cell) => cell.trim()) : first.map((_, i) => String(i + 1));
  requireDistinct(columns, name);
  const from = header ? 1 : 0;
  return {
    name,
    columns: header ? columns : undefined,
    rows: cells.slice(from).map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i] ?? ""]))),
    lines: records.slice(from).map(({ line }) => line),
  };
}

/** The table that a source holds; `asked` are names of columns that somebody wants. Throws DataError. */
export async function readTable(
  source: Source,
  asked: readonly string[] = [],
  header: Header = "auto",
): Promise<Table> {
  const text = (await source.text()).replace(/^\uFEFF/, "");
  const table = /^(jsonl|ndjson|json)$/.test(source.format)
    ? jsonLines(text, source.name)
    : delimited(text, source, asked, header);
  if (table.rows.length === 0) throw new DataError(`table ${source.name}: expected at least one row, got none`);
  return table;
}

/** The first of the `usual` names that is among `names`, as it is spelled there, in capitals or not. */
export function usualName(usual: readonly string[], names: readonly string[]): string | undefined {
  const lower = names.map((name) => name.toLowerCase());
  const found = usual.find((name) => lower.includes(name));
  return found === undefined ? undefined : names[lower.indexOf(found)];
}

/**
 * The column that is meant: the one asked for by name or by number from 1, else the first with a usual name, else the
 * first or the last of a file without a header. Throws DataError that lists the columns.
 */
export function column(
  table: Table,
  asked: string | undefined,
  usual: readonly string[],
  end: "first" | "last",
): string {
  const names = Object.keys(table.rows[0] ?? {});
  const found = asked === undefined ? usualName(usual, names) : names.find((name) => name === asked);
  if (found !== undefined) return found;
  const numbered = asked !== undefined && /^\d+$/.test(asked) ? names[Number(asked) - 1] : undefined;
  const unnamed = asked === undefined && !table.columns ? names.at(end === "first" ? 0 : -1) : undefined;
  const chosen = numbered ?? unnamed;
  if (chosen !== undefined) return chosen;
  const wanted =
    asked === undefined ? `a column called ${usual.slice(0, 3).join(", ")} or such` : `a column "${asked}"`;
  throw new DataError(
    `table ${table.name}: expected ${wanted}${asked ? nearest(asked, names) : ""}, got ${names.slice(0, 20).join(", ")}; name the right one`,
  );
}
