/** Mistakes are errors of one line, where they are made. */
import { describe, expect, test } from "vitest";
import { ConfigError, DTypeError, GradientError, ShapeError } from "../../src/errors.ts";
import { gradient, scan } from "../../src/graph/index.ts";
import { Dropout } from "../../src/nn/index.ts";
import { sgd } from "../../src/optim/index.ts";
import { full, input, type Tensor, tensor } from "../../src/tensor/index.ts";

const x = input("x", [2, 5, 768]);
const w = input("w", [512, 64]);
const ids = input("ids", [4], "i32");
const flags = input("flags", [4], "bool");
const symbolic = input("symbolic", ["B", "T"]);
const image = input("image", [1, 3, 8]);
const window = { stride: [1], padding: [0], dilation: [1], groups: 1 };

const rows: [() => unknown, new (...args: never[]) => Error, string][] = [
  [
    () => x.add(w),
    ShapeError,
    "add: sizes do not broadcast, [2, 5, 768] and [512, 64] (5 ≠ 512, counted from the right); reshape or expand one of them",
  ],
  [
    () => x.mul(ids),
    DTypeError,
    "mul: expected equal types out of f32, f64, i32, i64, got f32 and i32; cast with .cast(dtype)",
  ],
  [() => ids.exp(), DTypeError, "exp: expected one of f32, f64, got i32; cast with .cast(dtype)"],
  [() => ids.add(0.5), DTypeError, "add: 0.5 is not a whole number and the tensor is i32; cast the tensor to f32"],
  [() => x.where(1, x), DTypeError, "where: expected a bool condition, got f32; compare first, as in x.greater(0)"],
  [
    () => flags.where(1, 2),
    DTypeError,
    "where: expected at least one tensor to choose from, got two numbers; make one with scalar(value)",
  ],
  [() => flags.sum(), DTypeError, "sum: expected numbers, got bool; cast with .cast(dtype)"],
  [() => ids.mean(), DTypeError, "mean: expected f32 or f64, got i32; cast with .cast(dtype)"],
  [() => x.sum(3), ShapeError, "sum: axis 3 does not exist in a tensor of rank 3; use -3 to 2"],
  [
    () => x.matmul(w),
    ShapeError,
    "matmul: inner sizes differ, [2, 5, 768] × [512, 64] (768 ≠ 512); transpose one of them or check the layer's widths",
  ],
  [
    () => x.matmul(w, { transB: true }),
    ShapeError,
    "matmul: inner sizes differ, [2, 5, 768] × [512, 64]ᵀ (768 ≠ 64); transpose one of them or check the layer's widths",
  ],
  [
    () => w.matmul(input("v", [64])),
    ShapeError,
    "matmul: expected two matrices, got [512, 64] × [64]; add an axis with .unsqueeze(axis)",
  ],
  [
    () => w.matmul(w.cast("f64"), { transB: true }),
    DTypeError,
    "matmul: expected equal float types, got f32 × f64; cast with .cast(dtype)",
  ],
  [() => x.reshape([7, -1]), ShapeError, "reshape: [2, 5, 768] does not divide into [7, -1]; the counts must be equal"],
  [
    () => w.reshape([512, 63]),
    ShapeError,
    "reshape: [512, 64] has 32768 elements, [512, 63] has 32256; the counts must be equal",
  ],
  [() => x.transpose([0, 1]), ShapeError, "transpose: expected each of 3 axes once, got [0, 1]; name them all"],
  [() => x.squeeze(1), ShapeError, "squeeze: axis 1 of [2, 5, 768] has size 5, not 1; reduce or slice it first"],
  [
    () => w.expand([2, 512, 3]),
    ShapeError,
    "expand: sizes do not broadcast, [512, 64] and [2, 512, 3] (64 ≠ 3, counted from the right); reshape or expand one of them",
  ],
  [() => x.expand([5, 768]), ShapeError, "expand: [2, 5, 768] does not stretch to [5, 768]; only sizes of 1 do"],
  [
    () => x.concat([w], 0),
    ShapeError,
    "concat: sizes differ beside axis 0, [2, 5, 768] and [512, 64]; only axis 0 may",
  ],
  [() => ids.concat([flags], 0), DTypeError, "concat: expected equal types, got i32 and bool; cast one of them"],
  [
    () => w.split([500, 13], 0),
    ShapeError,
    "split: parts [500, 13] sum to 513, axis 0 of [512, 64] has 512; they must be equal",
  ],
  [
    () => w.split([500], 0),
    ShapeError,
    "split: parts [500] sum to 500, axis 0 of [512, 64] has 512; they must be equal",
  ],
  [
    () => x.chunk(3, 1),
    ShapeError,
    "chunk: axis 1 of [2, 5, 768] does not divide into 3; choose a divisor of its size",
  ],
  [
    () => symbolic.slice(1, 0, 4, 2),
    ShapeError,
    'slice: steps need a fixed size, got the symbol "T"; give it a number',
  ],
  [() => w.gather(x), DTypeError, 'gather: expected i32 or i64 indices, got f32; cast with .cast("i32")'],
  [
    () => w.takeAlong(ids.unsqueeze(1), 1),
    ShapeError,
    "takeAlong: expected indices shaped like the input beside axis 1, got [512, 64] and [4, 1]; expand the indices",
  ],
  [() => x.topK(6, 1), ShapeError, "topK: axis 1 of [2, 5, 768] has fewer than k = 6 elements; lower k"],
  [() => ids.softmax(), DTypeError, 'softmax: expected f32 or f64, got i32; cast with .cast("f32")'],
  [
    () => x.layerNorm(w, w, 1e-5),
    ShapeError,
    "layerNorm: expected weight and bias [768] for input [2, 5, 768], got [512, 64]; give the layer the width of its input",
  ],
  [
    () => image.conv(input("k", [4, 2, 3]), window),
    ShapeError,
    "conv: expected 2 channels for 1 group(s), got input [1, 3, 8]; check in_channels and groups",
  ],
  [
    () => image.conv(input("k", [4, 3, 9]), window),
    ShapeError,
    "conv: kernel spans 9 places, axis 2 has 8 with padding; use a smaller kernel or more padding",
  ],
  [
    () => image.conv(input("k", [4, 3, 3, 3]), window),
    DTypeError,
    "conv: expected f32 input and kernel of equal rank, got f32 [1, 3, 8] and f32 [4, 3, 3, 3]; cast or reshape one of them",
  ],
  [
    () => image.convTranspose(input("k", [3, 2, 3]), { ...window, outputPadding: [1] }),
    ShapeError,
    "convTranspose: output padding [1] is not below the stride [1]; lower it or pad the result",
  ],
  [
    () => image.convTranspose(input("k", [3, 2, 1]), { padding: [4] }),
    ShapeError,
    "convTranspose: axis 2 of [1, 3, 8] would have 0 places; use less padding or a wider kernel",
  ],
  [
    () => image.conv(input("k", [4, 3, 3]), { padding: [1, 1] }),
    ShapeError,
    "conv: expected padding of 1 whole number(s) from 0 on, one for each axis of the window, got [1, 1]",
  ],
  [
    () => image.conv(input("k", [4, 3, 3]), { stride: [0] }),
    ShapeError,
    "conv: expected stride of 1 whole number(s) from 1 on, one for each axis of the window, got [0]",
  ],
  [
    () => image.conv(input("k", [4, 3, 3]), { groups: 0 }),
    ShapeError,
    "conv: expected a whole number of groups from 1 on, got 0; leave it out for one",
  ],
  [
    () => image.maxPool({ kernel: [2], padding: [2] }),
    ShapeError,
    "maxPool: padding [2] is not below the kernel [2]; a window would hold nothing else",
  ],
  [() => w.conv(w), ShapeError, "conv: expected a tensor [N, C, L..], got rank 2; reshape it first"],
  [
    () => w.pad([-1, 0], [0, 0]),
    ShapeError,
    "pad: expected whole numbers from 0 on, got -1; take elements away with .slice()",
  ],
  [
    () => w.pad([1], [1, 0]),
    ShapeError,
    "pad: expected two lists of 2 numbers for [512, 64], got [1] and [1, 0]; give one for each axis",
  ],
  [
    () => w.slice(0, 0, 3, 0),
    ShapeError,
    "slice: expected whole numbers and a step other than 0, got 0 to 3 in steps of 0",
  ],
  [
    () =>
      w.slices([
        { axis: 0, start: 0, end: 3, step: 1 },
        { axis: -2, start: 0, end: 2, step: 1 },
      ]),
    ShapeError,
    "slices: axis 0 of [512, 64] is named twice; slice the result once more",
  ],
  [() => x.moveAxes(1, 2, -1), ShapeError, "moveAxes: 2 axes from 1 on do not fit at -1 in [2, 5, 768]; move fewer"],
  [() => x.moveAxes(3, 1, 0), ShapeError, "moveAxes: axis 3 does not exist in a tensor of rank 3; use -3 to 2"],
  [() => input("e", [0, 5]).max(), ShapeError, "max: axis 0 of [0, 5] has no elements; concat one or skip the call"],
  [
    () => input("e", [5, 0]).argMin(1),
    ShapeError,
    "argMin: axis 1 of [5, 0] has no elements; concat one or skip the call",
  ],
  [() => x.topK(-1), ShapeError, "topK: expected a whole number k from 0 on, got -1; say how many elements to take"],
  [
    () => symbolic.unsqueeze(0).maxPool({ kernel: [2], stride: [2], padding: [0] }),
    ShapeError,
    'maxPool: expected a fixed shape, got [T]; give "T" a number before tracing',
  ],
  [
    () => input("x", [2.5]),
    ShapeError,
    'input "x": [2.5] holds 2.5; sizes are whole numbers from 0 on, or names such as "T"',
  ],
  [
    () => input("x", ["B+T"]),
    ShapeError,
    'input "x": [B+T] holds B+T; sizes are whole numbers from 0 on, or names such as "T"',
  ],
  [
    () => tensor([[1, 2], [3]]),
    ShapeError,
    "tensor: expected lists of equal lengths, got [3] where there is a list of 2 elsewhere at depth 1; fill them up",
  ],
  [
    () => gradient(x, [x]),
    GradientError,
    "gradient: expected a scalar of f32 or f64, got f32[2, 5, 768]; reduce it with .mean() or .sum()",
  ],
  [
    () => gradient(x.sum(), [ids]),
    GradientError,
    "gradient: expected to differentiate by f32 or f64, got i32[4]; cast it first",
  ],
  [
    () => gradient(x.argMax(0).cast("f32").sum(), [x]),
    GradientError,
    "gradient: argMax has no derivative and the loss depends on the tensor only through it; use stopGradient where zero is meant",
  ],
  [
    () => scan((s: Tensor, now: Tensor) => [s.concat([now], 1), now] as const, w, x),
    ShapeError,
    "concat: sizes differ beside axis 1, [512, 64] and [2, 768]; only axis 1 may",
  ],
  [
    () => scan((s: Tensor, now: Tensor) => [s.sum(1), now] as const, w, x),
    ShapeError,
    "scan: expected the next state to be like the state, f32[512, 64], got f32[512]; the cell must return what it takes",
  ],
  [
    () => scan((s: Tensor, _: readonly Tensor[]) => [s, s] as const, w, [x, full([2, 4], 0)]),
    ShapeError,
    "scan: expected sequences of one length along axis 1, got 5 and 4; pad or slice them",
  ],
  [() => Dropout(1), ConfigError, "dropout: expected a probability from 0 to below 1, got 1; 0 switches it off"],
  [() => sgd({ nesterov: true }), ConfigError, "sgd: nesterov needs momentum, got 0; set it, for instance to 0.9"],
];

/** The message of what `action` throws. */
function said(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as Error).message;
  }
  return "nothing";
}

describe("messages", () => {
  test.each(rows.map(([action, kind, message]) => [message, action, kind] as const))("%s", (message, action, kind) => {
    expect(action).toThrow(kind);
    expect(said(action)).toBe(message);
    expect(message).not.toMatch(/\n/);
  });

  test("a gradient of zero is no error where stopGradient says so", () => {
    const [g] = gradient(x.argMax(0).stopGradient().cast("f32").sum(), [x]);
    expect(g?.shape).toEqual(x.shape);
    expect(gradient(x.stopGradient().greater(0).cast("f32").sum(), [x])[0]?.shape).toEqual(x.shape);
  });
});
