/** Runs and checkpoints, opened: what they are, their weights, and a predictor. */
import { fromFile, type Json, parseJson, type Store, weightsFromFile } from "../checkpoint/index.ts";
import { CheckpointError, shown } from "../errors.ts";
import { asStore } from "../files/index.ts";
import { type Architecture, build, type Head, type Heads, loadArchitecture } from "../models/index.ts";
import { namedState } from "../nn/index.ts";
import { type Feeds, type RunOptions, requireRunOptions, type Weights } from "../runtime/index.ts";
import { checked, requireRecord } from "../schema.ts";
import { wordPieceJson } from "../tokenizers/index.ts";
import { defaultTask, loadTask, type PredictorOf } from "./index.ts";
import { CALIBRATION } from "./keep.ts";
import type { Description, Problem, Task } from "./task.ts";

const FILES = [
  "config.json",
  "task.json",
  "tokenizer.json",
  "source_tokenizer.json",
  "generation_config.json",
  "sentence_bert_config.json",
  "1_Pooling/config.json",
  CALIBRATION,
];

/** A tokenizer.json from the files that BERT's tokenizers had before. */
async function olderTokenizer(store: Store): Promise<Description> {
  const vocabulary = await store.loadBytes?.("vocab.txt");
  if (vocabulary === undefined) return {};
  const config = (await store.loadFile("tokenizer_config.json")) ?? {};
  return { "tokenizer.json": wordPieceJson(new TextDecoder().decode(vocabulary), config) as Json };
}

/** What is done with a sentence, one after another, as sentence-transformers lists it. */
async function listedModules(store: Store): Promise<Description> {
  const bytes = await store.loadBytes?.("modules.json");
  return bytes === undefined ? {} : { "modules.json": { modules: parseJson(bytes, "modules.json") } };
}

/** The files that describe what is in `store`. Throws CheckpointError where there is no config.json. */
export async function readDescription(store: Store): Promise<Description> {
  const found = await Promise.all(FILES.map(async (name) => [name, await store.loadFile(name)] as const));
  const present = found.filter((entry): entry is [string, Json] => entry[1] !== undefined);
  const more = { ...(await olderTokenizer(store)), ...(await listedModules(store)) };
  if (present.some(([name]) => name === "config.json")) return { ...more, ...Object.fromEntries(present) };
  throw new CheckpointError(`${store.where}: expected a run or checkpoint, got no config.json there; check the path`);
}

/** The architecture that a config.json names. Throws CheckpointError where it names none. */
export function publishedArchitecture({ model_type }: Json): Promise<Architecture> {
  if (typeof model_type === "string") return loadArchitecture(model_type);
  throw new CheckpointError(
    `config.json: expected "model_type", the name of an architecture, got ${model_type === undefined ? "none" : shown(model_type)}; add it`,
  );
}

/** What transformers calls a model of some kind, and the task that it is for. */
const PUBLISHED: readonly (readonly [kind: RegExp, task: string])[] = [
  [/ForSequenceClassification$/, "classify"],
  [/ForTokenClassification$/, "tag"],
  [/ForMaskedLM$|ForPreTraining$/, "fill-mask"],
  [/(Bert|Roberta)Model$/i, "embed"],
];

/**
 * The task that a run was trained for; of a foreign checkpoint, what its kind of model is for, or else what its architecture
 * is mostly used for.
 */
export async function describedTask({ "task.json": task, "config.json": config = {} }: Description): Promise<Task> {
  if (task) return loadTask(String(task.task));
  const [kind] = [config.architectures].flat();
  const known = PUBLISHED.find(([pattern]) => typeof kind === "string" && pattern.test(kind));
  return known ? loadTask(known[1]) : defaultTask(await publishedArchitecture(config));
}

/** A model with its task and its weights. */
export interface Opened {
  readonly task: Task;
  /** Options of the task. */
  readonly options: Json;
  readonly problem: Problem;
  readonly architecture: Architecture;
  readonly config: Json;
  readonly model: Heads[Head];
  /** Parameters and buffers by path. */
  readonly values: Feeds;
}

/** The task that is asked for, where a foreign checkpoint can do it, else the described one. */
async function taskFor(found: Description, { heads }: Architecture, asked: unknown): Promise<Task> {
  const task = typeof asked === "string" && !found["task.json"] ? await loadTask(asked) : undefined;
  return task && heads[task.head] ? task : describedTask(found);
}

/** What a run is, without its weights; `asked` is the task that a checkpoint of somebody else is to do. */
export async function describe(store: Store, asked?: string): Promise<Omit<Opened, "values">> {
  const found = await readDescription(store);
  const published = found["config.json"] ?? {};
  const architecture = await publishedArchitecture(published);
  const task = await taskFor(found, architecture, asked);
  const options = checked(task.options, (found["task.json"]?.options ?? {}) as Json, "task.json");
  const config = architecture.read(published);
  const model = build(architecture, task.head, config);
  return { task, options: options as Json, problem: await task.reopen(found, options), architecture, config, model };
}

/** A run's last weights, as constants of a graph to be compiled. */
export async function weightsOf(store: Store, { model, architecture }: Omit<Opened, "values">): Promise<Weights> {
  const tensors = await (store.mapWeights?.() ?? store.loadWeights());
  return weightsFromFile(tensors, namedState(model.parts), architecture.files, architecture.modelType);
}

/** Reads a run, or any folder with config.json and model.safetensors of a known model. Throws CheckpointError. */
export async function loadModel(place: Store | string): Promise<Opened> {
  const store = asStore(place);
  const described = await describe(store);
  const { model, architecture } = described;
  const values = fromFile(
    await store.loadWeights(),
    namedState(model.parts),
    architecture.files,
    architecture.modelType,
  );
  return { ...described, values };
}

/**
 * A run or checkpoint, ready to answer. `task` says what is expected of it, and with it the type of the result. Release
 * it when it is no longer needed. Throws CheckpointError where the run was trained for another task.
 */
export async function open<T extends string = string>(
  place: Store | string,
  options: RunOptions & { readonly task?: T } = {},
): Promise<PredictorOf<T>> {
  requireRecord(options, "open");
  const { task, ...run } = options;
  await requireRunOptions(run, "open");
  const store = asStore(place);
  const described = await describe(store, task);
  const { problem, model, task: found } = described;
  if (task !== undefined && task !== found.name)
    throw new CheckpointError(
      `open: expected a run for task ${typeof task === "string" ? task : shown(task)}, got one for ${found.name}; open it as that`,
    );
  return (await problem.open(model, await weightsOf(store, described), run)) as PredictorOf<T>;
}
