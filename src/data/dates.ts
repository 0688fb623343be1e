/**
 * Times as people spell them in tables: read, and written again in the same spelling. A time without a zone is taken for
 * one of UTC, so that steps are even.
 */
import { DataError, quoted } from "../errors.ts";

/** How one column spells its times. */
export interface Clock {
  /** Whether times are milliseconds since 1970; else they are plain numbers. */
  readonly calendar: boolean;
  /** The time in a cell; undefined where it has another spelling. */
  read(cell: string): number | undefined;
  write(time: number): string;
}

/** year, month, day, hour, minute, second, millisecond */
type Fields = readonly number[];
const NAMES = ["year", "month", "day", "hour", "minute", "second", "fraction"] as const;

/** Milliseconds, or undefined where the calendar has no such day or the clock no such time. */
function milliseconds([year = 1970, month = 1, day = 1, hour = 0, minute = 0, second = 0, ms = 0]: Fields) {
  const time = Date.UTC(year, month - 1, day, hour, minute, second, ms);
  const date = new Date(time);
  const same = date.getUTCMonth() === month - 1 && date.getUTCDate() === day && hour < 24 && minute < 60 && second < 60;
  return same ? time : undefined;
}

const two = (value: number): string => String(value).padStart(2, "0");
const TIME = String.raw`(?:(?<gap>[ T])(?<hour>\d{1,2}):(?<minute>\d{2})(?::(?<second>\d{2})(?:\.(?<fraction>\d{1,9}))?)?)?`;
const ZONE = String.raw`(?<zone>Z|[+-]\d{2}:?\d{2})?`;
/** Orders of day, month and year, the surest first. */
const DAYS = [
  String.raw`(?<year>\d{4})(?<mark>[-/.])(?<month>\d{1,2})(?:\k<mark>(?<day>\d{1,2}))?`,
  String.raw`(?<year>\d{4})(?<month>\d{2})(?<day>\d{2})`,
  String.raw`(?<day>\d{1,2})(?<mark>\.)(?<month>\d{1,2})\.(?<year>\d{4})`,
  String.raw`(?<month>\d{1,2})(?<mark>[/-])(?<day>\d{1,2})\k<mark>(?<year>\d{4})`,
  String.raw`(?<day>\d{1,2})(?<mark>[/-])(?<month>\d{1,2})\k<mark>(?<year>\d{4})`,
] as const;

/** Minutes that a zone is ahead. */
function ahead(zone: string | undefined): number {
  if (zone === undefined || zone === "Z") return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
  return zone.startsWith("-") ? -minutes : minutes;
}

type Groups = Readonly<Record<string, string | undefined>>;

function timeOf(groups: Groups): number | undefined {
  const fraction = groups.fraction?.padEnd(3, "0").slice(0, 3);
  const fields = NAMES.map((name) => (name === "fraction" ? fraction : groups[name]));
  const time = milliseconds(fields.map((text) => (text === undefined ? undefined : Number(text))) as number[]);
  return time === undefined ? undefined : time - ahead(groups.zone) * 60_000;
}

/** Writes `time` as the time with `groups` was written by `order`. */
function spelling(order: string, groups: Groups): (time: number) => string {
  const mark = groups.mark ?? "";
  const places = [...order.matchAll(/\?<(year|month|day)>/g)].map(([, name]) => name ?? "");
  const shown = places.filter((name) => groups[name] !== undefined);
  const padded = shown.every((name) => name === "year" || groups[name]?.length === 2);
  const zone = groups.zone ?? "";
  return (time) => {
    const [date, clock] = new Date(time + ahead(zone) * 60_000).toISOString().slice(0, -1).split("T") as [
      string,
      string,
    ];
    const [year = "", month = "", day = ""] = date.split("-");
    const part: Readonly<Record<string, string>> = { year, month, day };
    const days = shown.map((name) => (padded || name === "year" ? part[name] : String(Number(part[name])))).join(mark);
    if (groups.gap === undefined) return days + zone;
    const [hour = "", minute = "", seconds = ""] = clock.split(":");
    const hours = groups.hour?.length === 1 ? String(Number(hour)) : two(Number(hour));
    const tail = groups.fraction ? `:${seconds}` : groups.second ? `:${seconds.slice(0, 2)}` : "";
    return `${days}${groups.gap}${hours}:${minute}${tail}${zone}`;
  };
}

/** A clock that reads what is spelled in one order of day, month and year. */
function calendar(order: string, sample: string): Clock | undefined {
  const pattern = new RegExp(`^${order}${TIME}${ZONE}$`);
  const groups = pattern.exec(sample)?.groups;
  if (!groups) return undefined;
  return {
    calendar: true,
    read: (cell) => {
      const found = pattern.exec(cell)?.groups;
      return found && timeOf(found);
    },
    write: spelling(order, groups),
  };
}

/** A clock of plain numbers: steps, years, seconds. */
const counter: Clock = {
  calendar: false,
  read: (cell) => (cell !== "" && Number.isFinite(Number(cell)) ? Number(cell) : undefined),
  write: (time) => String(Number(time.toPrecision(15))),
};

const rises = (times: readonly number[]): boolean => times.every((time, i) => i === 0 || time > (times[i - 1] ?? time));

/** Whether `cell` is spelled as some time of the calendar. */
export const isDate = (cell: string): boolean =>
  DAYS.some((order) => calendar(order, cell)?.read(cell) !== undefined && !/^\d+$/.test(cell));

/**
 * The clock that reads all of `cells`, and if there are several the only one by which they rise. Throws DataError where
 * day and month could be either way round; undefined where no clock reads all.
 */
export function clockOf(cells: readonly string[], what: string): Clock | undefined {
  const [first = ""] = cells;
  if (cells.every((cell) => counter.read(cell) !== undefined)) return counter;
  const able = DAYS.flatMap((order) => calendar(order, first) ?? []).filter((clock) =>
    cells.every((cell) => clock.read(cell) !== undefined),
  );
  const rising = able.filter((clock) => rises(cells.map((cell) => clock.read(cell) ?? 0)));
  if (rising.length > 1 && cells.some((cell) => rising[0]?.read(cell) !== rising[1]?.read(cell)))
    throw new DataError(`${what}: cannot tell day from month in ${quoted(first)}; write times as 2026-11-25`);
  return rising[0] ?? able[0];
}

const DAY = 86_400_000;

/** From one time to the next: months, or a constant number of milliseconds or of whatever is counted. */
export interface TimeStep {
  readonly months?: number;
  readonly size: number;
}

const monthsOf = (time: number): number => {
  const date = new Date(time);
  return date.getUTCFullYear() * 12 + date.getUTCMonth();
};

/** Whether the next day is in another month. */
const endsMonth = (time: number): boolean => new Date(time + DAY).getUTCDate() === 1;
/** The day of the month and the time of the day, the same of all last days of a month. */
const placeInMonth = (time: number, ends: boolean): number =>
  (ends ? 0 : new Date(time).getUTCDate() * DAY) + (time % DAY);

/** The most frequent of `numbers`. */
function mode(numbers: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  return [...counts].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [1, 0])[0];
}

/** The step that most of `times` are apart. */
export function stepOf(times: readonly number[], calendar: boolean): TimeStep {
  const differences = times.slice(1).map((time, i) => time - (times[i] ?? 0));
  const size = mode(differences.map((difference) => Number(difference.toPrecision(12))));
  if (!calendar || size < 28 * DAY) return { size };
  const ends = times.every(endsMonth);
  const places = new Set(times.map((time) => placeInMonth(time, ends)));
  if (places.size > 1) return { size };
  return { size, months: mode(times.slice(1).map((time, i) => monthsOf(time) - monthsOf(times[i] ?? 0))) };
}

/** `count` steps after `time`; of months, the last day of one is followed by the last day of another. */
export function later(time: number, { size, months }: TimeStep, count: number): number {
  if (months === undefined) return time + size * count;
  const date = new Date(time);
  const month = date.getUTCMonth() + months * count;
  if (!endsMonth(time)) return date.setUTCMonth(month);
  return Date.UTC(date.getUTCFullYear(), month + 1, 0) + (time % DAY);
}

/** Rows after which a series often repeats itself: a day of hours or less, a week of days, a year of weeks, months or quarters. */
export function seasonOf({ size, months }: TimeStep): number {
  if (months !== undefined) return months < 12 ? Math.max(1, Math.round(12 / months)) : 1;
  if (size < DAY) return Math.max(1, Math.round(DAY / size));
  if (size === DAY) return 7;
  return size < 28 * DAY ? Math.max(1, Math.round((365.25 * DAY) / size)) : 1;
}
