/**
 * BERT (Devlin et al. 2019, arXiv 1810.04805): an encoder that sees texts in both directions, first trained to find
 * words that were masked.
 * Reference: `modeling_bert.py` of transformers.
 *
 * B batch · T tokens · C width · V vocabulary · K classes
 */
import { z } from "zod";
import { activations, constantInit, Dropout, module } from "../nn/index.ts";
import { parameter, type Tensor } from "../tensor/index.ts";
import { base, encoderKeys, plain } from "./encoder/config.ts";
import { Encoder } from "./encoder/encoder.ts";
import { encoder } from "./encoder/index.ts";
import { firstOf, Norm, Projection } from "./encoder/parts.ts";
import { type Shape, shapeOf } from "./encoder/shape.ts";
import { spanFinder, tokenClassifier } from "./encoder/tops.ts";

/** Keys as in the checkpoint's `config.json`. */
export const bertConfig = z.strictObject(encoderKeys);

const Transform = (shape: Shape) => {
  const activate = activations[shape.activation];
  return module(
    "Transform",
    { dense: Projection(shape.width, shape.width, shape.deviation), LayerNorm: Norm(shape) },
    ({ dense, LayerNorm }, x: Tensor) => LayerNorm(activate(dense(x))),
  );
};

/** The last layer is the embedding once more, with a bias. */
const Predictions = (shape: Shape) =>
  module(
    "Predictions",
    { transform: Transform(shape), bias: parameter([shape.vocabulary], constantInit(0)) },
    ({ transform, bias }, x: Tensor, table: Tensor) => transform(x).linear(table, bias),
  );

const MaskedHead = (shape: Shape) => {
  const cls = module("cls", { predictions: Predictions(shape) }, (parts, x: Tensor, table: Tensor) =>
    parts.predictions(x, table),
  );
  return module("MaskedHead", { cls }, (parts, x: Tensor, table: Tensor) => parts.cls(x, table));
};

/** x [B, T, C] -> [B, C]: what the first token became, once more transformed. */
const Pooler = ({ width, deviation }: Shape) =>
  module("Pooler", { dense: Projection(width, width, deviation) }, ({ dense }, x: Tensor) => dense(firstOf(x)).tanh());

const Classifier = (shape: Shape, K: number) => {
  const drop = Dropout(shape.dropout.classifier);
  return module(
    "Classifier",
    { pooler: Pooler(shape), classifier: Projection(shape.width, K, shape.deviation) },
    ({ pooler, classifier }, x: Tensor) => classifier(drop(pooler(x))),
  );
};

/** Files carry a pooler that only classifiers use, buffers, and the tied layer once more. */
export const bert = encoder({
  modelType: "bert",
  about: "transformer encoder, BERT (Devlin et al. 2019)",
  config: bertConfig,
  published: { vocab_size: 30_522, ...base },
  fixed: plain,
  shape: shapeOf,
  prefix: "bert.",
  bare: /^(cls|classifier|qa_outputs)\./,
  ignore: /(^|\.)pooler\.|\.position_ids$/,
  body: Encoder,
  context: ({ positions }) => positions,
  tokens: "embeddings.word_embeddings.weight",
  tops: { masked: MaskedHead, classes: Classifier, tags: tokenClassifier, spans: spanFinder },
});
