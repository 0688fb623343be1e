/**
 * Attention of a decoder's block: queries, and fewer heads of keys and values, turned by place.
 *
 * B batch · T tokens · C width · H heads of queries · G of keys and values · D width of a head
 */
import {
  attention,
  constantInit,
  Dropout,
  type LayerCache,
  Linear,
  module,
  normalInit,
  type Turn,
  turned,
} from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { Shape } from "./shape.ts";

/** x [.., I] -> [.., O], weights normal as in transformers. */
export const Projection = (I: number, O: number, bias: boolean, { deviation }: Shape) =>
  Linear(I, O, { bias, weightInit: normalInit(deviation), biasInit: constantInit(0) });

const heads = (x: Tensor, D: number): Tensor => x.rearrange("b t (h d) -> b h t d", { d: D });

/** x [B, T, C] -> [B, T, C]. */
export const SelfAttention = (shape: Shape, layer: number) => {
  const { width: C, heads: H, keyHeads: G, headWidth: D, bias } = shape;
  const [window, dropout] = [shape.window(layer), Dropout(shape.dropout)];
  const seen = { scale: D ** -0.5, ...(window !== undefined && { window }) };
  return module(
    "SelfAttention",
    {
      q_proj: Projection(C, H * D, bias.projections, shape),
      k_proj: Projection(C, G * D, bias.projections, shape),
      v_proj: Projection(C, G * D, bias.projections, shape),
      o_proj: Projection(H * D, C, bias.output, shape),
    },
    ({ q_proj, k_proj, v_proj, o_proj }, x: Tensor, turn: Turn, cache?: LayerCache) => {
      const [q, k, v] = [turned(heads(q_proj(x), D), turn), turned(heads(k_proj(x), D), turn), heads(v_proj(x), D)];
      const mixed = cache ? cache.attend(q, k, v, seen) : attention(q, k, v, { causal: true, dropout, ...seen });
      return o_proj(mixed.rearrange("b h t d -> b t (h d)"));
    },
  );
};
