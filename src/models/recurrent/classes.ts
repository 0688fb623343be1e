/** Recurrent classifiers of texts. B texts · T ids · H hidden width · L layers · D directions · K classes */
import { Dropout, Linear } from "../../nn/index.ts";
import { type ClassesModel, classesInputs, guarded } from "../heads.ts";
import { classCount, vocabularySize } from "../sizes.ts";
import { overTokens, type Recurrence } from "./body.ts";
import type { RecurrentConfig } from "./config.ts";
import { pooling } from "./pooling.ts";
import { withoutSome } from "./word-dropout.ts";

/** Initial embeddings of a classifier are small, so that a word that is hardly ever seen says little. */
const WORD_DEVIATION = 0.1;

/** Embedding, layers, one vector for each text, and a classifier of it. */
export function classes<S>(recurrence: Recurrence<S>, config: RecurrentConfig): ClassesModel {
  const { embedding, layers } = overTokens(recurrence, config, WORD_DEVIATION);
  const { parts, width, pool } = pooling(recurrence, config);
  const classifier = Linear(width, classCount(config));
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
      const [hs, state] = layers(drop(embedding(withoutSome(ids, config.word_dropout))), { lengths });
      const { vector, ...seen } = pool(hs, state, lengths);
      return { logits: classifier(drop(vector)), ...seen };
    },
  });
}
