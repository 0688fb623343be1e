/** The plan of a saved run, which goes on where it stopped. */
import type { Json, Store } from "../checkpoint/index.ts";
import type { DataGiven } from "../data/index.ts";
import { CheckpointError, ConfigError } from "../errors.ts";
import type { FindOptions } from "../files/index.ts";
import { loadArchitecture } from "../models/index.ts";
import type { RunOptions } from "../runtime/index.ts";
import { checked } from "../schema.ts";
import { loadTask } from "./index.ts";
import { CALIBRATION } from "./keep.ts";
import { readDescription } from "./open.ts";
import { type Plan, type Planned, plan } from "./plan.ts";
import { parseRecord, recorded, type TrainerRecord } from "./record.ts";
import { sourceFor } from "./sources.ts";
import type { Description } from "./task.ts";

/** What may differ when a training is resumed. */
export interface ResumeOptions extends FindOptions {
  /** The training and validation data again; by default read from where they were. */
  readonly data?: DataGiven | undefined;
  readonly val?: DataGiven | undefined;
  /** Steps in all, to train for longer. */
  readonly steps?: number | undefined;
}

/** What is trained on is measured anew. */
const uncalibrated = ({ [CALIBRATION]: _, ...others }: Description): Description => others;

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

/** Throws CheckpointError or ConfigError where run, data and options do not go together. */
export async function planSaved(store: Store, options: ResumeOptions): Promise<Planned> {
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
    problem: await task.reopen(uncalibrated(found), chosen),
    sources: {
      train: sourceFor(task, options.data ?? recorded(was.train), options),
      validation: was.validation.given ? sourceFor(task, options.val ?? recorded(was.validation), options) : undefined,
    },
    config: architecture.read(found["config.json"] ?? {}),
    training: withoutNulls({ ...settings, steps: options.steps ?? steps }),
  });
  requireData(was, made, store.where);
  if (made.settings.steps < was.step)
    throw new ConfigError(`option: steps: the run has done ${was.step} already, got ${made.settings.steps}; give more`);
  const run = { device: (was.device ?? undefined) as RunOptions["device"], threads: was.threads ?? undefined };
  return { plan: made, start: () => saved, before: was, run };
}
