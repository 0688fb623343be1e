/** Softmax and layer normalisation, which the runtime has as single kernels. */
import { DTypeError, ShapeError } from "../../errors.ts";
import { countAlong, sumTo } from "../../tensor/compositions.ts";
import { formatShape, sameShape } from "../../tensor/dim.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { Spec } from "../node.ts";
import type { Gradient, Lowering, Op } from "../op.ts";

export interface Axis {
  readonly axis: number;
}

function floatRule(name: string, x: Spec | undefined): Spec {
  if (x?.dtype === "f32" || x?.dtype === "f64") return x;
  throw new DTypeError(`${name}: expected f32 or f64, got ${x?.dtype}; cast with .cast("f32")`);
}

function layerNormRule(inputs: readonly Spec[]): readonly Spec[] {
  const x = floatRule("layerNorm", inputs[0]);
  const width = x.shape.slice(-1);
  for (const part of inputs.slice(1))
    if (!sameShape(part.shape, width))
      throw new ShapeError(
        `layerNorm: expected weight and bias ${formatShape(width)} for input ${formatShape(x.shape)}, got ${formatShape(part.shape)}; give the layer the width of its input`,
      );
  const statistic: Spec = { shape: [...x.shape.slice(0, -1), 1], dtype: x.dtype };
  return [x, statistic, statistic];
}

/** With x̂ = (x - μ)·r and ĝ = g·w: dx = r·(ĝ - mean ĝ - x̂·mean(ĝ·x̂)), dw = Σ g·x̂, db = Σ g. */
const layerNormGrad: Gradient<{ epsilon: number }> = ({ grads, inputs: [x, weight, bias], outputs, needs }) => {
  const [g, ofMean, ofDeviation] = grads;
  const [, mean, deviation] = outputs;
  if (!x || !weight || !bias || !mean || !deviation) return [];
  const normal = x.sub(mean).mul(deviation);
  const dx = [g && ofNormal(g.mul(weight), normal, deviation), ofStatistics(x, normal, deviation, ofMean, ofDeviation)];
  return [
    dx.filter((part) => part !== undefined).reduce((a, b) => a.add(b), x.zerosLike()),
    needs(1) ? g && sumTo(g.mul(normal), weight.shape) : undefined,
    needs(2) ? g && sumTo(g, bias.shape) : undefined,
  ];
};

const ofNormal = (scaled: Tensor, normal: Tensor, deviation: Tensor): Tensor =>
  scaled
    .sub(scaled.mean(-1, true))
    .sub(normal.mul(scaled.mul(normal).mean(-1, true)))
    .mul(deviation);

/** μ and r = 1/√(σ² + ε) are read by derivatives alone: dx = (dμ - dr·r²·x̂)/n matters for second ones. */
function ofStatistics(
  x: Tensor,
  normal: Tensor,
  deviation: Tensor,
  dMean?: Tensor,
  dDeviation?: Tensor,
): Tensor | undefined {
  const slope = dDeviation?.mul(deviation).mul(deviation).mul(normal).neg();
  const sum = dMean && slope ? slope.add(dMean) : (slope ?? dMean?.expand(x.shape));
  return sum?.div(countAlong(x, [x.rank - 1]));
}

/** The runtime's kernel gives its statistics in f32 whatever x is, so f64 is spelled out. */
function layerNormOnnx(lower: Lowering<{ epsilon: number }>): readonly string[] {
  const { inputs, attrs, specs, emit, emitMany, constant, scalar } = lower;
  const [x = "", weight = "", bias = ""] = inputs;
  if (specs.inputs[0]?.shape.at(-1) === 0) return specs.outputs.map((spec) => lower.fill(Number.NaN, spec));
  if (specs.inputs[0]?.dtype !== "f64")
    return emitMany("LayerNormalization", inputs, { axis: -1, epsilon: { float: attrs.epsilon } }, 3);
  const mean = (name: string) =>
    emit("ReduceMean", [name, constant(BigInt64Array.of(-1n), "i64", [1])], { keepdims: 1 });
  const middle = mean(x);
  const centred = emit("Sub", [x, middle]);
  const variance = emit("Add", [mean(emit("Mul", [centred, centred])), scalar(attrs.epsilon, "f64")]);
  const deviation = emit("Reciprocal", [emit("Sqrt", [variance])]);
  return [emit("Add", [emit("Mul", [emit("Mul", [centred, deviation]), weight]), bias]), middle, deviation];
}

/** The engine's kernel for f64 takes sums below 1e-20, NaN among them, for 1e-20, so it is spelled out: x - max - log Σ exp(x - max). */
function logSoftmaxOnnx({ inputs, attrs, specs, emit, constant }: Lowering<Axis>): string[] {
  const [x = ""] = inputs;
  if (specs.inputs[0]?.dtype !== "f64") return [emit("LogSoftmax", inputs, { axis: attrs.axis })];
  const axes = constant(BigInt64Array.of(BigInt(attrs.axis)), "i64", [1]);
  const over = (kind: string, name: string) => emit(kind, [name, axes], { keepdims: 1 });
  const centred = emit("Sub", [x, over("ReduceMax", x)]);
  return [emit("Sub", [centred, emit("Log", [over("ReduceSum", emit("Exp", [centred]))])])];
}

export const normalizeOps = {
  /** y_i = exp x_i / Σ_j exp x_j along an axis. */
  softmax: {
    shape: ([x]) => [floatRule("softmax", x)],
    grad: ({ grads: [g], outputs: [y], attrs: { axis } }) => {
      if (!g || !y) return [];
      return [y.mul(g.sub(g.mul(y).sum(axis, true)))];
    },
    onnx: ({ inputs, attrs, emit }) => [emit("Softmax", inputs, { axis: attrs.axis })],
    lead: ([x], { axis }) => (x ? [x.softmax(axis + 1)] : []),
  } satisfies Op<Axis>,
  /** y_i = x_i - log Σ_j exp x_j along an axis. */
  logSoftmax: {
    shape: ([x]) => [floatRule("logSoftmax", x)],
    grad: ({ grads: [g], outputs: [y], attrs: { axis } }) => [g && y && g.sub(y.exp().mul(g.sum(axis, true)))],
    onnx: logSoftmaxOnnx,
    lead: ([x], { axis }) => (x ? [x.logSoftmax(axis + 1)] : []),
  } satisfies Op<Axis>,
  /** y = (x - μ)/√(σ² + ε)·w + b over the last axis; also gives μ and 1/√(σ² + ε). Ba et al. 2016, arXiv 1607.06450. */
  layerNorm: {
    shape: layerNormRule,
    grad: layerNormGrad,
    onnx: layerNormOnnx,
    lead: ([x, weight, bias], { epsilon }, { has }) =>
      x && weight && bias && !has[1] && !has[2] ? x.layerNorm(weight, bias, epsilon) : [],
  } satisfies Op<{ epsilon: number }>,
};
