/**
 * Series in which anomalies are looked for, one value for each time, and windows of time that somebody labelled.
 *
 * N rows · W window · B rows of a batch
 *
 *   m_t, s_t = mean and deviation of x_0 .. x_t-1          of the past alone, so that nothing looks ahead
 *   what a model sees of row t: (x_j - m_t)/s_t for the W rows before it, and what it foretells: (x_t - m_t)/s_t
 */
import {
  clockOf,
  type Dataset,
  digest,
  readSeries,
  type Series,
  type SeriesOptions,
  type Source,
  type Times,
  textDigest,
} from "../../data/index.ts";
import { DataError, quoted, shown } from "../../errors.ts";
import { openSource } from "../../files/index.ts";
import type { Windows } from "../../metrics/index.ts";
import type { HostTensor } from "../../runtime/index.ts";
import { isRecord } from "../../schema.ts";

/** Mean and deviation of the rows before each: [N]. */
export interface Past {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** Mean and deviation of the `longest` rows before each, of all where there are fewer; 0 of none. */
export function pastOf(values: ArrayLike<number>, longest: number): Past {
  const N = values.length;
  const first = values[0] ?? 0; // subtracted, so that squares stay small
  const [sums, squares] = [new Float64Array(N + 1), new Float64Array(N + 1)];
  for (let n = 0; n < N; n++) {
    const value = (values[n] ?? 0) - first;
    sums[n + 1] = (sums[n] ?? 0) + value;
    squares[n + 1] = (squares[n] ?? 0) + value * value;
  }
  const [mean, deviation] = [new Float64Array(N), new Float64Array(N)];
  for (let n = 1; n < N; n++) {
    const from = Math.max(0, n - longest);
    const middle = ((sums[n] ?? 0) - (sums[from] ?? 0)) / (n - from);
    const spread = ((squares[n] ?? 0) - (squares[from] ?? 0)) / (n - from) - middle * middle;
    mean[n] = first + middle;
    deviation[n] = Math.sqrt(Math.max(0, spread));
  }
  return { mean, deviation };
}

/** A series, and what is known of it. */
export interface Watched {
  readonly name: string;
  /** [N] */
  readonly values: Float64Array;
  readonly times: Times | undefined;
  /** Of all rows before each; deviations are no less than a thousandth of the mean. */
  readonly past: Past;
  /** First and last row of each labelled window; undefined where there are no labels. */
  readonly windows: Windows | undefined;
}

/** Row `at` of a series. */
export interface Point {
  readonly series: Watched;
  readonly at: number;
}

/** How row `n` of a series is called. */
export const timeOf = ({ times }: Pick<Watched, "times">, n: number): string =>
  times ? times.write(times.at[n] ?? 0) : String(n + 1);

const VALUE = /^(value|y|target)$/i;
const LARGEST = 1e100;

/** The one channel of a table that is watched. Throws DataError. */
function valuesOf({ name, channels, values, size }: Series): Float64Array {
  const C = channels.length;
  const named = channels.findIndex((channel) => VALUE.test(channel));
  if (C > 1 && named < 0)
    throw new DataError(
      `series ${name}: expected one column of numbers, got ${channels.slice(0, 20).join(", ")}; name one as columns`,
    );
  const own = Float64Array.from({ length: size }, (_, n) => values[n * C + Math.max(0, named)] ?? 0);
  const odd = own.findIndex((value) => Math.abs(value) > LARGEST);
  if (odd >= 0)
    throw new DataError(
      `series ${name}, row ${odd + 1}: expected a number within ±${LARGEST}, got ${own[odd]}; correct it`,
    );
  return own;
}

/** The series in a table. Throws DataError naming file and line. */
async function readWatched(source: Source, options: SeriesOptions): Promise<Watched> {
  const series = await readSeries(source, { ...options, setBack: true });
  if (series.size < 2)
    throw new DataError(`series ${source.name}: expected at least 2 rows, got ${series.size}; give more`);
  const values = valuesOf(series);
  const { mean, deviation } = pastOf(values, Number.POSITIVE_INFINITY);
  const least = deviation.map((own, n) => Math.max(own, Math.abs(mean[n] ?? 0) / 1000, 1e-9));
  return { name: source.name, values, times: series.times, past: { mean, deviation: least }, windows: undefined };
}

/** Windows of time by the path of a file, as `combined_windows.json` of NAB has them. */
interface Labels {
  readonly name: string;
  readonly byFile: ReadonlyMap<string, readonly (readonly [from: string, to: string])[]>;
}

/** Throws DataError naming file, key and window. */
function parseLabels(text: string, name: string): Labels {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`labels ${name}: expected JSON, ${(cause as Error).message}; correct it`, { cause });
  }
  if (!isRecord(read))
    throw new DataError(`labels ${name}: expected { "file.csv": [["from", "to"], ...] }, got ${shown(read)}`);
  const entries = Object.entries(read).map(([file, windows]) => {
    const all: unknown[] = Array.isArray(windows) ? windows : [windows];
    return [file, all.map((window, i) => endsOf(window, `labels ${name}, ${file}, window ${i + 1}`))] as const;
  });
  return { name, byFile: new Map(entries) };
}

const isTime = (value: unknown): value is string | number => typeof value === "string" || typeof value === "number";

/** The ends of a window; of a single time, that twice. */
function endsOf(window: unknown, where: string): readonly [string, string] {
  const ends: unknown[] = isTime(window) ? [window, window] : Array.isArray(window) ? window : [];
  if (ends.length === 2 && ends.every(isTime)) return [String(ends[0]), String(ends[1])];
  throw new DataError(`${where}: expected a time or the times of two ends, got ${shown(window)}; correct it`);
}

/** First and last row of the windows of one series, in order. Throws DataError. */
function rowsOf(series: Watched, windows: readonly (readonly [string, string])[], where: string): Windows {
  const times = series.times?.at ?? Array.from(series.values, (_, n) => n + 1);
  const [earliest, latest] = [times[0] ?? 0, times.reduce((a, b) => Math.max(a, b), 0)];
  const read = (text: string, i: number): number => {
    const time = clockOf([text], where)?.read(text);
    if (time !== undefined && time >= earliest && time <= latest) return time;
    const last = timeOf(series, times.length - 1);
    throw new DataError(
      `${where}, window ${i + 1}: expected times from ${timeOf(series, 0)} to ${last}, which ${series.name} has, got ${quoted(text)}; correct it`,
    );
  };
  const rows = windows.map(([from, to], i) => {
    const [start, end] = [read(from, i), read(to, i)];
    const first = times.findIndex((time) => time >= start);
    const exact = times.indexOf(end);
    const last = exact >= 0 ? exact : times.findIndex((time) => time > end) - 1;
    if (end < start || last < first)
      throw new DataError(`${where}, window ${i + 1}: expected rows from ${from} to ${to}, got none; correct it`);
    return [first, last] as const;
  });
  rows.sort(([a], [b]) => a - b);
  const over = rows.findIndex(([first], i) => i > 0 && first <= (rows[i - 1]?.[1] ?? -1));
  if (over > 0) {
    const what = `${timeOf(series, rows[over]?.[0] ?? 0)} within the window before`;
    throw new DataError(`${where}: expected windows apart, got one from ${what}; make one of both`);
  }
  return rows;
}

const slashed = (path: string): string => path.replaceAll("\\", "/");
const groupOf = (path: string): string => path.slice(0, path.lastIndexOf("/") + 1);
/** Whether `path` ends with the whole of `key`. */
const isAt = (path: string, key: string): boolean => `/${slashed(path)}`.endsWith(`/${key}`);

/**
 * Series with their labelled windows; those that no label names have none. Of labels of a whole folder that is not there
 * nothing is said. Throws DataError where a file is not there beside others of its folder.
 */
function withLabels(all: readonly Watched[], { name, byFile }: Labels): Watched[] {
  const found = new Map([...byFile.keys()].map((key) => [key, all.find((series) => isAt(series.name, slashed(key)))]));
  const groups = new Set([...found].flatMap(([key, series]) => (series ? [groupOf(slashed(key))] : [])));
  const lost = [...found].find(
    ([key, series]) => !series && (all.length > 1 || groups.size === 0) && groups.has(groupOf(slashed(key))),
  );
  if (groups.size === 0 || lost)
    throw new DataError(
      `labels ${name}: expected labels of files that are there, got ${quoted(lost?.[0] ?? [...byFile.keys()][0] ?? "")}; give the file, or leave its labels out`,
    );
  const keys = new Map([...found].flatMap(([key, series]) => (series ? [[series, key] as const] : [])));
  return all.map((series) => {
    const key = keys.get(series);
    const windows = key === undefined ? [] : rowsOf(series, byFile.get(key) ?? [], `labels ${name}, ${key}`);
    return { ...series, windows };
  });
}

/** Names of files of labels that are found by themselves inside a folder, and where else they may be as seen from it. */
const LABELS = ["combined_windows.json", "labels.json"];
const BESIDE = [
  ...LABELS,
  ...["labels", "../labels", "../../labels"].map((folder) => `${folder}/combined_windows.json`),
];

const names = ({ byFile }: Labels, all: readonly Watched[]): boolean =>
  [...byFile.keys()].some((key) => all.some((series) => isAt(series.name, slashed(key))));

/** Labels that lie beside the data or above it and are of it. */
async function labelsBeside({ beside }: Source, all: readonly Watched[]): Promise<Labels | undefined> {
  for (const path of BESIDE) {
    const read = async () => {
      const file = beside?.(path);
      return file && { name: file.name, text: await file.text() };
    };
    const file = await read().catch(() => undefined); // there is no such file
    const found = file && parseLabels(file.text, file.name);
    if (found && names(found, all)) return found;
  }
  return undefined;
}

/** The labels asked for, where they are of the data, else those that lie in it or beside it; undefined where there are none. */
async function findLabels(
  all: readonly Watched[],
  source: Source,
  files: readonly Source[],
  asked: string | undefined,
) {
  const given = asked === undefined ? undefined : parseLabels(await openSource(asked, {}).text(), asked);
  if (given && names(given, all)) return given;
  const inside = LABELS.flatMap((known) => files.find(({ name }) => isAt(name, known)) ?? [])[0];
  if (inside) return parseLabels(await inside.text(), inside.name);
  return (await labelsBeside(source, all)) ?? given;
}

const TABLE = /^(csv|tsv|jsonl|ndjson)$/;

/** All series of a file or folder, without labels. Throws DataError naming file and line. */
export async function readTables(source: Source, options: SeriesOptions): Promise<Watched[]> {
  const files = await source.files?.();
  const tables = files ? files.filter(({ format }) => TABLE.test(format)) : [source];
  if (tables.length === 0)
    throw new DataError(`data ${source.name}: expected .csv files with columns timestamp,value, got none`);
  const all: Watched[] = [];
  for (const table of tables) all.push(await readWatched(table, options));
  return all;
}

/** The same with their labels, where there are any. Throws DataError naming file and line. */
export async function readAll(source: Source, options: SeriesOptions, labels: string | undefined): Promise<Watched[]> {
  const all = await readTables(source, options);
  const found = await findLabels(all, source, (await source.files?.()) ?? [], labels);
  return found ? withLabels(all, found) : all;
}

/** The same for equal series with equal labels. */
const digestOf = (all: readonly Watched[]): string =>
  textDigest(
    all
      .map(({ values, windows }) => {
        const numbers = digest(new Uint16Array(values.buffer, values.byteOffset, values.byteLength / 2));
        return `${numbers} ${JSON.stringify(windows ?? null)}`;
      })
      .join("\n"),
  );

/** The rows of all series that have one before them, up to `most` of each series. */
export function pointsOf(all: readonly Watched[], most: (rows: number) => number, name: string): Dataset<Point> {
  const ends: number[] = [];
  let size = 0;
  for (const { values } of all) {
    size += Math.max(0, Math.min(values.length, most(values.length)) - 1);
    ends.push(size);
  }
  return {
    size,
    digest: `${digestOf(all)}-${name}`,
    at(index) {
      const place = firstAbove(ends, index);
      return { series: all[place] as Watched, at: 1 + index - (ends[place - 1] ?? 0) };
    },
  };
}

/** The first place of `rising` with a number above `value`. */
function firstAbove(rising: readonly number[], value: number): number {
  let [low, high] = [0, rising.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rising[middle] ?? 0) > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The series of a data set, in order. */
export function seriesOf(data: Dataset<Point>): Watched[] {
  const found = new Set<Watched>();
  for (let i = 0; i < data.size; i++) found.add(data.at(i).series);
  return [...found];
}

/** Deviations beyond which a model is told no more. */
const FARTHEST = 8;
const near = (value: number): number => Math.max(-FARTHEST, Math.min(FARTHEST, value));

/** Row `at` in deviations of the rows before it, from their mean. */
export const deviations = ({ series: { values, past }, at }: Point, row = at): number =>
  ((values[row] ?? 0) - (past.mean[at] ?? 0)) / (past.deviation[at] ?? 1);

/** The W rows before each point [B, W, 1], the first one again where there are fewer, and the point itself [B, 1, 1]. */
export function pointFeeds(points: readonly Point[], W: number): Record<"values" | "targets", HostTensor> {
  const [B, seen, targets] = [points.length, new Float32Array(points.length * W), new Float32Array(points.length)];
  for (const [b, point] of points.entries()) {
    for (let w = 0; w < W; w++) seen[b * W + w] = near(deviations(point, Math.max(0, point.at - W + w)));
    targets[b] = near(deviations(point));
  }
  return {
    values: { data: seen, shape: [B, W, 1], dtype: "f32" },
    targets: { data: targets, shape: [B, 1, 1], dtype: "f32" },
  };
}
