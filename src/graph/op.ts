/** The form of a row in the table of operations: shape rule, gradient and ONNX lowering side by side. */

import type { Shape } from "../tensor/dim.ts";
import type { DType, HostArray } from "../tensor/dtype.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Body, Node, Spec } from "./node.ts";

/** All that is known of one operation. `A` are its attributes. */
export interface Op<A> {
  /** Specs of the outputs. Throws ShapeError or DTypeError on inputs that do not fit. */
  readonly shape: (inputs: readonly Spec[], attrs: A) => readonly Spec[];
  /** Gradients of the inputs, in their order; `"none"` where there is no derivative, `"stop"` where it is zero. */
  readonly grad: Gradient<A> | "none" | "stop";
  /** Emits ONNX nodes and returns the names of the outputs. */
  readonly onnx: (lower: Lowering<A>) => readonly string[];
  /**
   * Records the same operation on inputs that may have one more axis in front, each slice treated alike. `rank` is
   * that of the widest slice. Absent where an operation does not treat slices alike.
   */
  readonly lead?: (inputs: readonly Tensor[], attrs: A, lead: Lead) => readonly Tensor[];
  /**
   * Records the same operation on matrices with their axes exchanged, vectors as columns [N, 1] and numbers as they are,
   * giving the turned results. Absent where that has no use or does not exist.
   */
  readonly turn?: (inputs: readonly Tensor[], attrs: A, record: Recorder) => readonly Tensor[];
}

/** Records a row of the table, for rules that need one which is no method of `Tensor`. */
export type Recorder = (op: string, inputs: readonly Tensor[], attrs: unknown) => readonly Tensor[];

/** Which of the inputs have the additional axis in front, and its length. */
export interface Stacked {
  readonly has: readonly boolean[];
  readonly length: Shape[number];
}

export interface Lead extends Stacked {
  readonly record: Recorder;
}

export type Gradient<A> = (context: GradientContext<A>) => readonly (Tensor | undefined)[];

/** Asks and tools of a gradient rule. */
export interface GradientContext<A> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attrs: A;
  /** The gradient of the loss by each output, `undefined` where nothing depends on it. */
  readonly grads: readonly (Tensor | undefined)[];
  /** Whether a gradient by input `i` is asked for; computing others is wasted but harmless. */
  readonly needs: (i: number) => boolean;
  readonly tools: GradientTools;
}

/** Where differentiation ends: `skip` get no gradient, behind `stop` nothing is looked at. */
export interface Limits {
  readonly skip?: ReadonlySet<Tensor>;
  readonly stop?: ReadonlySet<Tensor>;
}

/** What rules for operations with a body need beyond methods of `Tensor`. */
export interface GradientTools {
  readonly placeholder: (spec: Spec) => Tensor;
  readonly zeros: (spec: Spec) => Tensor;
  /** The gradients of all tensors between `wrt` and `outputs`, given those of `outputs`. */
  readonly cotangents: (
    outputs: readonly Tensor[],
    seeds: readonly (Tensor | undefined)[],
    wrt: readonly Tensor[],
    limits?: Limits,
  ) => Map<Tensor, Tensor>;
  /** A scan of `body` over `sequences`; tensors in it that `rename` holds stand for others outside. */
  readonly scan: (
    states: readonly Tensor[],
    sequences: readonly Tensor[],
    body: Body,
    options: { reverse: boolean; rename: ReadonlyMap<Tensor, Tensor> },
  ) => readonly Tensor[];
  readonly record: Recorder;
  /** `outputs` with tensors replaced, and what depends on them recorded anew. */
  readonly substitute: (outputs: readonly Tensor[], replacements: ReadonlyMap<Tensor, Tensor>) => readonly Tensor[];
  /** `node`'s operation on inputs some of which are stacked; `undefined` where it cannot be. */
  readonly lead: (node: Node, inputs: readonly Tensor[], lead: Stacked) => readonly Tensor[] | undefined;
}

/** Numbers of the element types in onnx.proto's TensorProto.DataType. */
export const onnxType: Readonly<Record<DType, number>> = { f32: 1, i32: 6, i64: 7, bool: 9, f64: 11 };

/** What ONNX attributes may hold. Whole numbers become integers: give `{ float: 1 }` where ONNX wants a float. */
export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly body: OnnxBody };

/** A lowered body, opaque to the rows. */
export interface OnnxBody {
  readonly inputs: readonly { readonly name: string; readonly spec: Spec }[];
  readonly outputs: readonly { readonly name: string; readonly spec: Spec }[];
  readonly nodes: readonly OnnxNode[];
}

export interface OnnxNode {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs: Readonly<Record<string, OnnxAttribute>>;
}

/** One side of a branch. */
export type Branch<A> = (lower: Lowering<A>) => readonly string[];

/** What a row lowers its node with. Values are known by their names; an absent optional input is `""`. */
export interface Lowering<A> {
  readonly inputs: readonly string[];
  readonly attrs: A;
  readonly specs: { readonly inputs: readonly Spec[]; readonly outputs: readonly Spec[] };
  /** One node with one output. */
  emit(op: string, inputs: readonly string[], attrs?: Readonly<Record<string, OnnxAttribute>>): string;
  /** One node with `count` outputs. */
  emitMany(
    op: string,
    inputs: readonly string[],
    attrs: Readonly<Record<string, OnnxAttribute>>,
    count: number,
  ): readonly string[];
  /** A constant of the model. */
  constant(data: HostArray, dtype: DType, shape: readonly number[]): string;
  /** A scalar constant. */
  scalar(value: number, dtype: DType): string;
  /** A vector of i64, known now or computed from the sizes of the graph's inputs when it runs. */
  dims(shape: Shape): string;
  /** `value` throughout. */
  fill(value: number, spec: Spec): string;
  /** What `then` or `otherwise` gives, of which only the one that `condition` asks for is computed. */
  branch(condition: string, then: Branch<A>, otherwise: Branch<A>): readonly string[];
  /** Lowers a body. The last inputs are bound to values of the graph around it by name. */
  body(body: Body, captures: readonly string[]): OnnxBody;
}
