/** Reductions over axes, each keeping its axis as size 1; `Tensor`'s methods drop it afterwards where asked. */
import { DTypeError, ShapeError } from "../../errors.ts";
import { countAlong } from "../../tensor/compositions.ts";
import { type Dim, formatShape, type Shape, sizeOf } from "../../tensor/dim.ts";
import { isFloat } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Spec } from "../node.ts";
import { type Gradient, type Lowering, type Op, onnxType } from "../op.ts";

/** Axes counted from the front, ascending. */
export interface Axes {
  readonly axes: readonly number[];
}

/** Throws ShapeError where an extreme of nothing is asked for; without elements in the result nothing is. */
function requireElements(name: string, { shape }: Spec, axes: readonly number[]): void {
  const empty = axes.find((axis) => shape[axis] === 0);
  if (empty === undefined || reduced(shape, axes).includes(0)) return;
  throw new ShapeError(`${name}: axis ${empty} of ${formatShape(shape)} has no elements; concat one or skip the call`);
}

const reduced = (shape: Shape, axes: readonly number[]): Shape => shape.map((dim, i) => (axes.includes(i) ? 1 : dim));

const rule =
  (name: string, floatsOnly: boolean) =>
  ([x]: readonly Spec[], { axes }: Axes): readonly Spec[] => {
    if (!x || x.dtype === "bool" || (floatsOnly && (x.dtype === "i32" || x.dtype === "i64")))
      throw new DTypeError(
        `${name}: expected ${floatsOnly ? "f32 or f64" : "numbers"}, got ${x?.dtype}; cast with .cast(dtype)`,
      );
    return [{ shape: reduced(x.shape, axes), dtype: x.dtype }];
  };

/** The most elements that one stage of a reduction over several axes takes together. */
const STAGE = 1024;

/** `axes` in stages, the last one first. The last axis of the tensor takes along those before it up to STAGE elements. */
function stagesOf(axes: readonly number[], shape: Shape): number[][] {
  const isShort = (from: number) => {
    const count = sizeOf(shape.slice(axes[from]));
    return axes[from] === shape.length - axes.length + from && typeof count === "number" && count <= STAGE;
  };
  let from = Math.max(axes.length - 1, 0);
  while (from > 0 && isShort(from - 1)) from--;
  const before = axes.slice(0, from).reverse();
  return [axes.slice(from), ...before.map((axis) => [axis])];
}

/**
 * In stages: a float32 sum in two stages loses less than one long sum, and its first stage uses all threads. Where the
 * last axes are short, they are one stage, since the engine is slow where a row is short: [64, 32, 3, 3] took 150 µs axis
 * by axis. ONNX: axes are an input from opset 13 (ReduceSum) or 18 (the others) on.
 */
const lowered =
  (op: string, then = op) =>
  ({ inputs: [x = ""], attrs, specs, emit, constant }: Lowering<Axes>): string[] => {
    const reduce = (name: string, kind: string, axes: readonly number[]) =>
      emit(kind, [name, constant(BigInt64Array.from(axes, BigInt), "i64", [axes.length])], {
        keepdims: 1,
        noop_with_empty_axes: 1,
      });
    const [last = [], ...rest] = stagesOf(attrs.axes, specs.inputs[0]?.shape ?? []);
    return [rest.reduce((name, axes) => reduce(name, then, axes), reduce(x, op, last))];
  };

type Pen = Lowering<Axes>;

/** The last running sum of `axis`, which wraps as whole numbers do. */
function wholeSum({ emit, constant }: Pen, name: string, axis: number, size: Dim, rank: number): string {
  const ints = (...values: number[]) => constant(BigInt64Array.from(values, BigInt), "i64", [values.length]);
  const pads = Array.from({ length: 2 * rank }, (_, i) => Number(i === axis));
  const some = typeof size === "number" && size > 0 ? name : emit("Pad", [name, ints(...pads)]);
  const sums = emit("CumSum", [some, constant(Int32Array.of(axis), "i32", [])]);
  return emit("Slice", [sums, ints(-1), ints(Number.MAX_SAFE_INTEGER), ints(axis)]);
}

/** Both halves of `axis` multiplied, again and again, until one is left. */
function wholeProduct({ emit, emitMany, constant }: Pen, name: string, axis: number, size: number): string {
  let [rest, n] = [name, size];
  const odd: string[] = [];
  while (n > 1) {
    const half = Math.floor(n / 2);
    const sizes = n % 2 === 0 ? [half, half] : [half, half, 1];
    const [a = "", b = "", last] = emitMany(
      "Split",
      [rest, constant(BigInt64Array.from(sizes, BigInt), "i64", [sizes.length])],
      { axis },
      sizes.length,
    );
    if (last) odd.push(last);
    [rest, n] = [emit("Mul", [a, b]), half];
  }
  return odd.reduce((a, b) => emit("Mul", [a, b]), rest);
}

/** The engine adds and multiplies whole numbers in double precision and saturates; these wrap, as everywhere else. */
function lowerWhole(op: "ReduceSum" | "ReduceProd", lower: Pen): string[] | undefined {
  const [x] = lower.specs.inputs;
  if (!x || isFloat(x.dtype)) return undefined;
  let name = lower.inputs[0] ?? "";
  for (const axis of lower.attrs.axes) {
    const size = x.shape[axis] ?? 1;
    if (op === "ReduceSum") name = wholeSum(lower, name, axis, size, x.shape.length);
    else if (typeof size === "number" && size > 0) name = wholeProduct(lower, name, axis, size);
    else return undefined;
  }
  return [name];
}

/** NaN where there is one among the elements, which the engine's kernels skip. */
const extreme = (op: "ReduceMax" | "ReduceMin") => (lower: Pen) => {
  const { inputs, attrs, specs, emit, scalar, constant } = lower;
  const dtype = specs.inputs[0]?.dtype ?? "f32";
  const [y = ""] = lowered(op)(lower);
  if (!isFloat(dtype)) return [y];
  const axes = constant(BigInt64Array.from(attrs.axes, BigInt), "i64", [attrs.axes.length]);
  const marks = emit("Cast", [emit("IsNaN", inputs)], { to: onnxType.f32 });
  const found = emit("Cast", [emit("ReduceSum", [marks, axes], { keepdims: 1 })], { to: onnxType.bool });
  return [emit("Where", [found, scalar(Number.NaN, dtype), y])];
};

/** Σ x / n: the engine's ReduceMean gives 0 for nothing instead of NaN. */
function meanOnnx(lower: Pen): string[] {
  const { attrs, specs, emit, fill, dims } = lower;
  const [[x], [y]] = [specs.inputs, specs.outputs];
  const size = sizeOf(attrs.axes.map((axis) => x?.shape[axis] ?? 1));
  if (size === 0 && y) return [fill(Number.NaN, y)];
  if (typeof size === "number") return lowered("ReduceMean")(lower);
  const count = emit("Cast", [dims([size])], { to: onnxType[x?.dtype ?? "f32"] });
  return [emit("Div", [lowered("ReduceSum")(lower)[0] ?? "", count])];
}

const shifted = (axes: readonly number[]): number[] => axes.map((axis) => axis + 1);

/** Equal shares of g among all elements that are the extreme one. */
const extremeGrad: Gradient<Axes> = ({ grads: [g], inputs: [x], outputs: [y], attrs }) => {
  if (!g || !x || !y) return [];
  const mask = x.equal(y).cast(x.dtype).stopGradient();
  return [mask.mul(g.div(mask.sum([...attrs.axes], true)))];
};

const row = (
  name: "sum" | "mean" | "max" | "min",
  onnx: Op<Axes>["onnx"],
  floatsOnly: boolean,
  grad: Gradient<Axes>,
): Op<Axes> => ({
  shape: ([x], attrs) => {
    if (x && (name === "max" || name === "min")) requireElements(name, x, attrs.axes);
    return rule(name, floatsOnly)(x ? [x] : [], attrs);
  },
  grad,
  onnx,
  lead: ([x], { axes }) => (x ? [x[name](shifted(axes), true)] : []),
});

/** The first place of the extreme one, or of NaN where there is one, as `extreme` has it. */
const placeOnnx =
  (op: string): Op<{ axis: number }>["onnx"] =>
  ({ inputs, attrs, specs, emit, constant }) => {
    const place = (name: string, kind = op) => emit(kind, [name], { axis: attrs.axis, keepdims: 1 });
    const whole = (name: string) => [emit("Cast", [name], { to: onnxType.i32 })];
    const [x = ""] = inputs;
    if (!isFloat(specs.inputs[0]?.dtype ?? "f32")) return whole(place(x));
    const marks = emit("Cast", [emit("IsNaN", [x])], { to: onnxType.f32 });
    const axes = constant(BigInt64Array.of(BigInt(attrs.axis)), "i64", [1]);
    const found = emit("Cast", [emit("ReduceSum", [marks, axes], { keepdims: 1 })], { to: onnxType.bool });
    return whole(emit("Where", [found, place(marks, "ArgMax"), place(x)]));
  };

const indexRow = (name: "argMax" | "argMin", onnx: string): Op<{ axis: number }> => ({
  shape: ([x], { axis }) => {
    if (x) requireElements(name, x, [axis]);
    return [{ shape: reduced(x?.shape ?? [], [axis]), dtype: "i32" }];
  },
  grad: "none",
  onnx: placeOnnx(onnx),
  lead: ([x], { axis }) => (x ? [x[name](axis + 1, true)] : []),
});

/** The product of all parts before each. */
function running(parts: readonly Tensor[], one: Tensor): Tensor[] {
  const products: Tensor[] = [];
  let product = one;
  for (const part of parts) {
    products.push(product);
    product = product.mul(part);
  }
  return products;
}

/** g times the product of all the others, which division would spoil at zeros: prefix times suffix products. */
function productGrad(g: Tensor, x: Tensor, axis: number): Tensor {
  const n = x.shape[axis];
  if (typeof n !== "number") return g.mul(x.prod(axis, true)).div(x);
  const parts = x.split(Array<number>(n).fill(1), axis);
  const one = g.onesLike();
  const before = running(parts, one);
  const after = running([...parts].reverse(), one).reverse();
  const [first, ...rest] = before.map((product, i) => g.mul(product).mul(after[i] ?? one));
  return first ? first.concat(rest, axis) : x;
}

export const reduceOps = {
  sum: row(
    "sum",
    (pen) => lowerWhole("ReduceSum", pen) ?? lowered("ReduceSum")(pen),
    false,
    ({ grads: [g], inputs: [x] }) => [g?.expand(x?.shape ?? [])],
  ),
  mean: row("mean", meanOnnx, true, ({ grads: [g], inputs: [x], attrs }) => [
    x && g?.div(countAlong(x, attrs.axes)).expand(x.shape),
  ]),
  max: row("max", extreme("ReduceMax"), false, extremeGrad),
  min: row("min", extreme("ReduceMin"), false, extremeGrad),
  /** Σ x²: one pass where a product and a sum would take two. */
  sumSquares: {
    shape: rule("sumSquares", true),
    grad: ({ grads: [g], inputs: [x] }) => [g && x?.mul(g.mul(2))],
    onnx: lowered("ReduceSumSquare", "ReduceSum"),
  } satisfies Op<Axes>,
  prod: {
    shape: rule("prod", false),
    grad: ({ grads: [g], inputs: [x], attrs }) => [g && x && productGrad(g, x, attrs.axes[0] ?? 0)],
    onnx: (pen) => lowerWhole("ReduceProd", pen) ?? lowered("ReduceProd")(pen),
    lead: ([x], { axes }) => (x ? [x.prod((axes[0] ?? 0) + 1, true)] : []),
  } satisfies Op<Axes>,
  argMax: indexRow("argMax", "ArgMax"),
  argMin: indexRow("argMin", "ArgMin"),
  /** y_i = Σ_{j ≤ i} x_j; exclusive leaves out j = i, reverse sums from the end. */
  cumsum: {
    shape: ([x]) =>
      rule("cumsum", false)(
        [x].filter((input) => input !== undefined),
        { axes: [] },
      ),
    grad: ({ grads: [g], attrs }) => [g?.cumsum(attrs.axis, { exclusive: attrs.exclusive, reverse: !attrs.reverse })],
    onnx: ({ inputs: [x = ""], attrs, emit, scalar }) => [
      emit("CumSum", [x, scalar(attrs.axis, "i32")], {
        exclusive: Number(attrs.exclusive),
        reverse: Number(attrs.reverse),
      }),
    ],
    lead: ([x], { axis, ...options }) => (x ? [x.cumsum(axis + 1, options)] : []),
  } satisfies Op<{ axis: number; exclusive: boolean; reverse: boolean }>,
};
