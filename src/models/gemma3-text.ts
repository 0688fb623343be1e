/**
 * The text model of Gemma 3 (Gemma Team 2025, arXiv 2503.19786): norms before and after attention and MLP, weights of norms
 * counted from 1, normalised queries and keys, five blocks with a window for each that sees all, with their own rotary
 * positions, and an embedding that is scaled by the root of its width.
 * Reference: `modeling_gemma3.py` of transformers, where a soft cap of attention has no effect.
 */
import { z } from "zod";
import { constantInit, module } from "../nn/index.ts";
import { real, whole } from "../schema.ts";
import { parameter, type Tensor } from "../tensor/index.ts";
import type { Config } from "./architecture.ts";
import { activation, scaling, scalingOf, shared, sizes, theta } from "./decoder/config.ts";
import { decoder } from "./decoder/index.ts";
import { shapeOf } from "./decoder/shape.ts";
import { layerTypes, slidingBlocks, windowsOf } from "./decoder/windows.ts";

/** x/√(mean x² + ε)·(1 + w) for x [.., C]; w starts at 0. */
const NormFromOne = (C: number, epsilon: number) =>
  module("NormFromOne", { weight: parameter([C], constantInit(0)) }, ({ weight }, x: Tensor) =>
    x.mul(x.mul(x).mean(-1, true).add(epsilon).rsqrt()).mul(weight.add(1)),
  );

const { hidden_act: _, ...gemmaShared } = shared;

const gemma3Config = z.strictObject({
  ...sizes,
  ...gemmaShared,
  hidden_activation: activation("gelu_pytorch_tanh"),
  attention_bias: z.boolean().default(false).describe("biases of the projections of attention"),
  query_pre_attn_scalar: whole(1, 1e9).default(256).describe("scores are divided by the root of this"),
  sliding_window: whole(1, 1e8).nullable().default(64).describe("tokens that a block with a window sees"),
  sliding_window_pattern: whole(1, 512).default(6).describe("every so many blocks one sees all"),
  layer_types: layerTypes(),
  rope_theta: theta(1e6),
  rope_local_base_freq: theta(),
  rope_scaling: scaling(),
  final_logit_softcapping: real(0, 1e9).nullable().default(null).describe("logits stay below this"),
});

/** What version 5 says of the blocks of a kind. */
const ropeOf = ({ rope_parameters: all }: Config, kind: string): Config | undefined =>
  ((all as Config | null | undefined)?.[kind] as Config | null | undefined) ?? undefined;

export const gemma3Text = decoder({
  modelType: "gemma3_text",
  about: "transformer decoder, the text model of Gemma 3 (Gemma Team 2025)",
  config: gemma3Config,
  published: {
    vocab_size: 262_208,
    hidden_size: 2304,
    intermediate_size: 9216,
    num_hidden_layers: 26,
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    max_position_embeddings: 131_072,
    sliding_window: 4096,
  },
  fixed: { attn_logit_softcapping: null, use_bidirectional_attention: false },
  spellings: {
    rope_theta: (published) => ropeOf(published, "full_attention")?.rope_theta,
    rope_local_base_freq: (published) => ropeOf(published, "sliding_attention")?.rope_theta,
    rope_scaling: (published) => scalingOf(ropeOf(published, "full_attention")),
  },
  shape(config) {
    const shape = shapeOf({ ...config, hidden_act: config.hidden_activation });
    const isLocal = (layer: number) => (layer + 1) % config.sliding_window_pattern !== 0;
    const slides = slidingBlocks(config, isLocal);
    const full = shape.rope(0);
    const local = { ...full, theta: config.rope_local_base_freq, scaling: null };
    return {
      ...shape,
      norm: (size) => NormFromOne(size, config.rms_norm_eps),
      scale: config.query_pre_attn_scalar ** -0.5,
      headNorms: true,
      normsAfter: true,
      embeddingScale: Math.sqrt(config.hidden_size),
      cap: config.final_logit_softcapping ?? undefined,
      bias: { projections: config.attention_bias, output: config.attention_bias, mlp: false },
      rope: (layer) => (slides(layer) ? local : full),
      window: windowsOf(config, isLocal),
    };
  },
});
