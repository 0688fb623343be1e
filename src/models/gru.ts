/**
 * Gated recurrent unit (Cho et al. 2014, arXiv 1406.1078) as a language model.
 *
 *   r = σ(W_ir x + b_ir + W_hr h + b_hr)          how much of the past the candidate sees
 *   z = σ(W_iz x + b_iz + W_hz h + b_hz)          how much of it stays
 *   n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn))  the candidate
 *   h' = (1 - z) ∘ n + z ∘ h
 *
 * Reference: torch.nn.GRU.
 */

import type { Step } from "../graph/index.ts";
import { GRUCell, times } from "../nn/index.ts";
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

export const GRU = (config: RecurrentConfig) => {
  const { embedding_dim: I, hidden_size: H, num_layers } = config;
  const { embedding, decoder } = shell(config);
  const gru = times(num_layers, (l) => GRUCell(l === 0 ? I : H, H));
  const parts = { embedding, gru, decoder };
  return recurrentLanguageModel(config, { parts, embedding, cells: gru.map(named), decoder, names: ["h"] });
};

/** `torch.nn.GRU` numbers its layers at the end of the name: our `gru.0.weight_ih` is its `gru.weight_ih_l0`. */
export const checkpoint: CheckpointNames = {
  modelType: "gru",
  fixed: recurrentFixed,
  rename: (path) => path.replace(/^gru\.(\d+)\.(\w+)$/, "gru.$2_l$1"),
};

export const architecture = row(checkpoint, recurrentConfig, Object.keys(recurrentConfig.shape), GRU);
