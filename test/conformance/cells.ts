/** The cells of `src/nn/recurrent.ts` with their weights given from outside, in the order of PyTorch's arguments. */

import { substitute } from "../../src/graph/index.ts";
import { GRUCell, LSTMCell, type LSTMState, RNNCell } from "../../src/nn/index.ts";
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
