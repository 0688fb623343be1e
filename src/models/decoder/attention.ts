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
export const Projection = (I: number, O: number, bias: boolean, { deviation }: Pick<Shape, "deviation">) =>
  Linear(I, O, { bias, weightInit: normalInit(deviation), biasInit: constantInit(0) });

/** x [B, T, C] -> queries [B, T, H·D], keys and values [B, T, G·D] each, and the parts that make them. */
function separate(shape: Shape) {
  const { width: C, heads: H, keyHeads: G, headWidth: D, bias } = shape;
  const q_proj = Projection(C, H * D, bias.projections, shape);
  const k_proj = Projection(C, G * D, bias.projections, shape);
  const v_proj = Projection(C, G * D, bias.projections, shape);
  return {
    parts: { q_proj, k_proj, v_proj },
    project: (x: Tensor): readonly Tensor[] => [q_proj(x), k_proj(x), v_proj(x)],
  };
}

/** The same from one matrix. */
function fused(shape: Shape) {
  const { width: C, heads: H, keyHeads: G, headWidth: D, bias } = shape;
  const qkv_proj = Projection(C, (H + 2 * G) * D, bias.projections, shape);
  return {
    parts: { qkv_proj },
    project: (x: Tensor): readonly Tensor[] => qkv_proj(x).split([H * D, G * D, G * D]),
  };
}

/** x [B, T, C] -> [B, T, C]. */
export const SelfAttention = (shape: Shape, layer: number) => {
  const { width: C, heads: H, headWidth: D, headNorms } = shape;
  const { parts, project } = shape.fused ? fused(shape) : separate(shape);
  const [window, dropout] = [shape.window(layer), Dropout(shape.dropout)];
  const seen = { scale: shape.scale, ...(window !== undefined && { window }) };
  const heads = (x: Tensor): Tensor => x.rearrange("b t (h d) -> b h t d", { d: D });
  const norms = headNorms ? { q_norm: shape.norm(D), k_norm: shape.norm(D) } : undefined;
  return module(
    "SelfAttention",
    { ...parts, ...norms, o_proj: Projection(H * D, C, shape.bias.output, shape) },
    ({ o_proj }, x: Tensor, turn: Turn, cache?: LayerCache) => {
      const [a, b, v] = project(x).map(heads) as [Tensor, Tensor, Tensor]; // [B, H, T, D], 2 × [B, G, T, D]
      const [q, k] = [turned(norms ? norms.q_norm(a) : a, turn), turned(norms ? norms.k_norm(b) : b, turn)];
      const mixed = cache ? cache.attend(q, k, v, seen) : attention(q, k, v, { causal: true, dropout, ...seen });
      return o_proj(mixed.rearrange("b h t d -> b t (h d)"));
    },
  );
};
