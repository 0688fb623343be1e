/** y = x Wᵀ + b, in the two layouts in which weights are published. */
import { parameter, type Tensor } from "../tensor/index.ts";
import { constantInit, normalInit, uniformInit } from "./init.ts";
import { module } from "./module.ts";

/** x [.., I] -> [.., O], weight [O, I] as in torch.nn.Linear. Starts uniform in ±1/√I, as there. */
export const Linear = (I: number, O: number) => {
  const init = uniformInit(1 / Math.sqrt(I));
  return module(
    "Linear",
    { weight: parameter([O, I], init), bias: parameter([O], init) },
    ({ weight, bias }, x: Tensor) => x.linear(weight, bias),
  );
};

/** x [.., I] -> [.., O], weight [I, O] as in OpenAI's GPT-2. Starts normal with the given deviation. */
export const Conv1D = (I: number, O: number, deviation = 0.02) =>
  module(
    "Conv1D",
    { weight: parameter([I, O], normalInit(deviation)), bias: parameter([O], constantInit(0)) },
    ({ weight, bias }, x: Tensor) => x.affine(weight, bias),
  );
