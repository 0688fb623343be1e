/** Whether the command line differs from the run that it resumes. */
import { resolve } from "node:path";
import type { Json } from "../checkpoint/index.ts";
import { ConfigError } from "../errors.ts";
import type { Opened } from "../tasks/open.ts";
import type { TrainerRecord } from "../tasks/record.ts";
import type { TrainFlags } from "./prepared.ts";
import type { Chosen } from "./settings.ts";
import { dataGiven, dataName } from "./sources.ts";

/** The options that say something else than the run in `path`, spelled out. */
function* differences(had: Json, given: Json, path: string, { out, from }: TrainFlags) {
  for (const [key, value] of Object.entries(given))
    if (value !== undefined && value !== had[key]) yield `${key} ${had[key] ?? "by default"}, not ${value}`;
  if (from !== undefined) yield `its own weights, not --from ${from}`;
  if (out !== undefined && resolve(out) !== resolve(path)) yield `its own folder, not --out ${out}`;
}

/** A run is resumed as it began: only the number of steps may change. Throws ConfigError naming all that differs. */
export async function requireSame(
  record: TrainerRecord,
  path: string,
  flags: TrainFlags,
  chosen: Chosen,
  { task, config, options }: Pick<Opened, "task" | "config" | "options">,
): Promise<void> {
  const { steps, ...training } = chosen.training;
  const { threads, device, settings } = record;
  const had: Json = { threads, device, ...settings, ...config, ...options };
  const given: Json = {
    threads: flags.threads,
    device: flags.device,
    ...training,
    ...chosen.options,
    ...chosen.config,
  };
  const found = [...differences(had, given, path, flags)];
  const val = dataGiven(task, flags as Json, true);
  if (val !== undefined && !record.validation.given) found.push(`a part of its data, not --val ${dataName(val)}`);
  if (found.length)
    throw new ConfigError(`--resume ${path}: the run has ${found.join("; ")}: leave that out, or start a new run`);
  if (typeof steps === "number" && steps < record.step)
    throw new ConfigError(`--steps: the run has done ${record.step} already, got ${steps}; give more`);
}
