/**
 * Long short-term memory (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000) as a language model
 * and a classifier.
 *
 *   i = σ(W_ii x + b_ii + W_hi h + b_hi)      what to write        c' = f ∘ c + i ∘ g
 *   f = σ(W_if x + b_if + W_hf h + b_hf)      what to keep         h' = o ∘ tanh(c')
 *   g = tanh(W_ig x + b_ig + W_hg h + b_hg)   the candidate
 *   o = σ(W_io x + b_io + W_ho h + b_ho)      what to show
 *
 * Reference: torch.nn.LSTM.
 */
import { LSTM, type LSTMState } from "../nn/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { recurrent } from "./recurrent/index.ts";

/** Parameters are called as torch.nn.LSTM calls them. */
export const lstm = recurrent<LSTMState>({
  modelType: "lstm",
  about: "long short-term memory (Hochreiter & Schmidhuber 1997)",
  layers: LSTM,
  names: ["h", "c"],
  toRecord: (state) => state,
  fromRecord: (tensors) => tensors as { h: Tensor; c: Tensor },
});
