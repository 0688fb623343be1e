/** What a metric is: numbers of the host added up batch by batch, and a value at the end. */
import { DataError, ShapeError, shown } from "../errors.ts";

/** Numbers on the host: a list, a typed array, or `data` of a HostTensor. */
export type Numbers = ArrayLike<number | bigint>;

/** A metric on its way: batches come in, and the value is that of all of them together. */
export interface Running<Batch extends readonly unknown[], Value = number> {
  add(...batch: Batch): void;
  readonly value: Value;
}

/** Something that is counted over predictions and targets. */
export interface Tally<Batch extends readonly unknown[] = [predictions: Numbers, targets: Numbers], Value = number> {
  readonly name: string;
  /** The value of one batch. */
  of(...batch: Batch): Value;
  /** Starts to add up batches. */
  running(): Running<Batch, Value>;
}

/** A number that says how well predictions fit. */
export interface Metric<Batch extends readonly unknown[] = [predictions: Numbers, targets: Numbers]>
  extends Tally<Batch> {
  /** Which of two values is the better one. */
  readonly better: "higher" | "lower";
}

/** How batches are added up, and what is made of the sums. */
interface Definition<Sums, Batch extends readonly unknown[], Value> {
  readonly start: () => Sums;
  readonly add: (sums: Sums, ...batch: Batch) => void;
  readonly value: (sums: Sums) => Value;
}

export function tally<Sums, Batch extends readonly unknown[], Value>(
  name: string,
  { start, add, value }: Definition<Sums, Batch, Value>,
): Tally<Batch, Value> {
  const running = (): Running<Batch, Value> => {
    const sums = start();
    return {
      add: (...batch) => add(sums, ...batch),
      get value() {
        return value(sums);
      },
    };
  };
  const of = (...batch: Batch): Value => {
    const one = running();
    one.add(...batch);
    return one.value;
  };
  return { name, of, running };
}

export const metric = <Sums, Batch extends readonly unknown[]>(
  name: string,
  better: "higher" | "lower",
  definition: Definition<Sums, Batch, number>,
): Metric<Batch> => ({ ...tally(name, definition), better });

const isList = (value: unknown): value is Numbers =>
  Array.isArray(value) || (ArrayBuffer.isView(value) && "length" in value);

/** Number `i` of a list. Throws DataError for what is no number. */
export function numberAt(name: string, list: Numbers, i: number): number {
  const value: unknown = list[i];
  if (typeof value === "number" || typeof value === "bigint") return Number(value);
  throw new DataError(`${name}: expected numbers, got ${shown(value)} at ${i}; give the classes or values as numbers`);
}

/** Throws ShapeError for what is no list of numbers. */
export function requireLists(name: string, ...lists: readonly unknown[]): void {
  const stray = lists.findIndex((list) => !isList(list));
  if (stray >= 0)
    throw new ShapeError(
      `${name}: expected lists of numbers, got ${shown(lists[stray])}; give arrays, or the data of a HostTensor`,
    );
}

/** Calls `visit` with each prediction and its target. Throws ShapeError where their counts differ. */
export function eachPair(
  name: string,
  predictions: Numbers,
  targets: Numbers,
  visit: (prediction: number, target: number) => void,
): void {
  requireLists(name, predictions, targets);
  if (predictions.length !== targets.length)
    throw new ShapeError(
      `${name}: expected one prediction for each target, got ${predictions.length} and ${targets.length}; give both for the same examples`,
    );
  for (let i = 0; i < targets.length; i++) visit(numberAt(name, predictions, i), numberAt(name, targets, i));
}
