/** What training and writing need to know of a language model, whatever is inside. */
import type { z } from "zod";
import { ConfigError, nearest } from "../errors.ts";
import type { Spec } from "../graph/index.ts";
import type { Tensor } from "../tensor/index.ts";

/** Tensors carried from token to token, by name. */
export type Carried = Readonly<Record<string, Tensor>>;

/** Parameters, a forward pass over whole sequences, and the same token by token. */
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
  /** Keys of other configurations that change the mathematics, with the one value that is meant here. */
  readonly fixed?: Readonly<Record<string, unknown>>;
  /** Names in files that hold no parameter. */
  readonly ignore?: RegExp;
}

/** The values of a config.json. */
export type Config = Readonly<Record<string, unknown>>;

/** One row of the registry. */
export interface Architecture {
  readonly checkpoint: CheckpointNames;
  /** All keys that the configuration has. */
  readonly keys: readonly string[];
  /** Checks values and fills in defaults. Throws ConfigError naming the key, what it expects and what it got. */
  configure(values: Config): Config;
  /** The model that a configuration describes. */
  build(config: Config): LanguageModel;
}

/** A row of the registry from its schema and its maker. */
export function architecture<S extends z.ZodType>(
  checkpoint: CheckpointNames,
  schema: S,
  keys: readonly string[],
  make: (config: z.infer<S>) => LanguageModel,
): Architecture {
  const configure = (values: Config): z.infer<S> => {
    const result = schema.safeParse(values);
    if (result.success) return result.data;
    throw new ConfigError(
      `${checkpoint.modelType} config: ${result.error.issues.map((issue) => describe(issue, values, keys)).join("; ")}`,
    );
  };
  return {
    checkpoint,
    keys,
    configure: (values) => configure(values) as Config,
    build: (values) => make(configure(values)),
  };
}

/** One complaint of the schema in one line. */
function describe(issue: z.core.$ZodIssue, values: Config, keys: readonly string[]): string {
  if (issue.code === "unrecognized_keys")
    return issue.keys
      .map((key) => `unknown key "${key}"${nearest(key, keys)}, known are ${keys.join(", ")}`)
      .join("; ");
  const key = String(issue.path[0] ?? "");
  return `${key}: ${issue.message}, got ${JSON.stringify(values[key]) ?? "nothing"}`;
}
