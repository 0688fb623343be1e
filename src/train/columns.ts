/** Examples as people have them: columns of numbers, a data set, or an iterable of batches. */
import { type Dataset, digest, type Order } from "../data/index.ts";
import { ConfigError, DataError, quoted, shown } from "../errors.ts";
import { array, type Feeds, type HostTensor } from "../runtime/index.ts";
import { isRecord } from "../schema.ts";
import { emptyArray, formatShape, type Nested } from "../tensor/index.ts";

/** Numbers by name, the first axis of each counting the examples. */
export type Columns = Readonly<Record<string, HostTensor | Nested>>;

/** One example: numbers by name, without the axis of the batch. */
export type Example = Feeds;

const isHost = (value: unknown): value is HostTensor =>
  typeof value === "object" && value !== null && "data" in value && "shape" in value && "dtype" in value;

/** `feeds`, where it is a record of host tensors. Throws DataError. */
export function requireFeeds(feeds: unknown, what: string): Feeds {
  const isTensor = (value: unknown) => isHost(value) && Array.isArray(value.shape) && ArrayBuffer.isView(value.data);
  if (typeof feeds !== "object" || feeds === null || Object.keys(feeds).length === 0)
    throw new DataError(
      `data: expected ${what} of { data, shape, dtype } by name, got ${shown(feeds)}; use array(...)`,
    );
  const odd = Object.entries(feeds).find(([, value]) => !isTensor(value));
  if (!odd) return feeds as Feeds;
  throw new DataError(
    `data: expected ${quoted(odd[0])} to be { data, shape, dtype } in ${what}, got ${shown(odd[1])}; use array(...)`,
  );
}

/** Nested lists as tensors. Throws DataError on what is no record of them, ShapeError on lists of different lengths. */
export function hostColumns(columns: Columns): Feeds {
  if (!isRecord(columns))
    throw new DataError(`data: expected columns such as { x, y }, got ${shown(columns)}; give numbers by name`);
  return Object.fromEntries(
    Object.entries(columns).map(([name, value]) => [name, isHost(value) ? value : array(value)]),
  );
}

/** Row `i` of a tensor, its numbers not copied. */
function rowOf({ data, shape, dtype }: HostTensor, i: number): HostTensor {
  const [, ...rest] = shape;
  const width = rest.reduce((a, b) => a * b, 1);
  return { data: data.subarray(i * width, (i + 1) * width) as HostTensor["data"], shape: rest, dtype };
}

/** Whether `data` are examples by number; a text and a list have `at`, but no size. */
export const isDataset = <E>(data: unknown): data is Dataset<E> =>
  typeof (data as Dataset<E> | undefined)?.at === "function" && typeof (data as Dataset<E>).size === "number";

/** Columns of equal length as examples. Throws DataError where there are none or lengths differ. */
export function fromColumns(columns: Columns): Dataset<Example> {
  const feeds = hostColumns(columns);
  const sizes = Object.entries(feeds).map(([name, { shape }]) => [name, shape[0] ?? 0] as const);
  const [first] = sizes;
  const odd = sizes.find(([, size]) => size !== first?.[1]);
  if (!first || first[1] === 0) throw new DataError("data: expected at least one example, got none");
  if (odd)
    throw new DataError(
      `data: expected ${first[1]} rows in every column as in ${first[0]}, got ${odd[1]} in ${odd[0]}`,
    );
  return {
    size: first[1],
    digest: digest(sizes.map(([, size]) => size)),
    at: (i) => Object.fromEntries(Object.entries(feeds).map(([name, tensor]) => [name, rowOf(tensor, i)])),
  };
}

/** Examples side by side along a new first axis. Throws DataError where their shapes differ. */
export function stackRows(rows: readonly Example[]): Feeds {
  const [first = {}] = rows.map((row) => requireFeeds(row, "every example"));
  return Object.fromEntries(Object.keys(first).map((name) => [name, stackColumn(name, rows)]));
}

function stackColumn(name: string, rows: readonly Example[]): HostTensor {
  const parts = rows.map((row) => row[name]);
  const [first] = parts;
  const odd = parts.find((part) => part?.shape.join() !== first?.shape.join());
  if (!first || parts.includes(undefined) || odd)
    throw new DataError(
      `data: expected ${name} of ${formatShape(first?.shape ?? [])} in every example, got ${odd ? formatShape(odd.shape) : "none"}; pad them with collate`,
    );
  const width = first.data.length;
  const data = emptyArray(first.dtype, rows.length * width) as Float32Array;
  for (const [i, part] of parts.entries()) data.set(part?.data as Float32Array, i * width);
  return { data, shape: [rows.length, ...first.shape], dtype: first.dtype };
}

/** The batches of a data set in an order. */
export const ordered =
  <E>(data: Dataset<E>, order: Order, collate: (rows: readonly E[]) => Feeds) =>
  (step: number): [Feeds] => [collate(Array.from(order(step - 1), (i) => data.at(i)))];

/** The batches of an iterable, one by one; nothing after the last. Throws ConfigError where steps are asked for out of order. */
export function following(source: Iterable<Feeds> | AsyncIterable<Feeds>): {
  readonly batches: (step: number) => Promise<[Feeds] | undefined>;
  /** Tells the iterable that no more of it is wanted. */
  readonly close: () => Promise<void>;
} {
  const iterator = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  let last = 0;
  let waiting = false;
  const batches = async (step: number): Promise<[Feeds] | undefined> => {
    if (step !== ++last)
      throw new ConfigError(`data: an iterable gives its batches once, in order; step ${step} came after ${last - 1}`);
    waiting = true;
    const { done, value } = await iterator.next();
    waiting = false;
    return done ? undefined : [value];
  };
  const close = async () => {
    const ended = Promise.resolve(iterator.return?.());
    if (!waiting) await ended;
    else ended.catch(() => undefined); // it ends when the batch has come that it waits for, which may be never
  };
  return { batches, close };
}
