/** Recurrent classifiers of texts. B texts · T ids · E width of a token · H hidden width · L layers · D directions · K classes */
import { Dropout, Embedding, Linear } from "../../nn/index.ts";
import { guarded } from "../guarded.ts";
import { type ClassesModel, classesInputs, type Spelled, spelledInputs } from "../heads.ts";
import { classCount, vocabularySize } from "../sizes.ts";
import type { Recurrence } from "./body.ts";
import type { RecurrentConfig } from "./config.ts";
import { pooling } from "./pooling.ts";
import { spellingOf } from "./spelling.ts";
import { withoutSome } from "./word-dropout.ts";

/** Initial embeddings of a classifier are small, so that a word that is hardly ever seen says little. */
const WORD_DEVIATION = 0.1;

/** Embedding, layers, one vector for each text, and a classifier of it. */
export function classes<S>(recurrence: Recurrence<S>, config: RecurrentConfig): ClassesModel {
  const { embedding_dim: E } = config;
  const [V, spelling] = [vocabularySize(config), spellingOf(config)];
  const embedding = Embedding(V, E, WORD_DEVIATION);
  const layers = recurrence.layers(E + (spelling?.width ?? 0), config);
  const { parts, width, pool } = pooling(recurrence, config);
  const classifier = Linear(width, classCount(config));
  const drop = Dropout(config.dropout);
  return guarded<"ids" | "lengths", ClassesModel>({
    parts: { embedding, ...spelling?.parts, [recurrence.modelType]: layers, ...parts, classifier },
    inputs: spelling ? spelledInputs : classesInputs,
    head: [...Object.keys({ ...spelling?.parts, ...parts }), "classifier"],
    tokens: "embedding.weight",
    vocabulary: V,
    context: undefined,
    classes: classCount(config),
    characters: spelling?.count,
    forward(inputs: Spelled) {
      const { ids, lengths } = inputs;
      const words = embedding(withoutSome(ids, config.word_dropout));
      const spelled = spelling ? words.concat(spelling.read(inputs), -1) : words;
      const [hs, state] = layers(drop(spelled), { lengths });
      const { vector, ...seen } = pool(hs, state, lengths);
      return { logits: classifier(drop(vector)), ...seen };
    },
  });
}
