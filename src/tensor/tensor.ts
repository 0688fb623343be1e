/**
 * The symbolic tensor: what a model is written with. A method checks shapes and records a node; nothing is computed
 * until the graph is compiled and run.
 */
import { DTypeError, ShapeError, shown } from "../errors.ts";
import { makeNode, type Node, type Spec } from "../graph/node.ts";
import {
  type PoolOptions,
  poolOf,
  type TransposedWindow,
  transposedWindowOf,
  type Window,
  windowOf,
} from "../graph/ops/convolution.ts";
import { binaryOps, unaryOps } from "../graph/ops/elementwise.ts";
import { type Attrs, type OpName, rowOf } from "../graph/ops/index.ts";
import type { Transposed } from "../graph/ops/matmul.ts";
import { type Range, toEnd, toStart } from "../graph/ops/movement.ts";
import { optionsOf, requireKeep, requireList, requireOneOf, requireRecord, requireShape } from "./arguments.ts";
import { countAlong, flattenRows } from "./compositions.ts";
import {
  broadcastShapes,
  type Dim,
  divideDims,
  formatShape,
  normalizeAxis,
  type Shape,
  sameShape,
  sizeOf,
} from "./dim.ts";
import { type DType, hostArray, isFloat, requireDType } from "./dtype.ts";
import type { BinaryMethods, UnaryMethods } from "./methods.ts";
import { parseRearrange } from "./rearrange.ts";

/** A tensor or a number that takes the type of the tensor beside it. */
export type Operand = Tensor | number;

/** Records one operation and returns its outputs. */
export function record<K extends OpName>(op: K, inputs: readonly Tensor[], attrs: Attrs<K>): readonly Tensor[] {
  for (const input of inputs) requireTensor(op, input);
  const specs = rowOf(op).shape(inputs, attrs);
  return makeNode(op, inputs, attrs, specs, (node, spec) => new Tensor(node, spec)).outputs;
}

/** Throws DTypeError where `value` is no tensor. */
export function requireTensor(what: string, value: unknown): asserts value is Tensor {
  if (value instanceof Tensor) return;
  throw new DTypeError(`${what}: expected a tensor, got ${shown(value)}; make one with tensor(values)`);
}

function recordOne<K extends OpName>(op: K, inputs: readonly Tensor[], attrs: Attrs<K>): Tensor {
  const [output] = record(op, inputs, attrs);
  if (!output) throw new Error(`internal: ${op} has no output`);
  return output;
}

function plusBias(what: string, product: Tensor, bias: Tensor | undefined): Tensor {
  if (bias === undefined) return product;
  requireTensor(`${what}: bias`, bias);
  return product.add(bias);
}

const allAxes = (shape: Shape): number[] => shape.map((_, i) => i);
type Axes = number | readonly number[];

const keysOf = <K extends string>(table: Readonly<Record<K, unknown>>): K[] => Object.keys(table) as K[];

/** Elementwise methods come from the table of operations: see the foot of this file. */
export interface Tensor extends UnaryMethods, BinaryMethods {}

/** A symbolic tensor of known shape and element type. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: every method declared is defined from the row of its name
export class Tensor implements Spec {
  readonly node: Node;
  readonly shape: Shape;
  readonly dtype: DType;
  /** Use the functions of `tensor/create.ts`, or methods of other tensors. */
  constructor(node: Node, { shape, dtype }: Spec) {
    this.node = node;
    this.shape = shape;
    this.dtype = dtype;
  }

  toString(): string {
    return `Tensor(${this.dtype}${formatShape(this.shape)}, ${this.node.op})`;
  }
  /** What Node's console shows: not the graph behind the tensor. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
  get rank(): number {
    return this.shape.length;
  }
  /** The size of `axis`; negative counts from the back. */
  dim(axis: number): Dim {
    return this.shape[normalizeAxis(axis, this.rank, "dim")] ?? 0;
  }
  /** A constant of this tensor's type. */
  like(value: number, shape: Shape = []): Tensor {
    if (typeof value !== "number")
      throw new DTypeError(`like: expected a number, got ${shown(value)}; convert it first`);
    requireShape("like", shape);
    const data = hostArray([value], this.dtype);
    const scalar = recordOne("constant", [], { spec: { shape: [], dtype: this.dtype }, data });
    return shape.length === 0 ? scalar : scalar.expand(shape);
  }
  zerosLike(): Tensor {
    return this.like(0, this.shape);
  }
  onesLike(): Tensor {
    return this.like(1, this.shape);
  }

  // Elementwise. Sizes broadcast from the right.
  /** other - this. */
  rsub(other: number): Tensor {
    return recordOne("sub", [this.like(other), this], {});
  }
  /** Limits every element to [low, high]. */
  clamp(low: number, high: number): Tensor {
    return this.maximum(low).minimum(high);
  }
  /** 1/√x. */
  rsqrt(): Tensor {
    return this.like(1).div(this.sqrt());
  }
  /** log 1/(1 + e^-x), right where the sigmoid is too small to differ from 0. */
  logSigmoid(): Tensor {
    return this.neg().softplus().neg();
  }
  /** x·Φ(x), or its form with tanh. */
  gelu(approximate: "none" | "tanh" = "none"): Tensor {
    return recordOne("gelu", [this], { approximate: requireOneOf("gelu", approximate, ["none", "tanh"]) });
  }
  /** `a` where this is true, `b` elsewhere. */
  where(a: Operand, b: Operand): Tensor {
    const typed = a instanceof Tensor ? a : b instanceof Tensor ? b : undefined;
    if (!typed)
      throw new DTypeError(
        "where: expected at least one tensor to choose from, got two numbers; make one with scalar(value)",
      );
    const operand = (x: Operand) => operandOf("where", typed, x);
    return recordOne("where", [this, operand(a), operand(b)], {});
  }
  cast(to: DType): Tensor {
    requireDType("cast", to);
    return to === this.dtype ? this : recordOne("cast", [this], { to });
  }

  // Reductions, over all axes where none is named.
  sum(axes: Axes = allAxes(this.shape), keep = false): Tensor {
    return this.#reduce("sum", axes, keep);
  }
  mean(axes: Axes = allAxes(this.shape), keep = false): Tensor {
    return this.#reduce("mean", axes, keep);
  }
  max(axes: Axes = allAxes(this.shape), keep = false): Tensor {
    return this.#reduce("max", axes, keep);
  }
  min(axes: Axes = allAxes(this.shape), keep = false): Tensor {
    return this.#reduce("min", axes, keep);
  }
  /** Σ x² over all axes. */
  sumSquares(): Tensor {
    return this.#reduce("sumSquares", allAxes(this.shape), false);
  }
  prod(axis: number, keep = false): Tensor {
    return this.#reduce("prod", axis, keep);
  }
  /** Mean squared distance from the mean; `correction` 1 divides by n - 1. */
  variance(axes: Axes = allAxes(this.shape), keep = false, correction = 0): Tensor {
    const centred = this.sub(this.mean(axes, true));
    const count = countAlong(this, this.#axes(axes, "variance"));
    return centred.mul(centred).sum(axes, keep).div(count.sub(correction));
  }
  /** log Σ exp x, safe for large x. */
  logSumExp(axis: number, keep = false): Tensor {
    if (this.dim(axis) === 0) return this.sum(axis, keep).log();
    const most = this.max(axis, true);
    const top = most.abs().less(Number.POSITIVE_INFINITY).where(most, 0).stopGradient(); // ±∞ - ±∞ would be NaN
    const sum = this.sub(top).exp().sum(axis, true).log().add(top);
    return sum.#unlessKept("logSumExp", axis, keep);
  }
  argMax(axis: number, keep = false): Tensor {
    const result = recordOne("argMax", [this], { axis: normalizeAxis(axis, this.rank, "argMax") });
    return result.#unlessKept("argMax", axis, keep);
  }
  argMin(axis: number, keep = false): Tensor {
    const result = recordOne("argMin", [this], { axis: normalizeAxis(axis, this.rank, "argMin") });
    return result.#unlessKept("argMin", axis, keep);
  }
  cumsum(axis: number, options?: { exclusive?: boolean; reverse?: boolean }): Tensor {
    const how = optionsOf("cumsum", options, { exclusive: false, reverse: false });
    return recordOne("cumsum", [this], { axis: normalizeAxis(axis, this.rank, "cumsum"), ...how });
  }

  // Products.
  /** The matrix product over the last two axes; the others broadcast. */
  matmul(other: Tensor, options?: Partial<Transposed>): Tensor {
    return recordOne("matmul", [this, other], optionsOf("matmul", options, { transA: false, transB: false }));
  }
  /** x Wᵀ + b for x [.., I], weight [O, I], bias [O]. */
  linear(weight: Tensor, bias?: Tensor): Tensor {
    const product = flattenRows(this).matmul(weight, { transB: true });
    return plusBias("linear", product, bias).reshape([...this.shape.slice(0, -1), weight.shape[0] ?? 0]);
  }
  /** x W + b for x [.., I], weight [I, O], bias [O]. */
  affine(weight: Tensor, bias?: Tensor): Tensor {
    const product = flattenRows(this).matmul(weight);
    return plusBias("affine", product, bias).reshape([...this.shape.slice(0, -1), weight.shape[1] ?? 0]);
  }

  // Movement.
  /** The same elements in another shape; -1 stands for what is left over. */
  reshape(shape: Shape): Tensor {
    requireShape("reshape", shape, true);
    const known = sizeOf(shape.filter((dim) => dim !== -1));
    const rest = shape.includes(-1) ? divideDims(sizeOf(this.shape), known) : 1;
    if (rest === undefined)
      throw new ShapeError(
        `reshape: ${formatShape(this.shape)} does not divide into ${formatShape(shape)}; the counts must be equal`,
      );
    const full = shape.map((dim) => (dim === -1 ? rest : dim));
    return sameShape(full, this.shape) ? this : recordOne("reshape", [this], { shape: full });
  }
  /** Axes in the order `perm`. */
  transpose(perm: readonly number[]): Tensor {
    const axes = requireList("transpose", "axes", perm).map((axis) => normalizeAxis(axis, this.rank, "transpose"));
    if (axes.length !== this.rank || new Set(axes).size !== this.rank)
      throw new ShapeError(
        `transpose: expected each of ${this.rank} axes once, got [${perm.join(", ")}]; name them all`,
      );
    return axes.every((axis, i) => axis === i) ? this : recordOne("transpose", [this], { perm: axes });
  }
  /** The last two axes exchanged. */
  get mT(): Tensor {
    return this.transpose([...allAxes(this.shape).slice(0, -2), this.rank - 1, this.rank - 2]);
  }
  /** The `count` axes from `from` on, moved so that they start at `to`. */
  moveAxes(from: number, count: number, to: number): Tensor {
    if (count === 0) return this;
    const [first, place] = [from, to].map((axis) => normalizeAxis(axis, this.rank, "moveAxes")) as [number, number];
    if (!Number.isInteger(count) || count < 0 || first + count > this.rank || place + count > this.rank)
      throw new ShapeError(
        `moveAxes: ${shown(count)} axes from ${from} on do not fit at ${to} in ${formatShape(this.shape)}; move fewer`,
      );
    const axes = allAxes(this.shape);
    const moved = axes.splice(first, count);
    return this.transpose([...axes.slice(0, place), ...moved, ...axes.slice(place)]);
  }
  /** Axes by name, as in `"b t (h d) -> b h t d"`, with sizes of new names given. */
  rearrange(pattern: string, sizes: Readonly<Record<string, Dim>> = {}): Tensor {
    requireShape("rearrange", Object.values(requireRecord("rearrange", "sizes by name", sizes)));
    const { split, perm, merged } = parseRearrange(pattern, this.shape, sizes);
    return this.reshape(split).transpose(perm).reshape(merged);
  }
  unsqueeze(axis: number): Tensor {
    const at = normalizeAxis(axis, this.rank + 1, "unsqueeze");
    return this.reshape([...this.shape.slice(0, at), 1, ...this.shape.slice(at)]);
  }
  squeeze(axis: number): Tensor {
    const at = normalizeAxis(axis, this.rank, "squeeze");
    if (this.shape[at] !== 1)
      throw new ShapeError(
        `squeeze: axis ${axis} of ${formatShape(this.shape)} has size ${this.shape[at]}, not 1; reduce or slice it first`,
      );
    return this.reshape([...this.shape.slice(0, at), ...this.shape.slice(at + 1)]);
  }
  expand(shape: Shape): Tensor {
    requireShape("expand", shape);
    if (sameShape(shape, this.shape)) return this;
    if (!sameShape(broadcastShapes([this.shape, shape], "expand"), shape))
      throw new ShapeError(
        `expand: ${formatShape(this.shape)} does not stretch to ${formatShape(shape)}; only sizes of 1 do`,
      );
    return recordOne("expand", [this], { shape });
  }
  concat(others: readonly Tensor[], axis: number): Tensor {
    if (requireList("concat", "tensors", others).length === 0) return this;
    return recordOne("concat", [this, ...others], { axis: normalizeAxis(axis, this.rank, "concat") });
  }
  /** Parts of the given sizes along `axis`; sizes may have names. */
  split(sizes: Shape, axis = -1): readonly Tensor[] {
    requireShape("split", requireList("split", "sizes", sizes));
    return sizes.length === 1 && sizes[0] === this.dim(axis)
      ? [this]
      : record("split", [this], { axis: normalizeAxis(axis, this.rank, "split"), sizes });
  }
  /** `count` equal parts along `axis`. */
  chunk(count: 2, axis?: number): [Tensor, Tensor];
  chunk(count: 3, axis?: number): [Tensor, Tensor, Tensor];
  chunk(count: 4, axis?: number): [Tensor, Tensor, Tensor, Tensor];
  chunk(count: number, axis?: number): readonly Tensor[];
  chunk(count: number, axis = -1): readonly Tensor[] {
    const size = Number.isSafeInteger(count) && count > 0 ? divideDims(this.dim(axis), count) : undefined;
    if (typeof size !== "number" || size === 0)
      throw new ShapeError(
        `chunk: axis ${shown(axis)} of ${formatShape(this.shape)} does not divide into ${shown(count)}; choose a divisor of its size`,
      );
    return this.split(Array<number>(count).fill(size), axis);
  }
  /** The `count` slices of `axis`, which is dropped. */
  unstack(count: 2, axis?: number): [Tensor, Tensor];
  unstack(count: 3, axis?: number): [Tensor, Tensor, Tensor];
  unstack(count: 4, axis?: number): [Tensor, Tensor, Tensor, Tensor];
  unstack(count: number, axis?: number): readonly Tensor[];
  unstack(count: number, axis = 0): readonly Tensor[] {
    return this.chunk(count, axis).map((part) =>
      part.reshape(this.shape.filter((_, i) => i !== normalizeAxis(axis, this.rank, "unstack"))),
    );
  }
  /** Elements `start` up to before `end` along `axis`; negative numbers count from the end. */
  slice(axis: number, start: number, end: number = toEnd, step = 1): Tensor {
    return recordOne("slice", [this], {
      ranges: [{ axis: normalizeAxis(axis, this.rank, "slice"), start, end, step }],
    });
  }
  slices(ranges: readonly Range[]): Tensor {
    const counted = requireList("slices", "ranges", ranges).map((range) => ({
      ...requireRecord("slices", "axis, start, end and step", range),
      axis: normalizeAxis(range.axis, this.rank, "slices"),
    }));
    return recordOne("slice", [this], { ranges: counted });
  }
  flip(axis: number): Tensor {
    return this.slice(axis, toEnd, toStart, -1);
  }
  /** `value` before and after each axis. */
  pad(before: readonly number[], after: readonly number[], value = 0): Tensor {
    if (typeof value !== "number")
      throw new DTypeError(`pad: expected a number, got ${shown(value)}; convert it first`);
    requireList("pad", "numbers", before);
    requireList("pad", "numbers", after);
    const padded = recordOne("pad", [this], { before, after, value });
    return sameShape(padded.shape, this.shape) ? this : padded;
  }

  // Indexing.
  /** Slices of `axis` picked by whole numbers of any shape, which take the place of that axis. */
  gather(indices: Tensor, axis = 0): Tensor {
    return recordOne("gather", [this, indices], { axis: normalizeAxis(axis, this.rank, "gather") });
  }
  /** This tensor's whole numbers say where in zeros [size, ..] each row of `rows` is added; rows for places outside are dropped. */
  scatterAdd(rows: Tensor, size: Dim): Tensor {
    requireShape("scatterAdd", [size]);
    return recordOne("scatterAdd", [this, rows], { axis: 0, size });
  }
  /** One element per index along `axis`. */
  takeAlong(indices: Tensor, axis: number): Tensor {
    return recordOne("takeAlong", [this, indices], { axis: normalizeAxis(axis, this.rank, "takeAlong") });
  }
  oneHot(depth: number, dtype: "f32" | "f64" = "f32"): Tensor {
    requireShape("oneHot", [depth]);
    requireOneOf("oneHot", dtype, ["f32", "f64"]);
    return recordOne("oneHot", [this], { depth, dtype });
  }
  /** The k largest along `axis` in falling order, and their places. */
  topK(k: number, axis = -1): [values: Tensor, indices: Tensor] {
    const [values, indices] = record("topK", [this], { axis: normalizeAxis(axis, this.rank, "topK"), k });
    if (!values || !indices) throw new Error("internal: topK gives two outputs");
    return [values, indices];
  }
  /** Minus infinity where a key stands after its query: x [.., T, S], the last query beside the last key. */
  causal(): Tensor {
    const [T, S] = [this.dim(-2), this.dim(-1)];
    const row = recordOne("arange", [], { length: T, dtype: "i32" });
    const column = recordOne("arange", [], { length: S, dtype: "i32" });
    const known = typeof T === "number" && typeof S === "number";
    const past = T === S ? row : row.add(known ? S - T : column.max().sub(row.max()));
    const hidden = column.greater(past.unsqueeze(1));
    return this.add(hidden.where(this.like(Number.NEGATIVE_INFINITY), this.like(0)));
  }

  // Normalisation.
  softmax(axis = -1): Tensor {
    return recordOne("softmax", [this], { axis: normalizeAxis(axis, this.rank, "softmax") });
  }
  logSoftmax(axis = -1): Tensor {
    return recordOne("logSoftmax", [this], { axis: normalizeAxis(axis, this.rank, "logSoftmax") });
  }
  /** Layer normalisation over the last axis, the mean [.., 1] and the inverse deviation [.., 1]. */
  layerNorm(weight: Tensor, bias: Tensor, epsilon: number): readonly Tensor[] {
    if (typeof epsilon !== "number")
      throw new DTypeError(`layerNorm: expected epsilon as a number, got ${shown(epsilon)}; 1e-5 is common`);
    return record("layerNorm", [this, weight, bias], { epsilon });
  }

  // Convolution, x [N, C, L..].
  /** With kernels w [O, C/groups, K..]. Stride 1, no padding, dilation 1 and one group, where nothing else is said. */
  conv(w: Tensor, window: Partial<Window> = {}): Tensor {
    return recordOne("conv", [this, w], windowOf("conv", this.rank - 2, window));
  }
  /** The adjoint of `conv`: kernels w [C, O/groups, K..]. */
  convTranspose(w: Tensor, window: Partial<TransposedWindow> = {}): Tensor {
    return recordOne("convTranspose", [this, w], transposedWindowOf(this.rank - 2, window));
  }
  /** The largest value of each window, and its place in the flattened input. The stride is the kernel's, unless given. */
  maxPool(pool: PoolOptions): readonly Tensor[] {
    const window = poolOf("maxPool", this.rank - 2, pool);
    return [recordOne("maxPool", [this], window), recordOne("maxPlaces", [this], window)];
  }
  averagePool(pool: PoolOptions): Tensor {
    return recordOne("averagePool", [this], poolOf("averagePool", this.rank - 2, pool));
  }

  #axes(axes: Axes, operation: string): number[] {
    const list = typeof axes === "number" ? [axes] : requireList(operation, "axes", axes);
    return [...new Set(list.map((axis) => normalizeAxis(axis, this.rank, operation)))].sort((a, b) => a - b);
  }
  /** Without `axis`, unless it is to be kept. */
  #unlessKept(op: string, axis: number, keep: boolean): Tensor {
    requireKeep(op, keep);
    return keep ? this : this.squeeze(axis);
  }
  #reduce(op: "sum" | "mean" | "max" | "min" | "prod" | "sumSquares", axes: Axes, keep: boolean): Tensor {
    requireKeep(op, keep);
    const list = this.#axes(axes, op);
    if (list.length === 0) return op === "sumSquares" ? this.mul(this) : this;
    const result = recordOne(op, [this], { axes: list });
    return keep ? result : result.reshape(this.shape.filter((_, i) => !list.includes(i)));
  }
}

/** A number beside a tensor becomes a constant of its type. Throws DTypeError where the type cannot hold it. */
function operandOf(op: string, x: Tensor, other: Operand): Tensor {
  if (other instanceof Tensor) return other;
  if (typeof other !== "number")
    throw new DTypeError(`${op}: expected a tensor or a number, got ${shown(other)}; make one with tensor(values)`);
  if (!isFloat(x.dtype) && !Number.isInteger(other))
    throw new DTypeError(`${op}: ${other} is not a whole number and the tensor is ${x.dtype}; cast the tensor to f32`);
  return x.like(other);
}

const define = (name: string, method: (this: Tensor, other: Operand) => Tensor): unknown =>
  Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true });

for (const name of keysOf(unaryOps))
  define(name, function () {
    return recordOne(name, [this], {});
  });
for (const name of keysOf(binaryOps))
  define(name, function (other) {
    return recordOne(name, [this, operandOf(name, this, other)], {});
  });
