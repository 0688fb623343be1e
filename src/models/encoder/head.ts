/**
 * What encoders can do beside telling classes and tags.
 *
 * B batch · T tokens · C width · V vocabulary
 */
import type { Tensor } from "../../tensor/index.ts";
import { classesInputs, type Model } from "../heads.ts";

/** Inputs of a model that tells segments apart. */
export const segmentedInputs = { ...classesInputs, segments: { shape: ["B", "T"], dtype: "i32" } } as const;

/**
 * ids [B, T], of which the first lengths [B] of each row are meant -> logits [B, T, V] of the token that belongs at each
 * position, seen from both sides. Segments [B, T] may be given to a model that tells them apart; they are 0 otherwise.
 */
export interface MaskedModel extends Model<"ids" | "lengths", "logits"> {
  forward(inputs: Segmented): { readonly logits: Tensor };
  /** The parameter that holds a row for each token. */
  readonly tokens: string;
  readonly vocabulary: number;
  readonly context: number | undefined;
}

/** Tokens that may be divided into segments. */
export type Segmented = Readonly<Record<"ids" | "lengths", Tensor> & Partial<Record<"segments", Tensor>>>;

/** ids and segments [B, T] -> logits [B, T] of the first token of an answer, and of its last. */
export interface SpansModel extends Model<"ids" | "lengths" | "segments", "start" | "end"> {
  /** The parameter that holds a row for each token. */
  readonly tokens: string;
  readonly vocabulary: number;
  readonly context: number | undefined;
}

/** ids [B, T], of which the first lengths [B] of each row are meant -> the mean of what they became, and the first: [B, C]. */
export interface SentenceModel extends Model<"ids" | "lengths", "mean" | "first"> {
  /** The parameter that holds a row for each token. */
  readonly tokens: string;
  readonly vocabulary: number;
  readonly context: number | undefined;
  /** C. */
  readonly width: number;
}
