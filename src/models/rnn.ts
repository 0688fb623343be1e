/**
 * The simple recurrent network (Elman 1990, "Finding structure in time") as a language model and a classifier.
 *
 *   h' = tanh(W_ih x + b_ih + W_hh h + b_hh)
 *
 * Reference: torch.nn.RNN.
 */
import { RNN } from "../nn/index.ts";
import { hidden, recurrent } from "./recurrent/index.ts";

/** Parameters are called as torch.nn.RNN calls them. */
export const rnn = recurrent({
  modelType: "rnn",
  about: "simple recurrent network (Elman 1990)",
  layers: RNN,
  ...hidden,
});
