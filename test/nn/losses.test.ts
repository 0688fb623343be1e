/** What losses refuse, and the numbers they keep where a probability would lose them. */
import { describe, expect, test } from "vitest";
import { DTypeError, ShapeError } from "../../src/errors.ts";
import { gradient, sortNodes } from "../../src/graph/index.ts";
import {
  binaryCrossEntropy,
  contrastive,
  cosineSimilarity,
  crossEntropy,
  huber,
  klDivergence,
  meanAbsoluteError,
  meanSquaredError,
  negativeLogLikelihood,
  normalize,
  smoothL1,
} from "../../src/nn/index.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import { type DType, input, type Tensor, tensor } from "../../src/tensor/index.ts";
import { evaluate, host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { double, exact, forward } from "../tolerances.ts";

const { NaN: nan } = Number;

/** The numbers of a function of two tensors. */
async function numbers(a: HostTensor, b: HostTensor, f: (a: Tensor, b: Tensor) => Tensor): Promise<HostTensor> {
  const [y] = await evaluate([a, b], ([x, t]) => [f(x as Tensor, t as Tensor)]);
  return y ?? host([], [0]);
}

describe("cross-entropy", () => {
  test("of equal logits is log V for every target", async () => {
    const logits = host(Array<number>(28).fill(5), [2, 2, 7]);
    requireClose(
      "loss",
      await numbers(logits, host([0, 3, 6, 2], [2, 2], "i32"), crossEntropy),
      host([Math.log(7)], []),
      forward,
    );
  });

  test.each(["i32", "i64"] as const)(
    "a target of no class makes its row NaN and the mean with it, %s",
    async (dtype) => {
      const logits = uniform(1, [5, 3], -1, 1, "f32");
      const targets = host([0, -1, 2, 3, -100], [5], dtype);
      const rows = await numbers(logits, targets, (x, t) => crossEntropy(x, t, { reduction: "none" }));
      expect(numbersOf(rows.data).map(Number.isNaN)).toEqual([false, true, false, true, true]);
      expect((await numbers(logits, targets, crossEntropy)).data[0]).toBeNaN();
      const ignoring = await numbers(logits, targets, (x, t) =>
        crossEntropy(x, t, { reduction: "none", ignoreIndex: -1 }),
      );
      expect(numbersOf(ignoring.data).map(Number.isNaN)).toEqual([false, false, false, true, true]);
      expect(ignoring.data[1] === 0).toBe(true);
    },
  );

  test("rows that are ignored get no gradient", async () => {
    const [g] = await evaluate([uniform(1, [3, 4], -1, 1, "f32"), host([1, -100, 2], [3], "i32")], ([x, t]) =>
      gradient(crossEntropy(x as Tensor, t as Tensor, { ignoreIndex: -100 }), [x as Tensor]),
    );
    const rows = numbersOf(g?.data ?? new Float32Array());
    expect(rows.slice(4, 8).every((value) => value === 0)).toBe(true);
    expect(rows.slice(0, 4).every((value) => value !== 0)).toBe(true);
  });

  test("nothing is lost where a probability is 1 or 0", async () => {
    const logits = host([200, 0, 0, 200], [2, 2]);
    const rows = await numbers(logits, host([0, 0], [2], "i32"), (x, t) => crossEntropy(x, t, { reduction: "none" }));
    requireClose("rows", rows, host([0, 200], [2]), exact);
  });

  test("its graph has one logarithm of softmax, one row picked, and no product over the classes", () => {
    const loss = crossEntropy(input("x", [5, 7]), input("t", [5], "i32"));
    const wide = sortNodes([loss]).filter(({ outputs }) => outputs.some(({ shape }) => shape.includes(7)));
    expect(wide.map(({ op }) => op)).toEqual(["input", "logSoftmax"]);
  });

  test("takes f64", async () => {
    const logits = host([1, 2, 3, 0.5, 0.25, 0.125], [2, 3], "f64");
    const expected = [
      [1, 2, 3],
      [0.5, 0.25, 0.125],
    ].map((row, i) => Math.log(row.reduce((sum, x) => sum + Math.exp(x), 0)) - (row[i] ?? nan));
    const rows = await numbers(logits, host([0, 1], [2], "i32"), (x, t) => crossEntropy(x, t, { reduction: "none" }));
    requireClose("rows", rows, host(expected, [2], "f64"), double);
  });
});

describe("on logits", () => {
  test("binary cross-entropy is finite and exact far from 0", async () => {
    const logits = host([1000, -1000, 1000, -1000, -30], [5]);
    const rows = await numbers(logits, host([1, 0, 0, 1, 1], [5]), (x, t) =>
      binaryCrossEntropy(x, t, { reduction: "none" }),
    );
    requireClose("rows", rows, host([0, 0, 1000, 1000, 30], [5]), forward);
  });
  test("a loss far below 1 keeps its digits", async () => {
    const rows = await numbers(host([-30, 30], [2]), host([0, 1], [2]), (x, t) =>
      binaryCrossEntropy(x, t, { reduction: "none" }),
    );
    for (const value of numbersOf(rows.data)) expect(value / Math.log1p(Math.exp(-30))).toBeCloseTo(1, 5);
  });
  test("its gradient is σ(x) - y", async () => {
    const [x, y] = [host([-40, -1, 0, 1, 40], [5]), host([1, 0, 0.5, 1, 0], [5])];
    const [g] = await evaluate([x, y], ([a, b]) =>
      gradient(binaryCrossEntropy(a as Tensor, b as Tensor, { reduction: "sum" }), [a as Tensor]),
    );
    const sigmoid = (value: number) => 1 / (1 + Math.exp(-value));
    const expected = numbersOf(x.data).map((value, i) => sigmoid(value) - Number(y.data[i]));
    requireClose("g", g, host(expected, [5]), forward);
  });
});

describe("numbers", () => {
  test("mean squared and absolute error", async () => {
    const [a, b] = [host([1, 2], [2]), host([3, 5], [2])];
    requireClose("squared", await numbers(a, b, meanSquaredError), host([6.5], []), forward);
    requireClose("absolute", await numbers(a, b, meanAbsoluteError), host([2.5], []), forward);
  });
  test("huber is half a square up to delta, and a line of slope delta from there", async () => {
    const rows = await numbers(host([0.5, 2, -4], [3]), host([0, 0, 0], [3]), (a, b) =>
      huber(a, b, { delta: 2, reduction: "none" }),
    );
    requireClose("rows", rows, host([0.125, 2, 6], [3]), exact);
  });
  test("klDivergence of a distribution with itself is 0, zeros included", async () => {
    const p = host([0.5, 0.5, 0, 1, 0, 0], [2, 3]);
    requireClose("kl", await numbers(p, p, (q, t) => klDivergence(q.maximum(1e-30).log(), t)), host([0], []), exact);
  });
  test("a vector of zeros has the cosine 0, and a finite gradient", async () => {
    const [y, g] = await evaluate([host([0, 0], [1, 2]), host([1, 2], [1, 2])], ([a, b]) => {
      const cosine = cosineSimilarity(a as Tensor, b as Tensor).add(normalize(a as Tensor).sum(1));
      return [cosine, ...gradient(cosine.sum(), [a as Tensor])];
    });
    requireClose("y", y, host([0], [1]), exact);
    expect(numbersOf(g?.data ?? new Float32Array([nan])).every(Number.isFinite)).toBe(true);
  });
  test("contrastive: one-hot rows that match have log(1 + (N - 1)·e^(-1/t))", async () => {
    const eye = host([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3]);
    const loss = await numbers(eye, eye, (a, b) => contrastive(a, b, { temperature: 0.5 }));
    requireClose("loss", loss, host([Math.log(1 + 2 * Math.exp(-2))], []), forward);
  });
});

describe("what does not fit is refused in one line", () => {
  const x = (shape: number[], dtype: DType = "f32") => input("x", shape, dtype);
  const rows: [string, () => unknown, new (...args: never[]) => Error, string][] = [
    [
      "a column and a row",
      () => meanSquaredError(x([3, 1]), x([3])),
      ShapeError,
      "meanSquaredError: expected two tensors of one shape, got [3, 1] and [3]",
    ],
    [
      "of absolute errors",
      () => meanAbsoluteError(x([3, 1]), x([3])),
      ShapeError,
      "meanAbsoluteError: expected two tensors of one shape",
    ],
    ["of huber", () => smoothL1(x([3, 1]), x([1, 3])), ShapeError, "huber: expected two tensors of one shape"],
    [
      "of logits",
      () => binaryCrossEntropy(x([4, 1]), x([4])),
      ShapeError,
      "binaryCrossEntropy: expected two tensors of one shape",
    ],
    [
      "types",
      () => meanSquaredError(x([3]), x([3], "i32")),
      DTypeError,
      "expected floats of one type, got f32 and i32",
    ],
    [
      "labels of floats",
      () => crossEntropy(x([3, 4]), x([3])),
      DTypeError,
      "crossEntropy: expected labels of i32 or i64, got f32",
    ],
    [
      "too many labels",
      () => crossEntropy(x([3, 4]), x([3, 1], "i32")),
      ShapeError,
      "crossEntropy: expected one label for each row of [3, 4], got [3, 1]",
    ],
    [
      "too few labels",
      () => negativeLogLikelihood(x([2, 3, 4]), x([6], "i32")),
      ShapeError,
      "negativeLogLikelihood: expected one label for each row",
    ],
    [
      "pairs",
      () => cosineSimilarity(tensor([1, 2]), x([1, 2])),
      ShapeError,
      "cosineSimilarity: expected two tensors of one shape",
    ],
  ];
  test.each(rows)("%s", (_, make, kind, message) => {
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
    expect(make).toThrow(/^[^\n]+; [^\n]+$/);
  });
});
