/**
 * The simple recurrent cell (Elman 1990) and layers of it.
 *
 *   h' = tanh(W_ih x + b_ih + W_hh h + b_hh)
 *
 * With layer normalisation (Ba et al. 2016, section 3.1) h' = tanh(γ ∘ n(W_ih x + W_hh h) + b_ih + b_hh), n(a) being a
 * with mean 0 and variance 1 over its H elements, γ the part `gain`.
 */
import type { Tensor } from "../../tensor/index.ts";
import { requireOptions } from "../arguments.ts";
import {
  all,
  alone,
  CELL,
  type Cell,
  type CellOptions,
  type Gates,
  gain,
  gates,
  normed,
  rest,
  type Seen,
  type Vector,
} from "./gates.ts";
import { type Kind, LAYER, layer, type RecurrentOptions } from "./layer.ts";

const KINDS = { ...CELL, nonlinearity: ["tanh", "relu"] } as const;

/** What bounds the hidden state. */
export interface RNNCellOptions<B extends boolean = boolean> extends CellOptions<B> {
  readonly nonlinearity?: "tanh" | "relu";
}

type RNNParts<B extends boolean = boolean> = Gates<B> & { readonly gain?: Vector };

/** W x + U h + b, normalised where there is a gain: [B, H]. */
function sum({ weight_ih, weight_hh, bias_ih, bias_hh, gain }: RNNParts, h: Tensor, x: Tensor): Tensor {
  const bias = bias_hh ? bias_ih?.add(bias_hh) : bias_ih;
  const whole = x.linear(weight_ih, gain ? undefined : bias).add(h.matmul(weight_hh, { transB: true }));
  return gain ? normed(whole, gain, bias) : whole;
}

export const rnnStep =
  ({ nonlinearity = "tanh" }: RNNCellOptions) =>
  (parts: RNNParts, h: Tensor, x: Tensor, seen: Seen = all): [Tensor, Tensor] => {
    const next = nonlinearity === "tanh" ? sum(parts, seen(h), x).tanh() : sum(parts, seen(h), x).relu();
    return [next, next];
  };

const rnnCell = <B extends boolean>(name: string, H: number, options: RNNCellOptions<B>) => ({
  name,
  width: H,
  parts: (I: number): RNNParts<B> => ({ ...gates({ gates: 1, I, H }, options), gain: gain(options.layerNorm, H) }),
  first: rest(H),
  step: rnnStep(options),
});

/** h' = tanh(W_ih x + b_ih + W_hh h + b_hh): state h [B, H] and x [B, I] -> [h', h']. Elman 1990. */
export const RNNCell = <B extends boolean = true>(I: number, H: number, options: RNNCellOptions<B> = {}) => {
  requireOptions("RNNCell", options, KINDS);
  const cell = rnnCell("RNNCell", H, options);
  return alone(cell, cell.parts(I), []);
};

/** Options of an RNN. */
export interface RNNOptions extends RecurrentOptions, RNNCellOptions {}

/** The engine has an operator for this cell too, which is not faster. */
export const rnnKind = (H: number, options: RNNOptions): Kind<RNNParts, Tensor> => ({
  cell: rnnCell("RNN", H, options) satisfies Cell<RNNParts, Tensor>,
  zones: [options.zoneout],
  engine: undefined,
});

/** xs [B, T, I] -> [outputs [B, T, D·H], last h [L·D, B, H]]; h' as in `RNNCell`. Parts as in torch.nn.RNN. */
export const RNN = (I: number, H: number, options: RNNOptions = {}) => {
  requireOptions("RNN", options, { ...LAYER, ...KINDS });
  return layer(rnnKind(H, options), I, options);
};
