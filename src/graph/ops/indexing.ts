/** Operations that pick elements by whole-number tensors, and their adjoints, which add elements into zeros. */
import { DTypeError, ShapeError } from "../../errors.ts";
import { type Dim, formatShape, type Shape, sameShape } from "../../tensor/dim.ts";
import { isFloat } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Spec } from "../node.ts";
import type { Lowering, Op } from "../op.ts";

/** Up to this many rows, adding rows up is faster as a product with one-hot rows than by ONNX Runtime's one-threaded scatter. */
const ONE_HOT_ROWS = 512;

function requireIndices(name: string, indices: Spec | undefined): void {
  if (indices?.dtype === "i32" || indices?.dtype === "i64") return;
  throw new DTypeError(`${name}: expected i32 or i64 indices, got ${indices?.dtype}; cast with .cast("i32")`);
}

export interface Along {
  readonly axis: number;
}
export interface Into extends Along {
  /** Size of the axis that is written into. */
  readonly size: Dim;
}

const replaced = (shape: Shape, axis: number, dims: Shape): Shape => [
  ...shape.slice(0, axis),
  ...dims,
  ...shape.slice(axis + 1),
];

function requireAlong(name: string, x: Spec | undefined, indices: Spec | undefined, axis: number): void {
  requireIndices(name, indices);
  const beside = (spec: Spec | undefined) => replaced(spec?.shape ?? [], axis, [0]);
  if (sameShape(beside(x), beside(indices))) return;
  throw new ShapeError(
    `${name}: expected indices shaped like the input beside axis ${axis}, got ${formatShape(x?.shape ?? [])} and ${formatShape(indices?.shape ?? [])}; expand the indices`,
  );
}

/** Indices from the end counted from the front, where the size is known. */
const fromFront = (indices: Tensor, size: Dim): Tensor =>
  indices.node.op === "arange" || typeof size !== "number"
    ? indices
    : indices.less(0).where(indices.add(size), indices);

/** Zeros of the output's shape. */
function zeros(lower: Lowering<Into>): string {
  const spec = lower.specs.outputs[0];
  return lower.emit("Expand", [lower.scalar(0, spec?.dtype ?? "f32"), lower.dims(spec?.shape ?? [])]);
}

/** Rows of `updates` [N.., C..] added into zeros [size, C..] at `indices` [N..]. */
function scatterAddOnnx(lower: Lowering<Into>): string[] {
  const [indices = "", updates = ""] = lower.inputs;
  const [index, update] = lower.specs.inputs;
  const { size } = lower.attrs;
  const rank = index?.shape.length ?? 0;
  const row = update?.shape.slice(rank) ?? [];
  const { emit, constant } = lower;
  const ints = (...values: number[]) => constant(BigInt64Array.from(values, BigInt), "i64", [values.length]);
  if (
    typeof size === "number" &&
    size <= ONE_HOT_ROWS &&
    update &&
    isFloat(update.dtype) &&
    row.every((dim) => dim !== 0) &&
    update.shape.every((dim) => dim !== 0)
  ) {
    const type = update.dtype;
    const ids = emit("Reshape", [indices, ints(-1, 1)]);
    const places = constant(
      Int32Array.from({ length: size }, (_, i) => i),
      "i32",
      [1, size],
    );
    const hot = emit("Cast", [emit("Equal", [emit("Cast", [ids], { to: 6 }), places])], {
      to: type === "f64" ? 11 : 1,
    });
    const columns = row.map((dim) => (typeof dim === "number" ? dim : -1)).reduce((a, b) => a * b, 1);
    const flat = emit("Reshape", [updates, columns > 0 ? ints(-1, columns) : lower.dims([-1, ...row])]);
    const sums = emit("Gemm", [hot, flat], { transA: 1 });
    return [emit("Reshape", [sums, lower.dims([size, ...row])])];
  }
  const places = emit("Unsqueeze", [emit("Cast", [indices], { to: 7 }), ints(rank)]);
  return [emit("ScatterND", [zeros(lower), places, updates], { reduction: "add" })];
}

export const indexingOps = {
  /** Whole slices of `axis`, picked by indices of any shape, -1 for the last. Out-of-range indices are an error when run. */
  gather: {
    shape: ([x, indices], { axis }) => {
      requireIndices("gather", indices);
      return [{ shape: replaced(x?.shape ?? [], axis, indices?.shape ?? []), dtype: x?.dtype ?? "f32" }];
    },
    grad: ({ grads: [g], inputs: [x, indices], attrs: { axis } }) => {
      if (!g || !x || !indices) return [];
      const rank = indices.shape.length;
      const front = g.moveAxes(axis, rank, 0); // [indices.., x before axis, x after axis]
      return [
        fromFront(indices, x.shape[axis] ?? 0)
          .scatterAdd(front, x.shape[axis] ?? 0)
          .moveAxes(0, 1, axis),
      ];
    },
    onnx: ({ inputs, attrs, emit }) => [emit("Gather", inputs, { axis: attrs.axis })],
    lead: ([x, indices], { axis }, { has }) => (x && indices && !has[0] && axis === 0 ? [x.gather(indices, 0)] : []),
  } satisfies Op<Along>,
  /** Adds rows of the second input into zeros, at the first input's indices of a new front axis of `size`. */
  scatterAdd: {
    shape: ([indices, updates], { size }) => {
      requireIndices("scatterAdd", indices);
      const rank = indices?.shape.length ?? 0;
      if (!sameShape(indices?.shape ?? [], updates?.shape.slice(0, rank) ?? []))
        throw new ShapeError(
          `scatterAdd: expected one row per index, got indices ${formatShape(indices?.shape ?? [])} and rows ${formatShape(updates?.shape ?? [])}; the first sizes must be equal`,
        );
      return [{ shape: [size, ...(updates?.shape.slice(rank) ?? [])], dtype: updates?.dtype ?? "f32" }];
    },
    grad: ({ grads: [g], inputs: [indices] }) => [undefined, indices && g?.gather(indices, 0)],
    onnx: scatterAddOnnx,
  } satisfies Op<Into>,
  /** y[.., i, ..] = x[.., indices[.., i, ..], ..] along `axis`. */
  takeAlong: {
    shape: ([x, indices], { axis }) => {
      requireAlong("takeAlong", x, indices, axis);
      return [{ shape: indices?.shape ?? [], dtype: x?.dtype ?? "f32" }];
    },
    grad: ({ grads: [g], inputs: [x, indices], attrs: { axis }, tools }) => [
      x && g && indices && tools.record("putAlong", [indices, g], { axis, size: x.shape[axis] ?? 0 })[0],
    ],
    onnx: ({ inputs, attrs, emit }) => [emit("GatherElements", inputs, { axis: attrs.axis })],
    lead: ([x, indices], { axis }, { has }) =>
      x && indices && has.every(Boolean) ? [x.takeAlong(indices, axis + 1)] : [],
  } satisfies Op<Along>,
  /** The adjoint of takeAlong: updates added into zeros, or into a third input of the output's shape. */
  putAlong: {
    shape: ([indices, updates], { axis, size }) => {
      requireAlong("putAlong", updates, indices, axis);
      return [{ shape: replaced(updates?.shape ?? [], axis, [size]), dtype: updates?.dtype ?? "f32" }];
    },
    grad: ({ grads: [g], inputs: [indices], attrs: { axis } }) => [
      undefined,
      indices && g?.takeAlong(indices, axis),
      g,
    ],
    onnx: (lower) => {
      const [indices = "", updates = "", base = zeros(lower)] = lower.inputs;
      return [lower.emit("ScatterElements", [base, indices, updates], { axis: lower.attrs.axis, reduction: "add" })];
    },
    lead: (inputs, { axis, size }, { has, record }) =>
      has.every(Boolean) ? record("putAlong", inputs, { axis: axis + 1, size }) : [],
  } satisfies Op<Into>,
  /** 1 at the index, 0 elsewhere, in a new last axis of `depth`. Outside 0..depth-1 all is 0. */
  oneHot: {
    shape: ([indices], { depth, dtype }) => {
      requireIndices("oneHot", indices);
      return [{ shape: [...(indices?.shape ?? []), depth], dtype }];
    },
    grad: "none",
    onnx: ({ inputs: [x = ""], attrs, specs, emit, constant }) => {
      const places = constant(
        Int32Array.from({ length: attrs.depth }, (_, i) => i),
        "i32",
        [attrs.depth],
      );
      const last = constant(BigInt64Array.of(BigInt(specs.inputs[0]?.shape.length ?? 0)), "i64", [1]);
      const ids = emit("Unsqueeze", [emit("Cast", [x], { to: 6 }), last]);
      return [emit("Cast", [emit("Equal", [ids, places])], { to: attrs.dtype === "f64" ? 11 : 1 })];
    },
    lead: ([x], { depth, dtype }) => (x ? [x.oneHot(depth, dtype)] : []),
  } satisfies Op<{ depth: number; dtype: "f32" | "f64" }>,
  /** The k largest along `axis`, in falling order, and where they stand (i32). */
  topK: {
    shape: ([x], { axis, k }) => {
      const n = x?.shape[axis];
      if (typeof n === "number" && k > n)
        throw new ShapeError(
          `topK: axis ${axis} of ${formatShape(x?.shape ?? [])} has fewer than k = ${k} elements; lower k`,
        );
      const shape = replaced(x?.shape ?? [], axis, [k]);
      return [
        { shape, dtype: x?.dtype ?? "f32" },
        { shape, dtype: "i32" },
      ];
    },
    grad: ({ grads: [g], inputs: [x], outputs: [, indices], attrs: { axis }, tools }) => [
      x && g && indices && tools.record("putAlong", [indices, g], { axis, size: x.shape[axis] ?? 0 })[0],
    ],
    onnx: ({ inputs: [x = ""], attrs: { axis, k }, emit, emitMany, constant }) => {
      const [values = "", places = ""] = emitMany(
        "TopK",
        [x, constant(BigInt64Array.of(BigInt(k)), "i64", [1])],
        { axis },
        2,
      );
      return [values, emit("Cast", [places], { to: 6 })];
    },
    lead: ([x], { axis, k }) => (x ? x.topK(k, axis + 1) : []),
  } satisfies Op<{ axis: number; k: number }>,
  /** start, start + 1, ... along one axis of length n. */
  arange: {
    shape: (_, { length, dtype }) => [{ shape: [length], dtype }],
    grad: "none",
    onnx: ({ attrs: { length, dtype }, emit, dims, constant, scalar }) => {
      const none = constant(BigInt64Array.of(), "i64", [0]);
      const n = emit("Cast", [emit("Reshape", [dims([length]), none])], { to: dtype === "i64" ? 7 : 6 });
      return [emit("Range", [scalar(0, dtype), n, scalar(1, dtype)])];
    },
  } satisfies Op<{ length: Dim; dtype: "i32" | "i64" }>,
};
