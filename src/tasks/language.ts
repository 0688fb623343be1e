/**
 * Language models from text: train, go on, write.
 *
 * B batch · T context · E windows in an evaluation
 */
import { fromFile, type Json, type SavedState, type Store } from "../checkpoint/index.ts";
import { randomWindows, requireLength, type TextData, windowsAt } from "../data/index.ts";
import { CheckpointError, ConfigError, TokenizerError } from "../errors.ts";
import { type WriteOptions, Writer } from "../generate/index.ts";
import type { Spec } from "../graph/index.ts";
import { type Architecture, type LanguageModel, loadArchitecture } from "../models/index.ts";
import { crossEntropy, namedParameters } from "../nn/index.ts";
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
import { compile, type Feeds, initialValues, type RunOptions } from "../runtime/index.ts";
import { input, sizeOf, type Tensor } from "../tensor/index.ts";
import { readTokenizer, type Tokenizer } from "../tokenizers/index.ts";
import {
  type Best,
  createStep,
  type History,
  loop,
  Run,
  type StepOptions,
  type Stepper,
  type TrainingEvent,
} from "../train/index.ts";
import { type TrainingInput, type TrainingSettings, trainingSettings } from "../train/options.ts";
import { parseRecord, type TrainerRecord } from "./record.ts";

/** What to train, on what, and where it is kept. */
export interface LanguageTraining extends TrainingInput {
  readonly data: TextData;
  /** Values of the model's configuration; the rest are its defaults. */
  readonly config?: Json | undefined;
  /** Where the run is kept, such as `folder("runs/first")`; nowhere if left out. */
  readonly store?: Store | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly device?: RunOptions["device"];
  readonly threads?: number | undefined;
}

/** What a finished training hands over. */
export interface LanguageHistory extends History {
  /** The model with the last weights, ready to write. */
  readonly model: LanguageWriter;
}

/** Everything that is fixed before the first step. */
interface Plan {
  readonly architecture: Architecture;
  readonly config: Json;
  readonly model: LanguageModel;
  readonly weights: Readonly<Record<string, Tensor>>;
  readonly settings: TrainingSettings;
  readonly data: TextData;
  readonly run: RunOptions;
  readonly store: Store | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Windows of the validation text that are looked at on the way; at the end it is all of them. */
const QUICK_EVALUATION = 256;

/** Eight gigabytes in 32-bit numbers. */
const MOST_PARAMETERS = 2 ** 31;

/** The configuration with what follows from data and context filled in. Throws ConfigError where they contradict it. */
function configure(architecture: Architecture, given: Json, data: TextData, context: number): Json {
  const positions = architecture.keys.includes("n_positions") ? { n_positions: context } : {};
  const config = architecture.configure({ vocab_size: data.tokenizer.vocabSize, ...positions, ...given });
  if (Number(config.vocab_size) < data.tokenizer.vocabSize)
    throw new ConfigError(
      `vocab_size: expected at least the tokenizer's ${data.tokenizer.vocabSize}, got ${config.vocab_size}; leave it out`,
    );
  return config;
}

/** Throws ConfigError before memory is asked for that no machine has. */
function requireSize(weights: Readonly<Record<string, Tensor>>): void {
  const count = Object.values(weights).reduce((sum, { shape }) => sum + Number(sizeOf(shape)), 0);
  if (count > MOST_PARAMETERS)
    throw new ConfigError(`model: expected at most ${MOST_PARAMETERS} parameters, got ${count}; make it smaller`);
}

async function planTraining(name: string, options: LanguageTraining): Promise<Plan> {
  const { data, config: given = {}, store, signal, device, threads, ...rest } = options;
  const settings = trainingSettings(rest);
  const architecture = await loadArchitecture(name);
  const config = configure(architecture, given, data, settings.context);
  requireLength(data, settings.context);
  const model = architecture.build(config);
  if (settings.context > (model.context ?? Number.POSITIVE_INFINITY))
    throw new ConfigError(
      `context: the model has ${model.context} positions, got ${settings.context}; raise n_positions or lower the context`,
    );
  const weights = namedParameters(model.parts);
  requireSize(weights);
  return { architecture, config, model, weights, settings, data, run: { device, threads }, store, signal };
}

function optimizerOf({ optimizer, weightDecay, beta1, beta2, momentum }: TrainingSettings): Optimizer {
  const betas = [beta1, beta2] as const;
  if (optimizer === "sgd") return sgd({ momentum, nesterov: momentum > 0, weightDecay });
  return optimizer === "adam" ? adam({ betas, weightDecay }) : adamW({ betas, weightDecay });
}

function scheduleOf({ schedule, lr, warmup, steps }: TrainingSettings): Schedule {
  const range = { from: warmup, to: steps, least: lr / 10 };
  const falling = { cosine: cosineDecay(lr, range), linear: linearDecay(lr, range), constant: constantRate(lr) };
  return warmUp(warmup, falling[schedule]);
}

/** The training step that model and settings ask for. */
export const stepOptions = ({
  model,
  weights,
  settings,
}: Pick<Plan, "model" | "weights" | "settings">): StepOptions<Record<"ids" | "targets", Spec>> => {
  const ids = { shape: [settings.batch, settings.context], dtype: "i32" } as const;
  return {
    parameters: weights,
    batch: { ids, targets: ids },
    loss: ({ ids, targets }) => crossEntropy(model.forward(ids), targets),
    optimizer: optimizerOf(settings),
    clip: settings.clip === 0 ? undefined : settings.clip,
    accumulate: settings.accumulate,
  };
};

const asFeeds = (batch: { inputs: Int32Array; targets: Int32Array }, shape: readonly number[]): Feeds => ({
  ids: { data: batch.inputs, shape, dtype: "i32" },
  targets: { data: batch.targets, shape, dtype: "i32" },
});

/** The micro-batches of a step: a function of seed and step alone. */
const batchesOf =
  ({ data, settings: { batch, context, seed, accumulate } }: Plan) =>
  (step: number): Feeds[] =>
    Array.from({ length: accumulate }, (_, part) =>
      asFeeds(randomWindows(data.train, { batch, context, seed, step: (step - 1) * accumulate + part }), [
        batch,
        context,
      ]),
    );

/** Starts of windows that do not overlap, at most `most` of them, evenly spread. */
function windowStarts(length: number, context: number, most: number): number[] {
  const count = Math.floor((length - 1) / context);
  const taken = Math.min(count, most);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * count) / taken) * context);
}

interface Evaluation {
  run(values: Feeds, final: boolean): Promise<number>;
  release(): Promise<void>;
}

/** Mean -log p in nats per token over the validation text, cut into windows of the context. */
async function evaluator({ model, weights, data, settings: { batch, context }, run }: Plan): Promise<Evaluation> {
  const shape = [batch, context];
  const [ids, targets] = [input("ids", shape, "i32"), input("targets", shape, "i32")];
  const chosen = model.forward(ids).logSoftmax().takeAlong(targets.unsqueeze(2), 2); // [B, T, 1]
  const program = await compile({ ids, targets, ...weights }, { rows: chosen.mean([1, 2]).neg() }, run);
  const measure = async (values: Feeds, final: boolean): Promise<number> => {
    const starts = windowStarts(data.validation.length, context, final ? Number.POSITIVE_INFINITY : QUICK_EVALUATION);
    let sum = 0;
    for (let first = 0; first < starts.length; first += batch) {
      const real = starts.slice(first, first + batch);
      const padded = [...real, ...Array<number>(batch - real.length).fill(real[0] ?? 0)];
      const { rows } = await program.run({ ...values, ...asFeeds(windowsAt(data.validation, padded, context), shape) });
      for (let row = 0; row < real.length; row++) sum += Number(rows?.data[row]);
    }
    return sum / starts.length;
  };
  return { run: measure, release: () => program.release() };
}

/** A 32-bit FNV-1a digest of the training ids: tells whether a resumed run reads the same text. */
function fingerprint(ids: Int32Array): string {
  let hash = 0x811c9dc5;
  for (const id of ids) hash = Math.imul(hash ^ id, 0x01000193);
  return `${ids.length}-${(hash >>> 0).toString(16)}`;
}

function record({ architecture, settings, data, run }: Plan, step: number, best: Best | undefined): TrainerRecord {
  return {
    step,
    best: best ?? null,
    model: architecture.checkpoint.modelType,
    settings,
    data: { name: data.name, fingerprint: fingerprint(data.train) },
    device: run.device ?? null,
    threads: run.threads ?? null,
  };
}

/** Saves the state, then the weights for others. */
const saver =
  (plan: Plan, store: Store, stepper: Stepper) =>
  async (kind: "last" | "best", step: number, best: Best | undefined): Promise<void> => {
    const { parameters: values, slots } = stepper;
    if (kind === "last") await store.saveState({ parameters: values, slots, trainer: { ...record(plan, step, best) } });
    await store.saveWeights(kind, values, plan.architecture.checkpoint);
  };

const count = (values: Feeds): number => Object.values(values).reduce((sum, { data }) => sum + data.length, 0);

async function* events(planned: Promise<Plan>, saved?: SavedState): AsyncGenerator<TrainingEvent, LanguageHistory> {
  const plan = await planned;
  const start = performance.now();
  const values = () => saved ?? { parameters: initialValues(plan.weights, plan.settings.seed) };
  const stepper = await createStep(stepOptions(plan), values, plan.run);
  const evaluation = await evaluator(plan);
  try {
    const compileSeconds = (performance.now() - start) / 1000;
    return yield* steps(plan, stepper, evaluation, { saved, compileSeconds });
  } finally {
    await Promise.all([stepper.release(), evaluation.release()]);
  }
}

/** How a training begins: anew or with a saved state. */
interface Beginning {
  readonly saved: SavedState | undefined;
  readonly compileSeconds: number;
}

async function* steps(
  plan: Plan,
  stepper: Stepper,
  evaluation: Evaluation,
  { saved, compileSeconds }: Beginning,
): AsyncGenerator<TrainingEvent, LanguageHistory> {
  const { architecture, settings, store, config, data } = plan;
  const was = saved && parseRecord(saved.trainer, store?.where ?? "");
  const save = store && saver(plan, store, stepper);
  if (store && !saved) {
    await store.create({ model_type: architecture.checkpoint.modelType, ...config }, data.tokenizer.toJSON());
    await save?.("last", 0, undefined);
  }
  const from = was?.step ?? 0;
  yield { event: "start", step: from, steps: settings.steps, parameters: count(stepper.parameters), compileSeconds };
  const source = loop(stepper, {
    steps: settings.steps,
    from,
    seed: settings.seed,
    schedule: scheduleOf(settings),
    batches: batchesOf(plan),
    tokensPerStep: settings.batch * settings.context * settings.accumulate,
    evaluate: { every: settings.evalEvery, run: evaluation.run },
    ...(save ? { save: { every: settings.saveEvery, run: save } } : {}),
    best: was?.best ?? undefined,
    signal: plan.signal,
    where: store?.where,
  });
  const history = yield* logged(store, source);
  const writer = () => Writer.create(plan.model, stepper.parameters, plan.run);
  return { ...history, model: new LanguageWriter(data.tokenizer, writer) };
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
 * Trains the language model called `name` (rnn, lstm, gru, gpt). Iterate over the result for its events, await it for
 * its history. Throws ConfigError, DataError, CheckpointError before the first step, NonFiniteError during training.
 */
export const trainLanguageModel = (name: string, options: LanguageTraining): Run<TrainingEvent, LanguageHistory> =>
  new Run(events(planTraining(name, options)));

/** What a resumed training may change. */
export interface ResumeOptions {
  readonly store: Store;
  /** The text again; it must be the one that the run was trained on. */
  readonly data: (tokenizer: Tokenizer, name: string) => Promise<TextData>;
  /** The model that is expected; any if left out. */
  readonly model?: string | undefined;
  /** Steps in all. Default: as before. */
  readonly steps?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

async function planResumption(options: ResumeOptions, saved: SavedState): Promise<Plan> {
  const { store, model, steps, signal } = options;
  const was = parseRecord(saved.trainer, store.where);
  const expected = model && (await loadArchitecture(model)).checkpoint.modelType;
  if (expected && expected !== was.model)
    throw new CheckpointError(
      `resume ${store.where}: the run trains ${was.model}, got model ${model}; resume it under its own name`,
    );
  const { config, tokenizer } = await store.loadDescription();
  const otherText = (cause?: unknown) =>
    new CheckpointError(
      `resume ${store.where}: the text is not the one it was trained on (${was.data.name}); give the same with --data`,
      { cause },
    );
  const data = await options.data(await readTokenizer(tokenizer), was.data.name).catch((error: unknown) => {
    throw error instanceof TokenizerError ? otherText(error) : error; // a character that the run's text did not have
  });
  if (fingerprint(data.train) !== was.data.fingerprint) throw otherText();
  const { model_type: _, ...values } = config;
  const plan = await planTraining(was.model, {
    ...was.settings,
    ...(steps === undefined ? {} : { steps }),
    data,
    config: values,
    store,
    signal,
    device: (was.device ?? undefined) as RunOptions["device"],
    threads: was.threads ?? undefined,
  });
  requireParameters(plan, saved);
  return plan;
}

function requireParameters({ weights, store }: Plan, { parameters: values }: SavedState): void {
  const odd = Object.entries(weights).find(([name, { shape }]) => values[name]?.shape.join() !== shape.join());
  if (odd)
    throw new CheckpointError(
      `resume ${store?.where}: ${odd[0]} is missing or has another shape than config.json says; one of the two files is not this run's`,
    );
}

/** Goes on with a training where its last checkpoint was, to the same end as if it had never stopped. */
export function resumeLanguageModel(options: ResumeOptions): Run<TrainingEvent, LanguageHistory> {
  async function* resumed(): AsyncGenerator<TrainingEvent, LanguageHistory> {
    const saved = await options.store.loadState();
    return yield* events(planResumption(options, saved), saved);
  }
  return new Run(resumed());
}

/** A language model with its tokenizer, ready to write. */
export class LanguageWriter {
  readonly tokenizer: Tokenizer;
  readonly #create: () => Promise<Writer>;
  #writer: Promise<Writer> | undefined;
  constructor(tokenizer: Tokenizer, create: () => Promise<Writer>) {
    this.tokenizer = tokenizer;
    this.#create = create;
  }

  /** The text after `prompt`, piece by piece. Throws TokenizerError where the vocabulary lacks a character of it. */
  async *generate(prompt: string, options: WriteOptions = {}): AsyncGenerator<string> {
    const ids = this.tokenizer.encode(prompt);
    this.#writer ??= this.#create();
    const written: number[] = [];
    let shown = "";
    const vocabulary = this.tokenizer.vocabSize;
    for await (const id of (await this.#writer).ids(ids, { vocabulary, ...options })) {
      written.push(id);
      const text = this.tokenizer.decode(written);
      if (text.endsWith("\ufffd") || text === shown) continue; // a character is not whole yet
      yield text.slice(shown.length);
      shown = text;
    }
    const rest = this.tokenizer.decode(written).slice(shown.length);
    if (rest) yield rest;
  }
}

/** Reads a run, or any folder with config.json, model.safetensors and tokenizer.json of a known model. */
export async function loadLanguageModel(store: Store, run: RunOptions = {}): Promise<LanguageWriter> {
  const { config, tokenizer } = await store.loadDescription();
  const { architecture, model } = await modelOf(config);
  const weights = namedParameters(model.parts);
  const values = fromFile(await store.loadWeights(), weights, architecture.checkpoint);
  const words = await readTokenizer(tokenizer);
  if (words.vocabSize > model.vocabulary)
    throw new CheckpointError(
      `${store.where}: tokenizer.json has ${words.vocabSize} tokens, more than the model's ${model.vocabulary}; one of the two is another model's`,
    );
  return new LanguageWriter(words, () => Writer.create(model, values, run));
}

/**
 * The architecture and model that a config.json describes. Foreign keys are passed over, but ConfigError is thrown for
 * those that would change the mathematics.
 */
export async function modelOf(config: Json): Promise<{ architecture: Architecture; model: LanguageModel }> {
  const architecture = await loadArchitecture(String(config.model_type));
  for (const [key, value] of Object.entries(architecture.checkpoint.fixed ?? {}))
    if (Object.hasOwn(config, key) && config[key] !== value)
      throw new ConfigError(
        `config: ${key} ${JSON.stringify(config[key])} changes the mathematics, and ${architecture.checkpoint.modelType} here computes ${JSON.stringify(value)} only; use a checkpoint of that kind`,
      );
  const own = Object.fromEntries(Object.entries(config).filter(([key]) => architecture.keys.includes(key)));
  return { architecture, model: architecture.build(own) };
}
