/**
 * Gated recurrent unit (Cho et al. 2014, arXiv 1406.1078) as a language model and a classifier.
 *
 *   r = σ(W_ir x + b_ir + W_hr h + b_hr)          how much of the past the candidate sees
 *   z = σ(W_iz x + b_iz + W_hz h + b_hz)          how much of it stays
 *   n = tanh(W_in x + b_in + r ∘ (W_hn h + b_hn))  the candidate
 *   h' = (1 - z) ∘ n + z ∘ h
 *
 * Reference: torch.nn.GRU.
 */
import { z } from "zod";
import { GRU } from "../nn/index.ts";
import { cellOptions, gated, hidden, recurrent } from "./recurrent/index.ts";

/** Parameters are called as torch.nn.GRU calls them. */
export const gru = recurrent({
  modelType: "gru",
  about: "gated recurrent unit (Cho et al. 2014)",
  keys: {
    ...gated,
    reset: z.enum(["after", "before"]).optional().describe("r acts after or before U h (default: after)"),
  },
  layers: (I, config) =>
    GRU(I, config.hidden_size, {
      ...cellOptions(config),
      recurrentActivation: config.recurrent_activation ?? "sigmoid",
      reset: config.reset ?? "after",
    }),
  ...hidden,
});
