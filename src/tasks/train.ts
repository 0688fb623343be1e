/** Training any architecture for any task: planned, compiled, run, measured, saved, and resumed. */

import type { z } from "zod";
import {
  type Json,
  reconcile,
  requireFit,
  type SavedState,
  type Store,
  toFile,
  unexpected,
} from "../checkpoint/index.ts";
import type { DataGiven } from "../data/index.ts";
import { CheckpointError, ConfigError, shown } from "../errors.ts";
import { asStore, type FindOptions, openSource } from "../files/index.ts";
import { loadArchitecture, modelName } from "../models/index.ts";
import { curves } from "../pictures/index.ts";
import { type Feeds, initialValues, type RunOptions } from "../runtime/index.ts";
import { checked, divide, meant, requireRecord } from "../schema.ts";
import {
  checkTraining,
  countOf,
  createStep,
  type History,
  lasting,
  loop,
  Run,
  type Scores,
  type Stepper,
  startingAt,
  stoppable,
  type TrainingEvent,
  type TrainingInput,
  trainingSchema,
} from "../train/index.ts";
import { defaultTask, loadTask, type PredictorOf, requireHead, type Tasks } from "./index.ts";
import { type Measurement, measurement } from "./measure.ts";
import { readDescription } from "./open.ts";
import { batchesOf, epochOf, type Plan, plan, scheduleOf, stepOptions, withDefaults } from "./plan.ts";
import { parseRecord, type TrainerRecord } from "./record.ts";
import type { Pictures, Task, Watch } from "./task.ts";

/** Where a training runs and is kept, whatever is trained. */
export interface Place extends FindOptions {
  /** Where the run is kept: a folder's name (in Node), a store, or what finds one when it is needed; nowhere if left out. */
  readonly store?: Store | string | (() => Promise<Store>) | undefined;
  readonly device?: RunOptions["device"];
  /** Threads inside one operation. Default: all processors. */
  readonly threads?: number | undefined;
  /** Notes on what happens before the first step. */
  readonly onNote?: ((note: string) => void) | undefined;
}

/** What to train, and on what. */
export interface TrainingData<T extends string> {
  /** Default: what the model is mostly used for. */
  readonly task?: T | undefined;
  readonly data: DataGiven;
  /** What is only measured; by default a part of `data`. */
  readonly val?: DataGiven | undefined;
  /** Values of the model's configuration; the rest follows from the data or is a default. */
  readonly config?: Json | undefined;
  /** A run or checkpoint whose configuration, vocabulary and weights are started from. */
  readonly from?: Store | string | undefined;
}

/** Options of `train`: where, what, settings of the training, and options of the task. */
export type TrainOptions<T extends string = string> = Place &
  TrainingData<T> &
  TrainingInput &
  (T extends keyof Tasks ? z.input<Tasks[T]["options"]> : Json);

/** What a finished training hands over. */
export interface Trained<T extends string = string> extends History {
  /** The model with the last weights, ready to answer; release it when it is no longer needed. */
  open(): Promise<PredictorOf<T>>;
}

const HERE = ["task", "data", "val", "config", "from", "store", "device", "threads", "signal", "dataDir"] as const;
const ALSO = [...HERE, "onProgress", "onNote"];

/** Options that are not for the place: the task's and the training's. Throws ConfigError on keys of neither. */
function divideOptions(task: Task, given: Json): { options: Json; training: Json } {
  const rest = Object.fromEntries(
    Object.entries(given).filter(([key, value]) => !ALSO.includes(key) && value !== undefined),
  );
  const [training, others] = divide(trainingSchema, rest);
  const [options, unknown] = divide(task.options, others);
  const [odd] = Object.keys(unknown);
  if (odd === undefined) return { options, training };
  const known = [...Object.keys(trainingSchema.shape), ...Object.keys(task.options.shape)];
  throw new ConfigError(
    `train: unknown option ${JSON.stringify(odd.slice(0, 80))}${meant(odd, [...known, ...ALSO])}; known are ${known.join(", ")}`,
  );
}

/** A plan and where it is carried out. */
interface Session {
  readonly plan: Plan;
  /** Finds the place of the run, after everything has been checked. */
  readonly place: () => Promise<Store | undefined>;
  readonly run: RunOptions;
  readonly signal: AbortSignal;
  /** What a resumed training starts from. */
  readonly saved: SavedState | undefined;
  readonly from: Feeds | undefined;
}

async function planNew(name: string, options: TrainOptions): Promise<{ plan: Plan; from: Feeds | undefined }> {
  if (typeof options !== "object" || options === null)
    throw new ConfigError(
      `train: expected options { data, ... }, got ${shown(options)}; say at least what to learn from`,
    );
  const architecture = await loadArchitecture(name);
  const task = options.task === undefined ? await defaultTask(architecture) : await loadTask(options.task);
  await requireHead(architecture, task);
  const { options: given, training } = divideOptions(task, options as Json);
  checkTraining(withDefaults(task, training));
  const chosen = checked(task.options, given, "option");
  const source = openSource(options.data ?? missingData(), options);
  const validation = options.val === undefined ? undefined : openSource(options.val, options);
  const base = options.from === undefined ? undefined : await startFrom(asStore(options.from), architecture.modelType);
  const watch: Watch = { signal: options.signal, onProgress: options.onNote };
  if (base?.files["tokenizer.json"]) refuseTokenizer(given);
  const problem = await task.learn(source, chosen, watch, base?.files);
  const made = await plan({
    architecture,
    task,
    options: chosen as Json,
    problem,
    sources: { train: source, validation },
    config: { ...base?.config, ...options.config },
    training,
  });
  return { plan: made, from: base && (await startValues(base.store, made)) };
}

const missingData = (): never => {
  throw new ConfigError(
    "train: expected data to learn from, got none; give the name of a file, { name, text } or { name, rows }",
  );
};

/** Throws ConfigError where another vocabulary is asked for than that of the checkpoint that is started from. */
function refuseTokenizer(given: Json): void {
  const odd = ["tokenizer", "vocab"].find((key) => given[key] !== undefined);
  if (odd)
    throw new ConfigError(`option: ${odd}: the checkpoint that is started from brings its vocabulary; leave it out`);
}

/** What a checkpoint brings to a new training: its configuration, and the files that describe it. */
async function startFrom(store: Store, modelType: string) {
  const found = await readDescription(store);
  const architecture = await loadArchitecture(String(found["config.json"]?.model_type));
  if (architecture.modelType !== modelType)
    throw new CheckpointError(
      `from ${store.where}: expected a model called ${modelName(modelType)}, got ${modelName(architecture.modelType)}; train that model`,
    );
  const { num_labels: _, ...config } = architecture.read(found["config.json"] ?? {});
  return { store, files: found, config };
}

/** The part of a model, or of a file, that a name belongs to. */
const partOf = (name: string, prefix = ""): string =>
  (name.startsWith(prefix) ? name.slice(prefix.length) : name).split(".")[0] ?? "";

/**
 * The checkpoint's weights. A head that it has not, or for other labels, gets initial values; all else it must have, and
 * what else it has must be another head.
 */
async function startValues(store: Store, { architecture, model, parameters, buffers, settings }: Plan): Promise<Feeds> {
  const { files, modelType } = architecture;
  const [tensors, state] = [await store.loadWeights(), Object.entries({ ...parameters, ...buffers })];
  const isHead = ([path]: readonly [string, unknown]) => model.head?.includes(partOf(path)) === true;
  const body = reconcile(tensors, Object.fromEntries(state.filter((entry) => !isHead(entry))), files);
  const unread = new Set(body.surplus);
  const parts = new Set(
    [...tensors.keys()].filter((name) => !unread.has(name)).map((name) => partOf(name, files.prefix)),
  );
  const odd = body.surplus.filter((name) => parts.has(partOf(name, files.prefix)));
  requireFit([...body.complaints, ...odd.map(unexpected)], modelType);
  const head = Object.fromEntries(state.filter(isHead));
  const known = reconcile(tensors, head, files);
  return { ...body.values, ...(known.complaints.length ? initialValues(head, settings.seed) : known.values) };
}

function record({ plan: made, run }: Session, step: number, best: TrainerRecord["best"]): TrainerRecord {
  const { architecture, task, settings, data, sources } = made;
  return {
    version: 2,
    step,
    best,
    model: architecture.modelType,
    task: task.name,
    settings,
    train: { name: sources.train.name, digest: data.train.digest },
    validation: {
      name: (sources.validation ?? sources.train).name,
      given: sources.validation !== undefined,
      digest: data.validation.digest,
    },
    sizes: made.sizes,
    device: run.device ?? null,
    threads: run.threads ?? null,
  };
}

/** Saves the state, then the weights for others. */
const saver =
  (session: Session, store: Store, stepper: Stepper) =>
  async (kind: "last" | "best", step: number, best: TrainerRecord["best"] | undefined): Promise<void> => {
    const { weights, buffers, slots, averages } = stepper;
    const trainer = { ...record(session, step, best ?? null) };
    if (kind === "last") await store.saveState({ weights, buffers, slots, averages, trainer });
    await store.saveWeights(kind, toFile(lasting(stepper), session.plan.architecture.files));
  };

/** Examples measured during training, by the order in which they come; at the end it is all of them. */
const QUICK_EVALUATION = { draws: 256, epochs: 2000 } as const;

function startOf({ plan: { parameters, buffers, settings }, saved, from }: Session) {
  if (saved) return saved;
  const values = from ?? initialValues({ ...parameters, ...buffers }, settings.seed);
  return startingAt(values, { parameters, buffers });
}

async function* session(opened: Promise<Session>): AsyncGenerator<TrainingEvent, Trained> {
  const current = await opened;
  const start = performance.now();
  const { plan: made, run } = current;
  const stepper = await createStep(stepOptions(made), () => startOf(current), run, made.sizes);
  try {
    const measured = await measurement(made.problem, made.model, made.settings.batch, run);
    try {
      return yield* kept(current, stepper, measured, (performance.now() - start) / 1000);
    } finally {
      await measured.release();
    }
  } finally {
    await stepper.release();
  }
}

/** Finds the place of the run and keeps other processes out of it. */
async function* kept(
  current: Session,
  stepper: Stepper,
  measured: Measurement,
  compileSeconds: number,
): AsyncGenerator<TrainingEvent, Trained> {
  const store = await current.place();
  const lock = current.saved ? undefined : await store?.lock?.(); // a resumed run is locked already
  try {
    return yield* steps({ ...current, store }, stepper, measured, compileSeconds);
  } finally {
    await lock?.[Symbol.asyncDispose]();
  }
}

async function* steps(
  current: Session & { readonly store: Store | undefined },
  stepper: Stepper,
  measured: Measurement,
  compileSeconds: number,
): AsyncGenerator<TrainingEvent, Trained> {
  const { plan: made, store, saved, signal, run } = current;
  const { settings, task, problem, data, model } = made;
  const was = saved && parseRecord(saved.trainer, store?.where ?? "");
  const save = store && saver(current, store, stepper);
  if (store && !saved) {
    await store.create(made.files);
    await save?.("last", 0, undefined);
  }
  const from = was?.step ?? 0;
  yield {
    event: "start",
    step: from,
    steps: settings.steps,
    parameters: countOf(stepper.weights),
    compileSeconds,
    unit: task.unit,
    best: was?.best ?? undefined,
  };
  let pictures: Pictures = {};
  const source = loop(stepper, {
    steps: settings.steps,
    from,
    seed: settings.seed,
    schedule: scheduleOf(settings),
    batches: batchesOf(made),
    ...(problem.count && {
      count: (batches) => batches.reduce((sum, batch) => sum + (problem.count?.(batch) ?? 0), 0),
    }),
    epoch: epochOf(made),
    evaluate: {
      every: settings.evalEvery,
      async run(final) {
        const most = final ? undefined : QUICK_EVALUATION[problem.order];
        const found = await measured.run(lasting(stepper), data.validation, most);
        pictures = found.pictures;
        return found.scores;
      },
      best: task.best,
      better: task.scores[task.best] ?? "lower",
      patience: settings.patience ?? undefined,
    },
    save: save && { every: settings.saveEvery, run: save },
    best: was?.best ?? undefined,
    signal,
    where: store?.where,
  });
  const history = yield* logged(store, source);
  await store?.savePictures?.({ ...pictures, ...(await drawCurves(store, task)) });
  const values = lasting(stepper);
  return { ...history, open: () => problem.open(model, values, run) };
}

/** Loss and deciding score over all steps, those before a resumption included, as the log has them. */
async function drawCurves(store: Store, { name, best }: Task): Promise<Pictures> {
  const events = (await store.readLog?.()) ?? [];
  const points = (kind: string, value: (event: Json) => unknown) =>
    events.filter(({ event }) => event === kind).map((event) => [Number(event.step), Number(value(event))] as const);
  const drawn = curves(`${name}: loss of the training batches, and ${best} on the validation data`, [
    { name: "loss", points: points("step", ({ loss }) => loss) },
    { name: `validation ${best}`, points: points("evaluate", ({ scores }) => (scores as Scores)[best]) },
  ]);
  return drawn ? { curves: drawn } : {};
}

/** Every event goes into the run's log as well, but single steps only now and then. */
async function* logged(
  store: Store | undefined,
  source: AsyncGenerator<TrainingEvent, History>,
): AsyncGenerator<TrainingEvent, History> {
  for (;;) {
    const { done, value } = await source.next();
    if (done) return value;
    if (value.event !== "step" || value.step % 10 === 0) await store?.log(value);
    yield value;
  }
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
  async function open(): Promise<Session> {
    const { plan: made, from } = await planNew(name, options as TrainOptions);
    const { store, device, threads } = options;
    const run = { device, threads };
    const place = async () =>
      store === undefined ? undefined : asStore(typeof store === "function" ? await store() : store);
    return { plan: made, place, run, signal, saved: undefined, from };
  }
  return new Run(session(open()) as AsyncGenerator<TrainingEvent, Trained<T>>, stop);
}

/** What may differ when a training is resumed. */
export interface ResumeOptions extends FindOptions {
  /** The training and validation data again; by default read from where they were. */
  readonly data?: DataGiven | undefined;
  readonly val?: DataGiven | undefined;
  /** Steps in all, to train for longer. */
  readonly steps?: number | undefined;
}

/** Resumes the run in `place` from its last checkpoint, to the same end as if it had never stopped. */
export function resume(place: Store | string, options: ResumeOptions = {}): Run<TrainingEvent, Trained> {
  requireRecord(options, "resume");
  const { signal, stop } = stoppable(options.signal);
  async function* locked(): AsyncGenerator<TrainingEvent, Trained> {
    const store = asStore(place);
    // Before its state is read: what another process saves later would be lost. Where there is no run, nothing is made.
    const lock = (await store.loadTrainer()) && (await store.lock?.());
    try {
      return yield* session(openSaved(store, options, signal));
    } finally {
      await lock?.[Symbol.asyncDispose]();
    }
  }
  return new Run(locked(), stop);
}

async function openSaved(store: Store, options: ResumeOptions, signal: AbortSignal): Promise<Session> {
  const saved = await store.loadState();
  const was = parseRecord(saved.trainer, store.where);
  const found = await readDescription(store);
  const architecture = await loadArchitecture(was.model);
  const task = await loadTask(was.task);
  const chosen = checked(task.options, (found["task.json"]?.options ?? {}) as Json, "task.json");
  const { steps, ...settings } = was.settings;
  const made = await plan({
    architecture,
    task,
    options: chosen as Json,
    problem: await task.reopen(found, chosen),
    sources: {
      train: openSource(options.data ?? was.train.name, options),
      validation: was.validation.given ? openSource(options.val ?? was.validation.name, options) : undefined,
    },
    config: architecture.read(found["config.json"] ?? {}),
    training: withoutNulls({ ...settings, steps: options.steps ?? steps }),
  });
  requireData(was, made, store.where);
  if (made.settings.steps < was.step)
    throw new ConfigError(`option: steps: the run has done ${was.step} already, got ${made.settings.steps}; give more`);
  const run = { device: (was.device ?? undefined) as RunOptions["device"], threads: was.threads ?? undefined };
  return { plan: made, place: async () => store, run, signal, saved, from: undefined };
}

const withoutNulls = (values: object): Json =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));

/** Throws CheckpointError where the data are not those of the run. */
function requireData(was: TrainerRecord, { data, sources }: Plan, where: string): void {
  for (const part of ["train", "validation"] as const)
    if (data[part].digest !== was[part].digest)
      throw new CheckpointError(
        `resume ${where}: ${part === "train" ? "the data" : "the validation data"} in ${(sources[part] ?? sources.train).name} are not what the run was trained on; give the same data`,
      );
}
