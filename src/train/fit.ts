/** Training a model of your own in one call: data, a loss, and the usual options. */
import { z } from "zod";
import { batchesPerEpoch, type Dataset, divided, epochs as passes } from "../data/index.ts";
import { ConfigError, nearest, quoted, shown } from "../errors.ts";
import { namedBuffers, namedParameters } from "../nn/index.ts";
import { adam, constantRate, type Optimizer, type Schedule } from "../optim/index.ts";
import { type Feeds, initialValues, type RunOptions, type Settled, settle, stream } from "../runtime/index.ts";
import { checkEach, meant, real, requireRecord, whole } from "../schema.ts";
import type { Tensor } from "../tensor/index.ts";
import { createStep } from "./accumulate.ts";
import { sizesOf } from "./buckets.ts";
import {
  type Columns,
  type Example,
  following,
  fromColumns,
  isDataset,
  ordered,
  requireFeeds,
  stackRows,
} from "./columns.ts";
import type { History, TrainingEvent } from "./events.ts";
import { Fitted } from "./fitted.ts";
import type { ParameterGroup } from "./groups.ts";
import { type Batches, type Evaluation, loop, unlessAborted } from "./loop.ts";
import type { BatchSpecs, LossTerms } from "./plan.ts";
import { Run, stoppable } from "./run.ts";
import { startingAt } from "./start.ts";
import { countOf, lasting } from "./step.ts";

/** The tensors of a batch by name. */
export type BatchTensors = Readonly<Record<string, Tensor>>;

/** Examples in memory or made on demand, or an iterable of batches. */
export type FitData<E> = Columns | Dataset<E> | Iterable<Feeds> | AsyncIterable<Feeds>;

/** How a model of your own is trained. `N` are the names of what a batch holds, `E` what an example is. */
export interface FitOptions<N extends string = string, E = Example> {
  /** The scalar to be made small, alone or beside named others, which are reported. */
  loss(batch: { readonly [K in N]: Tensor }): Tensor | LossTerms;
  /** Scalars that are measured on the validation data beside the loss, such as accuracy; means over its examples. */
  metrics?(batch: { readonly [K in N]: Tensor }): BatchTensors;
  /** Passes over the data; 1 unless `steps` says otherwise. */
  readonly epochs?: number | undefined;
  readonly steps?: number | undefined;
  /** Examples in a batch. Default 32. */
  readonly batch?: number | undefined;
  /** Whether a last batch of fewer examples is kept. Default true. */
  readonly keepLast?: boolean | undefined;
  /** Makes a batch of examples. Default: side by side along a new first axis. */
  collate?(examples: readonly E[]): Feeds;
  /** What is only measured, or which share of the data: after every pass, or every `evalEvery` steps. */
  readonly validation?: Columns | Dataset<E> | number | undefined;
  readonly evalEvery?: number | undefined;
  /** The score that decides which weights are the best. Default the loss. */
  readonly best?: string | undefined;
  /** Whether the best is the highest; by default the lowest of the loss, the highest of anything else. */
  readonly better?: "higher" | "lower" | undefined;
  /** Evaluations without a better score after which it stops, with the best weights. */
  readonly patience?: number | undefined;
  /** Default Adam. */
  readonly optimizer?: Optimizer | undefined;
  /** A rate, or one for each step. Default 0.001. */
  readonly lr?: number | Schedule | undefined;
  /** Limit of the norm of all gradients together. Default: none. */
  readonly clip?: number | undefined;
  readonly groups?: readonly ParameterGroup[] | undefined;
  /** Decay of a moving average of the weights, which is then what comes out. */
  readonly average?: number | undefined;
  /** Values to start from. Default: initial ones. */
  readonly values?: Feeds | undefined;
  /** Chooses initial weights, the order of examples, and dropout. Default 0. */
  readonly seed?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly device?: RunOptions["device"];
  readonly threads?: number | undefined;
}

const KEYS = new Set([
  ...[
    "loss",
    "metrics",
    "epochs",
    "steps",
    "batch",
    "keepLast",
    "collate",
    "validation",
    "evalEvery",
    "best",
    "better",
  ],
  ...["patience", "optimizer", "lr", "clip", "groups", "average", "values", "seed", "signal", "device", "threads"],
]);

const numbers = z.strictObject({
  epochs: real(0, 1e9).optional(),
  steps: whole(1, 1e9).optional(),
  batch: whole(1, 2 ** 31 - 1).optional(),
  keepLast: z.boolean().optional(),
  evalEvery: whole(1, 1e9).optional(),
  best: z.string().optional(),
  better: z.enum(["higher", "lower"]).optional(),
  patience: whole(1, 1e9).optional(),
  seed: whole(0, Number.MAX_SAFE_INTEGER).optional(),
});

/** Throws ConfigError where an option is of another kind than it must be. */
function requireKinds(options: FitOptions): void {
  checkEach(numbers, { ...options }, "fit");
  for (const key of ["metrics", "collate"] as const)
    if (options[key] !== undefined && typeof options[key] !== "function")
      throw new ConfigError(`fit: expected ${key} to be a function, got ${shown(options[key])}`);
  const { lr = 0 } = options;
  if (typeof lr !== "function" && !(typeof lr === "number" && lr >= 0 && Number.isFinite(lr)))
    throw new ConfigError(`fit: expected lr to be a number from 0 on or a function of the step, got ${shown(lr)}`);
}

function requireOptions(options: unknown): void {
  if (typeof options !== "object" || options === null || typeof (options as FitOptions).loss !== "function")
    throw new ConfigError("fit: expected options { loss, ... } with a function of the batch as loss, got none");
  const odd = Object.keys(options).find((key) => !KEYS.has(key));
  if (odd) throw new ConfigError(`fit: unknown option "${odd}"${meant(odd, [...KEYS])}`);
  requireKinds(options as FitOptions);
  const { epochs, steps } = options as FitOptions;
  if (epochs !== undefined && steps !== undefined)
    throw new ConfigError(`fit: expected epochs or steps, got ${epochs} and ${steps}; leave one out`);
}

const isStream = <E>(data: FitData<E>): data is Iterable<Feeds> | AsyncIterable<Feeds> =>
  typeof data === "object" && data !== null && (Symbol.iterator in data || Symbol.asyncIterator in data);

/** Where the batches of a training come from, and how many there are. */
interface Supply {
  readonly batches: (step: number) => Batches | Promise<Batches | undefined>;
  readonly steps: number;
  /** Steps in one pass; undefined for an iterable of batches. */
  readonly perEpoch: number | undefined;
  readonly collate: (rows: readonly never[]) => Feeds;
  /** Which example stands in a row of a step's batch. */
  readonly rowOf?: (step: number, row: number) => number | undefined;
  /** Ends an iterable that has more batches than were wanted. */
  readonly close?: () => Promise<void>;
  /** What is only measured. */
  readonly validation: Columns | Dataset<never> | undefined;
}

/** What is trained on and what is only measured. Throws ConfigError where a share of the data is none. */
function split<E>(data: Dataset<E>, validation: FitOptions<string, E>["validation"], seed: number) {
  if (typeof validation !== "number") return [data, validation] as const;
  if (!(validation > 0 && validation < 1) || data.size < 2)
    throw new ConfigError(
      `fit: expected validation data, or a share between 0 and 1 of at least 2 examples, got ${validation}`,
    );
  return divided(data, validation, stream(seed, 0, "validation").permutation(data.size));
}

function supplyOf<N extends string, E>(data: FitData<E>, options: FitOptions<N, E>): Supply {
  const { batch = 32, seed = 0, steps, epochs = 1, keepLast = true, validation: measured } = options;
  const collate = (options.collate ?? stackRows) as Supply["collate"];
  if (isStream(data)) {
    if (typeof measured === "number")
      throw new ConfigError(
        "fit: a share of an iterable's batches cannot be held out, got validation as a number; give validation data",
      );
    const validation = measured as Supply["validation"];
    const all = steps ?? Number.POSITIVE_INFINITY;
    return { ...following(data), steps: all, perEpoch: undefined, collate, validation };
  }
  const whole = (isDataset(data) ? data : fromColumns(data as Columns)) as Dataset<never>;
  const [examples, validation] = split(whole, measured as Supply["validation"] | number, seed);
  const last = keepLast ? "keep" : "drop";
  const order = { size: examples.size, batch, seed, last, length: examples.length?.bind(examples) } as const;
  const perEpoch = batchesPerEpoch(order);
  const all = steps ?? Math.max(1, Math.round(epochs * perEpoch));
  const indices = passes(order);
  // A share that is held out changes the numbers of the rows.
  const rowOf = examples === whole ? (step: number, row: number) => indices(step - 1)[row] : undefined;
  return {
    batches: ordered(examples, indices, collate),
    steps: all,
    perEpoch,
    collate,
    validation,
    ...(rowOf && { rowOf }),
  };
}

/** A batch's shapes, every axis with a name of its own, the first one of all with the same. */
const specsOf = (feeds: Feeds): BatchSpecs =>
  Object.fromEntries(
    Object.entries(requireFeeds(feeds, "a batch")).map(([name, { shape, dtype }]) => [
      name,
      { shape: shape.map((_, axis) => (axis === 0 ? "B" : `${name.replace(/\W/g, "_")}_${axis}`)), dtype },
    ]),
  );

/** The values that are given to start from. Throws ConfigError for a name that the model does not have. */
function startValues(state: object, values: Feeds = {}): Feeds {
  requireRecord(values, "fit: values");
  const [known, odd] = [Object.keys(state), Object.keys(values).find((name) => !Object.hasOwn(state, name))];
  if (odd === undefined) return values;
  throw new ConfigError(
    `fit: values: the model has no ${quoted(odd)}${nearest(odd, known)}; it has ${known.slice(0, 8).join(", ")}`,
  );
}

/** The compiled step of a model, which starts at `values` or initial ones. */
function stepOf<N extends string, E>(model: object, batch: Feeds, options: FitOptions<N, E>) {
  const { seed = 0, optimizer = adam(), clip, groups, average, device, threads } = options;
  const [parameters, buffers] = [namedParameters(model), namedBuffers(model)];
  const state = { ...parameters, ...buffers };
  const values = { ...initialValues(state, seed), ...startValues(state, options.values) };
  const loss = options.loss as (batch: BatchTensors) => Tensor | LossTerms;
  const specs = specsOf(batch);
  const sizes = Object.entries(sizesOf(specs, batch)).filter(([, size]) => size > 0);
  return createStep(
    { parameters, buffers, batch: specs, loss, optimizer, clip, groups, average },
    startingAt(values, { parameters, buffers }),
    { device, threads },
    Object.fromEntries(sizes),
  );
}

/** How the validation data are measured: after every pass, or as `evalEvery` says. */
function evaluation<N extends string, E>(
  fitted: Fitted,
  { validation, perEpoch }: Supply,
  options: FitOptions<N, E>,
): Evaluation | undefined {
  if (!validation) return undefined;
  const { best = "loss", better = best === "loss" ? "lower" : "higher", patience } = options;
  const every = options.evalEvery ?? perEpoch ?? 100;
  return { every, run: () => fitted.evaluate(validation), best, better, patience };
}

async function* fitting<N extends string, E>(
  model: object,
  data: FitData<E>,
  given: FitOptions<N, E>,
  signal: AbortSignal,
): AsyncGenerator<TrainingEvent, Fitted & History> {
  requireOptions(given);
  const settled = await settle({ device: given.device, threads: given.threads });
  const supply = supplyOf(data, given);
  try {
    return yield* supplied(model, supply, settled, { ...given, device: settled.device }, signal);
  } finally {
    await supply.close?.();
  }
}

async function* supplied<N extends string, E>(
  model: object,
  supply: Supply,
  { device, chosen }: Settled,
  options: FitOptions<N, E>,
  signal: AbortSignal,
): AsyncGenerator<TrainingEvent, Fitted & History> {
  const { seed = 0, lr = 1e-3, patience } = options;
  const started = performance.now();
  const { steps, perEpoch } = supply;
  const coming = supply.batches(1);
  const first = coming instanceof Promise ? await unlessAborted(coming, signal) : coming;
  if (first === "aborted") throw signal.reason;
  const batch = first?.[0];
  if (!first || !batch) throw new ConfigError("fit: expected at least one batch, got none");
  const step = await stepOf(model, batch, options);
  const fitted = new Fitted(model, () => lasting(step), options as FitOptions<string, never>, supply.collate);
  try {
    yield {
      event: "start",
      step: 0,
      steps,
      parameters: countOf(step.weights),
      compileSeconds: (performance.now() - started) / 1000,
      unit: "examples",
      best: undefined,
      device,
      chosen,
    };
    const history = yield* loop(step, {
      steps,
      seed,
      schedule: typeof lr === "number" ? constantRate(lr) : lr,
      batches: (n) => (n === 1 ? first : supply.batches(n)),
      rowOf: supply.rowOf,
      epoch: perEpoch === undefined ? undefined : (n) => n / perEpoch,
      evaluate: evaluation(fitted, supply, options),
      keep: patience === undefined ? undefined : () => fitted.remember(),
      signal,
    });
    return Object.assign(fitted.settle(patience !== undefined), history);
  } finally {
    await step.release();
  }
}

/**
 * Trains `model` on `data`: columns of numbers, a data set, or an iterable of batches. Iterate over the result
 * for its events, await it for the fitted model with its history, or do both. Throws ConfigError and DataError before the
 * first step, NonFiniteError during training.
 *
 * @example
 * const net = Sequential(Linear(2, 16), Tanh(), Linear(16, 2));
 * const fitted = await fit(net, { x, y }, { loss: ({ x, y }) => crossEntropy(net(x), y), epochs: 20 });
 */
export function fit<E, B extends Feeds>(
  model: object,
  data: Dataset<E>,
  options: FitOptions<keyof B & string, E> & { collate(examples: readonly E[]): B },
): Run<TrainingEvent, Fitted & History>;
export function fit<E extends Feeds>(
  model: object,
  data: Dataset<E>,
  options: FitOptions<keyof E & string, E>,
): Run<TrainingEvent, Fitted & History>;
export function fit<B extends Feeds>(
  model: object,
  data: Iterable<B> | AsyncIterable<B>,
  options: FitOptions<keyof B & string>,
): Run<TrainingEvent, Fitted & History>;
export function fit<D extends Columns>(
  model: object,
  data: D,
  options: FitOptions<keyof D & string>,
): Run<TrainingEvent, Fitted & History>;
export function fit(model: object, data: object, options: object): Run<TrainingEvent, Fitted & History> {
  const { signal, stop } = stoppable((options as FitOptions | undefined)?.signal);
  return new Run(fitting(model, data as FitData<never>, options as FitOptions<string, never>, signal), stop);
}
