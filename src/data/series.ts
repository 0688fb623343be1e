/**
 * Numeric series out of tables: a row for each time, a column for each channel, and a column of times where there is one.
 *
 * N rows · C channels
 */
import { z } from "zod";
import { DataError, nearest, quoted } from "../errors.ts";
import { checked } from "../schema.ts";
import { type Clock, clockOf, isDate, stepOf, type TimeStep } from "./dates.ts";
import type { Source } from "./source.ts";
import { type CellRecord, parseRow, recordsOf, usualName } from "./table.ts";

/** Options of tasks that learn from series. */
export const seriesOptions = {
  time: z
    .string()
    .optional()
    .describe("column of the times, by name or number (default: date, time, ... or one of dates)"),
  columns: z.string().optional().describe("channels, by name or number, with commas between (default: all of numbers)"),
  header: z.enum(["auto", "yes", "no"]).default("auto").describe("whether the first row names the columns"),
  missing: z.enum(["refuse", "previous"]).default("refuse").describe("what stands for a missing value: the one before"),
};
const schema = z.object(seriesOptions);
const reading = schema.extend({
  /** Whether times may come again, or go back by an hour at most, as where a clock is set back. */
  setBack: z.boolean().default(false),
});
export type SeriesOptions = z.output<typeof schema>;

/** When the rows of a series are. */
export interface Times {
  /** Rising, but where clocks may be set back, in milliseconds since 1970 or as plain numbers: [N]. */
  readonly at: readonly number[];
  /** What most of them are apart. */
  readonly step: TimeStep;
  /** A time as the table spells it. */
  write(time: number): string;
}

/** Numbers over time. */
export interface Series {
  readonly name: string;
  readonly channels: readonly string[];
  /** [N, C], row by row. */
  readonly values: Float64Array;
  /** N. */
  readonly size: number;
  readonly times: Times | undefined;
}

const TIME_COLUMNS = ["date", "time", "timestamp", "datetime", "ds", "month", "day", "year", "period"];
const MISSING = /^(|\?|-|na|n\/a|nan|null|none|nil)$/i;

/** Whether a cell stands for a value that nobody knows. */
export const isMissing = (cell: string): boolean => MISSING.test(cell.trim());
/** The number in a cell, NaN where there is none. */
export const numberIn = (cell: string): number => (cell.trim() === "" ? Number.NaN : Number(cell));

const COMMA = /^[+-]?(\d+|\d{1,3}(\.\d{3})+)?,\d+(e[+-]?\d+)?$/i;
/** Whether a cell is a number with a comma, as 1,5 or 1.000,5. */
const hasComma = (cell: string): boolean => COMMA.test(cell.trim());
const POINT = "write numbers with a decimal point and without commas, as 1.5";
/** What to do about a cell that is no number. */
export const cureOf = (cell: string, other: string): string => (hasComma(cell) ? POINT : other);

/** Cells by line, under the names of their columns. */
export interface Grid {
  readonly name: string;
  /** Their numbers from 1 where the file has no header. */
  readonly columns: readonly string[];
  readonly named: boolean;
  readonly records: readonly CellRecord[];
}

const isName = (cell: string): boolean =>
  !isMissing(cell) && Number.isNaN(numberIn(cell)) && !isDate(cell.trim()) && !hasComma(cell);

/** Throws DataError naming the line of a record that is longer or shorter than the first. */
function requireWidth([first, ...others]: readonly CellRecord[], name: string): void {
  const odd = others.find(({ cells }) => cells.length !== first?.cells.length);
  if (first && odd)
    throw new DataError(
      `series ${name}, line ${odd.line}: expected ${first.cells.length} columns as before, got ${odd.cells.length}; every row needs all of them`,
    );
}

/** Throws DataError where rows were divided at decimal commas, as of 2020-01-01;1,5 without a header. */
function requireOneSeparator(records: readonly CellRecord[], name: string): void {
  for (const { cells, line } of records) {
    const both = cells.find((cell) => /\d;[+-]?\d/.test(cell));
    if (both !== undefined)
      throw new DataError(
        `series ${name}, line ${line}: expected cells between commas or between semicolons, got ${quoted(both)} before a comma; ${POINT}`,
      );
  }
}

function gridOf(text: string, source: Source, header: SeriesOptions["header"]): Grid {
  const { name } = source;
  const records = recordsOf(text, source);
  requireOneSeparator(records, name);
  requireWidth(records, name);
  const first = records[0]?.cells ?? [];
  const names =
    header === "auto" ? first.some(isName) && !first.some((cell) => Number.isFinite(numberIn(cell))) : header === "yes";
  if (!names) return { name, columns: first.map((_, i) => String(i + 1)), named: false, records };
  const columns = first.map((cell) => cell.trim());
  const twice = columns.find((column, i) => columns.indexOf(column) !== i);
  if (twice !== undefined)
    throw new DataError(
      `series ${name}, line ${records[0]?.line}: expected every column once, got ${quoted(twice)} twice; rename one`,
    );
  return { name, columns, named: true, records: records.slice(1) };
}

const spelledCell = (value: unknown): string => (value === undefined || value === null ? "" : String(value));

function gridOfLines(text: string, { name }: Source): Grid {
  const rows = text
    .split("\n")
    .flatMap((line, i) => (line.trim() ? [{ row: parseRow(line, `series ${name}, line ${i + 1}`), line: i + 1 }] : []));
  const columns = [...new Set(rows.flatMap(({ row }) => Object.keys(row)))];
  const records = rows.map(({ row, line }) => ({ cells: columns.map((column) => spelledCell(row[column])), line }));
  return { name, columns, named: true, records };
}

/** The place of a column by its name or its number from 1. Throws DataError that lists the columns. */
export function placeOf({ name, columns }: Grid, asked: string): number {
  const named = columns.indexOf(asked);
  const place = named >= 0 ? named : /^\d+$/.test(asked) ? Number(asked) - 1 : -1;
  if (place >= 0 && place < columns.length) return place;
  throw new DataError(
    `series ${name}: expected a column ${quoted(asked)}${nearest(asked, columns)}, got ${columns.slice(0, 20).join(", ")}; name the right one`,
  );
}

const cellsOf = ({ records }: Grid, place: number): string[] => records.map(({ cells }) => (cells[place] ?? "").trim());

/** The column of times: the one asked for, one with a usual name, or the first if it holds dates. */
function timePlace(grid: Grid, asked: string | undefined): number | undefined {
  if (asked !== undefined) return placeOf(grid, asked);
  const usual = usualName(TIME_COLUMNS, grid.columns);
  if (usual !== undefined) return grid.columns.indexOf(usual);
  return isDate(cellsOf(grid, 0)[0] ?? "") ? 0 : undefined;
}

const HOUR = 3_600_000;

/** The first of `times` that is not after the one before; with `setBack`, that is more than an hour before another. */
function firstBack(times: readonly number[], calendar: boolean, setBack: boolean): number {
  if (!setBack) return times.findIndex((time, i) => i > 0 && time <= (times[i - 1] ?? time));
  let latest = Number.NEGATIVE_INFINITY;
  return times.findIndex((time) => {
    latest = Math.max(latest, time);
    return time < latest - (calendar ? HOUR : 0);
  });
}

/** Throws DataError at the first time that no clock reads, or that goes back. */
function timesOf(grid: Grid, place: number, setBack: boolean): Times {
  const column = `column ${grid.columns[place]}`;
  const at = (i: number) => `series ${grid.name}, line ${grid.records[i]?.line}`;
  const cells = cellsOf(grid, place);
  const clock = clockOf(cells, `series ${grid.name}, ${column}`);
  if (!clock) throw unreadable(cells, at, column);
  const times = cells.map((cell) => clock.read(cell) ?? 0);
  const back = firstBack(times, clock.calendar, setBack);
  if (back > 0)
    throw new DataError(
      `${at(back)}: expected a time after ${quoted(cells[back - 1] ?? "")} in ${column}, got ${quoted(cells[back] ?? "")}; sort the rows${setBack ? "" : ", and leave out what comes twice"}`,
    );
  return { at: times, step: stepOf(times, clock.calendar), write: clock.write };
}

function unreadable(cells: readonly string[], at: (i: number) => string, column: string): DataError {
  const known = (cell: string): Clock | undefined =>
    clockOf(cells[0] === cell ? [cell] : [cells[0] ?? "", cell], column);
  const odd = Math.max(
    0,
    cells.findIndex((cell) => !known(cell)),
  );
  return new DataError(
    `${at(odd)}: expected a time in ${column}, got ${quoted(cells[odd] ?? "")}; write times as 2026-11-25 or 2026-11-25 18:00:00`,
  );
}

/** Whether most of what is there are numbers, be it with commas: then what is not is a mistake. */
function isNumeric(cells: readonly string[]): boolean {
  const there = cells.filter((cell) => !isMissing(cell));
  const numbers = there.filter((cell) => !Number.isNaN(numberIn(cell)) || hasComma(cell));
  return there.length > 0 && numbers.length * 2 > there.length;
}

function channelPlaces(grid: Grid, asked: readonly string[] | undefined, time: number | undefined): number[] {
  if (asked) return asked.map((name) => placeOf(grid, name.trim()));
  const found = grid.columns.map((_, i) => i).filter((i) => i !== time && isNumeric(cellsOf(grid, i)));
  if (found.length > 0) return found;
  throw new DataError(
    `series ${grid.name}: expected a column of numbers, got ${grid.columns.slice(0, 20).join(", ")}; every row is one time, every column one channel`,
  );
}

/** The numbers of one column. Throws DataError naming the line of what is none. */
function numbersOf(grid: Grid, place: number, missing: SeriesOptions["missing"]): number[] {
  const column = `column ${grid.columns[place]}`;
  let last: number | undefined;
  return cellsOf(grid, place).map((cell, i) => {
    const where = `series ${grid.name}, line ${grid.records[i]?.line}`;
    if (isMissing(cell)) {
      if (missing === "previous" && last !== undefined) return last;
      const help =
        missing === "previous" ? "there is none before it; leave the row out" : "fill it in, or say missing: previous";
      throw new DataError(
        `${where}: expected a number in ${column}, got ${cell === "" ? "nothing" : quoted(cell)}; ${help}`,
      );
    }
    const value = numberIn(cell);
    if (!Number.isFinite(value))
      throw new DataError(
        `${where}: expected a finite number in ${column}, got ${quoted(cell)}; ${cureOf(cell, "correct it")}`,
      );
    last = value;
    return value;
  });
}

/** The cells of a table of numbers. Throws DataError where a row is longer than another, or there is none. */
export async function readGrid(source: Source, header: SeriesOptions["header"]): Promise<Grid> {
  const text = (await source.text()).replace(/^\uFEFF/, "");
  const grid = /^(jsonl|ndjson|json)$/.test(source.format) ? gridOfLines(text, source) : gridOf(text, source, header);
  if (grid.records.length > 0) return grid;
  throw new DataError(`series ${source.name}: expected rows of numbers, got none; the file is blank`);
}

/**
 * The series in a table: the channels that `options` name, or those called `channels`. Throws DataError naming file and
 * line.
 */
export async function readSeries(
  source: Source,
  given: Partial<z.output<typeof reading>> = {},
  channels?: readonly string[],
): Promise<Series> {
  const { time, columns, header, missing, setBack } = checked(reading, given, "series");
  const grid = await readGrid(source, header);
  const when = timePlace(grid, time);
  const places = channelPlaces(grid, channels ?? columns?.split(","), when);
  const numbers = places.map((place) => numbersOf(grid, place, missing));
  const [N, C] = [grid.records.length, places.length];
  const values = new Float64Array(N * C);
  for (const [c, column] of numbers.entries()) for (const [n, value] of column.entries()) values[n * C + c] = value;
  return {
    name: source.name,
    channels: places.map((place) => grid.columns[place] ?? ""),
    values,
    size: N,
    times: when === undefined ? undefined : timesOf(grid, when, setBack),
  };
}
