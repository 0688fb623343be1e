/** What is made of a decoder's hidden states. */
import { atLast, isTraining, KeyValueCache, module, normalInit } from "../../nn/index.ts";
import { parameter, type Tensor } from "../../tensor/index.ts";
import { guarded, guardedCausal } from "../guarded.ts";
import { type CausalModel, type ClassesModel, causalInputs, classesInputs } from "../heads.ts";
import { Decoder, keptOf } from "./decoder.ts";
import { balance, type Routed } from "./mlp.ts";
import { seesLength } from "./rope.ts";
import type { Shape } from "./shape.ts";

/** x [.., C] -> [.., N], without bias. */
export const Head = (C: number, N: number, deviation: number) =>
  module("Head", { weight: parameter([N, C], normalInit(deviation)) }, ({ weight }, x: Tensor) => x.linear(weight));

/** c·tanh(x/c): below c, and x itself where that is small. */
const capped = (x: Tensor, cap: number | undefined): Tensor => (cap === undefined ? x : x.div(cap).tanh().mul(cap));

/** The head is one of its own, or the embedding once more. */
export function causal(shape: Shape): CausalModel {
  const decoder = Decoder(shape);
  const own = shape.tied ? undefined : Head(shape.width, shape.vocabulary, shape.deviation);
  const logits = (x: Tensor) => capped(own ? own(x) : x.linear(decoder.embed_tokens.weight), shape.cap);
  const weight = shape.experts?.balance ?? 0;
  return guardedCausal({
    parts: { ...decoder, ...(own && { lm_head: own }) },
    inputs: causalInputs,
    vocabulary: shape.vocabulary,
    context: shape.context,
    forward({ ids }) {
      const routed: Routed[] | undefined = isTraining() && weight > 0 ? [] : undefined;
      const all = logits(decoder(ids, { routed })); // [B, T, V]
      return routed ? { logits: all, balance: balance(routed).mul(weight) } : { logits: all };
    },
    carried: keptOf(shape),
    foresees: Array.from({ length: shape.layers }, (_, layer) => shape.rope(layer)).some(seesLength),
    ...(shape.anew !== undefined && { anew: shape.anew }),
    step(piece, carried) {
      const cache = new KeyValueCache(piece.past, carried);
      const x = decoder(piece.ids, { after: { piece, cache } });
      return { logits: logits(atLast(x, piece.lengths)), carried: cache.next };
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
