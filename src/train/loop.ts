/**
 * The training loop, for any model: batch, step, report, evaluate, save. All that is random or ordered is a function of
 * seed and step, so a training that went on from a checkpoint is the training that was never interrupted.
 */
import { NonFiniteError } from "../errors.ts";
import type { Schedule } from "../optim/index.ts";
import type { Feeds } from "../runtime/index.ts";
import type { History, TrainingEvent } from "./events.ts";
import { Run } from "./run.ts";
import type { Stepper } from "./step.ts";

/** The best validation loss so far and where it was met. */
export interface Best {
  readonly valLoss: number;
  readonly step: number;
}

/** What goes on beside the steps. */
export interface LoopOptions {
  /** Steps in all, those before `from` included. */
  readonly steps: number;
  /** Steps done before. Default 0. */
  readonly from?: number;
  readonly seed: number;
  readonly schedule: Schedule;
  /** The micro-batches of step `step`, from 1 on: one, or as many as gradients are accumulated over. */
  readonly batches: (step: number) => readonly Feeds[];
  /** Tokens, images or whatever is counted, in one step. */
  readonly tokensPerStep: number;
  readonly evaluate?: { readonly every: number; readonly run: (parameters: Feeds, final: boolean) => Promise<number> };
  readonly save?: {
    readonly every: number;
    readonly run: (kind: "last" | "best", step: number, best: Best | undefined) => Promise<void>;
  };
  readonly best?: Best | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where the last checkpoint is, for messages. */
  readonly where?: string | undefined;
}

/** Losses looked back over for `trainLoss`. */
const WINDOW = 100;
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(values.length, 1);

/** How long signals and timers may wait: WebAssembly computes without ever giving them a turn. */
const TURN_MS = 50;
const eventLoopTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Steps until the end, an interruption, or a value that is not finite, which throws NonFiniteError. */
export async function* loop(stepper: Stepper, options: LoopOptions): AsyncGenerator<TrainingEvent, History> {
  const { steps, from = 0, seed, schedule, evaluate, save, signal } = options;
  const started = performance.now();
  const losses: number[] = [];
  let best = options.best;
  let valLoss: number | undefined;
  let saved = from;
  let step = from;
  let stepping = 0; // seconds spent in steps alone
  let turned = started;

  async function* evaluateNow(final: boolean): AsyncGenerator<TrainingEvent> {
    if (!evaluate) return;
    valLoss = await evaluate.run(stepper.parameters, final);
    const isBest = Number.isFinite(valLoss) && (best === undefined || valLoss < best.valLoss);
    if (isBest) best = { valLoss, step };
    yield { event: "evaluate", step, valLoss, best: isBest };
    if (isBest && save) {
      await save.run("best", step, best);
      yield { event: "checkpoint", step, kind: "best" };
    }
  }
  async function* saveNow(): AsyncGenerator<TrainingEvent> {
    if (!save) return;
    requireFinite(stepper.parameters, step, options.where, saved);
    await save.run("last", step, best);
    saved = step;
    yield { event: "checkpoint", step, kind: "last" };
  }

  while (step < steps && !signal?.aborted) {
    if (performance.now() - turned > TURN_MS) {
      await eventLoopTurn();
      turned = performance.now();
    }
    const began = performance.now();
    const lr = schedule(step + 1);
    const { loss, gradNorm } = await stepper.run(options.batches(step + 1), { step: step + 1, lr, seed });
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
      throw nonFinite(step + 1, loss, gradNorm, options.where, saved);
    }
    step++;
    losses.push(loss);
    stepping += (performance.now() - began) / 1000;
    const seconds = (performance.now() - started) / 1000;
    yield {
      event: "step",
      step,
      loss,
      gradNorm,
      lr,
      tokensPerSecond: (losses.length * options.tokensPerStep) / stepping,
      secondsLeft: ((steps - step) * seconds) / losses.length,
    };
    if (evaluate && step < steps && step % evaluate.every === 0) yield* evaluateNow(false);
    if (save && step < steps && step % save.every === 0) yield* saveNow();
  }
  const interrupted = step < steps;
  if (!interrupted) yield* evaluateNow(true);
  if (step !== saved || !interrupted) yield* saveNow();
  if (interrupted) yield { event: "interrupted", step };
  return {
    step,
    losses,
    firstStep: from + 1,
    trainLoss: mean(losses.slice(-WINDOW)),
    valLoss,
    bestValLoss: best?.valLoss,
    seconds: (performance.now() - started) / 1000,
    interrupted,
  };
}

/**
 * Trains: steps until the end, an interruption, or a value that is not finite. Iterate over the result for its events,
 * await it for its history. Throws NonFiniteError naming the step, the value and the last good checkpoint.
 */
export const train = (stepper: Stepper, options: LoopOptions): Run<TrainingEvent, History> =>
  new Run(loop(stepper, options));

/** Weights can be spoilt by a step whose own loss was finite; they never replace a good checkpoint. */
function requireFinite(weights: Feeds, step: number, where: string | undefined, saved: number): void {
  for (const [name, { data }] of Object.entries(weights)) {
    const value = (data as Float32Array).find((number) => !Number.isFinite(number));
    if (value === undefined) continue;
    throw new NonFiniteError(
      `training: ${name} holds ${value} after step ${step}; ${lastGood(where, saved)}; lower the learning rate or clip the gradients`,
      step,
      value,
    );
  }
}

const lastGood = (where: string | undefined, saved: number): string =>
  where ? `the last good checkpoint is step ${saved} in ${where}` : "no checkpoint was kept (no output folder)";

function nonFinite(
  step: number,
  loss: number,
  gradNorm: number,
  where: string | undefined,
  saved: number,
): NonFiniteError {
  const [what, value] = Number.isFinite(loss) ? ["the gradient norm", gradNorm] : ["the loss", loss];
  return new NonFiniteError(
    `training: ${what} is ${value} at step ${step}; ${lastGood(where, saved)}; lower the learning rate or clip the gradients`,
    step,
    value,
  );
}
