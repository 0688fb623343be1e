/**
 * Llama (Touvron et al. 2023, arXiv 2302.13971 and 2307.09288): a decoder with root mean square norms, rotary positions, SwiGLU, and
 * fewer heads of keys and values than of queries.
 * Reference: `modeling_llama.py` of transformers.
 */
import { z } from "zod";
import { ropeSpellings, rotary, shared, sizes } from "./decoder/config.ts";
import { decoder } from "./decoder/index.ts";
import { shapeOf } from "./decoder/shape.ts";

/** Keys as in the checkpoint's `config.json`. */
export const llamaConfig = z.strictObject({
  ...sizes,
  ...shared,
  ...rotary,
  attention_bias: z.boolean().default(false).describe("biases of the projections of attention"),
  mlp_bias: z.boolean().default(false).describe("biases of the MLP"),
});

export const llama = decoder({
  modelType: "llama",
  about: "transformer decoder, Llama (Touvron et al. 2023)",
  config: llamaConfig,
  published: {
    vocab_size: 32_000,
    hidden_size: 4096,
    intermediate_size: 11_008,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    max_position_embeddings: 2048,
    tie_word_embeddings: false,
  },
  spellings: ropeSpellings,
  shape: (config) => ({
    ...shapeOf(config),
    bias: { projections: config.attention_bias, output: config.attention_bias, mlp: config.mlp_bias },
  }),
});
