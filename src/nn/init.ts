/** Initial values of parameters. Every parameter draws from a stream of its own, keyed by its name. */
import type { Initializer } from "../graph/index.ts";
import { requireNumbers } from "./arguments.ts";

/** Every element the same. */
export function constantInit(value: number): Initializer {
  requireNumbers("constantInit", { value });
  return (out) => {
    out.fill(value);
  };
}

/** Uniform in [-bound, bound). */
export function uniformInit(bound: number): Initializer {
  requireNumbers("uniformInit", { bound });
  return (out, _, draw) => {
    draw.fillUniform(out);
    for (let i = 0; i < out.length; i++) out[i] = ((out[i] ?? 0) * 2 - 1) * bound;
  };
}

/** Normal with mean 0. */
export function normalInit(deviation: number): Initializer {
  requireNumbers("normalInit", { deviation });
  return (out, _, draw) => {
    draw.fillNormal(out);
    for (let i = 0; i < out.length; i++) out[i] = (out[i] ?? 0) * deviation;
  };
}
