/** From a graph of tensors to an ONNX model: every node is lowered by its row, leaves become inputs. */

import { ConfigError, nearest, quoted, ShapeError } from "../errors.ts";
import {
  type Body,
  type Branch,
  type Lowering,
  type Node,
  type OnnxAttribute,
  type OnnxBody,
  type OnnxNode,
  onnxType,
  rowOf,
  type Spec,
  simplify,
  sortNodes,
} from "../graph/index.ts";
import { terms } from "../tensor/dim.ts";
import {
  type Dim,
  type DType,
  formatShape,
  type HostArray,
  holds,
  hostArray,
  isFloat,
  requireRecord,
  requireTensor,
  type Shape,
  type StorageType,
  sameShape,
  type Tensor,
} from "../tensor/index.ts";
import { type Constant, encodeModel, type Initializer, isExternal, type NamedSpec, OPSET } from "./encode.ts";
import { hostNodes } from "./host-nodes.ts";
import { lookUpApart } from "./look-up.ts";

/** Tensors by the names they are fed and fetched under. */
export type Named = Readonly<Record<string, Tensor>>;

/** An ONNX model and what it wants and gives. */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  readonly inputs: readonly NamedSpec[];
  readonly outputs: readonly NamedSpec[];
  readonly opset: number;
  /** Whether it computes in double precision, which the engine's fusions would round. */
  readonly double: boolean;
  /** Sizes with names that matrix products sum over. */
  readonly summed: readonly string[];
  /** Nodes that a graphics processor leaves to the host. */
  readonly onHost: readonly string[];
}

/** Whether it is known before anything runs that there is no element. */
const isEmpty = ({ shape }: Spec): boolean => shape.includes(0) && shape.every((dim) => typeof dim === "number");

/** The size that a matrix product sums over. */
function summedOf({ op, inputs: [a], attrs }: Node): Dim | undefined {
  if (op !== "matmul" && op !== "gemm") return undefined;
  return a?.shape.at((attrs as { transA: boolean }).transA ? -2 : -1);
}

/** Emits nodes into one list, and constants and sizes into the list of the outermost graph. */
class GraphBuilder {
  readonly nodes: OnnxNode[] = [];
  readonly #names = new Map<Tensor, string>();
  readonly #outermost: Outermost;
  constructor(outermost: Outermost) {
    this.#outermost = outermost;
  }

  bind(tensor: Tensor, name: string): void {
    this.#names.set(tensor, name);
  }
  name(tensor: Tensor): string {
    const name = this.#names.get(tensor);
    if (name === undefined) throw new Error(`internal: ${tensor} was not lowered before its use`);
    return name;
  }
  isLowered(tensor: Tensor): boolean {
    return this.#names.has(tensor);
  }

  /** A tensor known to have no element is not computed: the engine's kernels differ on what they do with nothing. */
  lower(node: Node): void {
    const { outputs } = node;
    if (outputs.some(({ dtype }) => dtype === "f64")) this.#outermost.double = true;
    const inner = summedOf(node);
    if (typeof inner === "string") this.#outermost.summed.add(inner);
    const names = outputs.every(isEmpty)
      ? outputs.map((spec) => this.#outermost.fill(0, spec, this))
      : rowOf(node.op).onnx(this.#lowering(node, this));
    for (const [i, output] of node.outputs.entries()) this.#names.set(output, names[i] ?? "");
  }

  emitMany(
    op: string,
    inputs: readonly string[],
    attrs: Readonly<Record<string, OnnxAttribute>>,
    count: number,
  ): string[] {
    const outputs = Array.from({ length: count }, () => this.#outermost.fresh());
    this.nodes.push({ op, domain: "", inputs, outputs, attrs });
    return outputs;
  }
  emit(op: string, inputs: readonly string[], attrs: Readonly<Record<string, OnnxAttribute>> = {}): string {
    return this.emitMany(op, inputs, attrs, 1)[0] ?? "";
  }

  /** Inputs are known here; what is emitted goes to `into`. */
  #lowering(node: Node, into: GraphBuilder): Lowering<unknown> {
    const outermost = this.#outermost;
    return {
      inputs: node.inputs.map((input) => this.name(input)),
      attrs: node.attrs,
      specs: { inputs: node.inputs, outputs: node.outputs },
      emit: (op, inputs, attrs) => into.emit(op, inputs, attrs),
      emitMany: (op, inputs, attrs, count) => into.emitMany(op, inputs, attrs, count),
      constant: (data, dtype, shape) => outermost.constant(data, dtype, shape),
      scalar: (value, dtype) => outermost.constant(hostArray([value], dtype), dtype, []),
      dims: (shape) => outermost.dims(shape),
      fill: (value, spec) => outermost.fill(value, spec, into),
      body: (body, captures) => this.#body(body, captures),
      branch: (condition, then, otherwise) => {
        const [then_branch, else_branch] = [this.#side(node, then), this.#side(node, otherwise)];
        return into.emitMany("If", [condition], { then_branch, else_branch }, node.outputs.length);
      },
    };
  }

  #side(node: Node, branch: Branch<unknown>): { body: OnnxBody } {
    const inner = new GraphBuilder(this.#outermost);
    const names = branch(this.#lowering(node, inner));
    const own = new Set(inner.nodes.flatMap(({ outputs }) => outputs));
    const outputs = node.outputs.map((spec, i) => {
      const name = names[i] ?? "";
      return { name: own.has(name) ? name : inner.emit("Identity", [name]), spec };
    });
    return { body: { inputs: [], outputs, nodes: inner.nodes } };
  }

  #body(body: Body, captures: readonly string[]): OnnxBody {
    const inner = new GraphBuilder(this.#outermost);
    const own = body.inputs.slice(0, body.inputs.length - captures.length);
    for (const [i, name] of captures.entries()) {
      const placeholder = body.inputs[own.length + i];
      if (placeholder) inner.bind(placeholder, name);
    }
    const inputs = own.map((spec) => ({ name: this.#outermost.fresh(), spec }));
    for (const [i, { name }] of inputs.entries()) if (own[i]) inner.bind(own[i], name);
    for (const node of sortNodes(body.outputs, (tensor) => inner.isLowered(tensor))) inner.lower(node);
    const taken = new Set([...captures, ...inputs.map(({ name }) => name)]);
    const outputs = body.outputs.map((spec) => ({ name: inner.output(spec, taken), spec }));
    return { inputs, outputs, nodes: inner.nodes };
  }

  /** A name that only this output has. */
  output(tensor: Tensor, taken: Set<string>): string {
    const name = this.name(tensor);
    const own = taken.has(name) || this.#outermost.isConstant(name) ? this.emit("Identity", [name]) : name;
    taken.add(own);
    return own;
  }
}

/** Names, constants, and sizes that are only known when the graph runs. */
class Outermost {
  readonly initializers = new Map<string, Initializer>();
  readonly prelude = new GraphBuilder(this);
  readonly #byValue = new Map<string, string>();
  readonly #sources: readonly NamedSpec[];
  readonly #reserved: ReadonlySet<string>;
  #count = 0;
  /** Whether anything is computed in double precision. */
  double = false;
  /** Sizes with names that matrix products sum over. */
  readonly summed = new Set<string>();
  /** `reserved` are the names of the model's inputs and outputs, which nothing else may have. */
  constructor(sources: readonly NamedSpec[], reserved: ReadonlySet<string>) {
    this.#sources = sources;
    this.#reserved = reserved;
  }

  fresh(letter = "v"): string {
    const name = `${letter}${this.#count++}`;
    return this.#reserved.has(name) ? this.fresh(letter) : name;
  }
  isConstant(name: string): boolean {
    return this.initializers.has(name);
  }

  /** The value called `name`, kept as `from`, as `to`. */
  cast(name: string, from: StorageType | undefined, to: DType): string {
    return from === undefined || from === to ? name : this.prelude.emit("Cast", [name], { to: onnxType[to] });
  }

  constant(data: HostArray, dtype: DType, shape: readonly number[]): string {
    const key =
      data.length <= 16
        ? `${dtype}[${shape}]${[...(data as Iterable<unknown>)].map((value) => (Object.is(value, -0) ? "-0" : value))}`
        : "";
    const known = this.#byValue.get(key);
    if (key && known) return known;
    const name = this.fresh("c");
    this.initializers.set(name, { name, data, dtype, shape });
    this.#byValue.set(key, name);
    return name;
  }

  dims(shape: Shape): string {
    if (shape.every((dim) => typeof dim === "number"))
      return this.constant(
        BigInt64Array.from(shape, (size) => BigInt(size)),
        "i64",
        [shape.length],
      );
    return this.prelude.emit(
      "Concat",
      shape.map((dim) => this.#size(dim)),
      { axis: 0 },
    );
  }

  /** `value` throughout, emitted by `into` where the size is only known when the graph runs. */
  fill(value: number, spec: Spec, into: GraphBuilder): string {
    const { shape, dtype } = spec;
    if (isEmpty(spec)) return this.constant(hostArray([], dtype), dtype, shape as readonly number[]);
    const one = this.constant(hostArray([value], dtype), dtype, []);
    return shape.length === 0 ? one : into.emit("Expand", [one, this.dims(shape)]);
  }

  /** A dimension as a vector of one: Σ coefficient · Π symbols. */
  #size(dim: Dim): string {
    const whole = (value: number) => this.constant(BigInt64Array.of(BigInt(value)), "i64", [1]);
    if (typeof dim === "number") return whole(dim);
    const products = [...terms(dim)].map(([product, coefficient]) =>
      product
        .split("*")
        .filter(Boolean)
        .map((symbol) => this.#symbol(symbol))
        .reduce(
          (a, b) => (a ? this.prelude.emit("Mul", [a, b]) : b),
          coefficient === 1 && product ? "" : whole(coefficient),
        ),
    );
    return products.reduce((a, b) => this.prelude.emit("Add", [a, b]));
  }

  /** The size that a symbol has in one of the inputs. */
  #symbol(symbol: string): string {
    for (const { name, spec } of this.#sources) {
      const axis = spec.shape.indexOf(symbol);
      if (axis >= 0) return this.prelude.emit("Shape", [name], { start: axis, end: axis + 1 });
    }
    throw new Error(`internal: no input has a size called ${symbol}`);
  }
}

/** Operations whose numbers come from outside the graph. */
const FREE: ReadonlySet<string> = new Set(["input", "parameter", "buffer", "noise"]);

/** The leaves that `outputs` need besides `inputs`, such as noise. */
export function freeLeaves(outputs: readonly Tensor[], inputs: readonly Tensor[]): Tensor[] {
  const bound = new Set(inputs);
  return sortNodes(outputs)
    .filter(({ op }) => FREE.has(op))
    .flatMap((node) => node.outputs)
    .filter((tensor) => !bound.has(tensor));
}

/** Throws ConfigError or DTypeError where `named` is no record of tensors. */
export function requireNamed(what: string, of: string, named: Named): void {
  for (const tensor of Object.values(requireRecord(what, of, named))) requireTensor(what, tensor);
}

/** Numbers that stand in the model itself, or beside it, by the names of the inputs whose place they take. */
export type Constants = Readonly<Record<string, Constant>>;

function requireBound(inputs: Named, outputs: Named): void {
  const [free] = freeLeaves(Object.values(outputs), Object.values(inputs));
  if (!free) return;
  const what = free.node.op === "input" ? `input "${(free.node.attrs as { name: string }).name}"` : `${free.node.op}`;
  throw new ShapeError(
    `compile: the graph reads ${what} ${free.dtype}${formatShape(free.shape)}, which is not among the inputs; add it to them`,
  );
}

/** The same outputs from fewer nodes, by name; `fused` as in `simplify`. */
export function simplifyNamed(outputs: Named, fused = true): Record<string, Tensor> {
  requireNamed("compile", "outputs by name", outputs);
  if (Object.keys(outputs).length === 0)
    throw new ConfigError("compile: expected at least one output, got none; name the tensors to compute");
  const simplified = simplify(Object.values(outputs), fused);
  return Object.fromEntries(Object.keys(outputs).map((name, i) => [name, simplified[i] as Tensor]));
}

/** Whether numbers kept as `type` can be cast to `dtype`: small types are floating point or whole, as they are used. */
const fits = ({ data, dtype }: Constant, spec: Spec): boolean =>
  isExternal(data) ? dtype === spec.dtype || isFloat(spec.dtype) : dtype === spec.dtype && holds(spec.dtype, data);

function requireConstants(inputs: Named, constants: Constants): void {
  for (const [name, value] of Object.entries(requireRecord("lower", "constants by name", constants))) {
    const spec = inputs[name];
    if (!spec)
      throw new ConfigError(
        `lower: ${quoted(name)} is no input${nearest(name, Object.keys(inputs))}; it cannot be a constant`,
      );
    if (!value?.data || !fits(value, spec) || !sameShape(value.shape, spec.shape))
      throw new ShapeError(
        `lower: the constant ${quoted(name)} is not ${spec.dtype}${formatShape(spec.shape)}; give it numbers of that shape`,
      );
  }
}

/**
 * Simplifies the graph between `inputs` and `outputs` and lowers it to an ONNX model. Inputs that nothing reads stay
 * inputs of the model; those whose values are given as `constants` become initializers of the same name instead.
 * `fused` as in `simplify`.
 */
export const lower = (inputs: Named, outputs: Named, constants: Constants = {}, fused = true): OnnxModel =>
  lowerSimplified(inputs, simplifyNamed(outputs, fused), constants);

/** Lowers a graph that `simplifyNamed` gave. */
export function lowerSimplified(inputs: Named, outputs: Named, constants: Constants = {}): OnnxModel {
  requireNamed("compile", "inputs by name", inputs);
  requireConstants(inputs, constants);
  const sources = Object.entries(inputs).map(([name, spec]) => ({ name, spec }));
  const outermost = new Outermost(sources, new Set([...Object.keys(inputs), ...Object.keys(outputs)]));
  const builder = new GraphBuilder(outermost);
  for (const { name, spec } of sources) builder.bind(spec, outermost.cast(name, constants[name]?.dtype, spec.dtype));
  requireBound(inputs, outputs);
  const results = Object.values(outputs);
  const names = Object.keys(outputs);
  const twice = names.find((name) => Object.hasOwn(inputs, name));
  if (twice) throw new ConfigError(`lower: "${twice}" names an input and an output; rename one of them`);
  for (const node of sortNodes(results, (tensor) => builder.isLowered(tensor))) builder.lower(node);

  const taken = new Set(Object.keys(inputs));
  const renamed = new Map(results.map((result, i) => [builder.output(result, taken), names[i] ?? ""]));
  const weights = Object.entries(constants).map(([name, value]) => ({ ...value, name }));
  const apart = lookUpApart([...outermost.prelude.nodes, ...builder.nodes], weights, () => outermost.fresh("c"));
  const graph = {
    inputs: sources.filter(({ name }) => !Object.hasOwn(constants, name)),
    outputs: results.map((spec, i) => ({ name: names[i] ?? "", spec })),
    nodes: apart.nodes,
    initializers: [...apart.initializers, ...outermost.initializers.values()],
  };
  const bytes = encodeModel(graph, (name) => renamed.get(name) ?? name);
  const { double, summed } = outermost;
  const onHost = hostNodes(graph.nodes).map((name) => renamed.get(name) ?? name);
  return { bytes, inputs: graph.inputs, outputs: graph.outputs, opset: OPSET, double, summed: [...summed], onHost };
}
