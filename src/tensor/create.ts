/** Tensors out of nothing: inputs, parameters, noise, constants. */
import { ConfigError, DTypeError, quoted, ShapeError, shown } from "../errors.ts";
import type { Initializer } from "../graph/ops/leaf.ts";
import { requireList, requireOneOf, requireShape } from "./arguments.ts";
import type { Dim, Shape } from "./dim.ts";
import { formatShape } from "./dim.ts";
import { type DType, hostArray, requireDType } from "./dtype.ts";
import { flatten, type Nested } from "./nested.ts";
import { record, requireTensor, Tensor } from "./tensor.ts";

function leaf(outputs: readonly Tensor[]): Tensor {
  const [output] = outputs;
  if (!output) throw new Error("internal: a leaf has one output");
  return output;
}

/** Throws ShapeError where a shape is none, DTypeError where a type is none. */
function requireSpec(what: string, shape: Shape, dtype: DType): void {
  requireShape(what, shape);
  const sum = shape.find((dim) => typeof dim === "string" && !/^[A-Za-z_]\w*$/.test(dim));
  if (sum !== undefined)
    throw new ShapeError(
      `${what}: ${formatShape(shape)} holds ${sum}; sizes are whole numbers from 0 on, or names such as "T"`,
    );
  requireDType(what, dtype);
}

function requireInit(what: string, init: Initializer): void {
  if (typeof init === "function") return;
  throw new ConfigError(`${what}: expected a function that fills an array, got ${shown(init)}; see uniformInit`);
}

/** What is fed when the graph runs. */
export function input(name: string, shape: Shape, dtype: DType = "f32"): Tensor {
  if (typeof name !== "string")
    throw new ConfigError(`input: expected a name, got ${shown(name)}; give it one to feed it by`);
  requireSpec(`input ${quoted(name)}`, shape, dtype);
  return leaf(record("input", [], { spec: { shape, dtype }, name }));
}

/** Inputs by the names of `specs`. */
export const inputsOf = (
  specs: Readonly<Record<string, { readonly shape: Shape; readonly dtype: DType }>>,
): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(specs).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]));

/** What is learnt. Its name is its path in the model; its initial values come from `init`. */
export function parameter(shape: readonly number[], init: Initializer, dtype: "f32" | "f64" = "f32"): Tensor {
  requireSpec("parameter", shape, dtype);
  requireInit("parameter", init);
  return leaf(record("parameter", [], { spec: { shape, dtype }, init }));
}

/**
 * What a model carries but does not learn by gradient, such as running statistics. Its name is its path in the model;
 * its initial values come from `init`, and `update` gives it the next ones.
 */
export function buffer(
  shape: readonly number[],
  init: Initializer,
  dtype: "f32" | "f64" | "i32" | "i64" = "f32",
): Tensor {
  requireSpec("buffer", shape, dtype);
  requireInit("buffer", init);
  return leaf(record("buffer", [], { spec: { shape, dtype }, init }));
}

/** Numbers drawn anew for every run: uniform in [0, 1), or standard normal. In the cell of a scan, once for all of its steps. */
export function noise(distribution: "uniform" | "normal", shape: Shape, dtype: "f32" | "f64" = "f32"): Tensor {
  requireOneOf("noise", distribution, ["uniform", "normal"]);
  requireSpec("noise", shape, dtype);
  return leaf(record("noise", [], { spec: { shape, dtype }, distribution }));
}

/** A constant of rank 0. */
export function scalar(value: number, dtype: DType = "f32"): Tensor {
  if (typeof value !== "number")
    throw new DTypeError(`scalar: expected a number, got ${shown(value)}; convert it first`);
  return leaf(record("constant", [], { spec: { shape: [], dtype }, data: hostArray([value], dtype) }));
}

/** A constant tensor with the shape of the nesting. */
export function tensor(values: Nested, dtype: DType = "f32"): Tensor {
  const { flat, shape } = flatten("tensor", values);
  return leaf(record("constant", [], { spec: { shape, dtype }, data: hostArray(flat, dtype) }));
}

/** `value` throughout. */
export const full = (shape: Shape, value: number, dtype: DType = "f32"): Tensor => scalar(value, dtype).expand(shape);
/** 0 throughout. */
export const zeros = (shape: Shape, dtype: DType = "f32"): Tensor => full(shape, 0, dtype);
/** 1 throughout. */
export const ones = (shape: Shape, dtype: DType = "f32"): Tensor => full(shape, 1, dtype);

/** 0, 1, ..., length - 1. */
export function arange(length: Dim, dtype: "i32" | "i64" = "i32"): Tensor {
  requireShape("arange", [length]);
  requireOneOf("arange", dtype, ["i32", "i64"]);
  return leaf(record("arange", [], { length, dtype }));
}

/** Tensors of equal shape side by side along a new axis. */
export function stack(tensors: readonly Tensor[], axis = 0): Tensor {
  const parts = requireList("stack", "tensors", tensors);
  for (const part of parts) requireTensor("stack", part);
  const [first, ...rest] = parts.map((part) => part.unsqueeze(axis));
  if (!first) throw new ShapeError("stack: expected at least one tensor, got none; pass a list that is not empty");
  return first.concat(rest, axis < 0 ? axis + first.rank : axis);
}

export const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;
