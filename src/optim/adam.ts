/**
 * Adam (Kingma & Ba 2015, arXiv 1412.6980) and AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101).
 *
 *   m = β₁m + (1-β₁)g    v = β₂v + (1-β₂)g²    p = p - lr · m/(1-β₁ᵗ) / (√(v/(1-β₂ᵗ)) + ε)
 *
 * The sums are kept undivided, s = m/(1-β₁) and q = v/(1-β₂), and all that is the same for every element is one of two
 * scalars that the host computes, so an update passes over the parameter three times less often:
 *
 *   s = β₁s + g    q = β₂q + g²    p = p - rate · s/(√q + offset)
 */
import { z } from "zod";
import { checked, real, such } from "../schema.ts";
import { type Optimizer, optimizer, type Slots } from "./optimizer.ts";

export interface AdamOptions {
  /** How long gradients and their squares are remembered. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** ε, beside the root. Default 1e-8. */
  readonly epsilon?: number;
  /** λ. Adam adds λp to the gradient, AdamW shrinks p by 1 - lr·λ; both where the parameter has two or more axes. */
  readonly weightDecay?: number;
}

/** rate = lr·(1-β₁)/(1-β₁ᵗ)/κ and offset = ε/κ with κ = √((1-β₂)/(1-β₂ᵗ)). */
function scalarsOf([beta1, beta2]: readonly [number, number], epsilon: number, step: number, lr: number) {
  const scale = Math.sqrt((1 - beta2) / (1 - beta2 ** step));
  return { rate: (lr * (1 - beta1)) / (1 - beta1 ** step) / scale, offset: epsilon / scale };
}

const part = (tensors: Slots, name: string) => {
  const tensor = tensors[name];
  if (!tensor) throw new Error(`internal: adam was given no ${name}`);
  return tensor;
};

type Betas = readonly [number, number];
const areBetas = (value: unknown) =>
  Array.isArray(value) && value.length === 2 && value.every((beta) => Number.isFinite(beta) && beta >= 0 && beta < 1);

const schema = z.strictObject({
  betas: such<Betas>("two numbers from 0 to below 1", areBetas).default([0.9, 0.999]),
  epsilon: real(0, 1e9).default(1e-8),
  weightDecay: real(0, 1e9).optional(),
});

function make(name: string, options: AdamOptions, decoupled: boolean): Optimizer {
  const { betas, epsilon, weightDecay = decoupled ? 0.01 : 0 } = checked(schema, options, name);
  return optimizer(name, {
    slots: ["gradients", "squares"],
    scalars: (step, lr) => ({ ...scalarsOf(betas, epsilon, step, lr), keep: 1 - lr * weightDecay }),
    update(p, gradient, slots, scalars, decay) {
      const decays = decay && weightDecay > 0;
      const g = decays && !decoupled ? gradient.add(p.mul(weightDecay)) : gradient;
      const gradients = part(slots, "gradients").mul(betas[0]).add(g);
      const squares = part(slots, "squares").mul(betas[1]).add(g.mul(g));
      const step = gradients.div(squares.sqrt().add(part(scalars, "offset"))).mul(part(scalars, "rate"));
      const kept = decays && decoupled ? p.mul(part(scalars, "keep")) : p;
      return { parameter: kept.sub(step), slots: { gradients, squares } };
    },
  });
}

/** Adam; weight decay goes through the gradient. Throws ConfigError for unknown options and numbers out of range. */
export const adam = (options: AdamOptions = {}): Optimizer => make("adam", options, false);

/** Adam with decoupled weight decay, 0.01 by default as in PyTorch. Throws as `adam` does. */
export const adamW = (options: AdamOptions = {}): Optimizer => make("adamW", options, true);
