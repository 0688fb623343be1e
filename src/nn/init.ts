/** Initial values of parameters. Every parameter draws from a stream of its own, keyed by its name. */
import type { Initializer } from "../graph/index.ts";

/** Every element the same. */
export const constantInit =
  (value: number): Initializer =>
  (out) => {
    out.fill(value);
  };

/** Uniform in [-bound, bound). */
export const uniformInit =
  (bound: number): Initializer =>
  (out, _, draw) => {
    draw.fillUniform(out);
    for (let i = 0; i < out.length; i++) out[i] = ((out[i] ?? 0) * 2 - 1) * bound;
  };

/** Normal with mean 0. */
export const normalInit =
  (deviation: number): Initializer =>
  (out, _, draw) => {
    draw.fillNormal(out);
    for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) * deviation;
  };
