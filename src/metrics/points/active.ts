/** Latents that are used: whose posterior mean changes from example to example (Burda, Grosse & Salakhutdinov 2016). N examples · L latents. */
import { requireNumbers } from "../../nn/arguments.ts";
import { meansOf, type Points, requirePoints, tableOf } from "./points.ts";

/** Latents that are used. */
export interface ActiveUnits {
  readonly active: number;
  /** Var_x E_q(z|x)[z] of each latent: [L]. */
  readonly variances: Float64Array;
}

/**
 * How many latents have a mean whose variance over the examples is above `threshold` (default 0.01, as in the paper), from means
 * [N, L]. None of one example. Throws ShapeError, DataError.
 */
export function activeUnits(means: Points, threshold = 0.01): ActiveUnits {
  requireNumbers("activeUnits", { threshold });
  const table = tableOf("activeUnits", means);
  requirePoints("activeUnits", table);
  const { N, D, at } = table;
  const centre = meansOf(table);
  const variances = new Float64Array(D);
  for (const [i, value] of at.entries())
    variances[i % D] = (variances[i % D] ?? 0) + (value - (centre[i % D] ?? 0)) ** 2 / N;
  return { active: variances.filter((variance) => variance > threshold).length, variances };
}
