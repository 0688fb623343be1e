/** Options and help that depend on which model and task, or whose run, a command line names. */
import type { Command } from "commander";
import { folder } from "../checkpoint/node-run.ts";
import { experimentNames, loadExperiment } from "../experiments/index.ts";
import { type Architecture, loadArchitecture, modelNames, modelsWith } from "../models/index.ts";
import { fieldsOf } from "../schema.ts";
import { loadTask, type Task, taskNames } from "../tasks/index.ts";
import { language } from "../tasks/language.ts";
import type { CodeOptions } from "../tasks/latent.ts";
import { describedTask, readDescription } from "../tasks/open.ts";
import { trainingSchema } from "../train/index.ts";
import { addFlags, addPointers, helpOf } from "./flags.ts";
import { table } from "./format.ts";
import { addPartFlags } from "./sources.ts";
import { startingPoint } from "./starting-point.ts";

/** What follows `--name` or stands in `--name=`. */
function optionIn(argv: readonly string[], name: string): string | undefined {
  const at = argv.indexOf(name);
  if (at >= 0) return argv[at + 1];
  return argv.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1);
}

/** The first word after the command that is no option. */
const firstArgument = (argv: readonly string[], command: string): string | undefined => {
  const word = argv[argv.indexOf(command) + 1];
  return word?.startsWith("-") ? undefined : word;
};

/** The outcome of `find`, or nothing where it fails: the command itself says why. */
const attempt = <T>(find: Promise<T>): Promise<T | undefined> => find.catch(() => undefined);

const taskOf = async (path: string): Promise<Task> => describedTask(await readDescription(folder(path)));

async function namedTask(argv: readonly string[], usual: Task | undefined): Promise<Task | undefined> {
  const [task, run] = [optionIn(argv, "--task"), optionIn(argv, "--resume")];
  if (run !== undefined) return attempt(taskOf(run));
  if (task !== undefined) return attempt(loadTask(task));
  return usual;
}

/** A flag for each setting of the training, and for each option of the task that the command line names, or of all. */
export async function addTrainFlags(command: Command, argv: readonly string[]): Promise<void> {
  const model = firstArgument(argv, "train");
  const named = model === undefined ? undefined : await attempt(startingPoint(model));
  const architecture = named?.architecture;
  const chosen = await namedTask(argv, named?.task);
  const tasks = chosen ? [chosen] : await Promise.all(taskNames().map(loadTask));
  const taken = new Set<string>();
  addPartFlags(command, tasks, taken, true);
  for (const task of tasks) addFlags(command, task.options, `Options of task ${task.name}:`, taken);
  addFlags(command, trainingSchema, "Training:", taken, chosen?.defaults);
  const all = await Promise.all(taskNames().map(loadTask));
  const having = (key: string) => all.filter(({ options }) => key in options.shape).map(({ name }) => name);
  for (const task of all)
    addPointers(command, task.options, taken, (key) => `it goes with --task ${having(key).join(" or ")} only`);
  if (architecture)
    addPointers(command, architecture.schema, taken, (key) => `a key of the model; write --set ${key}=VALUE`);
  if (["help", "--help", "-h"].some((word) => argv.includes(word)))
    command.addHelpText("after", await trainHelp(named?.model, architecture));
}

const COLUMNS = 80;
const INDENT = "  ";

/** `text` in lines of at most `width` characters. */
function inLines(text: string, width: number): string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = `${lines.at(-1)}${lines.at(-1) ? " " : ""}${word}`;
    if (line.length <= width) lines[lines.length - 1] = line;
    else lines.push(word);
  }
  return lines;
}

/** Names and what is to be said of each, side by side. */
function listed(rows: readonly (readonly [name: string, text: string])[]): string {
  const width = COLUMNS - INDENT.length - Math.max(...rows.map(([name]) => name.length)) - 2;
  const lines = rows.flatMap(([name, text]) =>
    inLines(text, width).map((line, i) => [i === 0 ? name : "", line] as const),
  );
  return table(lines, INDENT);
}

/** Tasks with the models that can do them, or the keys of one model. */
async function trainHelp(model: string | undefined, architecture: Architecture | undefined): Promise<string> {
  if (architecture) return `\nKeys of ${model} for --set:\n${keysOf(architecture)}`;
  const models = await Promise.all(
    modelNames().map(async (name) => [name, (await loadArchitecture(name)).about] as const),
  );
  const tasks = await Promise.all(
    taskNames().map(async (name) => {
      const { about, head } = await loadTask(name);
      return [[name, about] as const, ["", (await modelsWith(head)).join(", ")] as const];
    }),
  );
  return `\nModels:\n${listed(models)}\nTasks, each with its models:\n${listed(tasks.flat())}\nThe keys of a model: descent train <model> --help\n`;
}

const keysOf = ({ schema }: Architecture): string =>
  listed(Object.entries(fieldsOf(schema)).map(([key, field]) => [key, helpOf(field)] as const));

/** The task of the run that the command line names, or all. */
async function tasksOf(argv: readonly string[], command: string): Promise<readonly Task[]> {
  const run = firstArgument(argv, command);
  const named = run === undefined ? undefined : await attempt(taskOf(run));
  return named ? [named] : Promise.all(taskNames().map(loadTask));
}

/** A flag for each file that the task of the named run measures on together. */
export const addEvaluateFlags = async (command: Command, argv: readonly string[]): Promise<void> =>
  addPartFlags(command, await tasksOf(argv, "eval"), new Set(), false);

/** A flag for each option that the task of the named run has for predictions. */
export async function addPredictFlags(command: Command, argv: readonly string[]): Promise<void> {
  const tasks = await tasksOf(argv, "predict");
  const taken = new Set<string>();
  for (const task of tasks) addFlags(command, task.prediction, `Options of task ${task.name}:`, taken);
}

/** A flag for each option that a task has for predictions. */
export async function addAskingFlags(command: Command, task: string): Promise<void> {
  addFlags(command, (await loadTask(task)).prediction, "Options:");
}

/** A flag for each option that the task of the named run has for `verb`; where it has no codes, those of all tasks that have. */
export async function addCodeFlags(
  command: Command,
  verb: keyof CodeOptions | "reconstruct",
  argv: readonly string[],
): Promise<void> {
  const named = (await tasksOf(argv, verb)).filter(({ codes }) => codes);
  const tasks = named.length > 0 ? named : await Promise.all(taskNames().map(loadTask));
  const taken = new Set(command.options.map((option) => option.attributeName()));
  for (const { name, prediction, codes } of tasks) {
    const options = verb === "reconstruct" ? codes?.sample && prediction : codes?.[verb];
    if (options) addFlags(command, options, `Options of task ${name}:`, taken);
  }
}

export const addGenerateFlags = (command: Command): void => addFlags(command, language.prediction, "Options:");

/** A flag for each option of the named experiment, or of all. */
export async function addExperimentFlags(command: Command, argv: readonly string[]): Promise<void> {
  const name = firstArgument(argv, "experiment");
  const named = name === undefined ? undefined : await attempt(loadExperiment(name));
  const all = named ? [named] : await Promise.all(experimentNames().map(loadExperiment));
  const taken = new Set<string>();
  for (const { name, options } of all) addFlags(command, options, `Options of ${name}:`, taken);
}
