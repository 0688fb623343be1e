/** How a sentence's tokens become one vector, as a checkpoint's files say it. C width */
import type { Json } from "../../checkpoint/index.ts";
import { CheckpointError } from "../../errors.ts";
import type { Description } from "../task.ts";

export type Pooling = "mean" | "cls";

/** What is done with what the model gives, and how many tokens are read. */
export interface Manner {
  readonly pooling: Pooling;
  /** Whether vectors have length 1. */
  readonly normalize: boolean;
  readonly length: number;
}

/** Tokens that are read where nothing says more. */
const LENGTH = 128;

/** The ways of sentence-transformers that are switched on in 1_Pooling/config.json, in either spelling. */
function modes(config: Json): string[] {
  const { pooling_mode: named } = config;
  if (named !== undefined) return [named].flat().map(String);
  const on = Object.entries(config).filter(([key, value]) => key.startsWith("pooling_mode_") && value === true);
  return on.map(([key]) => key.replace(/^pooling_mode_(.*?)(_tokens?)?$/, "$1"));
}

/** Throws CheckpointError where the files ask for a way that is not known here. */
function published({ "1_Pooling/config.json": config, "modules.json": listed }: Description): Partial<Manner> {
  if (!config) return {};
  const [mode = "mean", ...more] = modes(config);
  if ((mode !== "mean" && mode !== "cls") || more.length > 0)
    throw new CheckpointError(
      `1_Pooling/config.json: expected mean or cls, got ${[mode, ...more].join(" and ")}; say how with option pooling`,
    );
  const modules = [listed?.modules].flat() as readonly Json[];
  return { pooling: mode, normalize: modules.some((part) => String(part?.type).endsWith("Normalize")) };
}

/** What is asked for, else what the files say, else the mean, not normalised. */
export function mannerOf(asked: { readonly [K in keyof Manner]?: Manner[K] | undefined }, files: Description): Manner {
  const { learned } = files["task.json"] ?? {};
  const known = (learned ?? (asked.pooling ? {} : published(files))) as Partial<Manner>;
  const most = Number(files["sentence_bert_config.json"]?.max_seq_length ?? LENGTH);
  return {
    pooling: asked.pooling ?? known.pooling ?? "mean",
    normalize: asked.normalize ?? known.normalize ?? false,
    length: asked.length ?? known.length ?? most,
  };
}
