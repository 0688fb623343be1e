/** Recurrent cells and layers of `src/nn/` with their weights given from outside, in the order of PyTorch's arguments. */

import { substitute } from "../../src/graph/index.ts";
import { GRUCell, LSTMCell, type LSTMState, RNNCell } from "../../src/nn/index.ts";
import { gruKind } from "../../src/nn/recurrence/gru.ts";
import { direction } from "../../src/nn/recurrence/layer.ts";
import { lstmKind } from "../../src/nn/recurrence/lstm.ts";
import { activeSteps } from "../../src/nn/recurrence/reading.ts";
import type { Tensor } from "../../src/tensor/index.ts";

/** weight_ih, weight_hh, bias_ih, bias_hh. */
type Weights = readonly Tensor[];

interface Cell {
  readonly weight_ih: Tensor;
  readonly weight_hh: Tensor;
  readonly bias_ih: Tensor;
  readonly bias_hh: Tensor;
}

/** `outputs` with the cell's own parameters replaced by `weights`. */
function withWeights(
  { weight_ih, weight_hh, bias_ih, bias_hh }: Cell,
  weights: Weights,
  outputs: readonly Tensor[],
): Tensor[] {
  const own = [weight_ih, weight_hh, bias_ih, bias_hh];
  return substitute(outputs, new Map(own.map((parameter, i) => [parameter, weights[i] ?? parameter])));
}

const sizes = (h: Tensor, x: Tensor): [number, number] => [Number(x.dim(-1)), Number(h.dim(-1))];

export const rnn =
  (nonlinearity: "tanh" | "relu") =>
  (weights: Weights, h: Tensor, x: Tensor): [Tensor, Tensor] => {
    const cell = RNNCell(...sizes(h, x), { nonlinearity });
    const [next = h] = withWeights(cell, weights, cell(h, x).slice(0, 1));
    return [next, next];
  };

export function gru(weights: Weights, h: Tensor, x: Tensor): [Tensor, Tensor] {
  const cell = GRUCell(...sizes(h, x));
  const [next = h] = withWeights(cell, weights, cell(h, x).slice(0, 1));
  return [next, next];
}

export function lstm(weights: Weights, state: LSTMState, x: Tensor): [LSTMState, Tensor] {
  const cell = LSTMCell(...sizes(state.h, x));
  const [next] = cell(state, x);
  const [h = state.h, c = state.c] = withWeights(cell, weights, [next.h, next.c]);
  return [{ h, c }, h];
}

/** How a layer reads. */
interface Reading {
  readonly reverse?: boolean;
  readonly lengths?: Tensor;
  readonly forgetBias?: number;
  readonly reset?: "after" | "before";
}

/** One layer in one direction: xs [B, T, I] and the first states [B, H] -> [last states.., ys [B, T, H]]. */
const layer = (
  xs: Tensor,
  [weight_ih, weight_hh, bias_ih, bias_hh]: Weights,
  { reverse = false, lengths }: Reading,
) => {
  if (!weight_ih || !weight_hh) throw new Error("a layer has two matrices");
  const parts = { weight_ih, weight_hh, bias_ih, bias_hh };
  return { parts, reading: { xs, reverse, lengths, active: lengths && activeSteps(xs, lengths) } };
};

export function lstmLayer(xs: Tensor, h: Tensor, c: Tensor, weights: Weights, how: Reading = {}): Tensor[] {
  const { parts, reading } = layer(xs, weights, how);
  const { forgetBias = 0 } = how;
  const [last, ys] = direction(lstmKind(Number(h.dim(-1)), { forgetBias }), parts, { h, c }, reading);
  return [last.h, last.c, ys];
}

export function gruLayer(xs: Tensor, h: Tensor, weights: Weights, how: Reading = {}): Tensor[] {
  const { parts, reading } = layer(xs, weights, how);
  const { reset = "after" } = how;
  return [...direction(gruKind(Number(h.dim(-1)), { reset }), parts, h, reading)];
}
