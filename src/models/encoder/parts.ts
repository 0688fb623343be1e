/**
 * What every encoder computes with: projections, attention over all tokens of a row, and a vector for a row.
 *
 * B batch · T tokens · C width · H heads · D = C/H
 */
import { attention, constantInit, Dropout, LayerNorm, Linear, normalInit } from "../../nn/index.ts";
import { arange, type Tensor } from "../../tensor/index.ts";
import type { Shape } from "./shape.ts";

/** x [.., I] -> [.., O], weights normal as in transformers. */
export const Projection = <B extends boolean = true>(I: number, O: number, deviation: number, bias?: B) =>
  Linear<B>(I, O, {
    ...(bias !== undefined && { bias }),
    weightInit: normalInit(deviation),
    biasInit: constantInit(0),
  });

/** x [.., C] -> [.., C]. */
export const Norm = ({ width, epsilon }: Pick<Shape, "width" | "epsilon">) => LayerNorm(width, epsilon);

/** What is read: ids [B, T], of which the first lengths [B] of each row are meant, and segments [B, T], 0 where they are not given. */
export interface Tokens {
  readonly ids: Tensor;
  readonly lengths: Tensor;
  readonly segments?: Tensor | undefined;
}

/** True where a token is meant: bool [B, T]. */
export const meant = ({ ids, lengths }: Tokens): Tensor => arange(ids.dim(1)).less(lengths.unsqueeze(1));

/** q, k and v [B, T, C] of H heads -> [B, T, C]: every token sees those that are meant: [B, T]. */
export const mixer = ({ heads: H, dropout }: Pick<Shape, "heads" | "dropout">) => {
  const drop = Dropout(dropout.attention);
  const heads = (x: Tensor): Tensor => x.rearrange("b t (h d) -> b h t d", { h: H });
  return (q: Tensor, k: Tensor, v: Tensor, keyMask: Tensor): Tensor =>
    attention(heads(q), heads(k), heads(v), { keyMask, dropout: drop }).rearrange("b h t d -> b t (h d)");
};

/** The first of x [B, T, C]: [B, C]. */
export const firstOf = (x: Tensor): Tensor => x.slice(1, 0, 1).squeeze(1);
