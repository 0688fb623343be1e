/** Everything that is fixed before the first step, for a new training and for a resumed one alike. */
import type { Json } from "../checkpoint/index.ts";
import { batchesPerEpoch, type Dataset, draws, epochs, type Order, type Source, streams } from "../data/index.ts";
import { ConfigError, quoted } from "../errors.ts";
import { type Architecture, build, type Head, type Heads } from "../models/index.ts";
import { namedBuffers, namedParameters } from "../nn/index.ts";
import type { Named } from "../onnx/index.ts";
import {
  adam,
  adamW,
  constantRate,
  cosineDecay,
  linearDecay,
  type Optimizer,
  type Schedule,
  sgd,
  warmUp,
} from "../optim/index.ts";
import type { Feeds, RunOptions } from "../runtime/index.ts";
import { sizeOf } from "../tensor/index.ts";
import {
  type Batches,
  lasting,
  type StartValues,
  type StepOptions,
  type Stepper,
  type TrainingSettings,
  trainingSettings,
} from "../train/index.ts";
import { carriedBuffers, carryIn } from "./carried.ts";
import type { TrainerRecord } from "./record.ts";
import type { Description, Problem, Split, Task } from "./task.ts";

/** A training, ready to be compiled. */
export interface Plan {
  readonly architecture: Architecture;
  readonly task: Task;
  readonly problem: Problem;
  readonly config: Json;
  readonly settings: TrainingSettings;
  readonly model: Heads[Head];
  readonly parameters: Named;
  readonly buffers: Named;
  /** Buffers for what goes from batch to batch; they are the training's, not the model's. */
  readonly carried: Named;
  readonly data: Split<unknown>;
  readonly sources: Sources;
  /** Files that describe the run. */
  readonly files: Description;
  readonly order: Order;
  /** The named sizes of a batch of the longest examples. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** A plan, what it starts from, and on what it runs. */
export interface Planned {
  readonly plan: Plan;
  /** What the first step starts from, asked for once there is memory for it. */
  readonly start: () => StartValues;
  /** What a resumed run has done already. */
  readonly before: TrainerRecord | undefined;
  readonly run: RunOptions;
}

/** Where training and validation data come from. */
export interface Sources {
  readonly train: Source;
  readonly validation: Source | undefined;
}

/** What a plan is made of, once the task knows its data. */
export interface Ingredients {
  readonly architecture: Architecture;
  readonly task: Task;
  /** Options of the task. */
  readonly options: Json;
  readonly problem: Problem;
  readonly sources: Sources;
  /** Values of the model's configuration; the rest follows from the data or is a default. */
  readonly config: Json;
  /** Settings of the training. */
  readonly training: Json;
}

/** Eight gigabytes in 32-bit numbers. */
const MOST_PARAMETERS = 2 ** 31;

/** Throws ConfigError before memory is asked for that no machine has. */
function requireSize(parameters: Named): void {
  const count = Object.values(parameters).reduce((sum, { shape }) => sum + Number(sizeOf(shape)), 0);
  if (count > MOST_PARAMETERS)
    throw new ConfigError(`model: expected at most ${MOST_PARAMETERS} parameters, got ${count}; make it smaller`);
}

/** The configuration with what follows from the data filled in, of which an architecture takes what it knows. */
function configure(architecture: Architecture, follows: Json, given: Json): Json {
  const known = Object.entries(follows).filter(([key]) => Object.hasOwn(architecture.schema.shape, key));
  return architecture.configure({ ...Object.fromEntries(known), ...given });
}

/** Throws ConfigError or DataError where data, model and settings do not go together. */
export async function plan(ingredients: Ingredients): Promise<Plan> {
  const { architecture, task, options, problem, sources, training } = ingredients;
  const config = configure(
    architecture,
    { ...problem.config, ...architecture.derived?.(problem.config) },
    ingredients.config,
  );
  const model = build(architecture, task.head, config);
  problem.accept?.(model);
  const parameters = namedParameters(model.parts);
  requireSize(parameters);
  const seed = Number(training.seed ?? 0);
  const data = await problem.split(sources.train, sources.validation, seed);
  const settings = trainingSettings(withDefaults(task, training), (batch) => batchesInPass(problem, data, batch));
  return {
    architecture,
    task,
    problem,
    config,
    settings,
    model,
    parameters,
    buffers: namedBuffers(model.parts),
    carried: carriedBuffers(problem, model, settings.batch),
    data,
    sources,
    files: describe(architecture, task, options, config, problem.files),
    order: orderOf(problem, data, settings),
    sizes: largestSizes(problem, data.train, settings.batch),
  };
}

/** Batches in one pass over the training data; a last one of fewer examples counts, where batches pass over them. */
function batchesInPass({ order }: Problem, { train: { size } }: Split<unknown>, batch: number): number {
  if (order === "draws") return size / batch;
  return batchesPerEpoch({ size, batch, seed: 0, last: order === "streams" ? "drop" : "keep" });
}

/** The task's defaults below what is given; its epochs give way to steps. */
export function withDefaults({ defaults = {} }: Task, given: Json): Json {
  const { epochs: passes, ...rest } = defaults;
  return { ...rest, ...(given.steps === undefined && passes !== undefined ? { epochs: passes } : {}), ...given };
}

function describe(
  { modelType }: Architecture,
  { name }: Task,
  options: Json,
  config: Json,
  { "config.json": more = {}, "task.json": learned = {}, ...files }: Description,
): Description {
  return {
    "config.json": { model_type: modelType, ...config, ...more },
    "task.json": { task: name, options, ...learned },
    ...files,
  };
}

function orderOf({ order }: Problem, { train }: Split<unknown>, { batch, seed }: TrainingSettings): Order {
  const sizes = { size: train.size, batch, seed };
  if (order === "streams") return streams(sizes);
  return order === "draws" ? draws(sizes) : epochs({ ...sizes, length: train.length?.bind(train) });
}

/** The named sizes of a batch of the longest examples: what a step needs at most. */
function largestSizes(problem: Problem, examples: Dataset<unknown>, batch: number): Record<string, number> {
  const length = (i: number) => examples.length?.(i) ?? 0;
  let longest = 0;
  for (let i = 1; i < examples.size; i++) if (length(i) > length(longest)) longest = i;
  const feeds = problem.collate(Array(batch).fill(examples.at(longest)));
  const sizes: Record<string, number> = {};
  for (const [name, { shape }] of Object.entries(problem.batch))
    for (const [axis, dim] of shape.entries()) if (typeof dim === "string") sizes[dim] = feeds[name]?.shape[axis] ?? 0;
  return sizes;
}

function optimizerOf({ optimizer, weightDecay, beta1, beta2, momentum }: TrainingSettings): Optimizer {
  const betas = [beta1, beta2] as const;
  if (optimizer === "sgd") return sgd({ momentum, nesterov: momentum > 0, weightDecay });
  return optimizer === "adam" ? adam({ betas, weightDecay }) : adamW({ betas, weightDecay });
}

function requireTrained(parameters: Named, freeze: string | null): void {
  if (freeze && Object.keys(parameters).every((name) => new RegExp(freeze).test(name)))
    throw new ConfigError(
      `option: freeze: ${quoted(freeze)} matches every parameter, so no parameter is left to train; leave some out`,
    );
}

/** Scalars of a training of `steps` as functions of the step alone. */
const atSteps = (scheduled: NonNullable<Problem["scheduled"]>, steps: number): StepOptions["scheduled"] =>
  Object.fromEntries(Object.entries(scheduled).map(([name, at]) => [name, (step: number) => at(step, steps)]));

/** The training step that a problem, a model and settings ask for. */
export function stepOptions({
  problem,
  model,
  parameters,
  buffers,
  carried,
  settings,
}: Pick<Plan, "problem" | "model" | "parameters" | "buffers" | "carried" | "settings">): StepOptions {
  const { clip, accumulate, average, freeze } = settings;
  requireTrained(parameters, freeze);
  return {
    parameters,
    buffers: { ...buffers, ...carried },
    batch: problem.batch,
    loss: (batch, scheduled) => problem.loss(model, batch, carryIn(carried), scheduled),
    ...(problem.scheduled && { scheduled: atSteps(problem.scheduled, settings.steps) }),
    optimizer: optimizerOf(settings),
    clip: clip === 0 ? undefined : clip,
    accumulate,
    ...(average > 0 ? { average } : {}),
    ...(freeze ? { groups: [{ match: new RegExp(freeze), freeze: true }] } : {}),
  };
}

/** The values that a training is for, without those that only go from batch to batch. */
export const valuesOf = ({ carried }: Plan, stepper: Stepper): Feeds =>
  Object.fromEntries(Object.entries(lasting(stepper)).filter(([name]) => !Object.hasOwn(carried, name)));

/** Passes over the data after `step` steps, where batches pass over it. */
function epochOf({ problem, data, settings }: Plan): ((step: number) => number) | undefined {
  if (problem.order === "draws") return undefined;
  const perEpoch = batchesInPass(problem, data, settings.batch);
  return (step) => (step * settings.accumulate) / perEpoch;
}

/** The batches of a step: a function of seed and step alone. */
const batchesOf =
  ({ problem, data, order, settings: { accumulate } }: Plan) =>
  (step: number): Batches =>
    Array.from({ length: accumulate }, (_, part) => {
      const indices = order((step - 1) * accumulate + part);
      return problem.collate(Array.from(indices, (index) => data.train.at(index)));
    });

function scheduleOf({ schedule, lr, warmup, steps }: TrainingSettings): Schedule {
  const range = { from: warmup, to: steps, least: lr / 10 };
  const falling = { cosine: cosineDecay(lr, range), linear: linearDecay(lr, range), constant: constantRate(lr) };
  return warmUp(warmup, falling[schedule]);
}

/** What the loop takes of a plan: how many steps, with which batches and learning rates. */
export function loopSettings(plan: Plan) {
  const { steps, seed } = plan.settings;
  const { problem } = plan;
  return {
    steps,
    seed,
    schedule: scheduleOf(plan.settings),
    batches: batchesOf(plan),
    ...(problem.count && {
      count: (batches: Batches) => batches.reduce((sum, batch) => sum + (problem.count?.(batch) ?? 0), 0),
    }),
    epoch: epochOf(plan),
  };
}
