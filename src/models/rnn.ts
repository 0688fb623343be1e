/**
 * The simple recurrent network (Elman 1990, "Finding structure in time") as a language model and a classifier.
 *
 *   h' = tanh(W_ih x + b_ih + W_hh h + b_hh)
 *
 * Reference: torch.nn.RNN.
 */
import { z } from "zod";
import { RNN } from "../nn/index.ts";
import { cell, cellOptions, hidden, recurrent } from "./recurrent/index.ts";

/** Parameters are called as torch.nn.RNN calls them. */
export const rnn = recurrent({
  modelType: "rnn",
  about: "simple recurrent network (Elman 1990)",
  keys: { ...cell, nonlinearity: z.enum(["tanh", "relu"]).optional().describe("of the state (default: tanh)") },
  layers: (I, config) =>
    RNN(I, config.hidden_size, { ...cellOptions(config), nonlinearity: config.nonlinearity ?? "tanh" }),
  ...hidden,
});
