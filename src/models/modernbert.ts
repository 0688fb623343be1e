/**
 * ModernBERT (Warner et al. 2024, arXiv 2412.13663): an encoder that normalises before it computes, with rotary positions of
 * two bases: one block of three sees all tokens, the others those nearby.
 * Reference: `modeling_modernbert.py` of transformers.
 *
 * B batch · T tokens · C width · I width inside · H heads · D = C/H · V vocabulary · K classes
 */
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import {
  activations,
  attention,
  constantInit,
  Dropout,
  Embedding,
  LayerNorm,
  meanOf,
  module,
  type Turn,
  times,
  turned,
} from "../nn/index.ts";
import { probability, whole } from "../schema.ts";
import { arange, parameter, type Tensor } from "../tensor/index.ts";
import type { Config } from "./architecture.ts";
import { scalingOf, theta } from "./decoder/config.ts";
import { ropeTurns } from "./decoder/rope.ts";
import { layerTypes, slidingBlocks } from "./decoder/windows.ts";
import { activation, deviation, epsilon, labels, positions, requireHeads, vocabulary } from "./encoder/config.ts";
import { encoder } from "./encoder/index.ts";
import { firstOf, meant, Projection, type Tokens } from "./encoder/parts.ts";

/** Keys as in the checkpoint's `config.json`. */
export const modernbertConfig = z.strictObject({
  vocab_size: vocabulary(),
  hidden_size: whole(1, 65536).default(128).describe("width"),
  intermediate_size: whole(1, 1e6).default(192).describe("width inside of a block's MLP"),
  num_hidden_layers: whole(1, 512).default(4).describe("blocks"),
  num_attention_heads: whole(1, 1024).default(4).describe("heads of attention in a block"),
  max_position_embeddings: positions(),
  local_attention: whole(1, 1e7).default(128).describe("tokens that a local block sees, half of them to either side"),
  global_attn_every_n_layers: whole(1, 512)
    .default(3)
    .describe("every so many blocks, from the first on, one sees all"),
  layer_types: layerTypes(),
  global_rope_theta: theta(160_000),
  local_rope_theta: theta(),
  hidden_activation: activation(),
  norm_eps: epsilon(1e-5),
  norm_bias: z.boolean().default(false).describe("biases of normalisation"),
  attention_bias: z.boolean().default(false).describe("biases of attention's projections"),
  mlp_bias: z.boolean().default(false).describe("biases of the MLP"),
  decoder_bias: z.boolean().default(true).describe("bias of the masked word's last layer"),
  classifier_bias: z.boolean().default(false).describe("bias of the layer before the last one"),
  classifier_activation: activation(),
  classifier_pooling: z.enum(["cls", "mean"]).default("cls").describe("what a classifier looks at"),
  initializer_range: deviation(),
  embedding_dropout: probability().default(0).describe("dropout of embeddings"),
  attention_dropout: probability().default(0).describe("dropout of attention weights and of what attention adds"),
  mlp_dropout: probability().default(0).describe("dropout inside of MLPs"),
  classifier_dropout: probability().default(0).describe("dropout before the last layer"),
  num_labels: labels(),
});
type Shape = z.output<typeof modernbertConfig> & { readonly width: number; readonly vocabulary: number };

const Norm = ({ width, norm_eps, norm_bias }: Shape) => LayerNorm(width, norm_eps, { bias: norm_bias });

/** What a block gets beside its input. */
interface Around {
  readonly seen: Tensor;
  readonly turns: { readonly all: Turn; readonly local: Turn };
}

/** x [B, T, C] -> [B, T, C]; queries, keys and values stand below each other in one matrix. */
const Attention = (shape: Shape, local: boolean) => {
  const { width: C, num_attention_heads: H, attention_bias, initializer_range } = shape;
  const [dropout, drop] = [Dropout(shape.attention_dropout), Dropout(shape.attention_dropout)];
  const window = local ? { window: Math.floor(shape.local_attention / 2) + 1 } : {};
  const heads = (x: Tensor): Tensor => x.rearrange("b t (h d) -> b h t d", { h: H });
  return module(
    "Attention",
    {
      Wqkv: Projection<boolean>(C, 3 * C, initializer_range, attention_bias),
      Wo: Projection<boolean>(C, C, initializer_range, attention_bias),
    },
    ({ Wqkv, Wo }, x: Tensor, { seen, turns }: Around) => {
      const turn = local ? turns.local : turns.all;
      const [q, k, v] = Wqkv(x).chunk(3).map(heads) as [Tensor, Tensor, Tensor]; // 3 × [B, H, T, D]
      const mixed = attention(turned(q, turn), turned(k, turn), v, { keyMask: seen, dropout, ...window });
      return drop(Wo(mixed.rearrange("b h t d -> b t (h d)")));
    },
  );
};

/** x [.., C] -> [.., C]: W₂(f(a) ∘ b) for a and b the halves of W₁x. Shazeer 2020, arXiv 2002.05202. */
const MLP = ({
  width: C,
  intermediate_size: I,
  hidden_activation,
  mlp_bias,
  mlp_dropout,
  initializer_range,
}: Shape) => {
  const [activate, drop] = [activations[hidden_activation], Dropout(mlp_dropout)];
  return module(
    "MLP",
    {
      Wi: Projection<boolean>(C, 2 * I, initializer_range, mlp_bias),
      Wo: Projection<boolean>(I, C, initializer_range, mlp_bias),
    },
    ({ Wi, Wo }, x: Tensor) => {
      const [a, b] = Wi(x).chunk(2);
      return Wo(drop(activate(a).mul(b)));
    },
  );
};

/** The first block does not normalise what comes normalised out of the embedding. */
const Block = (shape: Shape, layer: number, local: boolean) =>
  module(
    "Block",
    {
      attn_norm: layer > 0 ? Norm(shape) : undefined,
      attn: Attention(shape, local),
      mlp_norm: Norm(shape),
      mlp: MLP(shape),
    },
    ({ attn_norm, attn, mlp_norm, mlp }, x: Tensor, around: Around) => {
      const attended = x.add(attn(attn_norm ? attn_norm(x) : x, around));
      return attended.add(mlp(mlp_norm(attended)));
    },
  );

const Embeddings = (shape: Shape) => {
  const drop = Dropout(shape.embedding_dropout);
  return module(
    "Embeddings",
    { tok_embeddings: Embedding(shape.vocabulary, shape.width, shape.initializer_range), norm: Norm(shape) },
    ({ tok_embeddings, norm }, ids: Tensor) => drop(norm(tok_embeddings(ids))),
  );
};

/** Turns of the places [T]. */
function turnsOf(shape: Shape, ids: Tensor): Around["turns"] {
  const [places, width] = [arange(ids.dim(1)), shape.width / shape.num_attention_heads];
  const of = (base: number) =>
    ropeTurns(
      { theta: base, scaling: null, width, positions: shape.max_position_embeddings },
      places,
      places.max().add(1),
    );
  return { all: of(shape.global_rope_theta), local: of(shape.local_rope_theta) };
}

const Body = (shape: Shape) => {
  const local = slidingBlocks(shape, (layer) => layer % shape.global_attn_every_n_layers !== 0);
  return module(
    "ModernBERT",
    {
      embeddings: Embeddings(shape),
      layers: times(shape.num_hidden_layers, (layer) => Block(shape, layer, local(layer))),
      final_norm: Norm(shape),
    },
    ({ embeddings, layers, final_norm }, tokens: Tokens) => {
      const around = { seen: meant(tokens), turns: turnsOf(shape, tokens.ids) };
      return final_norm(layers.reduce((x, block) => block(x, around), embeddings(tokens.ids)));
    },
  );
};

/** x [.., C] -> [.., C]: the layer before the last one of every head. */
const PredictionHead = (shape: Shape) => {
  const activate = activations[shape.classifier_activation];
  return module(
    "PredictionHead",
    {
      dense: Projection<boolean>(shape.width, shape.width, shape.initializer_range, shape.classifier_bias),
      norm: Norm(shape),
    },
    ({ dense, norm }, x: Tensor) => norm(activate(dense(x))),
  );
};

/** The last layer is the embedding once more. */
const MaskedHead = (shape: Shape) => {
  const bias = shape.decoder_bias ? parameter([shape.vocabulary], constantInit(0)) : undefined;
  const decoder = module("decoder", { bias }, (own, x: Tensor, table: Tensor) => x.linear(table, own.bias));
  return module("MaskedHead", { head: PredictionHead(shape), decoder }, (parts, x: Tensor, table: Tensor) =>
    parts.decoder(parts.head(x), table),
  );
};

/** Logits [.., K] of what `pool` makes of hidden states [B, T, C]. */
const Classifier = (shape: Shape, K: number, pool: (x: Tensor, lengths: Tensor) => Tensor = (x) => x) => {
  const drop = Dropout(shape.classifier_dropout);
  return module(
    "Classifier",
    { head: PredictionHead(shape), classifier: Projection(shape.width, K, shape.initializer_range) },
    ({ head, classifier }, x: Tensor, lengths: Tensor) => classifier(drop(head(pool(x, lengths)))),
  );
};

/** What version 5 says of the blocks of a kind. Throws ConfigError where their positions are stretched. */
function baseOf({ rope_parameters: all }: Config, kind: string): unknown {
  const found = (all as Record<string, Config | null> | null | undefined)?.[kind];
  if (scalingOf(found) !== undefined)
    throw new ConfigError(
      `config: rope_parameters: modernbert here turns by plain angles only; use another checkpoint`,
    );
  return found?.rope_theta;
}

export const modernbert = encoder({
  modelType: "modernbert",
  about: "transformer encoder, ModernBERT (Warner et al. 2024)",
  config: modernbertConfig,
  published: {
    vocab_size: 50_368,
    hidden_size: 768,
    intermediate_size: 1152,
    num_hidden_layers: 22,
    num_attention_heads: 12,
    max_position_embeddings: 8192,
  },
  fixed: { tie_word_embeddings: true },
  spellings: {
    global_rope_theta: (published) => baseOf(published, "full_attention"),
    local_rope_theta: (published) => baseOf(published, "sliding_attention"),
  },
  shape(config) {
    requireHeads(config.num_attention_heads, config.hidden_size, ["num_attention_heads", "hidden_size"]);
    return { ...config, width: config.hidden_size, vocabulary: config.vocab_size };
  },
  prefix: "model.",
  bare: /^(head|decoder|classifier)\./,
  ignore: /^decoder\.weight$/,
  body: Body,
  context: (shape) => shape.max_position_embeddings,
  tokens: "embeddings.tok_embeddings.weight",
  tops: {
    masked: MaskedHead,
    classes: (shape, K) => Classifier(shape, K, shape.classifier_pooling === "mean" ? meanOf : firstOf),
    tags: (shape, K) => Classifier(shape, K),
    spans: (shape) => Classifier(shape, 2),
  },
});
