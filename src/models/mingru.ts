/**
 * Minimal gated recurrent unit (Feng et al. 2024, arXiv 2410.01201): the gate sees the input alone, so that all steps can
 * be taken together.
 *
 *   z = σ(W_z x + b_z)          how much is new
 *   n = g(W_h x + b_h)          the candidate, above 0: g(x) = x + 1/2 for x ≥ 0, else σ(x)
 *   h' = (1 - z) ∘ h + z ∘ n
 *
 * Reference: the paper, appendix B.
 */
import { MinGRU } from "../nn/index.ts";
import { hidden, recurrent, stackOptions } from "./recurrent/index.ts";

/** Parameters are called as those of torch.nn's layers; there are none of the state. */
export const mingru = recurrent({
  modelType: "mingru",
  about: "minimal gated recurrent unit (Feng et al. 2024)",
  layers: (I, config) => MinGRU(I, config.hidden_size, stackOptions(config)),
  ...hidden,
});
