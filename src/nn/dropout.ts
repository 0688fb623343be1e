/** Dropout: in training each element is zero with probability p, the others grow by 1/(1 - p). Srivastava et al. 2014. */
import { ConfigError, shown } from "../errors.ts";
import { type DType, noise, type Shape, type Tensor } from "../tensor/index.ts";
import { isTraining } from "./mode.ts";
import { tensorLayer } from "./module.ts";

/** 1/(1 - p) with probability 1 - p, else 0; one draw for every element of `shape`. */
export function dropoutMask(p: number, shape: Shape, dtype: DType): Tensor {
  const kept = noise("uniform", shape)
    .greaterEqual(p)
    .cast("f32")
    .mul(1 / (1 - p));
  return dtype === "f64" ? kept.cast("f64") : kept;
}

/** x [..] -> [..]; the identity outside training and for p = 0. Throws ConfigError unless 0 <= p < 1. */
export const Dropout = (p: number) => {
  if (typeof p !== "number" || !(p >= 0 && p < 1))
    throw new ConfigError(`dropout: expected a probability from 0 to below 1, got ${shown(p)}; 0 switches it off`);
  return tensorLayer("Dropout", {}, (_, x: Tensor) => {
    if (p === 0 || !isTraining()) return x;
    return x.mul(dropoutMask(p, x.shape, x.dtype));
  });
};
