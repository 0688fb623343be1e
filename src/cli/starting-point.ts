/** What the first argument of `descent train` says: an architecture, or a folder with a run or checkpoint to start from. */
import { join } from "node:path";
import { exists } from "../checkpoint/node-files.ts";
import { folder } from "../checkpoint/node-run.ts";
import { ConfigError } from "../errors.ts";
import { type Architecture, loadArchitecture, modelName, modelNames } from "../models/index.ts";
import { defaultTask, type Task } from "../tasks/index.ts";
import { describedTask, publishedArchitecture, readDescription } from "../tasks/open.ts";

export interface StartingPoint {
  /** As people call the architecture. */
  readonly model: string;
  readonly architecture: Architecture;
  /** Whose weights are started from. */
  readonly from: string | undefined;
  /** What it is trained for when nobody says. */
  readonly task: Task;
}

async function alone(model: string, from: string | undefined): Promise<StartingPoint> {
  const architecture = await loadArchitecture(model);
  return { model, architecture, from, task: await defaultTask(architecture) };
}

/** Throws ConfigError where `named` is no architecture and no such folder, or where it is one and `from` is given as well. */
export async function startingPoint(named: string, from?: string): Promise<StartingPoint> {
  if (modelNames().includes(named) || !(await exists(join(named, "config.json")))) return alone(named, from);
  if (from !== undefined)
    throw new ConfigError(`--from: ${named} is started from already, got ${from} as well; leave one of them out`);
  const found = await readDescription(folder(named));
  const architecture = await publishedArchitecture(found["config.json"] ?? {});
  return { model: modelName(architecture.modelType), architecture, from: named, task: await describedTask(found) };
}
