/** What plain JavaScript may pass where something else is expected, and what may come of it. */
import { DescentError } from "../../src/errors.ts";
import { input } from "../../src/tensor/index.ts";

/** A function with arguments that it takes. */
export type Call = readonly [name: string, call: (...values: never[]) => unknown, ...values: unknown[]];
export const parts = ([name, call, ...given]: Call) => [name, call, given] as const;

export const junk: Readonly<Record<string, unknown>> = {
  nothing: undefined,
  null: null,
  true: true,
  NaN: Number.NaN,
  "-7": -7,
  "1.5": 1.5,
  "3n": 3n,
  "an empty text": "",
  text: "abc\n",
  "a symbol": Symbol("s"),
  "an empty list": [],
  "a list of null": [null],
  "a list of lists": [[1], [2, 3], []],
  "an object": { a: 1 },
  "an object without a prototype": Object.create(null),
  "a function": () => 1,
  "a date": new Date(0),
  "a typed array": new Float32Array(2),
  "a host tensor without numbers": { shape: [2, 3], dtype: "f32" },
  "a tensor": input("other", [5, 7], "i64"),
};

/** What is wrong with the outcome of a call, if anything: an error must be of the library, in one line of at most `most` characters. */
export function fault(error: unknown, most: number): string | undefined {
  if (error === undefined) return undefined;
  if (!(error instanceof DescentError)) return `threw ${String(error)}`;
  if (/\n/.test(error.message) || error.message.length > most) return `said ${error.message}`;
  return undefined;
}
