/** y = x Wᵀ + b. */
import type { Initializer } from "../graph/index.ts";
import { parameter, type Tensor } from "../tensor/index.ts";
import { requireOptions, requireSizes } from "./arguments.ts";
import { uniformInit } from "./init.ts";
import { optional, tensorLayer } from "./module.ts";

/** What a projection may leave out or start with; both start uniform in ±1/√I, as in torch.nn.Linear. */
export interface LinearOptions<B extends boolean = boolean> {
  readonly bias?: B;
  readonly weightInit?: Initializer;
  readonly biasInit?: Initializer;
}

/** x [.., I] -> [.., O], weight [O, I] and bias [O] as in torch.nn.Linear. */
export const Linear = <B extends boolean = true>(I: number, O: number, options: LinearOptions<B> = {}) => {
  requireSizes("Linear", { I, O });
  requireOptions("Linear", options, { bias: "boolean", weightInit: "function", biasInit: "function" });
  const init = uniformInit(1 / Math.sqrt(I));
  const { weightInit = init, biasInit = init } = options;
  return tensorLayer(
    "Linear",
    {
      weight: parameter([O, I], weightInit),
      bias: optional(options.bias, () => parameter([O], biasInit)),
    },
    ({ weight, bias }, x: Tensor) => x.linear(weight, bias),
  );
};
