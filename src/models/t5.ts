/**
 * T5 (Raffel et al. 2020, arXiv 1910.10683) and its version 1.1 (Shazeer 2020, arXiv 2002.05202): an encoder-decoder without
 * biases whose places are numbers added to the scores of attention, one for each head and bucket of distances, the same in
 * all blocks. Scores are not divided by √D.
 * Reference: `modeling_t5.py` of transformers.
 *
 * B batch · S tokens of the source · T of the target · C width · I inside of the MLP · H heads · D width of a head · V vocabulary
 */
import { z } from "zod";
import {
  type Activation,
  type AttentionOptions,
  activations,
  attention,
  Dropout,
  Embedding,
  Linear,
  module,
  normalInit,
  RMSNorm,
  times,
} from "../nn/index.ts";
import { probability, whole } from "../schema.ts";
import { addDims, type Tensor } from "../tensor/index.ts";
import { architecture } from "./architecture.ts";
import type { EncoderDecoderModel } from "./heads.ts";
import { buckets } from "./seq2seq/buckets.ts";
import { type Memory, transformer } from "./seq2seq/model.ts";
import type { Pair, Past } from "./seq2seq/past.ts";

const names = Object.keys(activations) as Activation[];
const projections = [...names, ...names.map((name) => `gated-${name}` as const)];

/** Keys as in the checkpoint's `config.json`. */
const t5Config = z
  .strictObject({
    vocab_size: whole(1, 1e7).describe("tokens; by default the source tokenizer's"),
    target_vocab_size: whole(1, 1e7)
      .optional()
      .describe("tokens of the target, where these are others; the table has as many rows as the larger of the two"),
    d_model: whole(1, 65536).default(128).describe("width"),
    d_kv: whole(1, 4096).default(32).describe("width of a head"),
    d_ff: whole(1, 1e6).default(344).describe("width inside of a block's MLP"),
    num_layers: whole(1, 512).default(3).describe("blocks of the encoder"),
    num_decoder_layers: whole(1, 512).optional().describe("those of the decoder (default: as many)"),
    num_heads: whole(1, 1024).default(4).describe("heads of attention in a block"),
    relative_attention_num_buckets: whole(4, 65536).default(32).describe("groups of distances that are told apart"),
    relative_attention_max_distance: whole(2, 1e5).default(128).describe("distances from here on are one group"),
    feed_forward_proj: z
      .enum(projections)
      .default("gated-gelu")
      .describe("activation of the MLP; gated is version 1.1"),
    layer_norm_epsilon: z.number().min(0).max(1).default(1e-6).describe("added to mean squares"),
    dropout_rate: probability().default(0.1).describe("dropout of embeddings, attention and what blocks add"),
    tie_word_embeddings: z.boolean().default(true).describe("whether the head is the embedding once more"),
    scale_decoder_outputs: z
      .boolean()
      .optional()
      .describe("whether what the head gets is divided by √width (default: where it is the embedding)"),
  })
  .refine(({ relative_attention_num_buckets: N, relative_attention_max_distance: most }) => most > N / 2, {
    message: "expected more than half of relative_attention_num_buckets",
    path: ["relative_attention_max_distance"],
  });
type T5Config = z.output<typeof t5Config>;

const ranges = (config: T5Config) => ({
  count: config.relative_attention_num_buckets,
  most: config.relative_attention_max_distance,
});

const linear = (I: number, O: number, deviation: number) =>
  Linear(I, O, { bias: false, weightInit: normalInit(deviation) });
const norm = ({ d_model, layer_norm_epsilon }: T5Config) => RMSNorm(d_model, layer_norm_epsilon);

/** x [B, T, C], which sees keys and values [B, H, S, D] -> [B, T, C]. */
const Attention = (config: T5Config, biased = false) => {
  const { d_model: C, d_kv: D, num_heads: H } = config;
  const dropout = Dropout(config.dropout_rate);
  return module(
    "Attention",
    {
      q: linear(C, H * D, (C * D) ** -0.5),
      k: linear(C, H * D, C ** -0.5),
      v: linear(C, H * D, C ** -0.5),
      o: linear(H * D, C, (H * D) ** -0.5),
      relative_attention_bias: biased ? Embedding(config.relative_attention_num_buckets, H, C ** -0.5) : undefined,
    },
    ({ q, o }, x: Tensor, [k, v]: Pair, options: AttentionOptions) => {
      const mixed = attention(q(x).rearrange("b t (h d) -> b h t d", { d: D }), k, v, {
        ...options,
        scale: 1,
        dropout,
      });
      return o(mixed.rearrange("b h t d -> b t (h d)"));
    },
  );
};
type Attention = ReturnType<typeof Attention>;

/** Keys and values of x [B, S, C]: [B, H, S, D]. */
const pairOf = ({ k, v }: Attention, x: Tensor, D: number): Pair => [
  k(x).rearrange("b t (h d) -> b h t d", { d: D }),
  v(x).rearrange("b t (h d) -> b h t d", { d: D }),
];

/** x [B, T, C] -> [B, T, C]: tokens among themselves; those of a decoder see what is kept of earlier ones. */
const SelfLayer = (config: T5Config, layer: number) => {
  const drop = Dropout(config.dropout_rate);
  return module(
    "SelfLayer",
    { SelfAttention: Attention(config, layer === 0), layer_norm: norm(config) },
    ({ SelfAttention, layer_norm }, x: Tensor, options: AttentionOptions, past?: Past) => {
      const normed = layer_norm(x);
      const pair = pairOf(SelfAttention, normed, config.d_kv);
      return x.add(drop(SelfAttention(normed, past?.with(layer, pair) ?? pair, options)));
    },
  );
};

/** x [B, T, C] -> [B, T, C]: what the target sees of the source. */
const CrossLayer = (config: T5Config) => {
  const drop = Dropout(config.dropout_rate);
  return module(
    "CrossLayer",
    { EncDecAttention: Attention(config), layer_norm: norm(config) },
    ({ EncDecAttention, layer_norm }, x: Tensor, pair: Pair, seen: Tensor) =>
      x.add(drop(EncDecAttention(layer_norm(x), pair, { keyMask: seen }))),
  );
};

/** x [B, T, C] -> [B, T, C], through I, or through twice I of which one half is the other's gate. */
function MLP({ d_model: C, d_ff: I, feed_forward_proj, dropout_rate }: T5Config) {
  const [name, drop] = [feed_forward_proj.replace("gated-", "") as Activation, Dropout(dropout_rate)];
  const into = () => linear(C, I, C ** -0.5);
  const wo = linear(I, C, I ** -0.5);
  if (name === feed_forward_proj)
    return module("MLP", { wi: into(), wo }, ({ wi, wo }, x: Tensor) => wo(drop(activations[name](wi(x)))));
  const activate = activations[name === "gelu" ? "gelu_new" : name];
  return module("GatedMLP", { wi_0: into(), wi_1: into(), wo }, ({ wi_0, wi_1, wo }, x: Tensor) =>
    wo(drop(activate(wi_0(x)).mul(wi_1(x)))),
  );
}

const MLPLayer = (config: T5Config) => {
  const drop = Dropout(config.dropout_rate);
  return module(
    "MLPLayer",
    { DenseReluDense: MLP(config), layer_norm: norm(config) },
    ({ DenseReluDense, layer_norm }, x: Tensor) => x.add(drop(DenseReluDense(layer_norm(x)))),
  );
};

const EncoderBlock = (config: T5Config, i: number) => {
  const layer = [SelfLayer(config, i), MLPLayer(config)] as const;
  return module("Block", { layer }, ({ layer: [among, mlp] }, x: Tensor, options: AttentionOptions) =>
    mlp(among(x, options)),
  );
};

const DecoderBlock = (config: T5Config, i: number) => {
  const layer = [SelfLayer(config, i), CrossLayer(config), MLPLayer(config)] as const;
  return module(
    "Block",
    { layer },
    (parts, x: Tensor, options: AttentionOptions, { pairs, seen }: Memory, past?: Past) => {
      const [among, across, mlp] = parts.layer;
      return mlp(across(among(x, options, past), pairs[i] as Pair, seen));
    },
  );
};

type Block = { readonly layer: readonly [{ readonly SelfAttention: Attention }, ...unknown[]] };

/** What the first block's table adds to the scores of all blocks: [1, H, T, S]. */
const biasOf = ([first]: readonly Block[], found: Tensor): Tensor | undefined =>
  first?.layer[0].SelfAttention.relative_attention_bias?.(found).transpose([2, 0, 1]).unsqueeze(0);

/** x [B, S, C], seen [B, S] -> [B, S, C]. */
const Encoder = (config: T5Config) => {
  const drop = Dropout(config.dropout_rate);
  return module(
    "Encoder",
    { block: times(config.num_layers, (i) => EncoderBlock(config, i)), final_layer_norm: norm(config) },
    ({ block, final_layer_norm }, embedded: Tensor, seen: Tensor) => {
      const T = embedded.dim(1);
      const bias = biasOf(block, buckets(T, T, { ...ranges(config), both: true }));
      const options = { keyMask: seen, ...(bias && { bias }) };
      return drop(final_layer_norm(block.reduce((x, each) => each(x, options), drop(embedded))));
    },
  );
};

/** x [B, T, C], all of the target or what comes after `past` -> [B, T, C]. */
const Decoder = (config: T5Config) => {
  const drop = Dropout(config.dropout_rate);
  return module(
    "Decoder",
    {
      block: times(config.num_decoder_layers ?? config.num_layers, (i) => DecoderBlock(config, i)),
      final_layer_norm: norm(config),
    },
    ({ block, final_layer_norm }, embedded: Tensor, memory: Memory, past?: Past) => {
      const T = embedded.dim(1);
      const bias = biasOf(block, buckets(T, past ? addDims(past.length, T) : T, { ...ranges(config), both: false }));
      const options = { causal: !past, ...(bias && { bias }) };
      return drop(final_layer_norm(block.reduce((x, each) => each(x, options, memory, past), drop(embedded))));
    },
  );
};

function encoderDecoder(config: T5Config): EncoderDecoderModel {
  const { d_model: C, d_kv: D, num_heads, tie_word_embeddings: tied, scale_decoder_outputs: scaled = tied } = config;
  const V = Math.max(config.vocab_size, config.target_vocab_size ?? 0);
  const shared = Embedding(V, C);
  const [encoder, decoder] = [Encoder(config), Decoder(config)];
  const own = tied && scaled ? undefined : linear(C, V, C ** -0.5);
  return transformer({
    parts: { shared, encoder, decoder, ...(own && { lm_head: own }) },
    sourceVocabulary: V,
    vocabulary: V,
    kept: { layers: decoder.block.length, heads: num_heads, headWidth: D },
    encode(source, seen) {
      const x = encoder(shared(source), seen);
      return decoder.block.map(({ layer: [, across] }) => pairOf(across.EncDecAttention, x, D));
    },
    decode(target, memory, past) {
      const x = decoder(shared(target), memory, past);
      const scaledX = scaled ? x.mul(C ** -0.5) : x;
      return own ? own(scaledX) : scaledX.linear(shared.weight); // [B, T, V]
    },
  });
}

/**
 * Version 5 of transformers says that a head is tied where only its scale says that it is not: one that the file lacks is the
 * embedding. Files repeat the embedding, and old ones have a table that nothing reads.
 */
export const t5 = architecture({
  modelType: "t5",
  about: "transformer that writes a target for a source, T5 (Raffel et al. 2020)",
  config: t5Config,
  published: {
    vocab_size: 32_128,
    d_model: 512,
    d_kv: 64,
    d_ff: 2048,
    num_layers: 6,
    num_heads: 8,
    feed_forward_proj: "relu",
  },
  fixed: { is_decoder: false, is_encoder_decoder: true },
  files: {
    instead: { "lm_head.weight": "shared.weight" },
    ignore:
      /^(lm_head|(en|de)coder\.embed_tokens|decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias)\.weight$/,
  },
  heads: { encoderDecoder },
});
