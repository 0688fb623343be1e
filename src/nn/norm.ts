/** Normalisation over the last axis. */
import { parameter, type Tensor } from "../tensor/index.ts";
import { constantInit } from "./init.ts";
import { module } from "./module.ts";

/** (x - μ)/√(σ² + ε)·w + b for x [.., C]. Ba et al. 2016, arXiv 1607.06450. */
export const LayerNorm = (C: number, epsilon = 1e-5) =>
  module(
    "LayerNorm",
    { weight: parameter([C], constantInit(1)), bias: parameter([C], constantInit(0)) },
    ({ weight, bias }, x: Tensor) => x.layerNorm(weight, bias, epsilon)[0] ?? x,
  );

/** x/√(mean x² + ε)·w for x [.., C]. Zhang & Sennrich 2019, arXiv 1910.07467. */
export const RMSNorm = (C: number, epsilon = 1e-6) =>
  module("RMSNorm", { weight: parameter([C], constantInit(1)) }, ({ weight }, x: Tensor) =>
    x.mul(x.mul(x).mean(-1, true).add(epsilon).rsqrt()).mul(weight),
  );
