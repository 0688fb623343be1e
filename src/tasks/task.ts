/**
 * What a person wants of a model. A task knows no architecture: it asks for a head, turns a source into examples,
 * examples into batches, and what the model gives into answers and scores. All that training, resuming, measuring and
 * predicting have in common is written once, in the other files of this folder.
 */
import type { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import type { Dataset, Source } from "../data/index.ts";
import type { Head, Heads } from "../models/index.ts";
import type { Named } from "../onnx/index.ts";
import type { Feeds, RunOptions, Weights } from "../runtime/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { BatchSpecs, LossTerms, Scores, TrainingInput } from "../train/index.ts";
import type { CodeOptions } from "./latent.ts";

/** A tensor for each name. */
export type Tensors<N extends string> = { readonly [K in N]: Tensor };

/** Progress notes and a signal while a task learns from its data, before the first step. */
export interface Watch {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((note: string) => void) | undefined;
}

/** A task, whatever the data. `S` is the schema of its options, `E` what an example is,
 * `B` are the names of what a batch holds. */
export interface Task<
  H extends Head = Head,
  E = unknown,
  S extends z.ZodObject = z.ZodObject,
  B extends string = string,
> {
  readonly name: string;
  /** One line for help. */
  readonly about: string;
  readonly head: H;
  /** Options of a training; they are kept with the run. */
  readonly options: S;
  /** Options of a prediction. */
  readonly prediction: z.ZodObject;
  /** Options of what is done with codes, where its models have some: what opens them is then a `LatentPredictor`, or embeds at least. */
  readonly codes?: CodeOptions;
  /** Settings of the training whose defaults are others here. */
  readonly defaults?: TrainingInput;
  /** The named set that the command learns from when none is given; without it, one must be. */
  readonly defaultData?: string;
  /** Files that belong together, by what each holds, where it learns from several: they come as `parts` of a source. */
  readonly parts?: Readonly<Record<string, string>>;
  /** What of a file is one input of a prediction: each line or row, which is the default, or the file as a source. */
  readonly reads?: "rows" | "files";
  /** What speed is counted in. */
  readonly unit: string;
  /** Every score, and whether more of it is better. */
  readonly scores: Readonly<Record<string, "higher" | "lower">>;
  /** The score that says which weights are the best. */
  readonly best: string;
  /**
   * Learns from the training data what must be known before an example can be read: a vocabulary, labels. `base` are the
   * files of a checkpoint that is started from; its vocabulary is kept, as its embedding means that one.
   */
  learn(source: Source, options: z.output<S>, watch: Watch, base?: Description): Promise<Problem<H, E, B>>;
  /** The same from the files of a run, or of anybody's checkpoint. Throws CheckpointError where they do not say. */
  reopen(saved: Description, options: z.output<S>): Promise<Problem<H, E, B>>;
}

/** What goes from one batch to the next: the values that come in, and a function for those that go on. */
export interface Carry {
  readonly before: Named;
  readonly next: (values: Named) => void;
}

/** What a run's files say: JSON by name, config.json among them. */
export type Description = Readonly<Record<string, Json>>;

/** A task on certain data, all that it had to learn known. */
export interface Problem<H extends Head = Head, E = unknown, B extends string = string> {
  /** What follows for the model's configuration, by the keys of any architecture. */
  readonly config: Json;
  /** Values that parameters start from in place of their initial ones, which are given. */
  start?(model: Heads[H], initial: Feeds): Feeds;
  /** Files to keep beside the weights, and more for config.json and task.json: what was learned from the data. */
  readonly files: Description;
  /** Throws ConfigError where the model does not suit the data. */
  accept?(model: Heads[H]): void;
  /** What is trained on and what is only measured. */
  split(train: Source, validation: Source | undefined, seed: number): Promise<Split<E>>;
  /** All of a source, to be measured. */
  examples(source: Source): Promise<Dataset<E>>;
  /**
   * Whether batches draw examples at random, pass over all of them, or read them as streams, whose rows go on where they
   * ended in the batch before.
   */
  readonly order: "draws" | "epochs" | "streams";
  /** What is carried along streams, with rows "B": all of it 0 before the first batch. */
  carried?(model: Heads[H]): BatchSpecs;
  /** What a batch holds; sizes may have names. */
  readonly batch: { readonly [K in B]: BatchSpecs[string] };
  collate(examples: readonly E[]): Feeds;
  /** Units in a batch; rows unless said otherwise. */
  count?(batch: Feeds): number;
  /**
   * Scalars that the loss reads and that change from step to step, counted from 1, such as the weight of a term that rises.
   * Functions of the step and of the number of steps alone: a resumed training is then the one that was not interrupted.
   */
  readonly scheduled?: Readonly<Record<string, (step: number, steps: number) => number>>;
  /** The scalar to be made small, or an object with it as `loss` and other named scalars beside it. */
  loss(model: Heads[H], batch: Tensors<B>, carry: Carry, scheduled: Named): Tensor | LossTerms;
  /**
   * What is measured: tensors with one row for each example. Noise in it has a row for each as well, which is a function of
   * the example's number in the data alone.
   */
  measure(model: Heads[H], batch: Tensors<B>, carry: Carry): Named;
  /** Scores of what was measured. */
  scorer(): Scorer<E>;
  /**
   * Scores that are taken of answers, such as of texts that the model writes, beside those of what was measured. They cost
   * more, so that they are taken by `evaluate` alone. `predictor` is what `open` makes.
   */
  judge?(predictor: Predictor, data: Dataset<E>, watch: Watch): Promise<Measured>;
  /** How well others do without a model like this, by name. */
  baselines?(
    train: Dataset<E>,
    test: Dataset<E>,
    watch: Watch,
    model: Heads[H],
  ): Promise<Readonly<Record<string, Scores>>>;
  /** The model ready to answer. */
  open(model: Heads[H], weights: Weights, run: RunOptions): Promise<Predictor>;
}

/** What was found of a model on data. */
export interface Measured {
  readonly scores: Scores;
  readonly pictures: Pictures;
  /** What answers need to know of it; it is kept beside the weights that were measured, as calibration.json. */
  readonly calibration?: Json | undefined;
}

/** SVG texts by name, without an ending. */
export type Pictures = Readonly<Record<string, string>>;

export interface Split<E> {
  readonly train: Dataset<E>;
  readonly validation: Dataset<E>;
}

/** Takes what was measured batch by batch; a padded row never comes. */
export interface Scorer<E> {
  add(examples: readonly E[], measured: Feeds): void;
  scores(): Scores;
  /** What can be drawn of it: SVG by name. */
  pictures?(): Pictures;
  /** What answers need to know of it, such as a threshold; nothing where too little was measured. */
  calibration?(): Json | undefined;
}

/** A model that answers. */
export interface Predictor<I = unknown, A = unknown> extends AsyncDisposable {
  /**
   * An answer for each input, in their order, batch by batch. Inputs are what people have: a text, or a record of
   * columns. Throws DataError naming an input that cannot be read, ConfigError on options that are unknown or out of range.
   */
  predict(inputs: Iterable<I> | AsyncIterable<I>, options?: Json & Watch): AsyncIterable<A>;
  /** An answer as a line for people. */
  line(answer: A): string;
  /** An answer as an SVG text, where there is something to be seen. */
  picture?(answer: A): string | undefined;
  /** Gives the engine's memory back. */
  release(): Promise<void>;
}
