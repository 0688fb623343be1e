/**
 * Plain JavaScript: every function of tensors, graphs and programs, with each argument in turn replaced by what it does
 * not take. It may take it all the same; if not, it says so in one line and in an error of its own.
 */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { gradient, recompute, scan, valueAndGradient } from "../../src/graph/index.ts";
import { binaryOps, unaryOps } from "../../src/graph/ops/elementwise.ts";
import { lower } from "../../src/onnx/index.ts";
import { array, compile, initialValues, run, stream, values } from "../../src/runtime/index.ts";
import {
  arange,
  buffer,
  full,
  input,
  noise,
  ones,
  parameter,
  scalar,
  stack,
  Tensor,
  tensor,
  zeros,
} from "../../src/tensor/index.ts";
import { type Call, fault, parts, junk as usual } from "../support/junk.ts";

const x = input("x", [2, 3]);
const y = input("y", [2, 3]);
const ids = input("ids", [2], "i32");
const flags = input("flags", [2, 3], "bool");
const image = input("image", [1, 2, 4]);
const kernel = input("kernel", [2, 2, 3]);
const window = { stride: [1], padding: [0], dilation: [1], groups: 1 };
const fill = (out: Float32Array | Float64Array) => out.fill(0);
const cell = (s: Tensor, now: Tensor) => [s, now] as const;
const program = await compile({ x }, { z: x.mul(2) });
const fed = array([
  [1, 2, 3],
  [4, 5, 6],
]);

/** A method of a tensor with arguments that it takes. */
const method = (name: string, ...rest: unknown[]): Call => on(x, name, ...rest);
const on = (self: Tensor, name: string, ...rest: unknown[]): Call => [
  name,
  (...given) => (self as unknown as Record<string, (...values: unknown[]) => unknown>)[name]?.call(self, ...given),
  ...rest,
];

const calls: readonly Call[] = [
  ["input", input, "x", [2, "T"], "f32"],
  ["parameter", parameter, [2], fill, "f32"],
  ["buffer", buffer, [2], fill, "f32"],
  ["noise", noise, "normal", [2], "f32"],
  ["tensor", tensor, [[1, 2]], "f32"],
  ["scalar", scalar, 1, "f32"],
  ["full", full, [2], 1, "f32"],
  ["zeros", zeros, [2], "f32"],
  ["ones", ones, [2], "f32"],
  ["arange", arange, 3, "i32"],
  ["stack", stack, [x, y], 0],
  ["gradient", gradient, x.sum(), [x]],
  ["valueAndGradient", valueAndGradient, x.sum(), [x]],
  ["scan", scan, zeros([2]), zeros([2]), x],
  ["scan of a cell", scan, cell, zeros([2]), x, { reverse: true, axis: 1 }],
  ["recompute", recompute((_: Tensor) => x.exp()), x],
  ["recompute of a block", (block: never) => recompute(block)(x), (t: Tensor) => t.exp()],
  ["lower", lower, { x }, { z: x.mul(2) }, {}],
  ["compile", compile, { x }, { z: x.mul(2) }, { threads: 1 }],
  ["run", run, { z: x.mul(2) }, { x: fed }, { threads: 1 }],
  ["run of a feed", (feed: never) => run({ z: x.mul(2) }, { x: feed }), fed],
  ["Program.run", (feeds: never) => program.run(feeds), { x: fed }],
  ["Program.run of a feed", (feed: never) => program.run({ x: feed }), fed],
  ["array", array, [[1, 2]], "f32"],
  ["values", values, fed],
  ["initialValues", initialValues, { w: parameter([2], fill) }, 1],
  ["stream", stream, 1, 2, "site"],
  method("dim", 0),
  method("like", 1, [2]),
  ...[...Object.keys(unaryOps), "zerosLike", "onesLike", "rsqrt", "logSigmoid"].map((name) =>
    on(name === "not" ? flags : x, name),
  ),
  ...Object.keys(binaryOps).map((name) => (/^(and|or)$/.test(name) ? on(flags, name, flags) : method(name, y))),
  method("rsub", 1),
  method("clamp", 0, 1),
  method("gelu", "tanh"),
  on(flags, "where", x, y),
  method("cast", "f64"),
  ...["sum", "mean", "max", "min"].map((name) => method(name, [0, 1], true)),
  method("sumSquares"),
  ...["prod", "logSumExp", "argMax", "argMin"].map((name) => method(name, 0, true)),
  method("variance", [0], true, 1),
  method("cumsum", 0, { exclusive: true, reverse: false }),
  method("matmul", y, { transA: true }),
  method("linear", input("w", [4, 3]), input("b", [4])),
  method("affine", input("w", [3, 4]), input("b", [4])),
  method("reshape", [3, -1]),
  method("transpose", [1, 0]),
  method("moveAxes", 0, 1, 1),
  method("rearrange", "a (b c) -> a b c", { b: 3 }),
  method("unsqueeze", 0),
  on(input("s", [1, 2]), "squeeze", 0),
  method("expand", [4, 2, 3]),
  method("concat", [y], 0),
  method("split", [1, 2], 1),
  method("chunk", 2, 0),
  method("unstack", 2, 0),
  method("slice", 1, 0, 2, 1),
  method("slices", [{ axis: 1, start: 0, end: 2, step: 1 }]),
  method("flip", 0),
  method("pad", [0, 1], [1, 0], 2),
  method("gather", ids, 0),
  on(ids, "scatterAdd", x, 4),
  method("takeAlong", input("i", [2, 1], "i32"), 1),
  on(ids, "oneHot", 3, "f32"),
  method("topK", 2, 1),
  method("causal"),
  method("softmax", 1),
  method("logSoftmax", 1),
  method("layerNorm", input("w", [3]), input("b", [3]), 1e-5),
  on(image, "conv", kernel, window),
  on(image, "convTranspose", kernel, { ...window, outputPadding: [0] }),
  on(image, "maxPool", { kernel: [2], stride: [2], padding: [0] }),
  on(image, "averagePool", { kernel: [2], stride: [2], padding: [0] }),
];

/** Characters of a message. */
const MOST = 400;

const junk: Readonly<Record<string, unknown>> = {
  ...usual,
  "2 ** 40": 2 ** 40,
  "a list of texts": ["x", "y"],
  "a tensor of text's shape": { shape: "abc", dtype: "f32", data: [1] },
  "a list of tensors": [input("other", [5, 7], "i64")],
};

/** What came of a call: nothing wrong, or what was thrown. */
async function outcome(action: () => unknown): Promise<unknown> {
  try {
    await action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe("with what it takes, nothing is wrong", () => {
  test.each(calls.filter(([name]) => name !== "scan").map(parts))("%s", async (_, call, given) => {
    expect(await outcome(() => call(...(given as never[])))).toBeUndefined();
  });
  test("every method of Tensor is called", () => {
    const named = new Set(calls.map(([name]) => name));
    const own = Object.getOwnPropertyDescriptors(Tensor.prototype);
    const methods = Object.entries(own).flatMap(([name, { value }]) => (typeof value === "function" ? [name] : []));
    expect(methods.filter((name) => !named.has(name))).toEqual(["constructor", "toString"]);
  });
});

describe.each(calls.map(parts))("%s", (_, call, given) => {
  const places = given.length === 0 ? [0] : given.map((_, i) => i);
  test.each(places)("argument %i", async (place) => {
    const faults: string[] = [];
    for (const [what, value] of Object.entries(junk)) {
      const mixed = [...given];
      mixed[place] = value;
      const wrong = fault(await outcome(() => call(...(mixed as never[]))), MOST);
      if (wrong !== undefined) faults.push(`${what}: ${wrong}`);
    }
    expect(faults).toEqual([]);
  });
  test("without arguments", async () => {
    expect(fault(await outcome(() => call()), MOST)).toBeUndefined();
  });
});

test("a tensor is shown in one line", () => {
  expect(inspect(x.exp())).toBe("Tensor(f32[2, 3], exp)");
  expect(inspect({ loss: x.sum() })).toBe("{ loss: Tensor(f32[], reshape) }");
});

test("what is wrong is named", () => {
  const said = (action: (...values: never[]) => unknown, ...given: unknown[]) => {
    try {
      action(...(given as never[]));
    } catch (error) {
      return (error as Error).message;
    }
    return "nothing";
  };
  expect(said(input, "x", 3)).toBe('input "x": expected a list of sizes such as [2, 3], got 3; put it in brackets');
  expect(said(gradient, x.sum(), x)).toBe(
    "gradient: expected a list of tensors to differentiate by, got a Tensor; put it in brackets",
  );
  expect(said(array, "abc")).toBe('array: expected numbers or lists of numbers, got "abc"; convert it first');
  expect(said(array, ["x"])).toBe('array: expected numbers or lists of numbers, got "x"; convert it first');
  expect(said(array, [[1], [2, 3], []])).toBe(
    "array: expected lists of equal lengths, got [2, 3] where there is a list of 1 elsewhere at depth 1; fill them up",
  );
  expect(said((axis) => x.sum(axis), "0")).toBe('sum: expected a list of axes, got "0"; put it in brackets');
  expect(said((options) => x.cumsum(0, options), { exclusve: true })).toBe(
    'cumsum: there is no option "exclusve" (did you mean "exclusive"?); it takes exclusive, reverse',
  );
  expect(said((options) => image.conv(kernel, options), { strides: [2] })).toBe(
    'conv: there is no option "strides" (did you mean "stride"?); it takes stride, padding, dilation, groups',
  );
  expect(said((keep) => x.sum(0, keep), { keepDims: false })).toBe(
    "sum: expected true or false for whether the axis stays, got an object",
  );
  expect(said((bias) => x.linear(y, bias), null)).toBe(
    "linear: bias: expected a tensor, got null; make one with tensor(values)",
  );
  expect(said(scan, () => 1, x, x)).toBe("scan: expected the cell to return [next state, output], got 1; return both");
});
