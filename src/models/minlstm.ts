/**
 * Minimal long short-term memory (Feng et al. 2024, arXiv 2410.01201): gates see the input alone, so that all steps can be
 * taken together, and sum to 1, so that the state keeps its size.
 *
 *   f = σ(W_f x + b_f)    i = σ(W_i x + b_i)    what to keep, and what to write
 *   n = g(W_h x + b_h)                          the candidate, above 0: g(x) = x + 1/2 for x ≥ 0, else σ(x)
 *   h' = (f ∘ h + i ∘ n) / (f + i)
 *
 * Reference: the paper, appendix B.
 */
import { MinLSTM } from "../nn/index.ts";
import { hidden, recurrent, stackOptions } from "./recurrent/index.ts";

/** Parameters are called as those of torch.nn's layers; there are none of the state. */
export const minlstm = recurrent({
  modelType: "minlstm",
  about: "minimal long short-term memory (Feng et al. 2024)",
  layers: (I, config) => MinLSTM(I, config.hidden_size, stackOptions(config)),
  ...hidden,
});
