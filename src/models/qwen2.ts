/**
 * Qwen2 and Qwen2.5 (Yang et al. 2024, arXiv 2407.10671): Llama with biases of queries, keys and values, and windows in the
 * last blocks where the configuration asks for them.
 * Reference: `modeling_qwen2.py` of transformers.
 */
import { z } from "zod";
import { ropeSpellings, rotary, shared, sizes } from "./decoder/config.ts";
import { decoder } from "./decoder/index.ts";
import { shapeOf } from "./decoder/shape.ts";
import { lateWindows, lateWindowsOf } from "./decoder/windows.ts";

export const qwen2 = decoder({
  modelType: "qwen2",
  about: "transformer decoder, Qwen2 and Qwen2.5 (Yang et al. 2024)",
  config: z.strictObject({ ...sizes, ...shared, ...rotary, ...lateWindows }),
  published: {
    vocab_size: 151_936,
    hidden_size: 4096,
    intermediate_size: 22_016,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 32,
    max_position_embeddings: 32_768,
    sliding_window: 4096,
    tie_word_embeddings: false,
  },
  spellings: ropeSpellings,
  shape: (config) => ({
    ...shapeOf(config),
    bias: { projections: true, output: false, mlp: false },
    window: lateWindowsOf(config),
  }),
});
