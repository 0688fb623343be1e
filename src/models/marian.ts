/**
 * Marian (Junczys-Dowmunt et al. 2018, arXiv 1804.00344), the translators of OPUS-MT: the transformer of Vaswani et al. 2017
 * (arXiv 1706.03762), which normalises after it adds and has sines as places, and a bias of the logits.
 * Reference: `modeling_marian.py` of transformers.
 *
 * B batch · S tokens of the source · T of the target · C width · H heads · D = C/H · V vocabulary · P positions
 */
import { z } from "zod";
import {
  type Activation,
  type AttentionOptions,
  activations,
  attention,
  constantInit,
  Dropout,
  Embedding,
  LayerNorm,
  Linear,
  module,
  normalInit,
  times,
} from "../nn/index.ts";
import { probability, whole } from "../schema.ts";
import { addDims, buffer, type Tensor, tensor } from "../tensor/index.ts";
import { architecture } from "./architecture.ts";
import type { EncoderDecoderModel } from "./heads.ts";
import { type Memory, transformer } from "./seq2seq/model.ts";
import { type Pair, type Past, placesBeside } from "./seq2seq/past.ts";

const names = Object.keys(activations) as Activation[];
/** OPUS-MT's name for silu is another one. */
const activationOf = (name: Activation | "swish") => activations[name === "swish" ? "silu" : name];
const layers = (what: string) => whole(1, 512).default(3).describe(`blocks of the ${what}`);
const heads = (what: string) => whole(1, 1024).default(4).describe(`heads of attention in a block of the ${what}`);
const inner = (what: string) => whole(1, 1e6).default(512).describe(`width inside of an MLP of the ${what}`);

/** Keys as in the checkpoint's `config.json`. */
const marianConfig = z
  .strictObject({
    vocab_size: whole(1, 1e7).describe("tokens; by default the source tokenizer's"),
    decoder_vocab_size: whole(1, 1e7).optional().describe("tokens of the target, where embeddings are not shared"),
    target_vocab_size: whole(1, 1e7).optional().describe("the same, of a new model with two tokenizers"),
    share_encoder_decoder_embeddings: z.boolean().default(true).describe("whether both sides have one embedding"),
    d_model: whole(1, 65536).default(128).describe("width"),
    encoder_layers: layers("encoder"),
    decoder_layers: layers("decoder"),
    encoder_attention_heads: heads("encoder"),
    decoder_attention_heads: heads("decoder"),
    encoder_ffn_dim: inner("encoder"),
    decoder_ffn_dim: inner("decoder"),
    max_position_embeddings: whole(1, 65536).default(512).describe("tokens it sees together"),
    activation_function: z
      .enum([...names, "swish"])
      .default("gelu")
      .describe("activation of the MLP"),
    scale_embedding: z.boolean().default(true).describe("whether embeddings are multiplied by √width"),
    init_std: z.number().gt(0).max(10).default(0.02).describe("deviation of initial weights"),
    dropout: probability().default(0.1).describe("dropout of embeddings and of what blocks add"),
    attention_dropout: probability().default(0).describe("dropout of attention weights"),
    activation_dropout: probability().default(0).describe("dropout inside of the MLP"),
    pad_token_id: whole(0, 1e7).optional().describe("the token of padding, whose row is not learned"),
  })
  .refine(({ d_model: C, encoder_attention_heads: H }) => C % H === 0, {
    message: "expected a divisor of d_model",
    path: ["encoder_attention_heads"],
  })
  .refine(({ d_model: C, decoder_attention_heads: H }) => C % H === 0, {
    message: "expected a divisor of d_model",
    path: ["decoder_attention_heads"],
  });
type MarianConfig = z.output<typeof marianConfig>;

const linear = (I: number, O: number, { init_std }: MarianConfig) =>
  Linear(I, O, { weightInit: normalInit(init_std), biasInit: constantInit(0) });

/** x [B, T, C], which sees keys and values [B, H, S, D] -> [B, T, C]. */
const Attention = (config: MarianConfig) => {
  const [C, dropout] = [config.d_model, Dropout(config.attention_dropout)];
  const project = () => linear(C, C, config);
  return module(
    "Attention",
    { q_proj: project(), k_proj: project(), v_proj: project(), out_proj: project() },
    ({ q_proj, out_proj }, x: Tensor, [k, v]: Pair, options: AttentionOptions) => {
      const q = q_proj(x).rearrange("b t (h d) -> b h t d", { h: k.dim(1) });
      return out_proj(attention(q, k, v, { ...options, dropout }).rearrange("b h t d -> b t (h d)"));
    },
  );
};

/** Keys and values of x [B, S, C]: [B, H, S, D]. */
const pairOf = ({ k_proj, v_proj }: ReturnType<typeof Attention>, x: Tensor, h: number): Pair => [
  k_proj(x).rearrange("b t (h d) -> b h t d", { h }),
  v_proj(x).rearrange("b t (h d) -> b h t d", { h }),
];

/** The MLP of a block and its norm, and what is added and normalised: x [B, T, C] and what is made of it. */
function parts(config: MarianConfig, I: number) {
  const { d_model: C, activation_function: name } = config;
  const [drop, dropInside] = [Dropout(config.dropout), Dropout(config.activation_dropout)];
  const own = {
    self_attn: Attention(config),
    self_attn_layer_norm: LayerNorm(C),
    fc1: linear(C, I, config),
    fc2: linear(I, C, config),
    final_layer_norm: LayerNorm(C),
  };
  const mlp = (x: Tensor): Tensor =>
    own.final_layer_norm(x.add(drop(own.fc2(dropInside(activationOf(name)(own.fc1(x)))))));
  return { own, mlp, drop };
}

const EncoderBlock = (config: MarianConfig) => {
  const { own, mlp, drop } = parts(config, config.encoder_ffn_dim);
  return module("EncoderBlock", own, ({ self_attn, self_attn_layer_norm }, x: Tensor, keyMask: Tensor) => {
    const pair = pairOf(self_attn, x, config.encoder_attention_heads);
    return mlp(self_attn_layer_norm(x.add(drop(self_attn(x, pair, { keyMask })))));
  });
};

const DecoderBlock = (config: MarianConfig, i: number) => {
  const { own, mlp, drop } = parts(config, config.decoder_ffn_dim);
  return module(
    "DecoderBlock",
    { ...own, encoder_attn: Attention(config), encoder_attn_layer_norm: LayerNorm(config.d_model) },
    (block, x: Tensor, { pairs, seen }: Memory, past?: Past) => {
      const pair = pairOf(block.self_attn, x, config.decoder_attention_heads);
      const among = block.self_attn(x, past?.with(i, pair) ?? pair, { causal: !past });
      const y = block.self_attn_layer_norm(x.add(drop(among)));
      const across = block.encoder_attn(y, pairs[i] as Pair, { keyMask: seen });
      return mlp(block.encoder_attn_layer_norm(y.add(drop(across))));
    },
  );
};

/** sin and cos of place/10000^(2j/C), the sines in the first half: [P, C]. */
const sines = ({ max_position_embeddings: P, d_model: C }: MarianConfig): number[][] =>
  Array.from({ length: P }, (_, place) => {
    const angles = Array.from({ length: C }, (_, j) => place / 10_000 ** ((2 * Math.floor(j / 2)) / C));
    const [even, odd] = [angles.filter((_, j) => j % 2 === 0), angles.filter((_, j) => j % 2 === 1)];
    return [...even.map(Math.sin), ...odd.map(Math.cos)];
  });

/** Embedded ids [B, T] of the places after `past` -> [B, T, C]. */
const placing = (config: MarianConfig) => {
  const { d_model: C, max_position_embeddings: P, scale_embedding: scaled } = config;
  const [drop, table] = [Dropout(config.dropout), tensor(sines(config))];
  return (embedded: Tensor, past?: Past): Tensor => {
    const T = embedded.dim(1);
    const places = placesBeside(T, past ? addDims(past.length, T) : T).minimum(P - 1);
    return drop((scaled ? embedded.mul(C ** 0.5) : embedded).add(table.gather(places)));
  };
};

/** Tokens of source and target; one table has as many rows as the larger of the two. */
function vocabularies(config: MarianConfig): readonly [source: number, target: number] {
  const { vocab_size: source, target_vocab_size, decoder_vocab_size: target = target_vocab_size ?? source } = config;
  const both = Math.max(source, target_vocab_size ?? 0);
  return config.share_encoder_decoder_embeddings ? [both, both] : [source, target];
}

/** The tables, and the parts that hold them. */
function tables(config: MarianConfig) {
  const { d_model: C, init_std, pad_token_id: padding } = config;
  const make = (V: number) => Embedding(V, C, init_std, padding === undefined ? {} : { padding });
  const [source, target] = vocabularies(config);
  if (config.share_encoder_decoder_embeddings) {
    const shared = make(source);
    return { read: shared, written: shared, parts: { shared }, encoder: {}, decoder: {} };
  }
  const [read, written] = [make(source), make(target)];
  return { read, written, parts: {}, encoder: { embed_tokens: read }, decoder: { embed_tokens: written } };
}

/** The head is the target's table once more. */
function encoderDecoder(config: MarianConfig): EncoderDecoderModel {
  const { decoder_attention_heads: H, d_model: C } = config;
  const [sourceVocabulary, vocabulary] = vocabularies(config);
  const { read, written, parts, ...own } = tables(config);
  const readers = times(config.encoder_layers, () => EncoderBlock(config));
  const writers = times(config.decoder_layers, (i) => DecoderBlock(config, i));
  const [place, bias] = [placing(config), buffer([1, vocabulary], constantInit(0))];
  return transformer({
    parts: {
      ...parts,
      encoder: { ...own.encoder, layers: readers },
      decoder: { ...own.decoder, layers: writers },
      final_logits_bias: bias,
    },
    sourceVocabulary,
    vocabulary,
    kept: { layers: writers.length, heads: H, headWidth: C / H },
    encode(source, seen) {
      const x = readers.reduce((y, block) => block(y, seen), place(read(source)));
      return writers.map(({ encoder_attn }) => pairOf(encoder_attn, x, H));
    },
    decode(target, memory, past) {
      const x = writers.reduce((y, block) => block(y, memory, past), place(written(target), past));
      return x.linear(written.weight).add(bias); // [B, T, V]
    },
  });
}

/** Files repeat the tables, and old ones have the sines. */
export const marian = architecture({
  modelType: "marian",
  about: "transformer that translates, Marian and OPUS-MT (Junczys-Dowmunt et al. 2018)",
  config: marianConfig,
  published: {
    vocab_size: 58_101,
    d_model: 1024,
    encoder_layers: 12,
    decoder_layers: 12,
    encoder_attention_heads: 16,
    decoder_attention_heads: 16,
    encoder_ffn_dim: 4096,
    decoder_ffn_dim: 4096,
    max_position_embeddings: 1024,
    scale_embedding: false,
  },
  fixed: {
    is_decoder: false,
    is_encoder_decoder: true,
    tie_word_embeddings: true,
    static_position_embeddings: true,
    normalize_before: false,
    normalize_embedding: false,
    add_final_layer_norm: false,
    extra_pos_embeddings: 0,
  },
  files: {
    prefix: "model.",
    bare: /^(final_logits_bias|lm_head\.weight)$/,
    ignore: /^(lm_head|(model\.)?(en|de)coder\.embed_(tokens|positions))\.weight$/,
  },
  heads: { encoderDecoder },
});
