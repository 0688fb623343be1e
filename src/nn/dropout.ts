/** Dropout: in training each element is zero with probability p, the others grow by 1/(1 - p). Srivastava et al. 2014. */
import { ConfigError, shown } from "../errors.ts";
import { noise, type Tensor } from "../tensor/index.ts";
import { isTraining } from "./mode.ts";
import { tensorLayer } from "./module.ts";

/** x [..] -> [..]; the identity outside training and for p = 0. Throws ConfigError unless 0 <= p < 1. */
export const Dropout = (p: number) => {
  if (typeof p !== "number" || !(p >= 0 && p < 1))
    throw new ConfigError(`dropout: expected a probability from 0 to below 1, got ${shown(p)}; 0 switches it off`);
  return tensorLayer("Dropout", {}, (_, x: Tensor) => {
    if (p === 0 || !isTraining()) return x;
    const kept = noise("uniform", x.shape)
      .greaterEqual(p)
      .cast("f32")
      .mul(1 / (1 - p));
    return x.mul(x.dtype === "f64" ? kept.cast("f64") : kept);
  });
};
