/** What the training state of a run says besides weights and slots: enough to go on, and to say what the run is. */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import { CheckpointError } from "../errors.ts";
import { type TrainingSettings, trainingKeys } from "../train/options.ts";

const recordSchema = z.object({
  /** Steps done. */
  step: z.int().min(0),
  best: z.object({ valLoss: z.number(), step: z.int().min(0) }).nullable(),
  /** `model_type`. */
  model: z.string(),
  settings: z.custom<TrainingSettings>(
    (value) => typeof value === "object" && value !== null && trainingKeys.every((key) => Object.hasOwn(value, key)),
  ),
  data: z.object({ name: z.string(), fingerprint: z.string() }),
  device: z.string().nullable(),
  threads: z.number().nullable(),
});

export type TrainerRecord = z.infer<typeof recordSchema>;

/** The record of the run at `where`. Throws CheckpointError where it is not one. */
export function parseRecord(trainer: Json, where: string): TrainerRecord {
  const result = recordSchema.safeParse(trainer);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new CheckpointError(
    `run ${where}: the trainer's record is not one of this version (${issue?.path.join(".")}: ${issue?.message}); start anew`,
  );
}
