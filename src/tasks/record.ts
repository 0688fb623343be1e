/** What the training state of a run says besides weights: enough to resume exactly, and to say what the run is. */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import type { Source } from "../data/index.ts";
import { CheckpointError } from "../errors.ts";
import type { TrainingSettings } from "../train/index.ts";

const data = z.object({
  name: z.string(),
  digest: z.string(),
  /** Names of the files that belong together, where there are several. */
  parts: z.array(z.string()).optional(),
});

const recordSchema = z.object({
  /** Of this record's form. */
  version: z.literal(2),
  /** Steps done. */
  step: z.int().min(0),
  best: z.object({ score: z.number(), step: z.int().min(0), examples: z.int().min(1).optional() }).nullable(),
  /** `model_type`. */
  model: z.string(),
  task: z.string(),
  settings: z.custom<TrainingSettings>((value) => typeof value === "object" && value !== null && "steps" in value),
  /** What was trained on, and what was measured: part of the first where nothing else was named. */
  train: data,
  validation: data.extend({ given: z.boolean() }),
  /** The named sizes of a batch of the longest examples. */
  sizes: z.record(z.string(), z.int()),
  device: z.string().nullable(),
  threads: z.number().nullable(),
});

/** What was trained or measured on, to be read again. */
export const recorded = ({ name, parts }: z.infer<typeof data>): string | string[] => parts ?? name;

/** What is to be written down of a source. */
export const named = ({ name, parts }: Source) => ({ name, ...(parts && { parts: parts.map((part) => part.name) }) });

export type TrainerRecord = z.infer<typeof recordSchema>;

/** The record of the run at `where`. Throws CheckpointError where it is not one. */
export function parseRecord(trainer: Json, where: string): TrainerRecord {
  const result = recordSchema.safeParse(trainer);
  if (result.success) return result.data;
  const key = result.error.issues[0]?.path.join(".");
  throw new CheckpointError(
    `run ${where}: the training state is of another version of this program (its ${key || "record"} does not fit); start a new run`,
  );
}
