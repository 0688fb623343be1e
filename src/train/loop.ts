/**
 * The training loop, for any model: batch, step, report, evaluate, save. All that is random or ordered is a function of
 * seed and step, so a training resumed from a checkpoint is the training that was never interrupted.
 */
import { NonFiniteError } from "../errors.ts";
import type { Schedule } from "../optim/index.ts";
import type { Feeds } from "../runtime/index.ts";
import type { Best, History, Scores, TrainingEvent } from "./events.ts";
import type { Stepper, StepResult } from "./step.ts";

/** The micro-batches of a step: one, or as many as gradients are accumulated over. */
export type Batches = readonly Feeds[];

/** How a model is measured during training, and which measurement decides. */
export interface Evaluation {
  /** Steps between two measurements. */
  readonly every: number;
  /** At the end, `final`, all is looked at. */
  run(final: boolean): Promise<Scores>;
  /** The score that decides, and whether the best is the highest or the lowest. */
  readonly best: string;
  readonly better: "higher" | "lower";
  /** Measurements without a better score after which the training stops. */
  readonly patience?: number | undefined;
}

/** What happens beside the steps. */
export interface LoopOptions {
  /** Steps in all, those before `from` included. */
  readonly steps: number;
  /** Steps done before. Default 0. */
  readonly from?: number;
  readonly seed: number;
  readonly schedule: Schedule;
  /** The batches of step `step`, from 1 on, or nothing at their end; those of the next are asked for while a step runs. */
  readonly batches: (step: number) => Batches | Promise<Batches | undefined>;
  /** Units in the batches of a step, such as tokens. Default: rows of their first tensors. */
  readonly count?: (batches: Batches) => number;
  /** Passes over the data after `step` steps. */
  readonly epoch?: ((step: number) => number) | undefined;
  readonly evaluate?: Evaluation | undefined;
  readonly save?:
    | {
        readonly every: number;
        run(kind: "last" | "best", step: number, best: Best | undefined): Promise<void>;
      }
    | undefined;
  /** Called when a score was the best so far. */
  readonly keep?: (() => void) | undefined;
  readonly best?: Best | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where the last checkpoint is, for messages. */
  readonly where?: string | undefined;
}

/** Losses looked back over for `trainLoss`. */
const WINDOW = 100;
const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(values.length, 1);

/** How long signals and timers may wait: an engine may compute without ever giving them a turn. */
const TURN_MS = 50;
const eventLoopTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

const rows = (batches: Batches): number =>
  batches.reduce((sum, batch) => sum + (Object.values(batch)[0]?.shape[0] ?? 1), 0);

/** What the loop remembers from step to step. */
class Progress {
  readonly started = performance.now();
  readonly losses: number[] = [];
  step: number;
  /** The step of the last checkpoint. */
  saved: number;
  best: Best | undefined;
  scores: Scores | undefined;
  /** The step of the last measurement. */
  measuredAt: number | undefined;
  /** Measurements since the best one. */
  waited: number;
  units = 0;
  /** Seconds spent in steps alone. */
  stepping = 0;
  #turned = this.started;
  constructor({ from = 0, best, evaluate }: LoopOptions) {
    [this.step, this.saved, this.best] = [from, from, best];
    const every = evaluate?.every ?? Number.POSITIVE_INFINITY;
    this.waited = Math.floor(from / every) - Math.floor((best?.step ?? 0) / every);
  }

  get seconds(): number {
    return (performance.now() - this.started) / 1000;
  }
  /** Lets signals and timers through, now and then. */
  async turn(): Promise<void> {
    if (performance.now() - this.#turned <= TURN_MS) return;
    await eventLoopTurn();
    this.#turned = performance.now();
  }
  /** Takes a measurement; whether it is the best so far. */
  measure(scores: Scores, { best, better }: Evaluation): boolean {
    this.scores = scores;
    this.measuredAt = this.step;
    const score = scores[best] ?? Number.NaN;
    const before = this.best?.score;
    const isBest =
      Number.isFinite(score) && (before === undefined || (better === "lower" ? score < before : score > before));
    this.waited = isBest ? 0 : this.waited + 1;
    if (isBest) this.best = { score, step: this.step };
    return isBest;
  }
}

/** Why there are no more steps. */
type End = "last step" | "interrupted" | "no better";

/** Steps until the end, an interruption, or a value that is not finite, which throws NonFiniteError. */
export async function* loop(stepper: Stepper, options: LoopOptions): AsyncGenerator<TrainingEvent, History> {
  const { steps, from = 0, evaluate, save, signal } = options;
  const patience = evaluate?.patience ?? Number.POSITIVE_INFINITY;
  const progress = new Progress(options);
  let next = from < steps ? prepare(options, from + 1) : undefined;
  let end: End = "last step";
  while (progress.step < steps && next) {
    if (signal?.aborted) {
      end = "interrupted";
      break;
    }
    if (progress.waited >= patience) {
      end = "no better";
      break;
    }
    await progress.turn();
    const batches = await next;
    if (!batches) break;
    next = progress.step + 1 < steps ? prepare(options, progress.step + 2) : undefined;
    yield await oneStep(stepper, options, progress, batches);
    const { step } = progress;
    if (step === steps) break;
    if (evaluate && step % evaluate.every === 0) yield* measured(stepper, options, progress, false);
    if (save && step % save.every === 0) yield* saved(stepper, options, progress);
  }
  return yield* finish(stepper, options, progress, end);
}

/** Starts on the batches of a step, so that they are ready when the step before is done. */
function prepare({ batches }: LoopOptions, step: number): Promise<Batches | undefined> {
  const made = (async () => batches(step))();
  made.catch(() => undefined); // whoever awaits it sees the error
  return made;
}

async function oneStep(
  stepper: Stepper,
  { steps, seed, schedule, where, count = rows, epoch }: LoopOptions,
  progress: Progress,
  batches: Batches,
): Promise<TrainingEvent> {
  const [began, step] = [performance.now(), progress.step + 1];
  const lr = schedule(step);
  const result = await stepper.run(batches, { step, lr, seed });
  requireFiniteResult(result, step, lastGood(where, progress.saved));
  progress.step = step;
  progress.losses.push(result.loss);
  progress.stepping += (performance.now() - began) / 1000;
  progress.units += count(batches);
  return {
    event: "step",
    step,
    loss: result.loss,
    terms: result.terms,
    gradNorm: result.gradNorm,
    norms: result.norms,
    lr,
    epoch: epoch?.(step),
    perSecond: progress.units / progress.stepping,
    secondsLeft: ((steps - step) * progress.seconds) / progress.losses.length,
  };
}

async function* measured(stepper: Stepper, { evaluate, save, keep }: LoopOptions, progress: Progress, final: boolean) {
  if (!evaluate) return;
  await stepper.download();
  const best = progress.measure(await evaluate.run(final), evaluate);
  if (best) keep?.();
  const { step, scores = {} } = progress;
  yield { event: "evaluate", step, scores, best } as const;
  if (!best || !save) return;
  await save.run("best", step, progress.best);
  yield { event: "checkpoint", step, kind: "best" } as const;
}

async function* saved(stepper: Stepper, { save, where }: LoopOptions, progress: Progress) {
  if (!save) return;
  const { step, best } = progress;
  await stepper.download();
  requireFiniteWeights(stepper.weights, step, lastGood(where, progress.saved));
  await save.run("last", step, best);
  progress.saved = step;
  yield { event: "checkpoint", step, kind: "last" } as const;
}

async function* finish(
  stepper: Stepper,
  options: LoopOptions,
  progress: Progress,
  end: End,
): AsyncGenerator<TrainingEvent, History> {
  const { step, waited } = progress;
  if (end === "no better")
    yield { event: "stop", step, reason: `no better ${options.evaluate?.best} in ${waited} evaluations` };
  if (end === "last step" && progress.measuredAt !== step) yield* measured(stepper, options, progress, true);
  if (step !== progress.saved || end === "last step") yield* saved(stepper, options, progress);
  await stepper.download();
  if (end === "interrupted") yield { event: "interrupted", step };
  return {
    step,
    losses: progress.losses,
    firstStep: (options.from ?? 0) + 1,
    trainLoss: mean(progress.losses.slice(-WINDOW)),
    scores: progress.scores,
    best: progress.best,
    seconds: progress.seconds,
    interrupted: end === "interrupted",
  };
}

const lastGood = (where: string | undefined, step: number): string =>
  where ? `the last good checkpoint is step ${step} in ${where}` : "no checkpoint was kept (no output folder)";

const CURE = "lower the learning rate or clip the gradients";

function requireFiniteResult({ loss, gradNorm }: StepResult, step: number, kept: string): void {
  if (Number.isFinite(loss) && Number.isFinite(gradNorm)) return;
  const [what, value] = Number.isFinite(loss) ? ["the gradient norm", gradNorm] : ["the loss", loss];
  throw new NonFiniteError(`training: ${what} is ${value} at step ${step}; ${kept}; ${CURE}`, step, value as number);
}

/** Weights can be spoilt by a step whose own loss was finite; they never replace a good checkpoint. */
function requireFiniteWeights(weights: Feeds, step: number, kept: string): void {
  for (const [name, { data }] of Object.entries(weights)) {
    const value = (data as Float32Array).find((number) => !Number.isFinite(number));
    if (value === undefined) continue;
    throw new NonFiniteError(`training: ${name} holds ${value} after step ${step}; ${kept}; ${CURE}`, step, value);
  }
}
