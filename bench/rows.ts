/**
 * The rows of the bench in Descent: the same models, numbers and optimizers as the peers have (peers/README.md).
 *
 * Floating-point operations of a step are those of matrix products and convolutions that the mathematics asks for, a
 * multiplication and an addition each. Backward costs two products for each of forward's, one for either operand,
 * but where the operand is an input that needs no gradient.
 *
 * B batch · T steps · I input width · H hidden width · C width · V vocabulary
 */
import { type Spec, scan } from "../src/graph/index.ts";
import { gpt as gptArchitecture } from "../src/models/gpt.ts";
import { build } from "../src/models/index.ts";
import { vae as vaeArchitecture } from "../src/models/vae.ts";
import {
  crossEntropy,
  ctcLoss,
  GRUCell,
  Linear,
  LSTM,
  LSTMCell,
  MinGRU,
  MinLSTM,
  module,
  namedParameters,
  normalKL,
  RNNCell,
  reparameterise,
  uniformInit,
} from "../src/nn/index.ts";
import { adam, adamW, type Optimizer, sgd } from "../src/optim/index.ts";
import type { Feeds, HostTensor } from "../src/runtime/index.ts";
import { parameter, type Tensor, zeros } from "../src/tensor/index.ts";
import type { StepOptions } from "../src/train/index.ts";
import * as shared from "./peers/rows.js";

/** What is done in a row's step: training, or computing `loss` from `feeds` with weights that never change. */
type Work =
  | { readonly options: StepOptions; readonly lr: number }
  | { readonly parameters: Readonly<Record<string, Tensor>>; readonly loss: (fed: Fed) => Tensor };
type Fed = Readonly<Record<string, Tensor>>;

/** One row: what its step is made of, and what the mathematics says of it. */
export type Row = Figures & Work;

interface Figures {
  readonly values: Feeds;
  readonly feeds: Feeds;
  /** Floating-point operations of one step. */
  readonly flops: number;
  /** Numbers that a step cannot do without: state before and after, gradients, and what backward needs of forward. */
  readonly numbers: number;
  /** Tokens of one step; undefined where there are none. */
  readonly tokens?: number;
}

/** Sizes other than the row's own, for measuring how cost grows. */
export type Sizes = Partial<shared.RecurrentSizes & shared.GPTSizes>;

const { X, Y } = shared;
const host = (data: Float32Array | Int32Array, shape: readonly number[]): HostTensor => ({
  data,
  shape,
  dtype: data instanceof Float32Array ? "f32" : "i32",
});
const uniform = (shape: readonly number[], seed: number) => host(shared.uniform(shape, seed), shape);
const integers = (shape: readonly number[], seed: number, limit: number) =>
  host(shared.integers(shape, seed, limit), shape);
const specs = (feeds: Feeds): Record<string, Spec> =>
  Object.fromEntries(Object.entries(feeds).map(([name, { shape, dtype }]) => [name, { shape, dtype }]));
const values = (filled: Readonly<Record<string, shared.Filled>>): Record<string, HostTensor> =>
  Object.fromEntries(Object.entries(filled).map(([name, { data, shape }]) => [name, host(data, shape)]));
const count = (shapes: readonly (readonly number[])[]) =>
  shapes.reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
const countOf = (feeds: Feeds) => count(Object.values(feeds).map(({ shape }) => shape));

const get = (tensors: Readonly<Record<string, Tensor>>, name: string): Tensor => {
  const tensor = tensors[name];
  if (!tensor) throw new Error(`internal: the row has no ${name}`);
  return tensor;
};

/** 784-512-512-10. Products of layer 1 twice, of the others three times: x needs no gradient. */
function mlp(): Row {
  const { B, widths } = shared.MLP;
  const [a, b, c] = [Linear(784, 512), Linear(512, 512), Linear(512, 10)];
  const feeds = { x: uniform([B, 784], X), y: integers([B], Y, 10) };
  const products = [1, 2, 3].map((i) => 2 * B * (widths[i - 1] ?? 0) * (widths[i] ?? 0));
  return classifier({
    parts: { 0: a, 2: b, 4: c },
    forward: (x) => c(b(a(x).relu()).relu()),
    values: values(shared.fill(shared.mlpShapes())),
    feeds,
    products,
    kept: B * widths.reduce((x, y) => x + y, 0),
  });
}

interface Classifier {
  readonly parts: object;
  readonly forward: (x: Tensor) => Tensor;
  readonly values: Feeds;
  readonly feeds: { readonly x: HostTensor; readonly y: HostTensor };
  /** Operations of the products of forward, layer by layer. */
  readonly products: readonly number[];
  /** Numbers that backward needs of forward. */
  readonly kept: number;
}

function classifier({ parts, forward, values, feeds, products, kept }: Classifier): Row {
  const loss: StepOptions["loss"] = (fed) => crossEntropy(forward(get(fed, "x")), get(fed, "y"));
  return {
    options: { parameters: namedParameters(parts), batch: specs(feeds), loss, optimizer: sgd() },
    values,
    feeds,
    lr: 0.01,
    flops: products.reduce((sum, product, i) => sum + product * (i === 0 ? 2 : 3), 0),
    numbers: 3 * countOf(values) + kept,
  };
}

/** x [N, C, H, W] -> [N, O, H, W], 3×3, then ReLU. */
const Conv = (C: number, O: number) => {
  const init = uniformInit(1 / Math.sqrt(9 * C));
  const parts = { weight: parameter([O, C, 3, 3], init), bias: parameter([O], init) };
  const window = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
  return module("Conv", parts, ({ weight, bias }, x: Tensor) =>
    x
      .conv(weight, window)
      .add(bias.reshape([O, 1, 1]))
      .relu(),
  );
};

/** Two convolutions, max-pool, linear. A convolution takes 2·9·C·O operations for each place. */
function conv(): Row {
  const { B } = shared.CONV;
  const [first, second, head] = [Conv(1, 32), Conv(32, 64), Linear(64 * 14 * 14, 10)];
  const pool = { kernel: [2, 2], stride: [2, 2], padding: [0, 0] };
  const places = B * 28 * 28;
  return classifier({
    parts: { 0: first, 2: second, 6: head },
    forward(x) {
      const [pooled = x] = second(first(x)).maxPool(pool);
      return head(pooled.reshape([pooled.dim(0), 64 * 14 * 14]));
    },
    values: values(shared.fill(shared.convShapes())),
    feeds: { x: uniform([B, 1, 28, 28], X), y: integers([B], Y, 10) },
    products: [places * 18 * 32, places * 18 * 32 * 64, 2 * B * 64 * 14 * 14 * 10],
    kept: places * (1 + 32 + 64 + 16),
  });
}

/** The negative ELBO of a VAE of convolutions, with noise that is given, and Adam. */
function vaeConv(): Row {
  const { B, hidden, latent, channels } = shared.VAE;
  const [C, D] = channels;
  const size = { num_channels: 1, image_height: 28, image_width: 28 };
  const config = { ...size, encoder: "conv", hidden_size: hidden, latent, conv_channels: C };
  const model = build(vaeArchitecture, "latent", vaeArchitecture.configure(config));
  const x = Float32Array.from(shared.integers([B, 1, 28, 28], X, 2));
  const feeds = { x: host(x, [B, 1, 28, 28]), epsilon: uniform([B, latent], Y) };
  const loss: StepOptions["loss"] = (fed) => {
    const { mean, logVariance = mean } = model.encode(get(fed, "x"));
    const given = model.decode(reparameterise(mean, logVariance, get(fed, "epsilon")));
    const reconstruction = model.likelihood.logProbability(given, get(fed, "x")).mean();
    return normalKL(mean, logVariance).sum(1).mean().sub(reconstruction);
  };
  const encoder = [196 * 9 * C, 49 * 9 * C * D, 49 * D * hidden, 2 * hidden * latent];
  const decoder = [latent * 49 * D, 49 * 9 * D * D, 196 * 9 * D * C, 784 * 9 * C];
  const filled = values(shared.fill(shared.vaeShapes()));
  return {
    options: { parameters: namedParameters(model.parts), batch: specs(feeds), loss, optimizer: adam() },
    values: filled,
    feeds,
    lr: 1e-3,
    flops: [...encoder, ...decoder].reduce((sum, product, i) => sum + 2 * B * product * (i === 0 ? 2 : 3), 0),
    numbers:
      7 * countOf(filled) + B * (784 + 196 * C + 49 * D + hidden + 2 * latent + 49 * D + 196 * D + 784 * C + 784),
  };
}

/**
 * `optimizer` for all but `fixed`, which stays as it is while its gradient is given out, as PyTorch's `x.grad` is. The
 * step passes `fixed` on with one copy.
 */
const exceptFor = (fixed: Tensor, optimizer: Optimizer): Optimizer => ({
  ...optimizer,
  update: (p, gradient, slots, scalars, decay) =>
    p === fixed ? { parameter: p, slots: { gradient } } : optimizer.update(p, gradient, slots, scalars, decay),
});

type Unrolled = (x: Tensor, zero: Tensor) => Tensor;

/** A cell's parameters and x [B, T, I] -> outputs [B, T, H]. */
const cells = {
  rnn: (I: number, H: number) => {
    const cell = RNNCell(I, H);
    return { cell, gates: 1, run: ((x, zero) => scan(cell, zero, x)[1]) satisfies Unrolled };
  },
  lstm: (I: number, H: number) => {
    const cell = LSTMCell(I, H);
    return { cell, gates: 4, run: ((x, zero) => scan(cell, { h: zero, c: zero }, x)[1]) satisfies Unrolled };
  },
  gru: (I: number, H: number) => {
    const cell = GRUCell(I, H);
    return { cell, gates: 3, run: ((x, zero) => scan(cell, zero, x)[1]) satisfies Unrolled };
  },
};

/** Mean of all squared outputs. Products of all gates with x and with h, each three times: x has a gradient too. */
function recurrent(kind: keyof typeof cells, sizes: Sizes): Row {
  const { B, T, I, H } = { ...shared.RECURRENT, ...sizes };
  const { cell, gates, run } = cells[kind](I, H);
  const weights = values(shared.fill(shared.recurrentShapes(gates, { B, T, I, H })));
  const x = parameter([B, T, I], uniformInit(1));
  const loss = () => {
    const outputs = run(x, zeros([B, H]));
    return outputs.mul(outputs).mean();
  };
  const optimizer = exceptFor(x, sgd());
  return {
    options: { parameters: { ...namedParameters(cell), x }, batch: {}, loss, optimizer },
    values: { ...weights, x: uniform([B, T, I], X) },
    feeds: {},
    lr: 0.01,
    flops: 3 * 2 * B * T * gates * H * (I + H),
    numbers: 3 * countOf(weights) + B * T * (2 * I + (2 * gates + 2) * H),
    tokens: B * T,
  };
}

const minimal = { mingru: { gates: 2, make: MinGRU }, minlstm: { gates: 3, make: MinLSTM } };

/** The same of layers whose gates see x alone. */
function minimalRow(kind: keyof typeof minimal, sizes: Sizes, parallel: boolean): Row {
  const { B, T, I, H } = { ...shared.RECURRENT, ...sizes };
  const { gates, make } = minimal[kind];
  const layer = make(I, H, { parallel });
  const weights = values(shared.fill(shared.minimalShapes(gates, { B, T, I, H })));
  const x = parameter([B, T, I], uniformInit(1));
  const loss = () => {
    const [outputs] = layer(x);
    return outputs.mul(outputs).mean();
  };
  return {
    options: { parameters: { ...namedParameters(layer), x }, batch: {}, loss, optimizer: exceptFor(x, sgd()) },
    values: { ...weights, x: uniform([B, T, I], X) },
    feeds: {},
    lr: 0.01,
    flops: 3 * 2 * B * T * gates * H * I,
    numbers: 3 * countOf(weights) + B * T * (2 * I + (2 * gates + 2) * H),
    tokens: B * T,
  };
}

/** A linear layer and the CTC loss over its logits, of which α needs 2L + 1 numbers a step. */
function ctc(): Row {
  const { B, T, I, K, L } = shared.CTC;
  const layer = Linear(I, K);
  const whole = (data: Int32Array, shape = [B]) => host(data, shape);
  const feeds = {
    x: uniform([B, T, I], X),
    labels: whole(
      shared.integers([B, L], Y, K - 1).map((label) => label + 1),
      [B, L],
    ),
    lengths: whole(new Int32Array(B).fill(T)),
    labelLengths: whole(new Int32Array(B).fill(L)),
  };
  const weights = values(shared.fill(shared.ctcShapes()));
  const loss: StepOptions["loss"] = (fed) =>
    ctcLoss(layer(get(fed, "x")), get(fed, "labels"), get(fed, "lengths"), get(fed, "labelLengths"));
  return {
    options: { parameters: namedParameters(layer), batch: specs(feeds), loss, optimizer: sgd() },
    values: weights,
    feeds,
    lr: 0.01,
    flops: 2 * 2 * B * T * I * K,
    numbers: 3 * countOf(weights) + B * T * (I + 2 * K + 2 * L + 1),
    tokens: B * T,
  };
}

/** The mean of all squared outputs of an LSTM, without a gradient. */
function forward(own: shared.RecurrentSizes, changed: Sizes): Row {
  const { B, T, I, H } = { ...own, ...changed };
  const layer = LSTM(I, H);
  const filled = Object.entries(values(shared.fill(shared.recurrentShapes(4, { B, T, I, H }))));
  const weights = Object.fromEntries(filled.map(([name, value]) => [`${name}_l0`, value]));
  return {
    parameters: namedParameters(layer),
    loss: (fed) => {
      const [outputs] = layer(get(fed, "x"));
      return outputs.mul(outputs).mean();
    },
    values: weights,
    feeds: { x: uniform([B, T, I], X) },
    flops: 2 * B * T * 4 * H * (I + H),
    numbers: countOf(weights) + B * T * (I + 4 * H + H),
    tokens: B * T,
  };
}

/** GPT-2's Conv1D keeps [in, out] where PyTorch's Linear keeps [out, in]. */
function transposed({ data, shape: [rows = 0, columns = 0] }: shared.Filled): HostTensor {
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) out[column * rows + row] = data[row * columns + column] ?? 0;
  return host(out, [columns, rows]);
}

const gptNames = { c_attn: "attn.c_attn", attn_proj: "attn.c_proj", c_fc: "mlp.c_fc", mlp_proj: "mlp.c_proj" };

/** The peers' numbers under our names. */
function gptValues(sizes: shared.GPTSizes): Record<string, HostTensor> {
  const entries = Object.entries(shared.fill(shared.gptShapes(sizes))).map(([name, filled]) => {
    const [, layer, part = "", rest] = /^(h\.\d+)\.(\w+)\.(\w+)$/.exec(name) ?? [];
    const ours = gptNames[part as keyof typeof gptNames];
    const value = ours && rest === "weight" ? transposed(filled) : host(filled.data, filled.shape);
    return [ours ? `${layer}.${ours}.${rest}` : name, value] as const;
  });
  return Object.fromEntries(entries);
}

/** Forward: 24·C² a token and layer, 4·C for each of the (T + 1)/2 tokens that it sees on average, 2·C·V for the head. */
const gptFlops = ({ layers, C, T, B, V }: shared.GPTSizes) =>
  3 * B * T * (layers * (24 * C * C + 2 * C * (T + 1)) + 2 * C * V);

/** Backward needs of a layer the operands of its products, 13·C a token, the sums before norms and gelu, and the weights. */
const gptKept = ({ layers, heads, C, T, B, V }: shared.GPTSizes) => B * T * (layers * (19 * C + heads * T) + 2 * V + C);

function gpt(own: shared.GPTSizes, changed: Sizes): Row {
  const sizes = { ...own, ...changed };
  const { layers, heads, C, T, B, V } = sizes;
  const config = { vocab_size: V, n_positions: T, n_embd: C, n_layer: layers, n_head: heads };
  const model = build(gptArchitecture, "causal", gptArchitecture.configure(config));
  const feeds = { ids: integers([B, T], X, V), targets: integers([B, T], Y, V) };
  const { rate, beta1, beta2, epsilon, decay, clip } = shared.ADAMW;
  const optimizer = adamW({ betas: [beta1, beta2], epsilon, weightDecay: decay });
  const weights = gptValues(sizes);
  const loss: StepOptions["loss"] = (fed) =>
    crossEntropy(model.forward({ ids: get(fed, "ids") }).logits, get(fed, "targets"));
  return {
    options: {
      parameters: namedParameters(model.parts),
      batch: specs(feeds),
      loss,
      optimizer,
      clip,
    },
    values: weights,
    feeds,
    lr: rate,
    flops: gptFlops(sizes),
    numbers: 7 * countOf(weights) + gptKept(sizes),
    tokens: B * T,
  };
}

/** One text of GPT-2: its layers for every token, attention to those before it, and the head where logits are asked for. */
export function gpt2Flops(what: "prefill" | "decode"): number {
  const { PROMPT, TOKENS, sizes } = shared.GPT2;
  const { layers, C, V } = sizes;
  const [tokens, seen, heads] =
    what === "prefill" ? [PROMPT, (PROMPT + 1) / 2, 1] : [TOKENS, PROMPT + (TOKENS + 1) / 2, TOKENS];
  return tokens * layers * (24 * C * C + 4 * C * seen) + heads * 2 * C * V;
}

/** Every row by its name. */
export const rows: Readonly<Record<string, (sizes: Sizes) => Row>> = {
  mlp,
  conv,
  "vae-conv": vaeConv,
  rnn: (sizes) => recurrent("rnn", sizes),
  lstm: (sizes) => recurrent("lstm", sizes),
  gru: (sizes) => recurrent("gru", sizes),
  mingru: (sizes) => minimalRow("mingru", sizes, false),
  "mingru-parallel": (sizes) => minimalRow("mingru", sizes, true),
  minlstm: (sizes) => minimalRow("minlstm", sizes, false),
  ctc,
  "lstm-forward": (sizes) => forward(shared.FORWARD["lstm-forward"], sizes),
  "lstm-forward-32": (sizes) => forward(shared.FORWARD["lstm-forward-32"], sizes),
  "gpt-4x128": (sizes) => gpt(shared.GPT["gpt-4x128"], sizes),
  "gpt-6x384": (sizes) => gpt(shared.GPT["gpt-6x384"], sizes),
};
