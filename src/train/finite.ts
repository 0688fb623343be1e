/** Numbers that are not finite end a training, before they are saved. */
import { NonFiniteError } from "../errors.ts";
import type { Feeds } from "../runtime/index.ts";
import type { StepResult } from "./step.ts";

/** Where to go back to, for messages. */
export const lastGood = (where: string | undefined, step: number): string =>
  where ? `the last good checkpoint is step ${step} in ${where}` : "no checkpoint was kept (no output folder)";

const CURE = "lower the learning rate or clip the gradients";

/** Throws NonFiniteError unless loss and gradient norm are finite. */
export function requireFiniteResult({ loss, gradNorm }: StepResult, step: number, kept: string): void {
  if (Number.isFinite(loss) && Number.isFinite(gradNorm)) return;
  const [what, value] = Number.isFinite(loss) ? ["the gradient norm", gradNorm] : ["the loss", loss];
  throw new NonFiniteError(`training: ${what} is ${value} at step ${step}; ${kept}; ${CURE}`, step, value as number);
}

/** Weights can be spoilt by a step whose own loss was finite; they never replace a good checkpoint. Throws NonFiniteError. */
export function requireFiniteWeights(weights: Feeds, step: number, kept: string): void {
  for (const [name, { data }] of Object.entries(weights)) {
    const value = (data as Float32Array).find((number) => !Number.isFinite(number));
    if (value === undefined) continue;
    throw new NonFiniteError(`training: ${name} holds ${value} after step ${step}; ${kept}; ${CURE}`, step, value);
  }
}
