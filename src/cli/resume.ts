/** What a run was trained with, and whether the command line wants something else. */
import { resolve } from "node:path";
import type { Json } from "../checkpoint/index.ts";
import { folder, loadTrainer, tidy } from "../checkpoint/node-run.ts";
import { CheckpointError, ConfigError } from "../errors.ts";
import { loadArchitecture } from "../models/index.ts";
import { parseRecord, type TrainerRecord } from "../tasks/record.ts";
import type { Chosen } from "./settings.ts";
import type { TrainFlags } from "./train.ts";

/** The record of the run in `path`, whose unfinished files are removed. */
export async function readRecord(path: string): Promise<TrainerRecord> {
  const record = parseRecord(await loadTrainer(path), path);
  await tidy(path);
  return record;
}

/** The options that say something else than the run in `path`, spelled out. */
function* differences(record: TrainerRecord, path: string, flags: TrainFlags, chosen: Chosen, config: Json) {
  const { steps: _, ...training } = chosen.training;
  const { threads, device, settings } = record;
  const had: Json = { threads, device, ...settings, ...config };
  const given: Json = { threads: flags.threads, device: flags.device, ...training, ...chosen.config };
  for (const [key, value] of Object.entries(given))
    if (value !== undefined && value !== had[key]) yield `${key} ${had[key] ?? "by default"}, not ${value}`;
  if (flags.tokenizer !== undefined) yield "a tokenizer of its own, not --tokenizer";
  if (flags.vocab !== undefined) yield "a vocabulary of its own, not --vocab";
  if (flags.out !== undefined && resolve(flags.out) !== resolve(path)) yield `its own folder, not --out ${flags.out}`;
}

async function requireModel(model: string, record: TrainerRecord, path: string): Promise<void> {
  const { modelType } = (await loadArchitecture(model)).checkpoint;
  if (modelType !== record.model)
    throw new CheckpointError(
      `resume ${path}: the run trains ${record.model}, not ${model}; resume it under its own name`,
    );
}

/** A run goes on as it began: only the number of steps may change. Throws ConfigError naming all that differs. */
export async function requireSame(
  record: TrainerRecord,
  path: string,
  flags: TrainFlags,
  chosen: Chosen,
): Promise<void> {
  const { config } = await folder(path).loadDescription();
  const found = [...differences(record, path, flags, chosen, config)];
  if (found.length)
    throw new ConfigError(`--resume ${path}: the run has ${found.join("; ")}: leave that out, or start a new run`);
  const { steps } = chosen.training;
  if (typeof steps === "number" && steps < record.step)
    throw new ConfigError(`--steps: the run has done ${record.step} already, got ${steps}; give more`);
}

/** The record of the run to go on with, after `model`, if given, is known to be its model. */
export async function openRun(path: string, model: string | undefined): Promise<TrainerRecord> {
  const record = await readRecord(path);
  if (model !== undefined) await requireModel(model, record, path);
  return record;
}
