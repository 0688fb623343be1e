/**
 * Mixtral (Jiang et al. 2024, arXiv 2401.04088): Mistral with several MLPs, of which each token goes to the likeliest two.
 * Reference: `modeling_mixtral.py` of transformers. Files hold each expert's three matrices by themselves.
 */
import { z } from "zod";
import { real, whole } from "../schema.ts";
import { ropeSpellings, rotary, shared, sizes } from "./decoder/config.ts";
import { decoder } from "./decoder/index.ts";
import { shapeOf } from "./decoder/shape.ts";
import { window } from "./decoder/windows.ts";

const mixtralConfig = z
  .strictObject({
    ...sizes,
    ...shared,
    ...rotary,
    sliding_window: window(),
    num_local_experts: whole(1, 1024).default(8).describe("experts of a block"),
    num_experts_per_tok: whole(1, 1024).default(2).describe("experts that each token goes to"),
    output_router_logits: z.boolean().default(true).describe("whether training keeps experts equally busy"),
    router_aux_loss_coef: real(0, 100).default(0.001).describe("weight of that in the loss"),
  })
  .refine(({ num_local_experts: E, num_experts_per_tok: K }) => K <= E, {
    message: "expected at most num_local_experts",
    path: ["num_experts_per_tok"],
  });

export const mixtral = decoder({
  modelType: "mixtral",
  about: "transformer decoder with a mixture of experts, Mixtral (Jiang et al. 2024)",
  config: mixtralConfig,
  published: {
    vocab_size: 32_000,
    hidden_size: 4096,
    intermediate_size: 14_336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    max_position_embeddings: 131_072,
    rms_norm_eps: 1e-5,
    rope_theta: 1e6,
    tie_word_embeddings: false,
    output_router_logits: false,
  },
  spellings: ropeSpellings,
  shape: (config) => ({
    ...shapeOf(config),
    window: () => config.sliding_window ?? undefined,
    experts: {
      count: config.num_local_experts,
      chosen: config.num_experts_per_tok,
      balance: config.output_router_logits ? config.router_aux_loss_coef : 0,
    },
  }),
  place(path, [E]) {
    const name = path.replace(".mlp.", ".block_sparse_moe.");
    const expert = /^(.*\.experts)\.(w[123])$/.exec(name);
    return expert
      ? { stack: Array.from({ length: Number(E) }, (_, e) => `${expert[1]}.${e}.${expert[2]}.weight`) }
      : name;
  },
});
