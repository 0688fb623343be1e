/** Cases with PyTorch's numbers: `test/fixtures/ops.json`. */
import { type OpName, scan } from "../../src/graph/index.ts";
import { causalAttention, crossEntropy } from "../../src/nn/index.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import { record, type Tensor } from "../../src/tensor/index.ts";
import fixture from "../fixtures/ops.json" with { type: "json" };
import { host } from "../support/numbers.ts";
import type { Sample } from "./case.ts";
import { gru, lstm, rnn } from "./cells.ts";

interface Stored {
  readonly shape: number[];
  readonly dtype: "float64" | "int32" | "bool";
  readonly data: number[];
}

/** One line of the file. */
interface Line {
  readonly op: string;
  readonly inputs: readonly Stored[];
  readonly attrs: Attrs;
  readonly outputs: readonly Stored[];
  readonly gradOutputs: readonly (Stored | null)[];
  readonly gradInputs: readonly (Stored | null)[];
}

/** Everything that a line may set; each operation reads its own. */
interface Attrs {
  readonly axis: number;
  readonly axes: readonly number[];
  readonly keepDims: boolean;
  readonly correction: number;
  readonly alpha: number;
  readonly epsilon: number;
  readonly groups: number;
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly kernel: readonly number[];
  readonly countIncludePad: boolean;
  readonly k: number;
  readonly largest: boolean;
  readonly value: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly causal: boolean;
  readonly ignoreIndex?: number;
  readonly labelSmoothing?: number;
}

/** How an operation of the file is written here, and the row of the table that it is a case of. */
interface Spelling {
  readonly covers: OpName;
  readonly apply: (inputs: Args, attrs: Attrs) => readonly Tensor[];
}
/** As many tensors as the operation takes. */
type Args = [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];

const row = (covers: OpName, apply: (inputs: Args, attrs: Attrs) => Tensor | readonly Tensor[]): Spelling => ({
  covers,
  apply: (inputs, attrs) => [apply(inputs, attrs)].flat(),
});

const binary = (name: "add" | "sub" | "mul" | "div" | "pow" | "maximum") => row(name, ([a, b]) => a[name](b));
type Unary = "exp" | "sin" | "cos" | "tanh" | "sigmoid" | "erf" | "relu" | "softplus" | "log" | "sqrt";
const unary = (name: Unary) => row(name, ([x]) => x[name]());
const reduction = (name: "sum" | "mean" | "max" | "min") =>
  row(name, ([x], { axes, keepDims }) => x[name](axes, keepDims));

/** (x - μ)/√(σ² + ε) over `axes`, times weight plus bias, which are shaped to meet x. */
function normalized(
  x: Tensor,
  axes: number | readonly number[],
  epsilon: number,
  [weight, bias]: readonly [Tensor, Tensor],
): Tensor {
  const centred = x.sub(x.mean(axes, true));
  return centred.mul(x.variance(axes, true).add(epsilon).rsqrt()).mul(weight).add(bias);
}

/** A vector [C] as [C, 1, ...], to meet x [N, C, ..]. */
const perChannel = (vector: Tensor, x: Tensor): Tensor => vector.reshape([x.dim(1), ...x.shape.slice(2).map(() => 1)]);
const bias = (vector: Tensor, rank: number): Tensor =>
  vector.reshape([vector.dim(0), ...Array<number>(rank - 2).fill(1)]);

function groupNorm([x, weight, shift]: Args, { groups, epsilon }: Attrs): Tensor {
  const grouped = x.reshape([x.dim(0), groups, -1]);
  const one = [weight.like(1), weight.like(0)] as const;
  const flat = normalized(grouped, 2, epsilon, one).reshape(x.shape);
  return flat.mul(perChannel(weight, x)).add(perChannel(shift, x));
}

/** Mean of -log p over the targets that count, each spread by `labelSmoothing` over all classes. */
function crossEntropyWith([logits, targets]: Args, { ignoreIndex, labelSmoothing = 0 }: Attrs): Tensor {
  if (ignoreIndex === undefined && labelSmoothing === 0) return crossEntropy(logits, targets);
  const counts = targets.equal(ignoreIndex ?? -1).not();
  const logP = logits.logSoftmax();
  const picked = logP.takeAlong(counts.where(targets, 0).unsqueeze(1), 1).squeeze(1);
  const smooth = picked
    .mul(1 - labelSmoothing)
    .add(logP.mean(1).mul(labelSmoothing))
    .neg();
  return counts.where(smooth, 0).sum().div(counts.cast(logits.dtype).sum());
}

const attention = ([q, k, v]: Args, { causal }: Attrs): Tensor =>
  causal
    ? causalAttention(q, k, v)
    : q
        .mul(Number(q.dim(-1)) ** -0.5)
        .matmul(k, { transB: true })
        .softmax()
        .matmul(v);

const topK = ([x]: Args, { k, axis, largest }: Attrs): readonly Tensor[] => {
  if (largest) return x.topK(k, axis);
  const [values, places] = x.neg().topK(k, axis);
  return [values.neg(), places];
};

const averagePool = ([x]: Args, { kernel, stride, padding, countIncludePad }: Attrs): Tensor => {
  const pooled = x.averagePool({ kernel, stride, padding });
  return countIncludePad ? pooled : pooled.div(x.onesLike().averagePool({ kernel, stride, padding }));
};

const pads = (padding: readonly number[]): [number[], number[]] => {
  const pairs = padding as unknown as readonly (readonly [number, number])[];
  return [pairs.map(([before]) => before), pairs.map(([, after]) => after)];
};

const spellings: Readonly<Record<string, Spelling>> = {
  ...Object.fromEntries((["add", "sub", "mul", "div", "pow", "maximum"] as const).map((name) => [name, binary(name)])),
  ...Object.fromEntries(
    (["exp", "sin", "cos", "tanh", "sigmoid", "erf", "relu", "softplus", "log", "sqrt"] as const).map((name) => [
      name,
      unary(name),
    ]),
  ),
  ...Object.fromEntries((["sum", "mean", "max", "min"] as const).map((name) => [name, reduction(name)])),
  where: row("where", ([condition, a, b]) => condition.where(a, b)),
  gelu: row("gelu", ([x]) => x.gelu()),
  geluTanh: row("gelu", ([x]) => x.gelu("tanh")),
  silu: row("sigmoid", ([x]) => x.mul(x.sigmoid())),
  elu: row("where", ([x], { alpha }) => x.greater(0).where(x, x.minimum(0).exp().sub(1).mul(alpha))),
  matmul: row("matmul", ([a, b], { transposeA, transposeB }) =>
    a.matmul(b, { transA: transposeA, transB: transposeB }),
  ),
  softmax: row("softmax", ([x], { axis }) => x.softmax(axis)),
  logSoftmax: row("logSoftmax", ([x], { axis }) => x.logSoftmax(axis)),
  logSumExp: row("max", ([x], { axis, keepDims }) => x.logSumExp(axis, keepDims)),
  layerNorm: row("layerNorm", ([x, weight, shift], { epsilon }) => {
    if (weight.rank === 1) return x.layerNorm(weight, shift, epsilon)[0] ?? x;
    const flat = x.reshape([x.dim(0), -1]).layerNorm(weight.reshape([-1]), shift.reshape([-1]), epsilon)[0];
    return flat?.reshape(x.shape) ?? x;
  }),
  rmsNorm: row("mean", ([x, weight], { epsilon }) => x.mul(x.mul(x).mean(-1, true).add(epsilon).rsqrt()).mul(weight)),
  batchNorm: row("mean", ([x, weight, shift], { epsilon }) =>
    normalized(x, [0, ...x.shape.slice(2).map((_, i) => i + 2)], epsilon, [
      perChannel(weight, x),
      perChannel(shift, x),
    ]),
  ),
  groupNorm: row("mean", groupNorm),
  conv: row("conv", ([x, w, b], { stride, padding, dilation, groups }) =>
    x.conv(w, { stride, padding, dilation, groups }).add(bias(b, x.rank)),
  ),
  convTranspose: row("convTranspose", ([x, w, b], { stride, padding, dilation, groups }) =>
    x.convTranspose(w, { stride, padding, dilation, groups, outputPadding: stride.map(() => 0) }).add(bias(b, x.rank)),
  ),
  maxPool: row("maxPool", ([x], { kernel, stride, padding }) => x.maxPool({ kernel, stride, padding }).slice(0, 1)),
  averagePool: row("averagePool", averagePool),
  variance: row("mean", ([x], { axes, keepDims, correction }) => x.variance(axes, keepDims, correction)),
  prod: row("prod", ([x], { axes, keepDims }) => x.prod(axes[0] ?? 0, keepDims)),
  cumsum: row("cumsum", ([x], { axis }) => x.cumsum(axis)),
  gather: row("gather", ([x, indices], { axis }) => x.gather(indices, axis)),
  takeAlongAxis: row("takeAlong", ([x, indices], { axis }) => x.takeAlong(indices, axis)),
  scatterAdd: row("putAlong", ([x, indices, values], { axis }) =>
    record("putAlong", [indices, values], { axis, size: x.dim(axis) }).map((sums) => x.add(sums)),
  ),
  topk: row("topK", topK),
  pad: row("pad", ([x], { padding, value }) => x.pad(...pads(padding), value)),
  crossEntropy: row("logSoftmax", crossEntropyWith),
  attention: row("softmax", attention),
  rnnCell: row("tanh", ([x, h, ...w]) => rnn("tanh")(w, h, x).slice(0, 1)),
  rnnReluCell: row("relu", ([x, h, ...w]) => rnn("relu")(w, h, x).slice(0, 1)),
  gruCell: row("sigmoid", ([x, h, ...w]) => gru(w, h, x).slice(0, 1)),
  lstmCell: row("sigmoid", ([x, h, c, ...w]) => {
    const [next] = lstm(w, { h, c }, x);
    return [next.h, next.c];
  }),
  rnn: row("scan", ([xs, h, ...w]) => scan((state: Tensor, x: Tensor) => rnn("tanh")(w, state, x), h, xs).reverse()),
  gru: row("scan", ([xs, h, ...w]) => scan((state: Tensor, x: Tensor) => gru(w, state, x), h, xs).reverse()),
  lstm: row("scan", ([xs, h, c, ...w]) => {
    const [last, hs] = scan((state: { h: Tensor; c: Tensor }, x: Tensor) => lstm(w, state, x), { h, c }, xs);
    return [hs, last.h, last.c];
  }),
};

const dtypes = { float64: "f32", int32: "i32", bool: "bool" } as const;
const stored = ({ shape, dtype, data }: Stored): HostTensor => host(data.map(Number), shape, dtypes[dtype]);
const maybe = (value: Stored | null): HostTensor | undefined => (value ? stored(value) : undefined);

function sampleOf({ op, inputs, attrs, outputs, gradOutputs, gradInputs }: Line, index: number): Sample {
  const spelling = spellings[op];
  if (!spelling) throw new Error(`the fixture has an operation ${op} that is not spelled here`);
  return {
    name: `${op} ${inputs.map(({ shape }) => `[${shape}]`).join(" ")} ${JSON.stringify(attrs)} #${index}`,
    covers: spelling.covers,
    inputs: inputs.map(stored),
    apply: (tensors) => spelling.apply(tensors as unknown as Args, attrs),
    outputs: outputs.map(stored),
    seeds: gradOutputs.map(maybe),
    gradients: gradInputs.map(maybe),
  };
}

/** All lines of the file. */
export const fixtureSamples: readonly Sample[] = (fixture as unknown as readonly Line[]).map(sampleOf);
