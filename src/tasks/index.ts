/**
 * The registry of tasks. They are imported at once: a bundler that puts everything into one file (rolldown) leaves out
 * the initialisation of modules that a dynamic import in code that is never called needs as well.
 */
import { z } from "zod";
import { ConfigError, nearest, quoted, shown } from "../errors.ts";
import { type Architecture, type Head, modelsWith } from "../models/index.ts";
import { callable, checked, isRecord, isSchema, such } from "../schema.ts";
import { trainingSchema } from "../train/index.ts";
import { builtIn } from "./built-in.ts";
import type { Task } from "./task.ts";

const registry = new Map<string, Task>(Object.entries(builtIn));

/** The names of all tasks. */
export const taskNames = (): string[] => [...registry.keys()];

const tasks = z.object({
  ...{ name: z.string().min(1), about: z.string(), head: z.string().min(1), unit: z.string(), best: z.string() },
  options: such("a zod object", isSchema),
  prediction: such("a zod object", isSchema),
  scores: such('"higher" or "lower" by score', isRecord),
  learn: callable("a source"),
  reopen: callable("the files of a run"),
});

/**
 * Adds a task of your own. Throws ConfigError for what is none, names a best score that is not among its scores, or has an
 * option that is a setting of every training.
 */
export function addTask(task: Task): void {
  checked(tasks, task, "addTask");
  const taken = Object.keys(task.options.shape).find((key) => Object.hasOwn(trainingSchema.shape, key));
  if (taken !== undefined)
    throw new ConfigError(`addTask: option ${quoted(taken)} is a setting of every training; give it another name`);
  if (!["higher", "lower"].includes(String(task.scores[task.best])))
    throw new ConfigError(`addTask: expected scores to say whether ${quoted(task.best)} is better "higher" or "lower"`);
  registry.set(task.name, task);
}

/** The task called `name`. Throws ConfigError with the nearest known one. */
export async function loadTask(name: string): Promise<Task> {
  const task = registry.get(name);
  if (task) return task;
  const known = taskNames();
  throw new ConfigError(
    `task: expected one of ${known.join(", ")}, got ${shown(name)}${typeof name === "string" ? nearest(name, known) : ""}; choose one of them`,
  );
}

/** The first task that asks for `head`. */
const taskWith = (head: Head): Task | undefined => [...registry.values()].find((task) => task.head === head);

/** What an architecture does when nobody says: the first task for the first of its heads that has one. */
export async function defaultTask({ modelType, heads }: Architecture): Promise<Task> {
  for (const head of Object.keys(heads) as Head[]) {
    const task = taskWith(head);
    if (task) return task;
  }
  throw new ConfigError(`task: there is none for ${modelType}, which has ${Object.keys(heads).join(", ")}`);
}

/** Throws ConfigError where the architecture cannot do the task, with those that can. */
export async function requireHead({ modelType, heads }: Architecture, { name, head }: Task): Promise<void> {
  if (heads[head]) return;
  const able = await modelsWith(head);
  throw new ConfigError(
    `task ${name}: ${modelType} cannot do it, as it has no head "${head}"; choose ${able.join(", ") || "another task"}`,
  );
}

export type { PredictorOf, Predictors, Tasks } from "./built-in.ts";
export type { Description, Pictures, Predictor, Problem, Scorer, Split, Task, Watch } from "./task.ts";
