/** The options of a training, with units, bounds and defaults; the command and the library check them here alike. */
import { z } from "zod";
import { ConfigError, nearest } from "../errors.ts";

const whole = (least: number, most: number) => z.int().min(least).max(most);
const number = (least: number, most: number) => z.number().min(least).max(most);

export const trainingSchema = z.strictObject({
  /** Optimizer steps. */
  steps: whole(1, 1e9).default(2000),
  /** Sequences in a batch. */
  batch: whole(1, 65536).default(12),
  /** Tokens in a sequence. */
  context: whole(1, 1e6).default(64),
  /** Micro-batches whose gradients are averaged before one update. */
  accumulate: whole(1, 65536).default(1),
  /** The highest learning rate. */
  lr: z.number().gt(0).max(10).default(2e-3),
  /** Steps over which the learning rate rises to it; by default a twentieth of all, at most 100. */
  warmup: whole(0, 1e9).optional(),
  /** How it falls afterwards, to a tenth. */
  schedule: z.enum(["cosine", "linear", "constant"]).default("cosine"),
  optimizer: z.enum(["adamw", "adam", "sgd"]).default("adamw"),
  /** Of parameters with two or more axes. */
  weightDecay: number(0, 10).default(0.1),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.99),
  momentum: z.number().min(0).lt(1).default(0.9),
  /** Limit of the norm of all gradients together; 0 sets none. */
  clip: number(0, 1e9).default(1),
  /** Chooses first values, batches and dropout. */
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(0),
  /** Steps between two measurements of the validation loss; by default a tenth of all, at most 250. */
  evalEvery: whole(1, 1e9).optional(),
  /** Steps between two checkpoints; by default as often as the validation loss is measured. */
  saveEvery: whole(1, 1e9).optional(),
});

export type TrainingInput = z.input<typeof trainingSchema>;
export type TrainingSettings = Required<z.output<typeof trainingSchema>>;

export const trainingKeys = Object.keys(trainingSchema.shape);

/** Fills in defaults. Throws ConfigError naming the option, what it expects and what it got. */
export function trainingSettings(input: Readonly<Record<string, unknown>>): TrainingSettings {
  const result = trainingSchema.safeParse(input);
  if (!result.success) throw new ConfigError(result.error.issues.map((issue) => complaint(issue, input)).join("; "));
  const { steps } = result.data;
  const evalEvery = result.data.evalEvery ?? Math.min(250, Math.max(1, Math.ceil(steps / 10)));
  const warmup = result.data.warmup ?? Math.min(100, Math.floor(steps / 20));
  const filled = { ...result.data, evalEvery, warmup, saveEvery: result.data.saveEvery ?? evalEvery };
  return inOrder(filled);
}

/** The order of the schema, whatever was given: a training state depends on it byte for byte. */
const inOrder = (settings: TrainingSettings): TrainingSettings =>
  Object.fromEntries(trainingKeys.map((key) => [key, settings[key as keyof TrainingSettings]])) as TrainingSettings;

function complaint(issue: z.core.$ZodIssue, input: Readonly<Record<string, unknown>>): string {
  if (issue.code === "unrecognized_keys")
    return issue.keys.map((key) => `unknown option "${key}"${nearest(key, trainingKeys)}`).join("; ");
  const key = String(issue.path[0] ?? "");
  return `option ${key}: ${issue.message}, got ${typeof input[key] === "number" ? input[key] : JSON.stringify(input[key])}`;
}
