/**
 * The training loop, for any model: batch, step, report, evaluate, save. All that is random or ordered is a function of
 * seed and step, so a training resumed from a checkpoint is the training that was never interrupted.
 */
import { z } from "zod";
import { ConfigError, DeviceError, shown } from "../errors.ts";
import type { Schedule } from "../optim/index.ts";
import type { Feeds } from "../runtime/index.ts";
import { abortable, callable, checked, such, whole } from "../schema.ts";
import type { Best, History, Scores, TrainingEvent } from "./events.ts";
import { lastGood, requireFiniteResult, requireFiniteWeights, spoiltData } from "./finite.ts";
import { type Deciding, Progress } from "./progress.ts";
import type { Stepper } from "./step.ts";

/** The micro-batches of a step: one, or as many as gradients are accumulated over. */
export type Batches = readonly Feeds[];

/** How a model is measured during training, and which measurement decides. */
export interface Evaluation extends Deciding {
  /** Steps between two measurements. */
  readonly every: number;
  /** The same examples each time, so that what is compared is alike. */
  run(): Promise<Scores>;
  /** What is reported at the end in its place, where `run` measures `examples`, a part of them, alone. */
  readonly whole?: { readonly examples: number; run(): Promise<Scores> } | undefined;
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
  /** Which example stands in row `row` of the only batch of a step, for messages. */
  readonly rowOf?: ((step: number, row: number) => number | undefined) | undefined;
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

const evaluation = z.object({
  every: whole(1, 1e9),
  run: callable("whether it is the end"),
  best: z.string(),
  better: z.enum(["higher", "lower"]),
  patience: whole(1, 1e9).optional(),
});
const saving = z.object({ every: whole(1, 1e9), run: callable("the kind of weights") });
const best = z.object({ score: z.number(), step: whole(0, 1e9) });
const fits = (schema: z.ZodObject) => (value: unknown) => schema.safeParse(value).success;

const schema = z.strictObject({
  steps: such(
    "a whole number from 0 to 1e9, or Infinity",
    (value) => value === Number.POSITIVE_INFINITY || whole(0, 1e9).safeParse(value).success,
  ),
  from: whole(0, 1e9).optional(),
  seed: whole(0, Number.MAX_SAFE_INTEGER),
  schedule: callable("the step"),
  batches: callable("the step"),
  count: callable("the batches").optional(),
  rowOf: callable("step and row").optional(),
  epoch: callable("the step").optional(),
  evaluate: such("{ every, run, best, better, patience? }", fits(evaluation)).optional(),
  save: such("{ every, run }", fits(saving)).optional(),
  keep: callable("nothing").optional(),
  best: such("{ score, step }", fits(best)).optional(),
  signal: abortable().optional(),
  where: z.string().optional(),
} satisfies Record<keyof LoopOptions, z.ZodType>);

function requireStepper(stepper: unknown): void {
  if (typeof (stepper as Stepper | undefined | null)?.run === "function") return;
  throw new ConfigError(`loop: expected a step, got ${shown(stepper)}; createStep(options, start) makes one`);
}

const rows = (batches: Batches): number =>
  batches.reduce((sum, batch) => sum + (Object.values(batch)[0]?.shape[0] ?? 1), 0);

/** Why there are no more steps. */
type End = "last step" | "interrupted" | "no better";

function endOf({ signal, evaluate }: LoopOptions, { waited }: Progress): End | undefined {
  if (signal?.aborted) return "interrupted";
  return waited >= (evaluate?.patience ?? Number.POSITIVE_INFINITY) ? "no better" : undefined;
}

/**
 * Steps until the end, an interruption, or a value that is not finite, which throws NonFiniteError. Throws ConfigError
 * for options that are unknown or out of range.
 */
export async function* loop(stepper: Stepper, options: LoopOptions): AsyncGenerator<TrainingEvent, History> {
  requireStepper(stepper);
  checked(schema, options, "loop");
  const { steps, from = 0, evaluate, save, signal } = options;
  const progress = new Progress(from, options.best, evaluate?.every);
  let next = from < steps ? prepare(options, from + 1) : undefined;
  let end: End | undefined;
  while (next && progress.step < steps) {
    end = endOf(options, progress);
    if (end) break;
    await progress.turn();
    const batches = await unlessAborted(next, signal);
    if (batches === "aborted") continue;
    if (batches === undefined) break;
    next = progress.step + 1 < steps ? prepare(options, progress.step + 2) : undefined;
    yield await oneStep(stepper, options, progress, batches);
    const { step } = progress;
    if (step === steps) break;
    if (evaluate && step % evaluate.every === 0) yield* measured(stepper, options, progress, false);
    if (save && step % save.every === 0) yield* saved(stepper, options, progress);
  }
  return yield* finish(stepper, options, progress, end ?? "last step");
}

/** Starts on the batches of a step, so that they are ready when the step before is done. */
function prepare({ batches }: LoopOptions, step: number): Promise<Batches | undefined> {
  const made = (async () => batches(step))();
  made.catch(() => undefined); // whoever awaits it sees the error
  return made;
}

/** What `made` gives; "aborted" where `signal` is raised before, as a batch may never come. */
export function unlessAborted<T>(made: Promise<T>, signal: AbortSignal | undefined): Promise<T | "aborted"> {
  if (!signal) return made;
  return new Promise((resolve, reject) => {
    const abort = () => resolve("aborted");
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    made.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** What the engine says, such as that the graphics device was lost, with what is left of the training. */
const brokenOff =
  (step: number, kept: string) =>
  (error: unknown): never => {
    if (!(error instanceof DeviceError)) throw error;
    throw new DeviceError(`training: step ${step} was broken off: ${error.message}; ${kept}`, { cause: error });
  };

async function oneStep(
  stepper: Stepper,
  { steps, seed, schedule, where, count = rows, epoch, rowOf }: LoopOptions,
  progress: Progress,
  batches: Batches,
): Promise<TrainingEvent> {
  const [began, step] = [performance.now(), progress.step + 1];
  const lr = schedule(step);
  const kept = lastGood(where, progress.saved);
  const result = await stepper.run(batches, { step, lr, seed }).catch(brokenOff(step, kept));
  requireFiniteResult(result, step, kept, () => spoiltData(batches, (row) => rowOf?.(step, row)));
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
  const best = progress.measure(await evaluate.run(), evaluate, evaluate.whole?.examples);
  if (best) keep?.();
  if (final && evaluate.whole) progress.scores = await evaluate.whole.run();
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
    trainLoss: progress.trainLoss,
    scores: progress.scores,
    best: progress.best,
    seconds: progress.seconds,
    interrupted: end === "interrupted",
  };
}
