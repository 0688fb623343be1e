/** Recurrent classifiers of texts. B texts · T ids · H hidden width · L layers · D directions · K classes */
import { Dropout, Linear, maxOf, meanOf } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { type ClassesModel, classesInputs, guarded } from "../heads.ts";
import { classCount, vocabularySize } from "../sizes.ts";
import { directions, overTokens, type Recurrence } from "./body.ts";
import type { RecurrentConfig } from "./config.ts";

/** h [L·D, B, H] -> the last layer's, both directions side by side [B, D·H]. */
const lastLayer = (h: Tensor, D: number): Tensor => h.slice(0, -D).rearrange("d b h -> b (d h)");

/** Initial embeddings of a classifier are small, so that a word that is hardly ever seen says little. */
const WORD_DEVIATION = 0.1;

const POOLING = { mean: meanOf, max: maxOf } as const;

/** Embedding, layers, one vector for each text, and a classifier of it. */
export function classes<S>(recurrence: Recurrence<S>, config: RecurrentConfig): ClassesModel {
  const { hidden_size: H, dropout, pooling = "mean" } = config;
  const D = directions(config);
  const { embedding, layers } = overTokens(recurrence, config, WORD_DEVIATION);
  const classifier = Linear(D * H, classCount(config));
  const drop = Dropout(dropout);
  const pooled = (hs: Tensor, state: S, lengths: Tensor): Tensor => {
    if (pooling !== "last") return POOLING[pooling](hs, lengths);
    return lastLayer(recurrence.toRecord(state)[recurrence.names[0]] ?? hs, D);
  };
  return guarded<"ids" | "lengths", ClassesModel>({
    parts: { embedding, [recurrence.modelType]: layers, classifier },
    inputs: classesInputs,
    head: ["classifier"],
    vocabulary: vocabularySize(config),
    context: undefined,
    classes: classCount(config),
    forward({ ids, lengths }) {
      const [hs, state] = layers(drop(embedding(ids)), { lengths });
      return { logits: classifier(drop(pooled(hs, state, lengths))) };
    },
  });
}
