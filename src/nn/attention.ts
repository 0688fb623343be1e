/**
 * Causal attention and what it remembers while text is being written.
 *
 * B batch · H heads · T new tokens · S tokens seen so far, new ones included · D width of a head
 */
import type { Tensor } from "../tensor/index.ts";

/** Keys and values of one layer. */
export interface LayerCache {
  /** New keys and values [B, H, T, D] behind those that came before: 2 × [B, H, S, D]. */
  append(k: Tensor, v: Tensor): [k: Tensor, v: Tensor];
}

/** Keys and values of all layers. */
export interface KVCache {
  /** How many tokens came before: a scalar of i32. */
  readonly past: Tensor;
  layer(index: number): LayerCache;
}

/**
 * softmax(q kᵀ/√D + causal mask) v for q [B, H, T, D], k and v [B, H, S, D] -> [B, H, T, D].
 * `dropout` is applied to the weights. Vaswani et al. 2017, arXiv 1706.03762.
 */
export function causalAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  dropout: (weights: Tensor) => Tensor = (x) => x,
): Tensor {
  const D = Number(q.dim(-1));
  const weights = q
    .mul(D ** -0.5)
    .matmul(k, { transB: true })
    .causal()
    .softmax(); // [B, H, T, S]
  return dropout(weights).matmul(v);
}
