/** Configuration of encoders: the keys that BERT and RoBERTa have, as config.json spells them. */
import { z } from "zod";
import { ConfigError } from "../../errors.ts";
import { type Activation, activations } from "../../nn/index.ts";
import { probability, whole } from "../../schema.ts";
import type { Config } from "../architecture.ts";

const names = Object.keys(activations) as Activation[];

export const activation = () => z.enum(names).default("gelu").describe("activation of the MLP");
export const deviation = () => z.number().gt(0).max(10).default(0.02).describe("deviation of initial weights");
export const epsilon = (initial: number) =>
  z.number().min(0).max(1).default(initial).describe("added to variances of normalisation");
export const labels = () => whole(1, 1e6).optional().describe("classes or tags, for heads that have some");
export const positions = () =>
  whole(1, 1e7).default(64).describe("tokens it sees together (default: the context or length)");
export const vocabulary = () => whole(1, 1e7).describe("tokens; by default the tokenizer's");

/** Keys of BERT and RoBERTa. */
export const encoderKeys = {
  vocab_size: vocabulary(),
  hidden_size: whole(1, 65536).default(128).describe("width"),
  intermediate_size: whole(1, 1e6).default(512).describe("width inside of a block's MLP"),
  num_hidden_layers: whole(1, 512).default(4).describe("blocks"),
  num_attention_heads: whole(1, 1024).default(4).describe("heads of attention in a block"),
  max_position_embeddings: positions(),
  type_vocab_size: whole(1, 1024).default(2).describe("kinds of segments, such as question and answer"),
  hidden_act: activation(),
  layer_norm_eps: epsilon(1e-12),
  initializer_range: deviation(),
  hidden_dropout_prob: probability().default(0.1).describe("dropout of embeddings and of what blocks add"),
  attention_probs_dropout_prob: probability().default(0.1).describe("dropout of attention weights"),
  classifier_dropout: probability().optional().describe("dropout before the last layer (default: that of blocks)"),
  num_labels: labels(),
};

/** What BERT-base and RoBERTa-base mean where their config.json leaves a key out. */
export const base = {
  hidden_size: 768,
  intermediate_size: 3072,
  num_hidden_layers: 12,
  num_attention_heads: 12,
  max_position_embeddings: 512,
};

/** Keys that would make a decoder of it, or another kind of positions. */
export const plain = {
  is_decoder: false,
  add_cross_attention: false,
  position_embedding_type: "absolute",
  tie_word_embeddings: true,
} satisfies Config;

/** Throws ConfigError where heads do not divide the width. */
export function requireHeads(heads: number, width: number, keys: readonly [heads: string, width: string]): void {
  if (width % heads !== 0)
    throw new ConfigError(
      `config: ${keys[0]}: expected a divisor of ${keys[1]} ${width}, got ${heads}; choose another number of heads`,
    );
}
