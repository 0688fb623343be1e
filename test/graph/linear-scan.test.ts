/** The linear recurrence h_t = a_t h_{t-1} + b_t: in pairs, step by step, and by hand. */
import { describe, expect, test } from "vitest";
import { ConfigError, DTypeError, ShapeError } from "../../src/errors.ts";
import { gradient, type LinearScanOptions, linearScan } from "../../src/graph/index.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { counting, weighted } from "../conformance/case.ts";
import { evaluate, host, numbersOf, prepare, requireClose, trace, uniform } from "../support/numbers.ts";
import { double, reordered } from "../tolerances.ts";

const [B, H] = [2, 3];
/** Two rows of odd and even halves at every level, and lengths around powers of two. */
const LENGTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 16, 17, 31, 33];

/** h by the formula, and the last state. */
function byHand(a: HostTensor, b: HostTensor, first: HostTensor, reverse: boolean): [number[], number[]] {
  const T = b.shape[1] ?? 0;
  const [as, bs, state] = [a, b, first].map(({ data }) => numbersOf(data)) as [number[], number[], number[]];
  const hs = Array<number>(B * T * H).fill(0);
  for (let t = 0; t < T; t++)
    for (let i = 0; i < B * H; i++) {
      const at = (Math.floor(i / H) * T + (reverse ? T - 1 - t : t)) * H + (i % H);
      state[i] = (as[at] ?? 0) * (state[i] ?? 0) + (bs[at] ?? 0);
      hs[at] = state[i] ?? 0;
    }
  return [state, hs];
}

const inputsOf = (T: number): [HostTensor, HostTensor, HostTensor] => [
  uniform(1, [B, T, H], -1, 1),
  uniform(2, [B, T, H], -1, 1),
  uniform(3, [B, H], -1, 1),
];

/** Last state, all h, and the gradients of a weighted sum of both by a, b and the state. */
const all =
  (options: LinearScanOptions) =>
  ([a, b, state]: Tensor[]): readonly Tensor[] => {
    if (!a || !b || !state) return [];
    const results = linearScan(a, b, state, options);
    const seeds = results.map(({ shape, dtype }) => counting(host([], shape.map(Number), dtype)));
    return [...results, ...gradient(weighted(results, seeds), [a, b, state])];
  };

describe.each([false, true])("reverse %s", (reverse) => {
  test.each(LENGTHS)("%i steps in pairs give what the formula gives, and the gradients of step by step", async (T) => {
    const given = inputsOf(T);
    const [pairs, steps] = [
      await evaluate(given, all({ reverse, parallel: true })),
      await evaluate(given, all({ reverse })),
    ];
    const [last, hs] = byHand(...given, reverse);
    requireClose("last", pairs[0], host(last, [B, H], "f64"), double);
    requireClose("h", pairs[1], host(hs, [B, T, H], "f64"), double);
    for (const [i, value] of steps.entries()) requireClose(`result ${i}`, pairs[i], value, double);
  });

  test.each([1, 2, 3, 7])("cut every %i steps, in pairs as step by step", async (truncate) => {
    const given = inputsOf(7);
    const [pairs, steps] = [
      await evaluate(given, all({ reverse, parallel: true, truncate })),
      await evaluate(given, all({ reverse, truncate })),
    ];
    for (const [i, value] of steps.entries()) requireClose(`result ${i}`, pairs[i], value, double);
  });
});

test("without a state it starts from 0", async () => {
  const [a, b] = inputsOf(5);
  const zero = host(Array(B * H).fill(0), [B, H], "f64");
  for (const parallel of [false, true]) {
    const own = await evaluate([a, b], ([a, b]) => (a && b ? linearScan(a, b, undefined, { parallel }) : []));
    const [last, hs] = byHand(a, b, zero, false);
    requireClose("last", own[0], host(last, [B, H], "f64"), double);
    requireClose("h", own[1], host(hs, [B, 5, H], "f64"), double);
  }
});

test("thousands of steps in float32, with factors near 0 and near 1, lose nothing against float64", async () => {
  const T = 3000;
  const factors = uniform(1, [B, T, H], 0, 1).data as Float64Array;
  const a = host(
    factors.map((x) => 1 / (1 + Math.exp(40 * (x - 0.5)))),
    [B, T, H],
    "f64",
  );
  const [, b, state] = inputsOf(T);
  const single = ({ data, shape }: HostTensor) => host(numbersOf(data), shape);
  const [a32, b32, s32] = [single(a), single(b), single(state)];
  const widened = ({ data, shape }: HostTensor) => host(numbersOf(data), shape, "f64");
  const [last, hs] = byHand(widened(a32), widened(b32), widened(s32), false);
  for (const parallel of [false, true]) {
    const [end, all] = await evaluate([a32, b32, s32], ([a, b, s]) =>
      a && b ? linearScan(a, b, s, { parallel }) : [],
    );
    const scale = Math.max(...hs.map(Math.abs));
    const within = { absolute: reordered.absolute * scale, relative: 0 };
    requireClose("last", end, host(last, [B, H]), within);
    requireClose("h", all, host(hs, [B, T, H]), within);
  }
});

test("a batch of any size, in pairs; any number of steps, step by step", async () => {
  const f64 = (shape: (number | string)[]) => ({ shape, dtype: "f64" }) as const;
  const build =
    (parallel: boolean) =>
    ([a, b]: Tensor[]) =>
      a && b ? linearScan(a, b, undefined, { parallel }) : [];
  const [a, b] = inputsOf(5);
  const [expected] = [await evaluate([a, b], build(false))];
  const rows = await prepare(trace([f64(["B", 5, H]), f64(["B", 5, H])], build(true)));
  const steps = await prepare(trace([f64([B, "T", H]), f64([B, "T", H])], build(false)));
  for (const run of [rows, steps])
    for (const [i, value] of (await run(a, b)).entries())
      requireClose(`result ${i}`, value, expected[i] as HostTensor, double);
});

test("what does not fit is refused in one line", () => {
  const [a, b] = [input("a", [2, 3, 4]), input("b", [2, 3, 4])];
  expect(() => linearScan(a, input("c", [2, 3, 5]))).toThrow(
    "linearScan: expected a of f32[2, 3, 5], got f32[2, 3, 4]; give one number for each",
  );
  expect(() => linearScan(a, b, input("s", [2, 3]))).toThrow(
    "linearScan: expected a state of f32[2, 4], got f32[2, 3]",
  );
  expect(() => linearScan(input("a", [3]), input("b", [3]))).toThrow(ShapeError);
  expect(() => linearScan(a, input("b", [2, 3, 4], "f64"))).toThrow(ShapeError);
  expect(() => linearScan(1 as never, b)).toThrow(DTypeError);
  const [x, y] = [input("x", [2, "T", 4]), input("y", [2, "T", 4])];
  expect(() => linearScan(x, y, undefined, { parallel: true })).toThrow(
    "linearScan: parallel: expected a number of steps, got the named size T; leave it out",
  );
  for (const truncate of [0, -1, 1.5, Number.NaN])
    expect(() => linearScan(a, b, undefined, { truncate })).toThrow(
      `scan: expected truncate to be a whole number of steps from 1 on, got ${truncate}; leave it out to cut nothing`,
    );
  expect(() => linearScan(x, y, undefined, { truncate: 2 })).toThrow(ShapeError);
  expect(() => linearScan(a, b, undefined, { direction: 1 } as never)).toThrow(ConfigError);
});
