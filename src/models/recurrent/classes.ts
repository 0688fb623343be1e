/** Recurrent classifiers of texts. B texts · T ids · H hidden width · L layers · D directions · K classes */
import { AttentionPooling, Dropout, Linear, maxOf, meanOf } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { type ClassesModel, classesInputs, guarded } from "../heads.ts";
import { classCount, vocabularySize } from "../sizes.ts";
import { directions, overTokens, type Recurrence } from "./body.ts";
import type { RecurrentConfig } from "./config.ts";

/** h [L·D, B, H] -> the last layer's, both directions side by side [B, D·H]. */
const lastLayer = (h: Tensor, D: number): Tensor => h.slice(0, -D).rearrange("d b h -> b (d h)");

/** Initial embeddings of a classifier are small, so that a word that is hardly ever seen says little. */
const WORD_DEVIATION = 0.1;

type Pooled = { readonly vector: Tensor; readonly attention?: Tensor };
/** hs [B, T, D·H], the last state and lengths [B] -> a vector [B, D·H]. */
type Pool<S> = (hs: Tensor, state: S, lengths: Tensor) => Pooled;

/** What a classifier sees of the hidden states, and the parts that this takes. */
function pooling<S>(recurrence: Recurrence<S>, config: RecurrentConfig): [parts: Record<string, object>, Pool<S>] {
  const D = directions(config);
  if (config.pooling === "attention") {
    const attention = AttentionPooling(D * config.hidden_size);
    const pool: Pool<S> = (hs, _, lengths) => {
      const [vector, weights] = attention(hs, lengths);
      return { vector, attention: weights };
    };
    return [{ attention }, pool];
  }
  const pools: Record<"last" | "mean" | "max", Pool<S>> = {
    last: (hs, state) => ({ vector: lastLayer(recurrence.toRecord(state)[recurrence.names[0]] ?? hs, D) }),
    mean: (hs, _, lengths) => ({ vector: meanOf(hs, lengths) }),
    max: (hs, _, lengths) => ({ vector: maxOf(hs, lengths) }),
  };
  return [{}, pools[config.pooling ?? "mean"]];
}

/** Embedding, layers, one vector for each text, and a classifier of it. */
export function classes<S>(recurrence: Recurrence<S>, config: RecurrentConfig): ClassesModel {
  const { embedding, layers } = overTokens(recurrence, config, WORD_DEVIATION);
  const [parts, pool] = pooling(recurrence, config);
  const classifier = Linear(directions(config) * config.hidden_size, classCount(config));
  const drop = Dropout(config.dropout);
  return guarded<"ids" | "lengths", ClassesModel>({
    parts: { embedding, [recurrence.modelType]: layers, ...parts, classifier },
    inputs: classesInputs,
    head: [...Object.keys(parts), "classifier"],
    tokens: "embedding.weight",
    vocabulary: vocabularySize(config),
    context: undefined,
    classes: classCount(config),
    forward({ ids, lengths }) {
      const [hs, state] = layers(drop(embedding(ids)), { lengths });
      const { vector, ...seen } = pool(hs, state, lengths);
      return { logits: classifier(drop(vector)), ...seen };
    },
  });
}
