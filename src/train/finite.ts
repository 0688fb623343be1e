/** Numbers that are not finite end a training, before they are saved. */
import { NonFiniteError } from "../errors.ts";
import type { Feeds, HostTensor } from "../runtime/index.ts";
import type { StepResult } from "./step.ts";

/** Where to go back to, for messages. */
export const lastGood = (where: string | undefined, step: number): string =>
  where ? `the last good checkpoint is step ${step} in ${where}` : "no checkpoint was kept (no output folder)";

const CURE = "lower the learning rate or clip the gradients";

/** Where the first number is that is not finite, or -1. */
const notFinite = (data: HostTensor["data"]): number =>
  data instanceof Float32Array || data instanceof Float64Array
    ? data.findIndex((value) => !Number.isFinite(value))
    : -1;

/** What to do about the data, where one of their numbers is not finite: then no learning rate helps. */
export function spoiltData(batches: readonly Feeds[], exampleOf: (row: number) => number | undefined) {
  for (const [name, { data, shape }] of batches.flatMap((batch) => Object.entries(batch))) {
    const at = notFinite(data);
    if (at < 0) continue;
    const row = Math.floor(at / (data.length / (shape[0] ?? 1)));
    const example = exampleOf(row);
    const place = example === undefined ? `row ${row} of the batch` : `row ${example}`;
    return `the data hold ${data[at]} in ${name}, ${place}, counted from 0; leave such rows out, or put a number there`;
  }
  return undefined;
}

/** Throws NonFiniteError unless loss and gradient norm are finite; `data` says what is wrong with the data, if anything. */
export function requireFiniteResult(
  { loss, gradNorm }: StepResult,
  step: number,
  kept: string,
  data: () => string | undefined,
): void {
  if (Number.isFinite(loss) && Number.isFinite(gradNorm)) return;
  const [what, value] = Number.isFinite(loss) ? ["the gradient norm", gradNorm] : ["the loss", loss];
  const cure = data() ?? CURE;
  throw new NonFiniteError(`training: ${what} is ${value} at step ${step}; ${kept}; ${cure}`, step, value as number);
}

/** Weights can be spoilt by a step whose own loss was finite; they never replace a good checkpoint. Throws NonFiniteError. */
export function requireFiniteWeights(weights: Feeds, step: number, kept: string): void {
  for (const [name, { data }] of Object.entries(weights)) {
    const value = (data as Float32Array).find((number) => !Number.isFinite(number));
    if (value === undefined) continue;
    throw new NonFiniteError(`training: ${name} holds ${value} after step ${step}; ${kept}; ${CURE}`, step, value);
  }
}
