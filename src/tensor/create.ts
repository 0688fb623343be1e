/** Tensors out of nothing: inputs, parameters, noise, constants. */
import { ShapeError } from "../errors.ts";
import type { Initializer } from "../graph/ops/leaf.ts";
import type { Dim, Shape } from "./dim.ts";
import { formatShape } from "./dim.ts";
import { type DType, hostArray } from "./dtype.ts";
import { record, Tensor } from "./tensor.ts";

function leaf(outputs: readonly Tensor[]): Tensor {
  const [output] = outputs;
  if (!output) throw new Error("internal: a leaf has one output");
  return output;
}

function requireSizes(what: string, shape: Shape): void {
  const wrong = shape.find((dim) =>
    typeof dim === "number" ? !(Number.isSafeInteger(dim) && dim >= 0) : !/^[A-Za-z_]\w*$/.test(dim),
  );
  if (wrong !== undefined)
    throw new ShapeError(
      `${what}: ${formatShape(shape)} holds ${wrong}; sizes are whole numbers from 0 on, or names such as "T"`,
    );
}

/** What is fed when the graph runs. */
export function input(name: string, shape: Shape, dtype: DType = "f32"): Tensor {
  requireSizes(`input "${name}"`, shape);
  return leaf(record("input", [], { spec: { shape, dtype }, name }));
}

/** What is learnt. Its name is its path in the model; its first values come from `init`. */
export function parameter(shape: readonly number[], init: Initializer, dtype: "f32" | "f64" = "f32"): Tensor {
  requireSizes("parameter", shape);
  return leaf(record("parameter", [], { spec: { shape, dtype }, init }));
}

/**
 * What a model carries but does not learn by gradient, such as running statistics. Its name is its path in the model;
 * its first values come from `init`, and `update` gives it the next ones.
 */
export function buffer(
  shape: readonly number[],
  init: Initializer,
  dtype: "f32" | "f64" | "i32" | "i64" = "f32",
): Tensor {
  requireSizes("buffer", shape);
  return leaf(record("buffer", [], { spec: { shape, dtype }, init }));
}

/** Numbers drawn anew for every run: uniform in [0, 1), or standard normal. */
export function noise(distribution: "uniform" | "normal", shape: Shape, dtype: "f32" | "f64" = "f32"): Tensor {
  requireSizes("noise", shape);
  return leaf(record("noise", [], { spec: { shape, dtype }, distribution }));
}

/** A constant of rank 0. */
export function scalar(value: number, dtype: DType = "f32"): Tensor {
  return leaf(record("constant", [], { spec: { shape: [], dtype }, data: hostArray([value], dtype) }));
}

/** Numbers, or lists of numbers of equal length, nested to any depth. */
export type Nested = number | readonly Nested[];

/** A constant tensor with the shape of the nesting. */
export function tensor(values: Nested, dtype: DType = "f32"): Tensor {
  const shape: number[] = [];
  for (let level = values; typeof level !== "number"; level = level[0] ?? 0) shape.push(level.length);
  const flat: number[] = [];
  flatten(values, shape, 0, flat);
  return leaf(record("constant", [], { spec: { shape, dtype }, data: hostArray(flat, dtype) }));
}

function flatten(values: Nested, shape: readonly number[], depth: number, out: number[]): void {
  if (typeof values === "number" ? depth !== shape.length : values.length !== shape[depth])
    throw new ShapeError(
      `tensor: lists at depth ${depth} differ in length, expected ${shape[depth] ?? "a number"}; make every list at one depth equally long`,
    );
  if (typeof values === "number") out.push(values);
  else for (const value of values) flatten(value, shape, depth + 1, out);
}

/** `value` throughout. */
export const full = (shape: Shape, value: number, dtype: DType = "f32"): Tensor => scalar(value, dtype).expand(shape);
/** 0 throughout. */
export const zeros = (shape: Shape, dtype: DType = "f32"): Tensor => full(shape, 0, dtype);
/** 1 throughout. */
export const ones = (shape: Shape, dtype: DType = "f32"): Tensor => full(shape, 1, dtype);

/** 0, 1, ..., length - 1. */
export const arange = (length: Dim, dtype: "i32" | "i64" = "i32"): Tensor =>
  leaf(record("arange", [], { length, dtype }));

/** Tensors of equal shape side by side along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const [first, ...rest] = tensors.map((part) => part.unsqueeze(axis));
  if (!first) throw new ShapeError("stack: expected at least one tensor, got none; pass a list that is not empty");
  return first.concat(rest, axis < 0 ? axis + first.rank : axis);
}

export const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;
