/** The registry of experiments. They are imported at once, for the reason that tasks are. */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import { ConfigError, nearest, shown } from "../errors.ts";
import { abortable, callable, checked, isSchema, such, whole } from "../schema.ts";
import { builtIn } from "./built-in.ts";
import type { Experiment, ExperimentWatch, Findings } from "./experiment.ts";

const registry = new Map(builtIn.map((experiment) => [experiment.name, experiment]));

/** The names of all experiments. */
export const experimentNames = (): string[] => [...registry.keys()];

const rows = z.object({
  name: z.string().min(1),
  about: z.string(),
  source: z.string(),
  options: such("a zod object", isSchema),
  run: callable("options"),
});

/** Adds an experiment of your own. Throws ConfigError for what is none. */
export function addExperiment(experiment: Experiment): void {
  checked(rows, experiment, "addExperiment");
  registry.set(experiment.name, experiment);
}

/** The experiment called `name`. Throws ConfigError with the nearest known one. */
export async function loadExperiment(name: string): Promise<Experiment> {
  const experiment = registry.get(name);
  if (experiment) return experiment;
  const known = experimentNames();
  throw new ConfigError(
    `experiment: expected one of ${known.join(", ")}, got ${shown(name)}${typeof name === "string" ? nearest(name, known) : ""}; choose one of them`,
  );
}

const watching = {
  signal: abortable().optional(),
  onNote: callable("a line").optional(),
  threads: whole(1, 1024).optional(),
};

/** Runs the experiment called `name`. Throws ConfigError on unknown options, and the signal's reason when it is stopped. */
export async function runExperiment(name: string, options: Json & ExperimentWatch = {}): Promise<Findings> {
  const { options: schema, run } = await loadExperiment(name);
  const all = checked(schema.extend(watching), options, `experiment ${name}`);
  const { signal, onNote, threads } = options;
  const own = Object.fromEntries(Object.keys(schema.shape).map((key) => [key, all[key]]));
  signal?.throwIfAborted();
  return run(own, { signal, onNote, threads });
}

export type { Experiment, ExperimentWatch, Findings, Result } from "./experiment.ts";
