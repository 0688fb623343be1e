/** Stochastic gradient descent with momentum. Robbins & Monro 1951, Polyak 1964, Nesterov 1983; form of torch.optim.SGD. */
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { checked, probability, real } from "../schema.ts";
import { type Optimizer, optimizer, type Slots } from "./optimizer.ts";

export interface SGDOptions {
  /** μ in v' = μv + g. Default 0. */
  readonly momentum?: number;
  /** Steps along g + μv' instead of v'. Default false. */
  readonly nesterov?: boolean;
  /** λ in g + λp, for parameters of two or more axes. Default 0. */
  readonly weightDecay?: number;
}

const schema = z.strictObject({
  momentum: probability().default(0),
  nesterov: z.boolean().default(false),
  weightDecay: real(0, 1e9).default(0),
});

/** p' = p - lr·v'. Throws ConfigError for unknown options, numbers out of range, and Nesterov without momentum. */
export function sgd(options: SGDOptions = {}): Optimizer {
  const { momentum, nesterov, weightDecay } = checked(schema, options, "sgd");
  if (nesterov && momentum === 0)
    throw new ConfigError("sgd: nesterov needs momentum, got 0; set it, for instance to 0.9");
  return optimizer("sgd", {
    slots: momentum === 0 ? [] : ["momentum"],
    scalars: (_, lr) => ({ lr }),
    update(p, gradient, { momentum: v }, { lr }, decay) {
      if (!lr) throw new Error("internal: sgd was given no learning rate");
      const g = decay && weightDecay > 0 ? gradient.add(p.mul(weightDecay)) : gradient;
      if (!v) return { parameter: p.sub(g.mul(lr)), slots: {} as Slots };
      const next = v.mul(momentum).add(g);
      const direction = nesterov ? g.add(next.mul(momentum)) : next;
      return { parameter: p.sub(direction.mul(lr)), slots: { momentum: next } };
    },
  });
}
