/** A training as the command sees it: what was asked for, what is ready to start, what came of it. */
import type { Task } from "../tasks/index.ts";
import type { Trained } from "../tasks/train.ts";
import type { Run, TrainingEvent } from "../train/index.ts";
import type { Display } from "./display.ts";
import type { Interruption } from "./interruption.ts";
import { type IO, quote } from "./io.ts";

/** Flags that every training has; those of the training and the task come from their schemas. */
export interface TrainFlags {
  readonly task?: string | undefined;
  readonly data?: string | undefined;
  readonly val?: string | undefined;
  readonly from?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly config?: string | undefined;
  readonly set?: readonly string[] | undefined;
  readonly threads?: number | undefined;
  readonly device?: string | undefined;
  readonly out?: string | undefined;
  readonly resume?: string | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

/** A training that is ready to start, and what to say of it. */
export interface Prepared {
  readonly model: string;
  readonly task: Task;
  readonly data: string;
  /** Where it is kept, once it has begun. */
  readonly where: () => string;
  readonly run: Run<TrainingEvent, Trained>;
  readonly threads: number;
  readonly seed: number;
}

/** The trained numbers of a model, beside what a training leaves behind. */
export interface Finished extends Trained {
  readonly parameters: number;
}

export interface Context {
  readonly flags: TrainFlags;
  readonly io: IO;
  readonly stop: Interruption;
  readonly display: Display;
}

export const resumeCommand = ({ model, where }: Prepared, io: IO): string =>
  `${io.command} train ${model} --resume ${quote(where())}`;
