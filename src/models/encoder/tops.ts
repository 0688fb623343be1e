/**
 * Last layers that several encoders share.
 *
 * B batch · T tokens · C width · K classes or tags
 */
import { Dropout, module } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { Projection } from "./parts.ts";
import type { Shape } from "./shape.ts";

/** x [B, T, C] -> logits [B, T, K] of every token. */
export const tokenClassifier = ({ width, deviation, dropout }: Shape, K: number) => {
  const drop = Dropout(dropout.tagger);
  return module("TokenClassifier", { classifier: Projection(width, K, deviation) }, ({ classifier }, x: Tensor) =>
    classifier(drop(x)),
  );
};

/** x [B, T, C] -> [B, T, 2]: whether an answer starts at a token, and whether it ends there. */
export const spanFinder = ({ width, deviation, dropout }: Shape) => {
  const drop = Dropout(dropout.spans);
  return module("SpanFinder", { qa_outputs: Projection(width, 2, deviation) }, ({ qa_outputs }, x: Tensor) =>
    qa_outputs(drop(x)),
  );
};
