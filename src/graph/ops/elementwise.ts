/** Elementwise operations: y_i = f(a_i, b_i, ...), sizes broadcast from the right. */
import { DTypeError } from "../../errors.ts";
import { sumTo } from "../../tensor/compositions.ts";
import { broadcastShapes } from "../../tensor/dim.ts";
import type { DType } from "../../tensor/dtype.ts";
import type { BinaryMethods, UnaryMethods } from "../../tensor/methods.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Spec } from "../node.ts";
import { type Gradient, type Lead, type Lowering, type Op, onnxType } from "../op.ts";

type None = Record<never, never>;
type Unary = Op<None>;

const numeric: readonly DType[] = ["f32", "f64", "i32", "i64"];
const floats: readonly DType[] = ["f32", "f64"];
const bools: readonly DType[] = ["bool"];
const any: readonly DType[] = [...numeric, "bool"];

function requireTypes(name: string, inputs: readonly Spec[], allowed: readonly DType[]): void {
  const types = inputs.map((input) => input.dtype);
  if (types.every((type) => type === types[0] && allowed.includes(type))) return;
  throw new DTypeError(
    `${name}: expected ${types.length > 1 ? "equal types out of" : "one of"} ${allowed.join(", ")}, got ${types.join(" and ")}; cast with .cast(dtype)`,
  );
}

/** Shape rule of all rows here; `result` fixes the type of the output, which else is that of the inputs. */
const rule =
  (name: string, allowed: readonly DType[], result?: DType) =>
  (inputs: readonly Spec[]): readonly Spec[] => {
    requireTypes(name, inputs, allowed);
    const shape = broadcastShapes(
      inputs.map((input) => input.shape),
      name,
    );
    return [{ shape, dtype: result ?? inputs[0]?.dtype ?? "f32" }];
  };

/** Puts axes of size 1 behind the stacked one, so that slices of less than the full rank still meet from the right. */
export function alignLead(inputs: readonly Tensor[], lead: Lead): Tensor[] {
  const rank = Math.max(...inputs.map((input, i) => input.shape.length - Number(lead.has[i])));
  return inputs.map((input, i) => {
    const missing = rank + 1 - input.shape.length;
    if (!lead.has[i] || missing === 0) return input;
    return input.reshape([lead.length, ...Array<number>(missing).fill(1), ...input.shape.slice(1)]);
  });
}

/** A row whose lowering is one ONNX node. */
function elementwise(
  name: string,
  onnx: string,
  allowed: readonly DType[],
  grad: Op<None>["grad"],
  result?: DType,
): Op<None> {
  return {
    shape: rule(name, allowed, result),
    grad,
    onnx: ({ inputs, emit }) => [emit(onnx, inputs)],
    lead: (inputs, attrs, lead) => lead.record(name, alignLead(inputs, lead), attrs),
    turn: (inputs, attrs, record) => record(name, inputs, attrs),
  };
}

type Rule = (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly Tensor[];

/** A gradient rule in mathematics: from g = ∂L/∂y, the inputs a, b and the result y. */
const from =
  (formula: Rule): Gradient<None> =>
  ({ grads, inputs, outputs, needs }) => {
    const [g, a, y] = [grads[0], inputs[0], outputs[0]];
    if (!g || !a || !y) return [];
    return formula(g, a, inputs[1] ?? a, y).map((d, i) => (needs(i) ? sumTo(d, inputs[i]?.shape ?? []) : undefined));
  };

const unary = (name: string, onnx: string, formula: Rule): Unary => elementwise(name, onnx, floats, from(formula));
const compare = (name: string, onnx: string): Op<None> => elementwise(name, onnx, numeric, "none", "bool");

const selectRule = (inputs: readonly Spec[]): readonly Spec[] => {
  const [condition, a, b] = inputs;
  if (condition?.dtype !== "bool")
    throw new DTypeError(
      `where: expected a bool condition, got ${condition?.dtype}; compare first, as in x.greater(0)`,
    );
  requireTypes(
    "where",
    [a, b].filter((x) => x !== undefined),
    any,
  );
  return [
    {
      shape: broadcastShapes(
        inputs.map((input) => input.shape),
        "where",
      ),
      dtype: a?.dtype ?? "f32",
    },
  ];
};

/** For truth values, which the engine has no kernel for: (c and a) or (not c and b). */
function whereOnnx({ inputs, specs, emit }: Lowering<None>): string[] {
  const [condition = "", a = "", b = ""] = inputs;
  if (specs.inputs[1]?.dtype !== "bool") return [emit("Where", inputs)];
  return [emit("Or", [emit("And", [condition, a]), emit("And", [emit("Not", [condition]), b])])];
}

/** √(2/π), of GELU's tanh form. */
const root = Math.sqrt(2 / Math.PI);

/** ½x(1 + tanh u) with u = √(2/π)(x + 0.044715x³), or x·Φ(x). Hendrycks & Gimpel 2016, arXiv 1606.08415. */
function geluOnnx({ inputs, attrs, specs, emit, scalar }: Lowering<{ approximate: "tanh" | "none" }>): string[] {
  const dtype = specs.inputs[0]?.dtype ?? "f32";
  const [x = ""] = inputs;
  if (dtype === "f32") return [emit("Gelu", [x], { approximate: attrs.approximate })];
  const times = (a: string, c: number) => emit("Mul", [a, scalar(c, dtype)]);
  const cube = emit("Mul", [emit("Mul", [x, x]), x]);
  if (attrs.approximate === "none") return erfOnnx({ inputs, specs, emit });
  const inner = emit("Tanh", [times(emit("Add", [x, times(cube, 0.044715)]), root)]);
  return [times(emit("Mul", [x, emit("Add", [inner, scalar(1, dtype)])]), 0.5)];
}

/** Throws DTypeError in double precision, for which no device has a kernel. */
function erfOnnx({ inputs, specs, emit }: Pick<Lowering<None>, "inputs" | "specs" | "emit">): string[] {
  if (specs.inputs[0]?.dtype !== "f64") return [emit("Erf", inputs)];
  throw new DTypeError('erf: expected f32, got f64, which ONNX Runtime has no kernel for; cast with .cast("f32")');
}

/**
 * In double precision, which the kernel lacks: max(x, 0) + log(1 + z) with z = e^-|x|. Where u = 1 + z was rounded,
 * log(1 + z) is log(u)·z/(u - 1), and z where u is 1 (Goldberg 1991, theorem 4).
 */
function softplusOnnx({ inputs, specs, emit, scalar }: Lowering<None>): string[] {
  const [x = ""] = inputs;
  if (specs.inputs[0]?.dtype !== "f64") return [emit("Softplus", [x])];
  const one = scalar(1, "f64");
  const z = emit("Exp", [emit("Neg", [emit("Abs", [x])])]);
  const u = emit("Add", [z, one]);
  const corrected = emit("Mul", [emit("Log", [u]), emit("Div", [z, emit("Sub", [u, one])])]);
  return [emit("Add", [emit("Relu", [x]), emit("Where", [emit("Equal", [u, one]), z, corrected])])];
}

/**
 * The kernel is a rational function within 1e-7 of 1/(1 + e^-x): below -17 nothing of the value is left, so logarithms
 * take logSigmoid. In double precision the formula itself.
 */
function sigmoidOnnx({ inputs, specs, emit, scalar }: Lowering<None>): string[] {
  if (specs.inputs[0]?.dtype !== "f64") return [emit("Sigmoid", inputs)];
  return [emit("Reciprocal", [emit("Add", [emit("Exp", [emit("Neg", inputs)]), scalar(1, "f64")])])];
}

const geluGrad: Gradient<{ approximate: "tanh" | "none" }> = ({ grads: [g], inputs: [x], attrs }) => {
  if (!g || !x) return [];
  if (attrs.approximate === "none") {
    const density = x
      .mul(x)
      .mul(-0.5)
      .exp()
      .mul(1 / Math.sqrt(2 * Math.PI));
    return [g.mul(x.mul(Math.SQRT1_2).erf().add(1).mul(0.5).add(x.mul(density)))];
  }
  // With w = 2u: ½(1 + tanh u) = σ(w) = h, and dy/dx = h + h(1 - h)·x·w'(x), where w' = 3w/x - 4√(2/π).
  const slope = x
    .mul(x)
    .mul(2 * 0.044715 * root)
    .add(2 * root); // w / x
  const h = x.mul(slope).sigmoid();
  return [g.mul(h.add(h.mul(h.rsub(1)).mul(x.mul(slope.mul(3).sub(4 * root)))))];
};

/** Rows of one input; `Tensor` has a method for each. */
export const unaryOps: Readonly<Record<keyof UnaryMethods, Op<None>>> = {
  neg: elementwise(
    "neg",
    "Neg",
    numeric,
    from((g) => [g.neg()]),
  ),
  exp: unary("exp", "Exp", (g, _a, _b, y) => [g.mul(y)]),
  log: unary("log", "Log", (g, a) => [g.div(a)]),
  sqrt: unary("sqrt", "Sqrt", (g, _a, _b, y) => [g.div(y.mul(2))]),
  abs: elementwise(
    "abs",
    "Abs",
    numeric,
    from((g, a) => [g.mul(a.sign())]),
  ),
  sin: unary("sin", "Sin", (g, a) => [g.mul(a.cos())]),
  cos: unary("cos", "Cos", (g, a) => [g.mul(a.sin()).neg()]),
  tanh: unary("tanh", "Tanh", (g, _a, _b, y) => [g.mul(y.mul(y).rsub(1))]),
  sigmoid: {
    ...unary("sigmoid", "Sigmoid", (g, _a, _b, y) => [g.mul(y.mul(y.rsub(1)))]),
    onnx: sigmoidOnnx,
  },
  relu: unary("relu", "Relu", (g, _a, _b, y) => [g.mul(y.greater(0).stopGradient().cast(y.dtype))]),
  erf: {
    ...unary("erf", "Erf", (g, a) => [
      g.mul(
        a
          .mul(a)
          .neg()
          .exp()
          .mul(2 / Math.sqrt(Math.PI)),
      ),
    ]),
    onnx: erfOnnx,
  },
  softplus: {
    ...unary("softplus", "Softplus", (g, a) => [g.mul(a.sigmoid())]),
    onnx: softplusOnnx,
  },
  sign: elementwise("sign", "Sign", numeric, "stop"),
  floor: elementwise("floor", "Floor", floats, "stop"),
  ceil: elementwise("ceil", "Ceil", floats, "stop"),
  round: elementwise("round", "Round", floats, "stop"),
  isNaN: elementwise("isNaN", "IsNaN", floats, "none", "bool"),
  not: elementwise("not", "Not", bools, "none"),
  /** Identity forward, no gradient backward. */
  stopGradient: {
    shape: ([x]) => (x ? [x] : []),
    grad: "stop",
    onnx: ({ inputs }) => inputs,
    lead: ([x]) => (x ? [x.stopGradient()] : []),
    turn: (inputs, attrs, record) => record("stopGradient", inputs, attrs),
  },
};

/** Rows of two inputs; `Tensor` has a method for each. */
export const binaryOps: Readonly<Record<keyof BinaryMethods, Op<None>>> = {
  add: elementwise(
    "add",
    "Add",
    numeric,
    from((g) => [g, g]),
  ),
  sub: elementwise(
    "sub",
    "Sub",
    numeric,
    from((g) => [g, g.neg()]),
  ),
  mul: elementwise(
    "mul",
    "Mul",
    numeric,
    from((g, a, b) => [g.mul(b), g.mul(a)]),
  ),
  div: elementwise(
    "div",
    "Div",
    numeric,
    from((g, _, b, y) => [g.div(b), g.mul(y).div(b).neg()]),
  ),
  pow: elementwise(
    "pow",
    "Pow",
    floats,
    from((g, a, b, y) => {
      // At a = 0, log a is -Inf but the derivative by the exponent is 0 (for b > 0). Below 0 there is none: NaN.
      const log = a.equal(0).where(a.onesLike(), a).log();
      const less = a.equal(0).and(b.equal(0)).where(0, b.sub(1)); // 0 · 0⁻¹ would be NaN where 0⁰ has the derivative 0
      const constant = a.lessEqual(0).and(b.equal(0)); // 1, whatever a is: what comes from above may be NaN
      return [constant.where(0, g.mul(b.mul(a.pow(less)))), g.mul(y.mul(log))];
    }),
  ),
  /** At a tie each input takes half. */
  maximum: elementwise(
    "maximum",
    "Max",
    numeric,
    from((g, a, b) => [g.mul(share(a, b)), g.mul(share(b, a))]),
  ),
  minimum: elementwise(
    "minimum",
    "Min",
    numeric,
    from((g, a, b) => [g.mul(share(b, a)), g.mul(share(a, b))]),
  ),
  equal: elementwise("equal", "Equal", any, "none", "bool"),
  less: compare("less", "Less"),
  greater: compare("greater", "Greater"),
  lessEqual: compare("lessEqual", "LessOrEqual"),
  greaterEqual: compare("greaterEqual", "GreaterOrEqual"),
  and: elementwise("and", "And", bools, "none"),
  or: elementwise("or", "Or", bools, "none"),
};

export const elementwiseOps = {
  ...unaryOps,
  ...binaryOps,
  where: {
    shape: selectRule,
    grad: ({ grads: [g], inputs: [condition, a, b] }) => {
      if (!g || !condition) return [];
      const [zero, fixed] = [g.zerosLike(), condition.stopGradient()];
      return [undefined, sumTo(fixed.where(g, zero), a?.shape ?? []), sumTo(fixed.where(zero, g), b?.shape ?? [])];
    },
    onnx: whereOnnx,
    lead: (inputs, attrs, lead) => lead.record("where", alignLead(inputs, lead), attrs),
    turn: (inputs, attrs, record) => record("where", inputs, attrs),
  } satisfies Op<None>,
  gelu: {
    shape: rule("gelu", floats),
    grad: geluGrad,
    onnx: geluOnnx,
    lead: ([x], { approximate }) => (x ? [x.gelu(approximate)] : []),
    turn: (inputs, attrs, record) => record("gelu", inputs, attrs),
  } satisfies Op<{ approximate: "tanh" | "none" }>,
  cast: {
    shape: ([x], { to }) => [{ shape: x?.shape ?? [], dtype: to }],
    grad: ({ grads: [g], inputs: [x] }) => [g && x && floats.includes(x.dtype) ? g.cast(x.dtype) : undefined],
    onnx: ({ inputs, attrs, emit }) => [emit("Cast", inputs, { to: onnxType[attrs.to] })],
    lead: ([x], { to }) => (x ? [x.cast(to)] : []),
    turn: (inputs, attrs, record) => record("cast", inputs, attrs),
  } satisfies Op<{ to: DType }>,
};

/** 1 where a > b, ½ where they are equal, 0 elsewhere. */
const share = (a: Tensor, b: Tensor): Tensor =>
  a.greater(b).cast(a.dtype).add(a.equal(b).cast(a.dtype).mul(0.5)).stopGradient();
