/**
 * Mistral (Jiang et al. 2023, arXiv 2310.06825): Llama whose blocks see a window of tokens.
 * Reference: `modeling_mistral.py` of transformers.
 */
import { z } from "zod";
import { ropeSpellings, rotary, shared, sizes } from "./decoder/config.ts";
import { decoder } from "./decoder/index.ts";
import { shapeOf } from "./decoder/shape.ts";
import { window } from "./decoder/windows.ts";

export const mistral = decoder({
  modelType: "mistral",
  about: "transformer decoder with a sliding window, Mistral (Jiang et al. 2023)",
  config: z.strictObject({ ...sizes, ...shared, ...rotary, sliding_window: window() }),
  published: {
    vocab_size: 32_000,
    hidden_size: 4096,
    intermediate_size: 14_336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    max_position_embeddings: 131_072,
    sliding_window: 4096,
    tie_word_embeddings: false,
  },
  spellings: ropeSpellings,
  shape: (config) => ({ ...shapeOf(config), window: () => config.sliding_window ?? undefined }),
});
