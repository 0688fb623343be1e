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
import type { Optimizer, Slots } from "./optimizer.ts";

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

function make({ betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0 }: AdamOptions, decoupled: boolean): Optimizer {
  return {
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
  };
}

/** Adam; weight decay goes through the gradient. */
export const adam = (options: AdamOptions = {}): Optimizer => make(options, false);

/** Adam with decoupled weight decay, 0.01 by default as in PyTorch. */
export const adamW = (options: AdamOptions = {}): Optimizer => make({ weightDecay: 0.01, ...options }, true);
