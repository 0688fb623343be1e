/**
 * Phi-3, Phi-3.5 and Phi-4-mini (Abdin et al. 2024, arXiv 2404.14219): Llama with queries, keys and values in one matrix, and
 * the halves of the MLP in another; part of each head may stay unturned.
 * Reference: `modeling_phi3.py` of transformers.
 */
import { z } from "zod";
import { real, whole } from "../schema.ts";
import { inRope, ropeSpellings, rotary, shared, sizes } from "./decoder/config.ts";
import { decoder } from "./decoder/index.ts";
import { originalOf, seesLength } from "./decoder/rope.ts";
import { shapeOf } from "./decoder/shape.ts";
import { window } from "./decoder/windows.ts";

const { head_dim: _, ...phi3Sizes } = sizes;

export const phi3 = decoder({
  modelType: "phi3",
  about: "transformer decoder, Phi-3 and Phi-4-mini (Abdin et al. 2024)",
  config: z.strictObject({
    ...phi3Sizes,
    ...shared,
    ...rotary,
    original_max_position_embeddings: whole(1, 1e8)
      .optional()
      .describe("tokens seen together before positions were stretched"),
    partial_rotary_factor: real(0.01, 1).default(1).describe("part of a head that is turned"),
    sliding_window: window(),
  }),
  published: {
    vocab_size: 32_064,
    hidden_size: 3072,
    intermediate_size: 8192,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 4096,
    original_max_position_embeddings: 4096,
    rms_norm_eps: 1e-5,
    tie_word_embeddings: false,
  },
  spellings: { ...ropeSpellings, partial_rotary_factor: inRope("partial_rotary_factor") },
  shape(config) {
    const shape = shapeOf(config);
    const turned = Math.trunc(shape.headWidth * config.partial_rotary_factor);
    const rope = { ...shape.rope(0), width: turned, original: config.original_max_position_embeddings };
    return {
      ...shape,
      fused: true,
      rope: () => rope,
      window: () => config.sliding_window ?? undefined,
      anew: seesLength(rope) ? originalOf(rope) : undefined, // its other factors turn all keys by other angles
    };
  },
});
