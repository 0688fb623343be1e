/** `descent train`: a model from data, or on with a run that was stopped. */
import { platform } from "#runtime";
import type { Json, Store } from "../checkpoint/index.ts";
import { folder, loadTrainer, requireFree, tidy } from "../checkpoint/node-run.ts";
import { CheckpointError, ConfigError, DescentError } from "../errors.ts";
import { loadArchitecture, modelName, modelNames } from "../models/index.ts";
import type { Device } from "../runtime/index.ts";
import { loadTask, requireHead, type Task } from "../tasks/index.ts";
import { describe } from "../tasks/open.ts";
import { parseRecord, type TrainerRecord } from "../tasks/record.ts";
import { resume, train as trainModel } from "../tasks/train.ts";
import { type TrainingEvent, trainingSchema } from "../train/index.ts";
import { conclude, sayHowToGoOn } from "./conclude.ts";
import { createDisplay } from "./display.ts";
import { RunFailure } from "./failure.ts";
import { flagsOf } from "./flags.ts";
import { grouped } from "./format.ts";
import type { Interruption } from "./interruption.ts";
import { emit, type IO } from "./io.ts";
import { type Context, type Finished, type Prepared, resumeCommand, type TrainFlags } from "./prepared.ts";
import { requireSame } from "./resume.ts";
import { freshFolder } from "./run-folder.ts";
import { choose, type Given } from "./settings.ts";
import { dataFlags, dataGiven, dataName } from "./sources.ts";
import { startingPoint } from "./starting-point.ts";

export async function train(model: string | undefined, flags: TrainFlags, io: IO, stop: Interruption): Promise<void> {
  const start = flags.resume === undefined ? await beginNew(model, flags) : await beginAgain(model, flags);
  const display = createDisplay(io, flags.quiet === true, start.task.best);
  const context = { flags, io, stop, display };
  try {
    const prepared = start.prepare(context);
    const history = await watch(prepared, context);
    display.close();
    await (history.interrupted ? sayHowToGoOn(prepared, history, context) : conclude(prepared, history, context));
  } finally {
    display.close();
  }
}

/** A training whose options are checked. */
interface Beginning {
  readonly task: Task;
  prepare(context: Context): Prepared;
}

/** The values that were given, in the order of their strength. */
const givenBy = (task: Task, flags: TrainFlags): Given => ({
  file: flags.config,
  set: flags.set ?? [],
  flags: { ...flagsOf(trainingSchema, flags as Json), ...flagsOf(task.options, flags as Json) },
});

async function beginNew(named: string | undefined, flags: TrainFlags): Promise<Beginning> {
  if (named === undefined) throw new ConfigError(`model: expected one of ${modelNames().join(", ")}, got none`);
  const { model, architecture, from, task: usual } = await startingPoint(named, flags.from);
  const task = flags.task === undefined ? usual : await loadTask(flags.task);
  await requireHead(architecture, task);
  const { training, options, config } = await choose(architecture, task, givenBy(task, flags));
  const { out, dataDir, threads } = flags;
  const [data = task.defaultData, val] = [dataGiven(task, flags as Json), dataGiven(task, flags as Json, true)];
  if (data === undefined)
    throw new ConfigError(
      `--data: task ${task.name} needs data to learn from, got none; name a file: ${dataFlags(task)}`,
    );
  if (out !== undefined) await requireFree(out);
  const device = flags.device as Device | undefined;
  return {
    task,
    prepare(context) {
      let store: Store | undefined = out === undefined ? undefined : folder(out);
      const open = async () => {
        store ??= await freshFolder(model);
        return store;
      };
      const run = trainModel(model, {
        ...training,
        ...options,
        ...{ task: task.name, data, val, from, dataDir, config, device, threads },
        store: open,
        ...watching(dataName(data), context),
      });
      const seed = Number(training.seed ?? 0);
      return {
        model,
        task,
        data: dataName(data),
        where: () => store?.where ?? "",
        run,
        threads: threads ?? platform.processors,
        seed,
      };
    },
  };
}

/** What is shown and what stops a training before its first step. */
const watching = (data: string, { display, stop }: Context) => ({
  signal: stop.signal,
  onNote: (note: string) => display.note(note),
  onProgress: (received: number, total: number) =>
    display.note(`receiving ${data}: ${grouped(received)} of ${grouped(total)} bytes`),
});

/** The record of the run in `path`, whose unfinished files are removed. */
async function readRecord(path: string): Promise<TrainerRecord> {
  const record = parseRecord(await loadTrainer(path), path);
  await tidy(path);
  return record;
}

async function beginAgain(model: string | undefined, flags: TrainFlags): Promise<Beginning> {
  const path = flags.resume ?? "";
  const record = await readRecord(path);
  const task = await loadTask(record.task);
  const architecture = await loadArchitecture(record.model);
  if (model !== undefined && (await loadArchitecture(model)).modelType !== record.model)
    throw new CheckpointError(
      `resume ${path}: the run trains ${modelName(record.model)}, not ${model}; resume it under its own name`,
    );
  if (flags.task !== undefined && flags.task !== record.task)
    throw new CheckpointError(`resume ${path}: the run is for task ${record.task}, not ${flags.task}; leave it out`);
  const chosen = await choose(architecture, task, givenBy(task, flags));
  await requireSame(record, path, flags, chosen, await describe(folder(path)));
  return {
    task,
    prepare(context) {
      const { dataDir } = flags;
      const [given, val] = [dataGiven(task, flags as Json), dataGiven(task, flags as Json, true)];
      const data = dataName(given ?? record.train.name);
      const { threads, settings } = record;
      const steps = chosen.training.steps as number | undefined;
      const run = resume(path, { data: given, val, dataDir, steps, ...watching(data, context) });
      const name = model ?? modelName(record.model);
      return {
        model: name,
        task,
        data,
        where: () => path,
        run,
        threads: threads ?? platform.processors,
        seed: settings.seed,
      };
    },
  };
}

/** Passes every event on, to the display and to programs. */
async function watch(prepared: Prepared, { flags, io, display }: Context): Promise<Finished> {
  const { run, where, model, task, data, threads, seed } = prepared;
  let parameters: number | undefined;
  try {
    for await (const event of run) {
      const first = event.event === "start";
      if (first) display.header(headerRows(prepared, event));
      if (first) parameters = event.parameters;
      display.show(event);
      if (flags.json) emit(io, first ? { ...event, model, task: task.name, data, threads, seed, run: where() } : event);
    }
    return { ...(await run), parameters: parameters ?? 0 };
  } catch (error) {
    throw parameters !== undefined && error instanceof DescentError ? duringRun(error, prepared, io) : error;
  }
}

function duringRun(cause: DescentError, prepared: Prepared, io: IO): RunFailure {
  return new RunFailure(`${cause.message}; then continue with: ${resumeCommand(prepared, io)}`, { cause });
}

type Start = Extract<TrainingEvent, { event: "start" }>;

const headerRows = (prepared: Prepared, { step, steps, parameters, device, chosen }: Start): [string, string][] => [
  ["model", `${prepared.model}, ${grouped(parameters)} parameters`],
  ["task", prepared.task.name],
  ["data", prepared.data],
  ["device", `${device}, ${prepared.threads} ${prepared.threads === 1 ? "thread" : "threads"}`],
  ...(chosen === undefined ? [] : [["chosen", chosen] as [string, string]]),
  ["seed", String(prepared.seed)],
  ["steps", step ? `${step} to ${steps}` : String(steps)],
  ["folder", prepared.where()],
];
