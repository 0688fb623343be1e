/**
 * What autoencoders of texts give.
 *
 * B texts · S ids of the longest · T ids of the longest so far · V ids that a model tells apart · L dimensions of a code
 */
import type { Spec } from "../../graph/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { guarded, requireTensors } from "../guarded.ts";
import type { Carried, DecoderStep, Model } from "../heads.ts";

/** What an encoder says of the codes of texts: a normal distribution each. */
export interface TextPosterior {
  /** [B, L] */
  readonly mean: Tensor;
  /** [B, L] */
  readonly logVariance: Tensor;
}

/**
 * ids [B, S], of which the first lengths [B] of each row are meant, and target [B, T], the ids so far -> the mean of each
 * code [B, L], and logits [B, T, V] of the id that follows each of the target's, given that code. In between, texts become
 * codes and codes become texts, all at once or step by step.
 */
export interface LatentTextModel extends Model<"ids" | "lengths" | "target", "mean" | "logits"> {
  /** V. */
  readonly vocabulary: number;
  /** L. */
  readonly latent: number;
  /** What each step replaces; one of its axes is called "B". */
  readonly carried: Readonly<Record<string, Spec>>;
  encode(ids: Tensor, lengths: Tensor): TextPosterior;
  /** codes [B, L] and target [B, T] -> logits [B, T, V]. */
  decode(codes: Tensor, target: Tensor): Tensor;
  /** codes [B, L] -> what the first step takes. */
  begin(codes: Tensor): Carried;
  /** The next ids [B] of the target. */
  step(ids: Tensor, codes: Tensor, carried: Carried): DecoderStep;
}

/** Inputs of an autoencoder of texts. */
export const latentTextInputs = {
  ids: { shape: ["B", "S"], dtype: "i32" },
  lengths: { shape: ["B"], dtype: "i32" },
  target: { shape: ["B", "T"], dtype: "i32" },
} as const;

/** `own`, whose graphs are refused inputs that are no tensors. */
export const guardedLatentText = (own: LatentTextModel): LatentTextModel => ({
  ...guarded<"ids" | "lengths" | "target", LatentTextModel>(own),
  encode(ids, lengths) {
    requireTensors("encode", ["ids", "lengths"], { ids, lengths });
    return own.encode(ids, lengths);
  },
  decode(codes, target) {
    requireTensors("decode", ["codes", "target"], { codes, target });
    return own.decode(codes, target);
  },
  begin(codes) {
    requireTensors("begin", ["codes"], { codes });
    return own.begin(codes);
  },
  step(ids, codes, carried) {
    requireTensors("step", ["ids", "codes"], { ids, codes });
    return own.step(ids, codes, requireTensors("step", Object.keys(own.carried), carried));
  },
});
