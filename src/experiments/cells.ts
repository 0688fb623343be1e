/** Cells and layers that are compared, and sizes at which they have equally many parameters. */
import { GRU, GRUCell, LSTM, LSTMCell, type LSTMState, namedParameters, RNN, RNNCell } from "../nn/index.ts";
import { sizeOf, type Tensor, zeros } from "../tensor/index.ts";

export const CELLS = ["rnn", "lstm", "gru"] as const;
export type CellName = (typeof CELLS)[number];

/** How cells are made. */
export interface CellOptions {
  /** What bounds the state of a simple RNN. */
  readonly nonlinearity: "tanh" | "relu";
  /** Is added to the bias of an LSTM's forget gate. */
  readonly forgetBias: number;
}

/** A layer over a sequence: xs [B, T, I] -> outputs [B, T, H]. */
export function layerOf(name: CellName, I: number, H: number, options: CellOptions): (xs: Tensor) => Tensor {
  const { nonlinearity, forgetBias } = options;
  const layers = {
    rnn: () => RNN(I, H, { nonlinearity }),
    lstm: () => LSTM(I, H, { forgetBias }),
    gru: () => GRU(I, H),
  };
  const layer = layers[name]();
  return Object.assign((xs: Tensor) => layer(xs)[0], layer);
}

/** A cell whose state is shown as its hidden part. */
export interface OpenCell {
  readonly parts: object;
  /** State of B rows at the beginning. */
  first(B: number): Tensor | LSTMState;
  /** The next state, `nudge` [B, H] added to its hidden part. */
  step(state: Tensor | LSTMState, x: Tensor, nudge: Tensor): Tensor | LSTMState;
  hidden(state: Tensor | LSTMState): Tensor;
}

/** A cell as a function of its state alone. */
export function cellOf(name: CellName, I: number, H: number, { nonlinearity, forgetBias }: CellOptions): OpenCell {
  if (name === "lstm") {
    const cell = LSTMCell(I, H, { forgetBias });
    return {
      parts: cell,
      first: (B) => ({ h: zeros([B, H]), c: zeros([B, H]) }),
      step(state, x, nudge) {
        const [{ h, c }] = cell(state as LSTMState, x);
        return { h: h.add(nudge), c };
      },
      hidden: (state) => (state as LSTMState).h,
    };
  }
  const cell = name === "rnn" ? RNNCell(I, H, { nonlinearity }) : GRUCell(I, H);
  return {
    parts: cell,
    first: (B) => zeros([B, H]),
    step: (state, x, nudge) => cell(state as Tensor, x)[0].add(nudge),
    hidden: (state) => state as Tensor,
  };
}

/** The parameters of a model. */
export const parameterCount = (parts: object): number =>
  Object.values(namedParameters(parts)).reduce((sum, { shape }) => sum + Number(sizeOf(shape)), 0);

/** The width, at most `most`, at which a model made by `make` has about `parameters` of them. */
export function widthFor(parameters: number, make: (H: number) => object, most = 4096): number {
  let [low, high] = [1, most];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (parameterCount(make(middle)) < parameters) low = middle + 1;
    else high = middle;
  }
  const excess = (H: number) => Math.abs(parameterCount(make(H)) - parameters);
  return low > 1 && excess(low - 1) < excess(low) ? low - 1 : low;
}
