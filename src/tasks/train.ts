/**
 * Training any architecture for any task. `train` makes a plan from options, `resume` from what a run has saved. The rest
 * is the same: compile, save the beginning, loop, draw the curves.
 */
import type { Json, Store } from "../checkpoint/index.ts";
import { asStore } from "../files/index.ts";
import { settle } from "../runtime/index.ts";
import { checked, requireRecord } from "../schema.ts";
import {
  countOf,
  createStep,
  type Evaluation,
  type History,
  loop,
  Run,
  type Stepper,
  stoppable,
  type TrainingEvent,
} from "../train/index.ts";
import type { PredictorOf } from "./index.ts";
import { CALIBRATION, drawCurves, logged, saver } from "./keep.ts";
import { type Measurement, measurement } from "./measure.ts";
import { planNew, type TrainOptions } from "./new-plan.ts";
import { loopSettings, type Plan, type Planned, stepOptions, valuesOf } from "./plan.ts";
import { planSaved, type ResumeOptions } from "./saved-plan.ts";
import type { Measured, Pictures, Problem } from "./task.ts";

export type { ResumeOptions, TrainOptions };

/** What a finished training hands over. */
export interface Trained<T extends string = string> extends History {
  /** The model with the last weights, ready to answer; release it when it is no longer needed. */
  open(): Promise<PredictorOf<T>>;
}

/** A plan, where it is carried out, and when to stop. */
interface Session extends Planned {
  /** Finds the place of the run, after everything has been checked. */
  readonly place: () => Promise<Store | undefined>;
  readonly signal: AbortSignal;
  /** Why the device, where it was `auto`. */
  readonly chosen?: string | undefined;
}

/** `auto` becomes a device, which is the one that a resumed training takes. */
async function withDevice(session: Session): Promise<Session> {
  if (session.run.device !== "auto") return session;
  const { chosen, ...run } = await settle(session.run);
  return { ...session, run, chosen };
}

/** A training from its plan to its end. */
async function* session(planning: Promise<Session>): AsyncGenerator<TrainingEvent, Trained> {
  const current = await withDevice(await planning);
  const { plan, start, run } = current;
  const began = performance.now();
  const stepper = await createStep(stepOptions(plan), start, run, plan.sizes);
  try {
    const measure = await measurement(plan.problem, plan.model, plan.settings.batch, run);
    const compileSeconds = (performance.now() - began) / 1000;
    try {
      return yield* locked(current, { stepper, measure, compileSeconds });
    } finally {
      await measure.release();
    }
  } finally {
    await stepper.release();
  }
}

/** What is compiled. */
interface Compiled {
  readonly stepper: Stepper;
  readonly measure: Measurement;
  readonly compileSeconds: number;
}

/** Finds the place of the run and keeps other processes out of it. */
async function* locked(current: Session, compiled: Compiled): AsyncGenerator<TrainingEvent, Trained> {
  const store = await current.place();
  const lock = current.before ? undefined : await store?.lock?.(); // a resumed run is locked already
  try {
    return yield* steps(current, compiled, store);
  } finally {
    await lock?.[Symbol.asyncDispose]();
  }
}

/** Saves the beginning, trains, and draws what came of it. */
async function* steps(
  { plan, before, run, signal, chosen }: Session,
  { stepper, measure, compileSeconds }: Compiled,
  store: Store | undefined,
): AsyncGenerator<TrainingEvent, Trained> {
  const { settings, task, model } = plan;
  let [pictures, calibration]: [Pictures, Json | undefined] = [{}, undefined];
  const save = store && saver(store, plan, run, stepper, () => calibration);
  if (store && !before) {
    await store.create(plan.files);
    await save?.("last", 0, undefined);
  }
  const [from, best] = [before?.step ?? 0, before?.best ?? undefined];
  const parameters = countOf(stepper.weights);
  const { device } = await settle(run);
  yield {
    event: "start",
    step: from,
    steps: settings.steps,
    parameters,
    compileSeconds,
    unit: task.unit,
    best,
    device,
    chosen,
  };

  const events = loop(stepper, {
    ...loopSettings(plan),
    from,
    best,
    evaluate: evaluation(plan, stepper, measure, (found) => {
      ({ pictures, calibration } = found);
    }),
    save: save && { every: settings.saveEvery, run: save },
    signal,
    where: store?.where,
  });
  const history = yield* logged(store, events);
  await store?.savePictures?.({ ...pictures, ...(await drawCurves(store, task)) });
  const values = valuesOf(plan, stepper);
  return { ...history, open: async () => (await calibrated(plan, calibration)).open(model, values, run) };
}

/** The problem of a plan with what was found when its model was measured. */
async function calibrated({ task, problem, files }: Plan, found: Json | undefined): Promise<Problem> {
  if (!found) return problem;
  const options = checked(task.options, files["task.json"]?.options as Json, "task.json");
  return task.reopen({ ...files, [CALIBRATION]: found }, options);
}

/** Examples that decide which weights are the best, by the order in which they come; at the end all are measured. */
const QUICK_EVALUATION = { draws: 256, epochs: 2000, streams: 256 } as const;

function evaluation(
  plan: Plan,
  stepper: Stepper,
  measure: Measurement,
  note: (measured: Measured) => void,
): Evaluation {
  const { problem, task, settings, data } = plan;
  const most = QUICK_EVALUATION[problem.order];
  const run = async (some?: number) => {
    const measured = await measure.run(valuesOf(plan, stepper), data.validation, some);
    note(measured);
    return measured.scores;
  };
  return {
    every: settings.evalEvery,
    run: () => run(most),
    whole: data.validation.size > most ? { examples: most, run: () => run() } : undefined,
    best: task.best,
    better: task.scores[task.best] ?? "lower",
    patience: settings.patience ?? undefined,
  };
}

/**
 * Trains the architecture called `name` for a task. Iterate over the result for its events, await it for its history,
 * or do both. Throws ConfigError, DataError, CheckpointError before the first step, NonFiniteError during training.
 */
export function train<T extends string = string>(
  name: string,
  options: TrainOptions<T>,
): Run<TrainingEvent, Trained<T>> {
  const { signal, stop } = stoppable(options?.signal);
  async function planned(): Promise<Session> {
    const made = await planNew(name, options as TrainOptions);
    const { store } = options;
    const place = async () =>
      store === undefined ? undefined : asStore(typeof store === "function" ? await store() : store);
    return { ...made, place, signal };
  }
  return new Run(session(planned()) as AsyncGenerator<TrainingEvent, Trained<T>>, stop);
}

/** Resumes the run in `place` from its last checkpoint, to the same end as if it had never stopped. */
export function resume(place: Store | string, options: ResumeOptions = {}): Run<TrainingEvent, Trained> {
  requireRecord(options, "resume");
  const { signal, stop } = stoppable(options.signal);
  const planned = async (store: Store): Promise<Session> => ({
    ...(await planSaved(store, options)),
    place: async () => store,
    signal,
  });
  async function* resumed(): AsyncGenerator<TrainingEvent, Trained> {
    const store = asStore(place);
    // Before its state is read: what another process saves later would be lost. Where there is no run, nothing is made.
    const lock = (await store.loadTrainer()) && (await store.lock?.());
    try {
      return yield* session(planned(store));
    } finally {
      await lock?.[Symbol.asyncDispose]();
    }
  }
  return new Run(resumed(), stop);
}
