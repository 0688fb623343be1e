/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000) as a language model.
 *
 *   i = σ(W_ii x + b_ii + W_hi h + b_hi)      what to write        c' = f ∘ c + i ∘ g
 *   f = σ(W_if x + b_if + W_hf h + b_hf)      what to keep         h' = o ∘ tanh(c')
 *   g = tanh(W_ig x + b_ig + W_hg h + b_hg)   the candidate
 *   o = σ(W_io x + b_io + W_ho h + b_ho)      what to show
 *
 * Reference: torch.nn.LSTM.
 */
import { LSTMCell, type LSTMState, times } from "../nn/index.ts";
import { type CheckpointNames, architecture as row } from "./language-model.ts";
import { type RecurrentConfig, recurrentConfig, recurrentFixed, recurrentLanguageModel, shell } from "./recurrent.ts";

export const LSTM = (config: RecurrentConfig) => {
  const { embedding_dim: I, hidden_size: H, num_layers } = config;
  const { embedding, decoder } = shell(config);
  const lstm = times(num_layers, (l) => LSTMCell(l === 0 ? I : H, H));
  const parts = { embedding, lstm, decoder };
  return recurrentLanguageModel<LSTMState>(config, { parts, embedding, cells: lstm, decoder, names: ["h", "c"] });
};

/** `torch.nn.LSTM` numbers its layers at the end of the name: our `lstm.0.weight_ih` is its `lstm.weight_ih_l0`. */
export const checkpoint: CheckpointNames = {
  modelType: "lstm",
  fixed: recurrentFixed,
  rename: (path) => path.replace(/^lstm\.(\d+)\.(\w+)$/, "lstm.$2_l$1"),
};

export const architecture = row(checkpoint, recurrentConfig, Object.keys(recurrentConfig.shape), LSTM);
