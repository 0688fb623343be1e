/** Scores of a run on data, beside those of naive baselines. */
import { z } from "zod";
import type { Store } from "../checkpoint/index.ts";
import type { DataGiven, Dataset } from "../data/index.ts";
import { asStore, type FindOptions, finding } from "../files/index.ts";
import { type RunOptions, requireRunOptions, type Weights } from "../runtime/index.ts";
import { checked, whole } from "../schema.ts";
import type { Scores } from "../train/index.ts";
import type { Pictures } from "./index.ts";
import { measurement } from "./measure.ts";
import { describe, type Opened, weightsOf } from "./open.ts";
import { parseRecord, recorded, type TrainerRecord } from "./record.ts";
import { sourceFor } from "./sources.ts";
import type { Measured } from "./task.ts";

export interface EvaluateOptions extends FindOptions, RunOptions {
  /** What is measured on. */
  readonly data: DataGiven;
  /** Examples at a time. Default 32. */
  readonly batch?: number | undefined;
  /** Whether baselines are trained and measured as well. Default true. */
  readonly baselines?: boolean | undefined;
}

const measuring = z.strictObject({
  ...finding,
  data: z.unknown(),
  batch: whole(1, 65536).default(32),
  baselines: z.boolean().default(true),
  device: z.unknown().optional(),
  threads: z.unknown().optional(),
});

/** What was measured. */
export interface Evaluated {
  readonly task: string;
  readonly data: string;
  readonly examples: number;
  readonly scores: Scores;
  /** What can be drawn: SVG texts by name. */
  readonly pictures: Pictures;
  readonly baselines: Readonly<Record<string, Scores>>;
  /** Why there are no baselines, where there are none. */
  readonly note: string | undefined;
}

/** Measures the run in `place`. Throws CheckpointError, DataError. */
export async function evaluate(place: Store | string, options: EvaluateOptions): Promise<Evaluated> {
  const { batch, baselines, signal } = checked(measuring, options, "evaluate");
  const { device, threads } = options;
  await requireRunOptions({ device, threads }, "evaluate");
  const store = asStore(place);
  const opened = await describe(store);
  const source = sourceFor(opened.task, options.data, options);
  const data = await opened.problem.examples(source);
  const weights = await weightsOf(store, opened);
  const measured = await measurement(opened.problem, opened.model, batch, { device, threads, weights });
  try {
    const found = await measured.run({}, data);
    signal?.throwIfAborted();
    const judged = await judge(opened, weights, data, options);
    const [scores, pictures] = [
      { ...found.scores, ...judged.scores },
      { ...found.pictures, ...judged.pictures },
    ];
    const others = baselines ? await compare(store, opened, data, options) : { baselines: {}, note: undefined };
    return { task: opened.task.name, data: source.name, examples: data.size, scores, pictures, ...others };
  } finally {
    await measured.release();
  }
}

/** What is found of the model's answers, where the task judges them. */
async function judge(
  { problem, model }: Pick<Opened, "problem" | "model">,
  weights: Weights,
  data: Dataset<unknown>,
  { device, threads, signal }: EvaluateOptions,
): Promise<Measured> {
  if (!problem.judge) return { scores: {}, pictures: {} };
  const predictor = await problem.open(model, weights, { device, threads });
  try {
    return await problem.judge(predictor, data, { signal });
  } finally {
    await predictor.release();
  }
}

type Compared = Pick<Evaluated, "baselines" | "note">;
const without = (note: string): Compared => ({ baselines: {}, note: `no baselines: ${note}` });

/** Baselines learn from what the run was trained on, which is read again from where it was. */
async function compare(
  store: Store,
  { problem, task, model }: Pick<Opened, "problem" | "task" | "model">,
  test: Awaited<ReturnType<Opened["problem"]["examples"]>>,
  options: EvaluateOptions,
): Promise<Compared> {
  if (!problem.baselines) return { baselines: {}, note: undefined };
  const trainer = await store.loadTrainer();
  if (!trainer) return without("the folder holds no training state that names the training data");
  const { train, validation, settings }: TrainerRecord = parseRecord(trainer, store.where);
  try {
    const source = sourceFor(task, recorded(train), options);
    const other = validation.given ? sourceFor(task, recorded(validation), options) : undefined;
    const data = await problem.split(source, other, settings.seed);
    if (data.train.digest !== train.digest) return without(`${train.name} is not what the run was trained on`);
    return { baselines: await problem.baselines(data.train, test, { signal: options.signal }, model), note: undefined };
  } catch (error) {
    options.signal?.throwIfAborted();
    return without(`the training data cannot be read (${(error as Error).message})`);
  }
}
