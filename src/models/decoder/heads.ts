/** What is made of a decoder's hidden states. */
import { atLast, KeyValueCache, module, normalInit } from "../../nn/index.ts";
import { parameter, type Tensor } from "../../tensor/index.ts";
import { type CausalModel, type ClassesModel, causalInputs, classesInputs, guarded, guardedCausal } from "../heads.ts";
import { Decoder, keptOf } from "./decoder.ts";
import type { Shape } from "./shape.ts";

/** x [.., C] -> [.., N], without bias. */
const Head = (C: number, N: number, deviation: number) =>
  module("Head", { weight: parameter([N, C], normalInit(deviation)) }, ({ weight }, x: Tensor) => x.linear(weight));

/** The head is one of its own, or the embedding once more. */
export function causal(shape: Shape): CausalModel {
  const decoder = Decoder(shape);
  const own = shape.tied ? undefined : Head(shape.width, shape.vocabulary, shape.deviation);
  const logits = own ?? ((x: Tensor) => x.linear(decoder.embed_tokens.weight));
  return guardedCausal({
    parts: { ...decoder, ...(own && { lm_head: own }) },
    inputs: causalInputs,
    vocabulary: shape.vocabulary,
    context: shape.context,
    forward: ({ ids }) => ({ logits: logits(decoder(ids)) }), // [B, T, V]
    carried: keptOf(shape),
    step(piece, carried) {
      const cache = new KeyValueCache(piece.past, carried);
      return { logits: logits(atLast(decoder(piece.ids, { piece, cache }), piece.lengths)), carried: cache.next };
    },
  });
}

/** The hidden state of the last token, without bias, as LlamaForSequenceClassification. */
export function classes(shape: Shape, count: number): ClassesModel {
  const decoder = Decoder(shape);
  const score = Head(shape.width, count, shape.deviation);
  return guarded<"ids" | "lengths", ClassesModel>({
    parts: { ...decoder, score },
    inputs: classesInputs,
    head: ["score"],
    tokens: "embed_tokens.weight",
    vocabulary: shape.vocabulary,
    context: shape.context,
    classes: count,
    forward: ({ ids, lengths }) => ({ logits: score(atLast(decoder(ids), lengths)) }),
  });
}
