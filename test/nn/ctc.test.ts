/** The CTC loss against PyTorch, against the sum over all paths, and what padding and mistakes do to it. */
import { describe, expect, test } from "vitest";
import { ShapeError } from "../../src/errors.ts";
import { gradient } from "../../src/graph/index.ts";
import { type CTCOptions, ctcLoss } from "../../src/nn/index.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import lines from "../fixtures/ctc.json" with { type: "json" };
import { checkGradients } from "../support/differences.ts";
import { evaluate, host, numbersOf, prepare, requireClose, trace, uniform } from "../support/numbers.ts";
import { backward, double, forward } from "../tolerances.ts";

const whole = (values: readonly number[], shape = [values.length]): HostTensor => host(values, shape, "i32");

/** Loss and gradient by the logits. */
const run = (values: readonly HostTensor[], options: CTCOptions = {}): Promise<HostTensor[]> =>
  evaluate(values, (inputs) => {
    const [x, labels, lengths, labelLengths] = inputs as [Tensor, Tensor, Tensor, Tensor];
    const loss = ctcLoss(x, labels, lengths, labelLengths, options);
    return [loss, ...gradient(loss.sum(), [x])];
  });

describe("as in PyTorch", () => {
  const cases = lines.map((line, i) => ({ ...line, name: `${i}: [${line.inputs[0]?.shape}], ${line.reduction}` }));
  test.each(
    cases.flatMap((line) => [
      { ...line, dtype: "f32" as const },
      { ...line, dtype: "f64" as const },
    ]),
  )("$name, $dtype", async ({ inputs, reduction, zeroInfinity, loss, grad, dtype }) => {
    const values = inputs.map(({ shape, data }, i) => host(data, shape, i === 0 ? dtype : "i32"));
    const [got, slope] = await run(values, { reduction: reduction as "mean" | "sum" | "none", zeroInfinity });
    const within = dtype === "f64" ? { loss: double, grad: double } : { loss: forward, grad: backward };
    requireClose("loss", got, host(loss.data.map(Number), loss.shape, dtype), within.loss);
    const finite = loss.data.every((value) => Number.isFinite(Number(value))) || reduction === "none";
    if (finite) requireClose("gradient", slope, host(grad.data, grad.shape, dtype), within.grad);
  });
});

/** What remains of a path. */
const collapsed = (path: readonly number[]): number[] =>
  path.filter((label, t) => label !== path[t - 1]).filter((label) => label !== 0);

/** -log Σ over all paths of K classes of Π softmax(logits)[path]. */
function enumerated(logits: readonly (readonly number[])[], text: readonly number[]): number {
  const K = logits[0]?.length ?? 0;
  const rows = logits.map((row) => {
    const total = row.reduce((sum, x) => sum + Math.exp(x), 0);
    return row.map((x) => Math.exp(x) / total);
  });
  let sum = 0;
  for (let n = 0; n < K ** rows.length; n++) {
    const path = rows.map((_, t) => Math.floor(n / K ** t) % K);
    if (collapsed(path).join() === text.join()) sum += rows.reduce((p, row, t) => p * (row[path[t] ?? 0] ?? 0), 1);
  }
  return -Math.log(sum);
}

describe("by enumeration", () => {
  const texts = [[], [1], [2], [1, 1], [1, 2], [2, 1, 2], [1, 1, 2], [2, 2, 2], [1, 2, 1, 2, 1]];
  test.each([1, 2, 3, 5])("every text over %i steps", async (T) => {
    const K = 3;
    const logits = uniform(T, [1, T, K], -2, 2);
    const rows = Array.from({ length: T }, (_, t) => numbersOf(logits.data).slice(t * K, (t + 1) * K));
    for (const text of texts) {
      const labels = whole([...text, ...Array(5 - text.length).fill(0)], [1, 5]);
      const [loss] = await run([logits, labels, whole([T]), whole([text.length])], { reduction: "none" });
      requireClose(`loss of [${text}]`, loss, host([enumerated(rows, text)], [1], "f64"), double);
    }
  });

  test("the probabilities of all texts add up to 1", async () => {
    const [T, K] = [3, 3];
    const texts = [[], [1], [2], [1, 1], [1, 2], [2, 1], [2, 2], ...[1, 2].flatMap((a) => [[a, 3 - a, a]])];
    const one = uniform(3, [1, T, K], -2, 2);
    const logits = host(
      texts.flatMap(() => numbersOf(one.data)),
      [texts.length, T, K],
      "f64",
    );
    const labels = whole(
      texts.flatMap((text) => [...text, ...Array(3 - text.length).fill(0)]),
      [texts.length, 3],
    );
    const counts = texts.map((text) => text.length);
    const [loss] = await run([logits, labels, whole(texts.map(() => T)), whole(counts)], { reduction: "none" });
    const sum = numbersOf((loss as HostTensor).data).reduce((total, value) => total + Math.exp(-value), 0);
    expect(sum).toBeCloseTo(1, 12);
  });
});

describe("its gradient", () => {
  test("is the difference quotient, in both orders of a row's letters", async () => {
    const [labels, lengths, counts] = [whole([1, 1, 2, 3, 0, 0], [2, 3]), whole([6, 4]), whole([3, 1])];
    await checkGradients([uniform(5, [2, 6, 4], -2, 2), labels, lengths, counts], (x, l, t, n) =>
      ctcLoss(x, l, t, n, { reduction: "none" }),
    );
  });

  test("of a row that cannot hold its text is 0", async () => {
    const logits = uniform(1, [2, 2, 3], -1, 1, "f32");
    const [loss, slope] = await run([logits, whole([1, 1, 1, 2], [2, 2]), whole([2, 2]), whole([2, 2])], {
      reduction: "none",
    });
    expect(numbersOf(loss?.data as Float32Array)[0]).toBe(Number.POSITIVE_INFINITY);
    const slopes = numbersOf(slope?.data as Float32Array);
    expect(slopes.slice(0, 6).every((value) => value === 0)).toBe(true);
    expect(slopes.slice(6).every((value) => value !== 0 && Number.isFinite(value))).toBe(true);
  });

  test.each(["f32", "f64"] as const)("stays finite over 400 steps of a sure network, %s", async (dtype) => {
    const [T, K] = [400, 4];
    const text = Array.from({ length: 100 }, (_, i) => 1 + (i % 3));
    const path = Array.from({ length: T }, (_, t) => (t % 4 === 1 ? (text[Math.floor(t / 4)] ?? 0) : 0));
    const logits = host(
      path.flatMap((k) => Array.from({ length: K }, (_, j) => (j === k ? 60 : -60))),
      [1, T, K],
      dtype,
    );
    const [loss, slope] = await run([logits, whole(text, [1, 100]), whole([T]), whole([100])], { reduction: "none" });
    expect(Number(loss?.data[0])).toBeCloseTo(0, 4);
    expect(numbersOf(slope?.data as Float32Array).every((value) => Math.abs(value) < 1e-4)).toBe(true);
  });
});

describe("padding", () => {
  test("NaN behind the lengths and any labels behind the text change neither loss nor gradient", async () => {
    const logits = uniform(7, [3, 5, 4], -2, 2, "f32");
    const [labels, lengths, counts] = [whole([1, 2, 3, 1, 0, 0, 0, 0, 0], [3, 3]), whole([5, 3, 0]), whole([3, 1, 0])];
    const dirty = { ...logits, data: logits.data.slice() };
    for (let t = 3; t < 5; t++) for (let k = 0; k < 4; k++) dirty.data[20 + t * 4 + k] = Number.NaN;
    for (let i = 40; i < 60; i++) dirty.data[i] = Number.NEGATIVE_INFINITY;
    const junk = whole([1, 2, 3, 1, -7, 99, 5, 4, 3], [3, 3]);
    const clean = await run([logits, labels, lengths, counts], { reduction: "none" });
    expect(await run([dirty, junk, lengths, counts], { reduction: "none" })).toEqual(clean);
    expect(clean[0]?.data[2] === 0).toBe(true); // no steps, no letters: certain
  });

  test.each([0, -1, 4, 2 ** 30])("label %i is no class and makes its row NaN", async (label) => {
    const logits = uniform(7, [2, 5, 4], -2, 2, "f32");
    const [loss] = await run([logits, whole([1, label, 1, 2], [2, 2]), whole([5, 5]), whole([2, 2])], {
      reduction: "none",
    });
    expect(numbersOf(loss?.data as Float32Array).map(Number.isNaN)).toEqual([true, false]);
  });

  test.each([3, -1, 2 ** 30])(
    "%i labels out of 2 make their row NaN, and are not ignored as infinite",
    async (count) => {
      const logits = uniform(7, [2, 5, 4], -2, 2, "f32");
      const [loss] = await run([logits, whole([1, 2, 1, 2], [2, 2]), whole([5, 5]), whole([count, 2])], {
        ...{ reduction: "none", zeroInfinity: true },
      });
      expect(numbersOf(loss?.data as Float32Array).map(Number.isNaN)).toEqual([true, false]);
    },
  );

  test("classes that a mask forbids", async () => {
    const logits = host([0, Number.NEGATIVE_INFINITY, 0, 0, Number.NEGATIVE_INFINITY, 0], [1, 2, 3]);
    const one = await run([logits, whole([2], [1, 1]), whole([2]), whole([1])], { reduction: "none" });
    requireClose("loss", one[0], host([-Math.log(0.75)], [1]), forward);
    const [loss] = await run([logits, whole([1], [1, 1]), whole([2]), whole([1])], { reduction: "none" });
    expect(loss?.data[0]).toBe(Number.POSITIVE_INFINITY);
  });
});

test("no letters at all: the sum of the blanks", async () => {
  const logits = host([1, 2, 3, 4], [1, 2, 2]);
  const [loss] = await run([logits, whole([], [1, 0]), whole([2]), whole([0])]);
  requireClose("loss", loss, host([2 * Math.log(1 + Math.E)], []), forward);
});

test.each([
  [[2, 5], [2, 3], [2], [2], /logits \[B, T, K\]/],
  [[2, 5, 4], [3, 3], [2], [2], /expected labels \[2, L\], got \[3, 3\]/],
  [[2, 5, 4], [2, 3], [3], [2], /expected lengths \[2\], got \[3\]/],
  [[2, 5, 4], [2, 3], [2], [2, 1], /expected labelLengths \[2\], got \[2, 1\]/],
])("refuses %j, %j, %j, %j", (x, labels, lengths, counts, message) => {
  const make = () =>
    ctcLoss(input("x", x), input("l", labels, "i32"), input("t", lengths, "i32"), input("n", counts, "i32"));
  expect(make).toThrow(ShapeError);
  expect(make).toThrow(message);
});

test("named sizes: one graph for every batch, length and text", async () => {
  const named = [
    { shape: ["B", "T", 4], dtype: "f32" as const },
    { shape: ["B", "L"], dtype: "i32" as const },
    { shape: ["B"], dtype: "i32" as const },
    { shape: ["B"], dtype: "i32" as const },
  ];
  const program = await prepare(
    trace(named, (inputs) => {
      const [x, labels, lengths, labelLengths] = inputs as [Tensor, Tensor, Tensor, Tensor];
      return [ctcLoss(x, labels, lengths, labelLengths, { reduction: "none" })];
    }),
  );
  for (const [B, T, L] of [
    [1, 1, 1],
    [3, 7, 2],
    [2, 4, 5],
  ] as const) {
    const labels = whole(
      Array.from({ length: B * L }, (_, i) => 1 + (i % 3)),
      [B, L],
    );
    const values = [uniform(T, [B, T, 4], -2, 2, "f32"), labels, whole(Array(B).fill(T)), whole(Array(B).fill(L))];
    const [expected] = await run(values, { reduction: "none" });
    const [got] = await program(...values);
    requireClose("losses", got, expected as HostTensor, forward);
  }
});
