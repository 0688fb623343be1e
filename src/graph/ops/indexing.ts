/** Operations that pick elements by whole-number tensors, and their adjoints, which add elements into zeros. */
import { DTypeError, ShapeError, shown } from "../../errors.ts";
import { type Dim, formatShape, type Shape, sameShape, sizeOf } from "../../tensor/dim.ts";
import { type DType, hostArray, isFloat } from "../../tensor/dtype.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Spec } from "../node.ts";
import { type Gradient, type Lowering, type Op, onnxType, type Recorder } from "../op.ts";

function requireIndices(name: string, indices: Spec | undefined): void {
  if (indices?.dtype === "i32" || indices?.dtype === "i64") return;
  throw new DTypeError(`${name}: expected i32 or i64 indices, got ${indices?.dtype}; cast with .cast("i32")`);
}

/** Up to this many rows, a product with one-hot rows is faster than adding one number after the other. */
const ONE_HOT_ROWS = 256;

export interface Along {
  readonly axis: number;
}
export interface Into extends Along {
  /** Size of the axis that is added into. */
  readonly size: Dim;
}

export interface TopK extends Along {
  readonly k: number;
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

/** Indices from the end counted from the front. */
function fromFront(indices: Tensor, size: Dim, record: Recorder): Tensor {
  if (indices.node.op === "arange" || size === 0) return indices;
  const [places] = typeof size === "number" ? [] : record("arange", [], { length: size, dtype: indices.dtype });
  return indices.less(0).where(indices.add(places ? places.max().add(1) : Number(size)), indices);
}

/** Zeros of the output's shape. */
const zeros = ({ fill, specs: { outputs } }: Lowering<Into>): string =>
  fill(0, outputs[0] ?? { shape: [], dtype: "f32" });

/**
 * Rows of `updates` [N.., C..] added into zeros [size, C..] at `indices` [N..]; what lies outside is dropped.
 *
 * ONNX Runtime 1.30 adds rows by ScatterND from several threads at once and loses some, so there are two other ways: a
 * product with one-hot rows, which would spread what is not finite over all rows and is only taken where the sum is
 * finite, and ScatterElements, which adds one number after the other.
 */
function scatterAddOnnx(lower: Lowering<Into>): readonly string[] {
  const { attrs, emit, inputs, scalar, specs } = lower;
  const dtype = specs.inputs[1]?.dtype ?? "f32";
  if (typeof attrs.size !== "number" || attrs.size > ONE_HOT_ROWS || !isFloat(dtype)) return oneByOne(lower);
  const total = emit("ReduceSum", [inputs[1] ?? ""], { keepdims: 0 });
  const finite = emit("Equal", [emit("Sub", [total, total]), scalar(0, dtype)]);
  return lower.branch(finite, oneHotSum, oneByOne);
}

/** Indices as a column [N, 1] of `type`, and rows as a matrix [N, C]. */
function columnAndRows({ inputs: [indices = "", updates = ""], specs, dims, emit }: Lowering<Into>, type: DType) {
  const [index, update] = specs.inputs;
  const row = update?.shape.slice(index?.shape.length) ?? [];
  const [count, width] = [sizeOf(index?.shape ?? []), sizeOf(row)];
  const column = emit("Cast", [emit("Reshape", [indices, dims([count, 1])], { allowzero: 1 })], { to: onnxType[type] });
  return { column, rows: emit("Reshape", [updates, dims([count, width])], { allowzero: 1 }), count, width };
}

/** [N, size] of ones and zeros, transposed, times rows [N, C]. */
function oneHotSum(lower: Lowering<Into>): string[] {
  const { emit, constant, dims, specs, attrs } = lower;
  const { column, rows } = columnAndRows(lower, "i64");
  const size = Number(attrs.size);
  const places = constant(
    BigInt64Array.from({ length: size }, (_, i) => BigInt(i)),
    "i64",
    [1, size],
  );
  const hot = emit("Cast", [emit("Equal", [column, places])], { to: onnxType[specs.inputs[1]?.dtype ?? "f32"] });
  return [emit("Reshape", [emit("Gemm", [hot, rows], { transA: 1 }), dims(specs.outputs[0]?.shape ?? [])])];
}

/** What lies outside adds zeros to row 0. */
function oneByOne(lower: Lowering<Into>): string[] {
  const { emit, scalar, dims, fill, specs, attrs } = lower;
  const dtype = specs.inputs[1]?.dtype ?? "f32";
  const { column, rows, count, width } = columnAndRows(lower, "i64");
  const inside = emit("And", [
    emit("GreaterOrEqual", [column, scalar(0, "i64")]),
    emit("Less", [column, dims([attrs.size])]),
  ]);
  const places = emit("Expand", [emit("Where", [inside, column, scalar(0, "i64")]), dims([count, width])]);
  const kept = emit("Where", [inside, rows, scalar(0, dtype)]);
  const base = fill(0, { shape: [attrs.size, width], dtype });
  const sums = emit("ScatterElements", [base, places, kept], { axis: 0, reduction: "add" });
  return [emit("Reshape", [sums, dims(specs.outputs[0]?.shape ?? [])], { allowzero: 1 })];
}

/** Each row takes the gradient of the row it was added to; a dropped one takes none. */
const scatterAddGrad: Gradient<Into> = ({ grads: [g], inputs: [indices, rows], attrs: { size }, tools }) => {
  if (!g || !indices || !rows) return [];
  if (size === 0) return [undefined, rows.zerosLike()];
  const [places] = typeof size === "number" ? [] : tools.record("arange", [], { length: size, dtype: indices.dtype });
  const inside = indices.greaterEqual(0).and(indices.less(places ? places.max().add(1) : Number(size)));
  const taken = g.gather(inside.where(indices, 0), 0);
  const wide = inside.reshape([...inside.shape, ...rows.shape.slice(inside.rank).map(() => 1)]);
  return [undefined, wide.where(taken, 0)];
};

/**
 * The engine's kernel divides by the number of rows and dies of none, so beside axes whose sizes are not known there is
 * one more row, which is cut off again.
 */
function topKOnnx({ inputs: [x = ""], attrs: { axis, k }, specs, emit, emitMany, constant, scalar }: Lowering<TopK>) {
  const vector = (values: readonly number[]) => constant(BigInt64Array.from(values, BigInt), "i64", [values.length]);
  const { shape, dtype }: Spec = specs.inputs[0] ?? { shape: [], dtype: "f32" };
  const open = shape.flatMap((dim, i) => (i === axis || typeof dim === "number" ? [] : [i]));
  const more = shape.map((_, i) => Number(open.includes(i)));
  const rows = open.length === 0 ? x : emit("Pad", [x, vector([...shape.map(() => 0), ...more]), scalar(0, dtype)]);
  const cut = (y: string) => {
    const ends = [open.map(() => 0), open.map(() => -1), open].map(vector);
    return open.length === 0 ? y : emit("Slice", [y, ...ends]);
  };
  const [values = "", places = ""] = emitMany("TopK", [rows, vector([k])], { axis }, 2);
  return [cut(values), emit("Cast", [cut(places)], { to: onnxType.i32 })];
}

export const indexingOps = {
  /** Whole slices of `axis`, picked by indices of any shape, -1 for the last. Out-of-range indices are an error when run. */
  gather: {
    shape: ([x, indices], { axis }) => {
      requireIndices("gather", indices);
      return [{ shape: replaced(x?.shape ?? [], axis, indices?.shape ?? []), dtype: x?.dtype ?? "f32" }];
    },
    grad: ({ grads: [g], inputs: [x, indices], attrs: { axis }, tools }) => {
      if (!g || !x || !indices) return [];
      const rank = indices.shape.length;
      const front = g.moveAxes(axis, rank, 0); // [indices.., x before axis, x after axis]
      return [
        fromFront(indices, x.shape[axis] ?? 0, tools.record)
          .scatterAdd(front, x.shape[axis] ?? 0)
          .moveAxes(0, 1, axis),
      ];
    },
    onnx: ({ inputs, attrs, emit }) => [emit("Gather", inputs, { axis: attrs.axis })],
    lead: ([x, indices], { axis }, { has }) => (x && indices && !has[0] && axis === 0 ? [x.gather(indices, 0)] : []),
  } satisfies Op<Along>,
  /**
   * Adds rows of the second input into zeros, at the first input's indices of a new front axis of `size`. Rows whose
   * index is not among 0 to size - 1 are dropped.
   */
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
    grad: scatterAddGrad,
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
      const [index] = specs.inputs;
      const type = index?.dtype ?? "i32";
      const whole = Array.from({ length: attrs.depth }, (_, i) => i);
      const places = constant(hostArray(whole, type), type, [attrs.depth]);
      const last = constant(BigInt64Array.of(BigInt(index?.shape.length ?? 0)), "i64", [1]);
      const ids = emit("Unsqueeze", [x, last]);
      return [emit("Cast", [emit("Equal", [ids, places])], { to: onnxType[attrs.dtype] })];
    },
    lead: ([x], { depth, dtype }) => (x ? [x.oneHot(depth, dtype)] : []),
  } satisfies Op<{ depth: number; dtype: "f32" | "f64" }>,
  /** The k largest along `axis`, in falling order, and where they stand (i32). */
  topK: {
    shape: ([x], { axis, k }) => {
      const n = x?.shape[axis];
      if (!Number.isSafeInteger(k) || k < 0)
        throw new ShapeError(
          `topK: expected a whole number k from 0 on, got ${shown(k)}; say how many elements to take`,
        );
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
    onnx: topKOnnx,
    lead: ([x], { axis, k }) => (x ? x.topK(k, axis + 1) : []),
  } satisfies Op<TopK>,
  /** start, start + 1, ... along one axis of length n. */
  arange: {
    shape: (_, { length, dtype }) => [{ shape: [length], dtype }],
    grad: "none",
    onnx: ({ attrs: { length, dtype }, emit, dims, constant, scalar }) => {
      const none = constant(BigInt64Array.of(), "i64", [0]);
      const n = emit("Cast", [emit("Reshape", [dims([length]), none])], { to: onnxType[dtype] });
      return [emit("Range", [scalar(0, dtype), n, scalar(1, dtype)])];
    },
  } satisfies Op<{ length: Dim; dtype: "i32" | "i64" }>,
};
