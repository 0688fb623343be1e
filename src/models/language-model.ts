/** What training and writing need to know of a language model, whatever is inside. */
import type { Spec } from "../graph/index.ts";
import type { Tensor } from "../tensor/index.ts";

/** Tensors carried from token to token, by name. */
export type Carried = Readonly<Record<string, Tensor>>;

export interface LanguageModel {
  /** The module whose parameters are the model's. */
  readonly parts: object;
  readonly vocabulary: number;
  /** How many tokens it can look at together; undefined where there is no such bound. */
  readonly context: number | undefined;
  /** ids [B, T] -> logits [B, T, V]. */
  forward(ids: Tensor): Tensor;
  /** What is carried for a batch of B, all zero or empty before the first token. Past tokens are the symbol "P". */
  carried(B: number): Readonly<Record<string, Spec>>;
  /** ids [B, T] after what was carried -> logits [B, T, V] and what to carry on. */
  step(ids: Tensor, carried: Carried): { logits: Tensor; carried: Carried };
}

/** How a model's parameters are called in the files of others. */
export interface CheckpointNames {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** Stands before every name in some files. */
  readonly prefix?: string;
  /** Our path -> their name. */
  readonly rename?: (path: string) => string;
  /** Names in files that hold no parameter. */
  readonly ignore?: RegExp;
}

/** One row of the registry: a configuration to be checked, and the model that it describes. */
export interface Architecture<C> {
  readonly checkpoint: CheckpointNames;
  /** Checks the values of a config.json and fills in defaults. */
  readonly config: { parse(values: unknown): C; readonly shape: Readonly<Record<string, unknown>> };
  readonly build: (config: C) => LanguageModel;
}
