/**
 * Multi-head attention (Vaswani et al. 2017, arXiv 1706.03762) with torch.nn.MultiheadAttention's parts: the projections
 * of queries, keys and values stand below each other in one matrix.
 *
 * B batch · T queries · S keys · E width · H heads · G heads of keys and values · D = E/H
 */
import { ConfigError } from "../errors.ts";
import { parameter, type Tensor } from "../tensor/index.ts";
import { requireOptions, requireSizes } from "./arguments.ts";
import { ATTENTION_KINDS, type AttentionOptions, attention } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import { constantInit, uniformInit } from "./init.ts";
import { Linear } from "./linear.ts";
import { optional, tensorLayer } from "./module.ts";

/** How the layer is built. */
export interface MultiheadAttentionOptions<B extends boolean = boolean> {
  /** Heads of keys and values, each shared by several of queries. Default: as many as of queries. */
  readonly kvHeads?: number;
  /** Default true. */
  readonly bias?: B;
  /** Probability of dropping a weight. Default 0. */
  readonly dropout?: number;
}

/** Options of a call: those of `attention`, and keys and values from elsewhere. */
export interface MultiheadAttentionCall extends Omit<AttentionOptions, "dropout" | "scale"> {
  /** [B, S, E]. Default: the queries. */
  readonly key?: Tensor;
  /** [B, S, E]. Default: the keys. */
  readonly value?: Tensor;
}

const heads = (x: Tensor, count: number): Tensor => x.rearrange("b t (h d) -> b h t d", { h: count });

/**
 * query [B, T, E] -> [B, T, E]. in_proj_weight [E + 2·G·D, E] starts uniform in ±√(6/(rows + columns)), biases at 0
 * (Glorot & Bengio 2010), as in torch.nn. Throws ConfigError where the heads do not divide the width.
 */
export const MultiheadAttention = <B extends boolean = true>(
  E: number,
  H: number,
  options: MultiheadAttentionOptions<B> = {},
) => {
  requireOptions("MultiheadAttention", options, { kvHeads: "number", bias: "boolean", dropout: "number" });
  const { kvHeads: G = H, bias, dropout = 0 } = options;
  requireSizes("MultiheadAttention", { E, H, G });
  if (E % H !== 0 || H % G !== 0)
    throw new ConfigError(
      `MultiheadAttention: ${E} does not divide into ${H} heads, or these among ${G} of keys; choose divisors`,
    );
  const sizes = [E, (G * E) / H, (G * E) / H];
  const rows = sizes.reduce((a, b) => a + b);
  const drop = Dropout(dropout);
  return tensorLayer(
    "MultiheadAttention",
    {
      in_proj_weight: parameter([rows, E], uniformInit(Math.sqrt(6 / (rows + E)))),
      in_proj_bias: optional(bias, () => parameter([rows], constantInit(0))),
      out_proj: Linear<B>(E, E, { bias, biasInit: constantInit(0) }),
    },
    ({ in_proj_weight, in_proj_bias, out_proj }, query: Tensor, call: MultiheadAttentionCall = {}) => {
      requireOptions("MultiheadAttention", call, { key: "tensor", value: "tensor", ...ATTENTION_KINDS });
      const { key = query, value = key, ...rest } = call;
      const [q, k, v] = project([query, key, value], in_proj_weight, in_proj_bias, sizes);
      const mixed = attention(heads(q, H), heads(k, G), heads(v, G), { ...rest, dropout: drop });
      return out_proj(mixed.rearrange("b h t d -> b t (h d)"));
    },
  );
};

type Three = [Tensor, Tensor, Tensor];

/** Queries, keys and values: one product where all come from one tensor. */
function project(from: Three, weight: Tensor, bias: Tensor | undefined, sizes: readonly number[]): Three {
  if (from.every((x) => x === from[0])) return from[0].linear(weight, bias).split(sizes) as Three;
  const [weights, biases] = [weight.split(sizes, 0), bias?.split(sizes, 0)];
  return from.map((x, i) => x.linear(weights[i] ?? weight, biases?.[i])) as Three;
}
