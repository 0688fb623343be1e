/**
 * DistilBERT (Sanh et al. 2019, arXiv 1910.01108): a BERT of half as many blocks, without segments, that learnt from a
 * larger one. Its parts have other names.
 * Reference: `modeling_distilbert.py` of transformers.
 *
 * B batch · T tokens · C width · V vocabulary · K classes
 */
import { z } from "zod";
import { activations, constantInit, Dropout, module, times } from "../nn/index.ts";
import { probability, whole } from "../schema.ts";
import { parameter, type Tensor } from "../tensor/index.ts";
import { activation, deviation, labels, plain, positions, requireHeads, vocabulary } from "./encoder/config.ts";
import { Embeddings } from "./encoder/encoder.ts";
import { encoder } from "./encoder/index.ts";
import { firstOf, meant, mixer, Norm, Projection, type Tokens } from "./encoder/parts.ts";
import type { Shape } from "./encoder/shape.ts";
import { spanFinder, tokenClassifier } from "./encoder/tops.ts";

/** Keys as in the checkpoint's `config.json`. */
export const distilbertConfig = z.strictObject({
  vocab_size: vocabulary(),
  dim: whole(1, 65536).default(128).describe("width"),
  hidden_dim: whole(1, 1e6).default(512).describe("width inside of a block's MLP"),
  n_layers: whole(1, 512).default(4).describe("blocks"),
  n_heads: whole(1, 1024).default(4).describe("heads of attention in a block"),
  max_position_embeddings: positions(),
  activation: activation(),
  initializer_range: deviation(),
  dropout: probability().default(0.1).describe("dropout of embeddings and of what blocks add"),
  attention_dropout: probability().default(0.1).describe("dropout of attention weights"),
  seq_classif_dropout: probability().default(0.2).describe("dropout before a classifier's last layer"),
  qa_dropout: probability().default(0.1).describe("dropout before the last layer of a model that finds answers"),
  num_labels: labels(),
});

function shapeOf(config: z.output<typeof distilbertConfig>): Shape {
  requireHeads(config.n_heads, config.dim, ["n_heads", "dim"]);
  const { dropout: hidden, attention_dropout: attention, seq_classif_dropout: classifier, qa_dropout: spans } = config;
  return {
    vocabulary: config.vocab_size,
    width: config.dim,
    inner: config.hidden_dim,
    layers: config.n_layers,
    heads: config.n_heads,
    positions: config.max_position_embeddings,
    first: 0,
    segments: 0,
    activation: config.activation,
    epsilon: 1e-12,
    deviation: config.initializer_range,
    dropout: { hidden, attention, classifier, tagger: hidden, spans },
  };
}

const Attention = (shape: Shape) => {
  const project = () => Projection(shape.width, shape.width, shape.deviation);
  const mix = mixer(shape);
  return module(
    "Attention",
    { q_lin: project(), k_lin: project(), v_lin: project(), out_lin: project() },
    ({ q_lin, k_lin, v_lin, out_lin }, x: Tensor, seen: Tensor) => out_lin(mix(q_lin(x), k_lin(x), v_lin(x), seen)),
  );
};

const MLP = (shape: Shape) => {
  const [activate, drop] = [activations[shape.activation], Dropout(shape.dropout.hidden)];
  return module(
    "MLP",
    {
      lin1: Projection(shape.width, shape.inner, shape.deviation),
      lin2: Projection(shape.inner, shape.width, shape.deviation),
    },
    ({ lin1, lin2 }, x: Tensor) => drop(lin2(activate(lin1(x)))),
  );
};

const Block = (shape: Shape) =>
  module(
    "Block",
    { attention: Attention(shape), sa_layer_norm: Norm(shape), ffn: MLP(shape), output_layer_norm: Norm(shape) },
    (parts, x: Tensor, seen: Tensor) => {
      const attended = parts.sa_layer_norm(parts.attention(x, seen).add(x));
      return parts.output_layer_norm(parts.ffn(attended).add(attended));
    },
  );

const Blocks = (shape: Shape) =>
  module("Blocks", { layer: times(shape.layers, () => Block(shape)) }, ({ layer }, x: Tensor, seen: Tensor) =>
    layer.reduce((y, block) => block(y, seen), x),
  );

const Body = (shape: Shape) =>
  module(
    "DistilBERT",
    { embeddings: Embeddings(shape), transformer: Blocks(shape) },
    ({ embeddings, transformer }, tokens: Tokens) => transformer(embeddings(tokens), meant(tokens)),
  );

/** The last layer is the embedding once more, with a bias. */
const MaskedHead = (shape: Shape) => {
  const activate = activations[shape.activation];
  const bias = parameter([shape.vocabulary], constantInit(0));
  return module(
    "MaskedHead",
    {
      vocab_transform: Projection(shape.width, shape.width, shape.deviation),
      vocab_layer_norm: Norm(shape),
      vocab_projector: module("vocab_projector", { bias }, (own, x: Tensor, table: Tensor) =>
        x.linear(table, own.bias),
      ),
    },
    ({ vocab_transform, vocab_layer_norm, vocab_projector }, x: Tensor, table: Tensor) =>
      vocab_projector(vocab_layer_norm(activate(vocab_transform(x))), table),
  );
};

/** x [B, T, C] -> logits [B, K], from what the first token became. */
const Classifier = (shape: Shape, K: number) => {
  const drop = Dropout(shape.dropout.classifier);
  return module(
    "Classifier",
    {
      pre_classifier: Projection(shape.width, shape.width, shape.deviation),
      classifier: Projection(shape.width, K, shape.deviation),
    },
    ({ pre_classifier, classifier }, x: Tensor) => classifier(drop(pre_classifier(firstOf(x)).relu())),
  );
};

export const distilbert = encoder({
  modelType: "distilbert",
  about: "transformer encoder, DistilBERT (Sanh et al. 2019)",
  config: distilbertConfig,
  published: { vocab_size: 30_522, dim: 768, hidden_dim: 3072, n_layers: 6, n_heads: 12, max_position_embeddings: 512 },
  fixed: { tie_word_embeddings: plain.tie_word_embeddings },
  shape: shapeOf,
  prefix: "distilbert.",
  bare: /^(vocab_transform|vocab_layer_norm|vocab_projector|pre_classifier|classifier|qa_outputs)\./,
  ignore: /\.position_ids$/,
  body: Body,
  context: ({ positions }) => positions,
  tokens: "embeddings.word_embeddings.weight",
  tops: { masked: MaskedHead, classes: Classifier, tags: tokenClassifier, spans: spanFinder },
});
