/** What plain JavaScript may pass where something else is expected, and what may come of it. */
import { describe, expect, test } from "vitest";
import { DescentError } from "../../src/errors.ts";
import { input } from "../../src/tensor/index.ts";

/** A function with arguments that it takes. */
export type Call = readonly [name: string, call: (...values: never[]) => unknown, ...values: unknown[]];
export const parts = ([name, call, ...given]: Call) => [name, call, given] as const;

/** An argument beside which some of what is junk elsewhere is taken as well, by its name. */
class Wide {
  readonly value: unknown;
  readonly takes: readonly string[];
  constructor(value: unknown, takes: readonly string[]) {
    [this.value, this.takes] = [value, takes];
  }
}
export const also = (value: unknown, ...takes: readonly string[]): unknown => new Wide(value, takes);
const bare = (value: unknown): unknown => (value instanceof Wide ? value.value : value);

/** A call for all of `options`, and one for each of them, which is replaced. */
export function each(
  name: string,
  call: (options: never) => unknown,
  options: Readonly<Record<string, unknown>>,
): Call[] {
  const given = Object.fromEntries(Object.entries(options).map(([key, value]) => [key, bare(value)]));
  const one = (key: string): Call => [
    `${name}, ${key}`,
    (value: never) => call({ ...given, [key]: value } as never),
    options[key],
  ];
  return Object.keys(options).map(one);
}

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

/** More of it, for what takes numbers, lists and records. */
export const more: Readonly<Record<string, unknown>> = {
  ...junk,
  "0": 0,
  "2 ** 40": 2 ** 40,
  "a list of texts": ["x", "y"],
  "a list of numbers": [1, 2],
  "an object of null": { a: null },
  "a set": new Set(["a"]),
  "what says it is a list": { length: 3 },
};

/** What is wrong with the outcome of a call, if anything: an error must be of the library, in one line of at most `most` characters. */
export function fault(error: unknown, most: number): string | undefined {
  if (error === undefined) return undefined;
  if (!(error instanceof DescentError)) return `threw ${String(error)}`;
  if (/\n/.test(error.message) || error.message.length > most) return `said ${error.message}`;
  return undefined;
}

const late = (): Promise<unknown> =>
  new Promise((resolve) => setTimeout(() => resolve({ message: "nothing for eight seconds" }), 8_000).unref());

/** What was thrown by a call, if anything, or that it does not end. */
async function outcome(call: (...values: never[]) => unknown, given: readonly unknown[]): Promise<unknown> {
  try {
    return await Promise.race([(async () => void (await call(...(given as never[]))))(), late()]);
  } catch (error) {
    return error ?? { message: "nothing" };
  }
}

/**
 * Tests of `calls`: with what they take nothing is wrong, and each argument is replaced in turn by all of `more`, of which
 * it takes what the table says; all else it refuses in a line.
 */
export function refuseJunk(calls: readonly Call[]): void {
  describe("with what it takes, nothing is wrong", () => {
    test.each(calls.map(parts))("%s", async (_, call, given) => {
      expect(await outcome(call, given.map(bare))).toBeUndefined();
    });
  });
  describe.each(calls.map(parts))("%s", (_, call, given) => {
    test.each(given.map((value, place) => [place, value] as const))("argument %i", async (place, own) => {
      const [faults, taken]: [string[], string[]] = [[], []];
      for (const [what, value] of Object.entries(more)) {
        const error = await outcome(
          call,
          given.map((known, i) => (i === place ? value : bare(known))),
        );
        const wrong = fault(error, 600);
        if (error === undefined) taken.push(what);
        if (wrong !== undefined) faults.push(`${what}: ${wrong}`);
      }
      const takes = new Set(own instanceof Wide ? own.takes : []);
      expect({ faults, taken: new Set(taken) }).toEqual({ faults: [], taken: takes });
    });
  });
}
