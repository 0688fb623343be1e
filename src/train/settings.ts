/** The settings of a training, with units, bounds and defaults: flags, help, types and checks all come from here. */
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { checked, probability, real, whole } from "../schema.ts";

export const trainingSchema = z.strictObject({
  steps: whole(1, 1e9).optional().describe("optimizer steps (default: 2000, where no epochs are given)"),
  epochs: real(0, 1e9).optional().describe("passes over the training examples, instead of steps"),
  batch: whole(1, 65536).default(12).describe("examples in a batch"),
  accumulate: whole(1, 65536).default(1).describe("batches whose gradients make one step"),
  lr: z.number().gt(0).max(10).default(2e-3).describe("highest learning rate"),
  warmup: whole(0, 1e9)
    .optional()
    .describe("steps over which the rate rises (default: a twentieth of all, at most 100)"),
  schedule: z.enum(["cosine", "linear", "constant"]).default("cosine").describe("how the rate falls, to a tenth"),
  optimizer: z.enum(["adamw", "adam", "sgd"]).default("adamw").describe("how gradients become updates"),
  weightDecay: real(0, 10).default(0.1).describe("of parameters with two or more axes"),
  beta1: probability().default(0.9).describe("memory of Adam's mean"),
  beta2: probability().default(0.99).describe("memory of Adam's square"),
  momentum: probability().default(0.9).describe("of SGD, with Nesterov's look ahead"),
  clip: real(0, 1e9).default(1).describe("limit of the norm of all gradients; 0 sets none"),
  average: probability()
    .default(0)
    .describe("decay of a moving average of the weights, which is then kept; 0 keeps none"),
  freeze: z.string().optional().describe("pattern of the names of parameters that are not trained"),
  patience: whole(1, 1e6).optional().describe("evaluations without a better score after which it stops"),
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(0).describe("chooses initial weights, batches and dropout"),
  evalEvery: whole(1, 1e9).optional().describe("steps between evaluations (default: a tenth of all, at most 250)"),
  saveEvery: whole(1, 1e9).optional().describe("steps between checkpoints (default: whenever it evaluates)"),
});

export type TrainingInput = z.input<typeof trainingSchema>;
type Given = z.output<typeof trainingSchema>;
/** Settings with everything filled in; `null` where there is none. */
export interface TrainingSettings extends Omit<Given, "epochs" | "freeze" | "patience"> {
  readonly steps: number;
  readonly warmup: number;
  readonly evalEvery: number;
  readonly saveEvery: number;
  readonly freeze: string | null;
  readonly patience: number | null;
}

const STEPS = 2000;

function requirePattern(pattern: string | undefined): void {
  try {
    new RegExp(pattern ?? "");
  } catch {
    throw new ConfigError(`option: freeze: expected a regular expression, got ${JSON.stringify(pattern)}`);
  }
}

/** A step takes `accumulate` batches, and the last step is taken though some of its batches belong to the next pass. */
function stepsOf({ steps, epochs, accumulate }: Given, batchesPerEpoch: number): number {
  if (steps !== undefined && epochs !== undefined)
    throw new ConfigError(`option: steps and epochs: expected one of them, got ${steps} and ${epochs}; leave one out`);
  if (epochs === undefined) return steps ?? STEPS;
  return Math.max(1, Math.ceil(Math.round(epochs * batchesPerEpoch) / accumulate));
}

/** The settings that were given, checked, without what depends on the data. Throws ConfigError. */
export function checkTraining(input: Readonly<Record<string, unknown>>): Given {
  const given = checked(trainingSchema, input, "option");
  requirePattern(given.freeze);
  return given;
}

/**
 * Fills in everything, in the order of the schema: a training state depends on it byte for byte. `batchesPerEpoch` says
 * how many batches of that size one pass takes. Throws ConfigError naming the option, what it expects and
 * what it got.
 */
export function trainingSettings(
  input: Readonly<Record<string, unknown>>,
  batchesPerEpoch: (batch: number) => number,
): TrainingSettings {
  const given = checkTraining(input);
  const steps = stepsOf(given, given.epochs === undefined ? 0 : batchesPerEpoch(given.batch));
  const evalEvery = given.evalEvery ?? Math.min(250, Math.max(1, Math.ceil(steps / 10)));
  const filled: Record<string, unknown> = {
    ...given,
    steps,
    evalEvery,
    warmup: given.warmup ?? Math.min(100, Math.floor(steps / 20)),
    saveEvery: given.saveEvery ?? evalEvery,
    freeze: given.freeze ?? null,
    patience: given.patience ?? null,
  };
  const keys = Object.keys(trainingSchema.shape).filter((key) => key !== "epochs");
  return Object.fromEntries(keys.map((key) => [key, filled[key]])) as unknown as TrainingSettings;
}
