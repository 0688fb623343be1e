/** The plan of a new training: from options and data, before anything is compiled. */
import type { z } from "zod";
import type { Json, Store } from "../checkpoint/index.ts";
import type { DataGiven } from "../data/index.ts";
import { ConfigError, shown } from "../errors.ts";
import { asStore, type FindOptions } from "../files/index.ts";
import { loadArchitecture } from "../models/index.ts";
import { type Feeds, initialValues, type RunOptions } from "../runtime/index.ts";
import { checked, divide, meant } from "../schema.ts";
import { checkTraining, startingAt, type TrainingInput, trainingSchema } from "../train/index.ts";
import { startFrom, startValues } from "./from.ts";
import { defaultTask, loadTask, requireHead, type Tasks } from "./index.ts";
import { type Plan, type Planned, plan, withDefaults } from "./plan.ts";
import { sourceFor } from "./sources.ts";
import type { Task, Watch } from "./task.ts";

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

/** Throws ConfigError, DataError or CheckpointError where options, data, model and task do not go together. */
export async function planNew(name: string, options: TrainOptions): Promise<Planned> {
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
  const source = sourceFor(task, options.data ?? missingData(), options);
  const validation = options.val === undefined ? undefined : sourceFor(task, options.val, options);
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
  const taken = base && (await startValues(base.store, made));
  const { device, threads } = options;
  return { plan: made, start: () => startOf(made, taken), before: undefined, run: { device, threads } };
}

/** The values that are taken over, or initial ones. */
function startOf({ parameters, buffers, carried, settings, problem, model }: Plan, taken: Feeds | undefined) {
  const state = { parameters, buffers: { ...buffers, ...carried } };
  const initial = initialValues({ ...parameters, ...state.buffers }, settings.seed);
  return startingAt({ ...initial, ...(taken ?? problem.start?.(model, initial)) }, state);
}
