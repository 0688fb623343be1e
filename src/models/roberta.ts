/**
 * RoBERTa (Liu et al. 2019, arXiv 1907.11692): a BERT that was trained longer and without pairs of sentences. Its places
 * are counted from the one after that of padding.
 * Reference: `modeling_roberta.py` of transformers.
 *
 * B batch · T tokens · C width · V vocabulary · K classes
 */
import { z } from "zod";
import { constantInit, Dropout, module } from "../nn/index.ts";
import { whole } from "../schema.ts";
import { parameter, type Tensor } from "../tensor/index.ts";
import { base, encoderKeys, plain } from "./encoder/config.ts";
import { Encoder } from "./encoder/encoder.ts";
import { encoder } from "./encoder/index.ts";
import { firstOf, Norm, Projection } from "./encoder/parts.ts";
import { type Shape, shapeOf } from "./encoder/shape.ts";
import { spanFinder, tokenClassifier } from "./encoder/tops.ts";

/** The token of padding where nothing else is said. */
const PADDING = 1;

/** Keys as in the checkpoint's `config.json`. */
export const robertaConfig = z.strictObject({
  ...encoderKeys,
  type_vocab_size: encoderKeys.type_vocab_size.default(1),
  pad_token_id: whole(0, 1e7)
    .default(PADDING)
    .describe("the token of padding; places are counted from the one after it"),
});

/** The last layer is the embedding once more, with a bias. */
const Predictions = (shape: Shape) =>
  module(
    "Predictions",
    {
      dense: Projection(shape.width, shape.width, shape.deviation),
      layer_norm: Norm(shape),
      bias: parameter([shape.vocabulary], constantInit(0)),
    },
    ({ dense, layer_norm, bias }, x: Tensor, table: Tensor) => layer_norm(dense(x).gelu()).linear(table, bias),
  );

const MaskedHead = (shape: Shape) =>
  module("MaskedHead", { lm_head: Predictions(shape) }, ({ lm_head }, x: Tensor, table: Tensor) => lm_head(x, table));

/** x [B, T, C] -> logits [B, K], from what the first token became. */
const ClassificationHead = (shape: Shape, K: number) => {
  const drop = Dropout(shape.dropout.classifier);
  return module(
    "ClassificationHead",
    {
      dense: Projection(shape.width, shape.width, shape.deviation),
      out_proj: Projection(shape.width, K, shape.deviation),
    },
    ({ dense, out_proj }, x: Tensor) => out_proj(drop(dense(drop(firstOf(x))).tanh())),
  );
};

const Classifier = (shape: Shape, K: number) =>
  module("Classifier", { classifier: ClassificationHead(shape, K) }, ({ classifier }, x: Tensor) => classifier(x));

export const roberta = encoder({
  modelType: "roberta",
  about: "transformer encoder, RoBERTa (Liu et al. 2019)",
  config: robertaConfig,
  published: { vocab_size: 50_265, ...base, type_vocab_size: 2 },
  fixed: plain,
  shape: (config) => ({ ...shapeOf(config), first: config.pad_token_id + 1 }),
  derived: ({ max_position_embeddings: length }) =>
    typeof length === "number" ? { max_position_embeddings: length + PADDING + 1 } : {},
  prefix: "roberta.",
  bare: /^(lm_head|classifier|qa_outputs)\./,
  ignore: /(^|\.)pooler\.|\.position_ids$/,
  body: Encoder,
  context: ({ positions, first }) => positions - first,
  tokens: "embeddings.word_embeddings.weight",
  tops: { masked: MaskedHead, classes: Classifier, tags: tokenClassifier, spans: spanFinder },
});
