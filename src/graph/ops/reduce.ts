/** Reductions over axes, each keeping its axis as size 1; `Tensor`'s methods drop it afterwards where asked. */
import { DTypeError } from "../../errors.ts";
import { countAlong } from "../../tensor/compositions.ts";
import type { Shape } from "../../tensor/dim.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Spec } from "../node.ts";
import type { Gradient, Lowering, Op } from "../op.ts";

/** Axes counted from the front, ascending. */
export interface Axes {
  readonly axes: readonly number[];
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

/**
 * One axis after the other, the last one first: a float32 sum in two stages loses less than one long sum, and its
 * first stage uses all threads. ONNX: axes are an input from opset 13 (ReduceSum) or 18 (the others) on.
 */
const lowered =
  (op: string, then = op) =>
  ({ inputs: [x = ""], attrs, emit, constant }: Lowering<Axes>): string[] => {
    const reduce = (name: string, kind: string, axes: readonly number[]) =>
      emit(kind, [name, constant(BigInt64Array.from(axes, BigInt), "i64", [axes.length])], {
        keepdims: 1,
        noop_with_empty_axes: 1,
      });
    const last = reduce(x, op, attrs.axes.slice(-1));
    return [attrs.axes.slice(0, -1).reduceRight((name, axis) => reduce(name, then, [axis]), last)];
  };

const shifted = (axes: readonly number[]): number[] => axes.map((axis) => axis + 1);

/** Equal shares of g among all elements that are the extreme one. */
const extremeGrad: Gradient<Axes> = ({ grads: [g], inputs: [x], outputs: [y], attrs }) => {
  if (!g || !x || !y) return [];
  const mask = x.equal(y).cast(x.dtype).stopGradient();
  return [mask.mul(g.div(mask.sum([...attrs.axes], true)))];
};

const row = (
  name: "sum" | "mean" | "max" | "min",
  onnx: string,
  floatsOnly: boolean,
  grad: Gradient<Axes>,
): Op<Axes> => ({
  shape: rule(name, floatsOnly),
  grad,
  onnx: lowered(onnx),
  lead: ([x], { axes }) => (x ? [x[name](shifted(axes), true)] : []),
});

const indexRow = (name: "argMax" | "argMin", onnx: string): Op<{ axis: number }> => ({
  shape: ([x], { axis }) => [{ shape: reduced(x?.shape ?? [], [axis]), dtype: "i32" }],
  grad: "none",
  onnx: ({ inputs, attrs, emit }) => [emit("Cast", [emit(onnx, inputs, { axis: attrs.axis, keepdims: 1 })], { to: 6 })],
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
  sum: row("sum", "ReduceSum", false, ({ grads: [g], inputs: [x] }) => [g?.expand(x?.shape ?? [])]),
  mean: row("mean", "ReduceMean", true, ({ grads: [g], inputs: [x], attrs }) => [
    x && g?.div(countAlong(x, attrs.axes)).expand(x.shape),
  ]),
  max: row("max", "ReduceMax", false, extremeGrad),
  min: row("min", "ReduceMin", false, extremeGrad),
  /** Σ x²: one pass where a product and a sum would take two. */
  sumSquares: {
    shape: rule("sumSquares", true),
    grad: ({ grads: [g], inputs: [x] }) => [g && x?.mul(g.mul(2))],
    onnx: lowered("ReduceSumSquare", "ReduceSum"),
  } satisfies Op<Axes>,
  prod: {
    shape: rule("prod", false),
    grad: ({ grads: [g], inputs: [x], attrs }) => [g && x && productGrad(g, x, attrs.axes[0] ?? 0)],
    onnx: lowered("ReduceProd"),
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
