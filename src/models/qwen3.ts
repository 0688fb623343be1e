/**
 * Qwen3 (Yang et al. 2025, arXiv 2505.09388): Llama that normalises the queries and keys of each head.
 * Reference: `modeling_qwen3.py` of transformers.
 */
import { z } from "zod";
import { ropeSpellings, rotary, shared, sizes } from "./decoder/config.ts";
import { decoder } from "./decoder/index.ts";
import { shapeOf } from "./decoder/shape.ts";
import { lateWindows, lateWindowsOf } from "./decoder/windows.ts";

export const qwen3 = decoder({
  modelType: "qwen3",
  about: "transformer decoder with normalised queries and keys, Qwen3 (Yang et al. 2025)",
  config: z.strictObject({
    ...sizes,
    ...shared,
    ...rotary,
    ...lateWindows,
    attention_bias: z.boolean().default(false).describe("biases of the projections of attention"),
  }),
  published: {
    vocab_size: 151_936,
    hidden_size: 4096,
    intermediate_size: 22_016,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    head_dim: 128,
    max_position_embeddings: 32_768,
    sliding_window: 4096,
    tie_word_embeddings: false,
  },
  spellings: ropeSpellings,
  shape: (config) => ({
    ...shapeOf(config),
    bias: { projections: config.attention_bias, output: config.attention_bias, mlp: false },
    headNorms: true,
    window: lateWindowsOf(config),
  }),
});
