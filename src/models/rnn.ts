/**
 * The simple recurrent network (Elman 1990, "Finding structure in time") as a language model.
 *
 *   h' = tanh(W_ih x + b_ih + W_hh h + b_hh)
 *
 * Reference: torch.nn.RNN.
 */

import type { Step } from "../graph/index.ts";
import { RNNCell, times } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { type CheckpointNames, architecture as row } from "./language-model.ts";
import { type RecurrentConfig, recurrentConfig, recurrentFixed, recurrentLanguageModel, shell } from "./recurrent.ts";

/** The state is h alone; the stack wants it under its name. */
const named =
  (cell: Step<Tensor, Tensor, Tensor>): Step<{ h: Tensor }, Tensor, Tensor> =>
  ({ h }, x) => {
    const [next, y] = cell(h, x);
    return [{ h: next }, y];
  };

export const RNN = (config: RecurrentConfig) => {
  const { embedding_dim: I, hidden_size: H, num_layers } = config;
  const { embedding, decoder } = shell(config);
  const rnn = times(num_layers, (l) => RNNCell(l === 0 ? I : H, H));
  const parts = { embedding, rnn, decoder };
  return recurrentLanguageModel(config, { parts, embedding, cells: rnn.map(named), decoder, names: ["h"] });
};

/** `torch.nn.RNN` numbers its layers at the end of the name: our `rnn.0.weight_ih` is its `rnn.weight_ih_l0`. */
export const checkpoint: CheckpointNames = {
  modelType: "rnn",
  fixed: recurrentFixed,
  rename: (path) => path.replace(/^rnn\.(\d+)\.(\w+)$/, "rnn.$2_l$1"),
};

export const architecture = row(checkpoint, recurrentConfig, Object.keys(recurrentConfig.shape), RNN);
