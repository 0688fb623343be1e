/** The registry of experiments, imported when they are asked for. */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import { ConfigError, nearest, shown } from "../errors.ts";
import { abortable, callable, checked, isSchema, such, whole } from "../schema.ts";
import type { Experiment, ExperimentWatch, Findings } from "./experiment.ts";

const registry = new Map<string, () => Promise<Experiment>>([
  ["vanishing-gradient", async () => (await import("./vanishing-gradient.ts")).vanishingGradient as Experiment],
  ["exploding-gradient", async () => (await import("./exploding-gradient.ts")).explodingGradient as Experiment],
  ["adding-problem", async () => (await import("./adding-problem.ts")).addingProblem as Experiment],
  ["lstm-vs-gru", async () => (await import("./lstm-vs-gru.ts")).lstmVsGru as Experiment],
  ["overfitting", async () => (await import("./overfitting.ts")).overfitting as Experiment],
  ["sequential-cost", async () => (await import("./sequential-cost.ts")).sequentialCost as Experiment],
  ["bottleneck", async () => (await import("./bottleneck.ts")).bottleneck as Experiment],
  ["copy-memory", async () => (await import("./copy-memory.ts")).copyMemory as Experiment],
]);

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
  registry.set(experiment.name, async () => experiment);
}

/** The experiment called `name`. Throws ConfigError with the nearest known one. */
export async function loadExperiment(name: string): Promise<Experiment> {
  const load = registry.get(name);
  if (load) return load();
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
