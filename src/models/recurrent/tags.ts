/**
 * Recurrent taggers: a word's vector beside one of its spelling, layers over the sentence, and a score for each tag, or a
 * CRF over them (Lample et al. 2016, arXiv 1603.01360).
 *
 * B sentences · T words · E width of a word · H hidden width · D directions · K tags
 */
import { CRF, Dropout, Embedding, Linear } from "../../nn/index.ts";
import { guarded } from "../guarded.ts";
import { classesInputs, type Spelled, spelledInputs, type TagsModel } from "../heads.ts";
import { classCount, vocabularySize } from "../sizes.ts";
import type { Recurrence } from "./body.ts";
import { outputWidth, type RecurrentConfig } from "./config.ts";
import { spellingOf } from "./spelling.ts";
import { withoutSome } from "./word-dropout.ts";

/** Initial embeddings are small, so that a word that is hardly ever seen says little. */
const WORD_DEVIATION = 0.1;

/** Words and their spelling, layers over them, and scores of tags. */
export function tags<S>(recurrence: Recurrence<S>, config: RecurrentConfig): TagsModel {
  const { embedding_dim: E, dropout } = config;
  const [K, V, spelling] = [classCount(config), vocabularySize(config), spellingOf(config)];
  const embedding = Embedding(V, E, WORD_DEVIATION);
  const layers = recurrence.layers(E + (spelling?.width ?? 0), config);
  const classifier = Linear(outputWidth(config), K);
  const crf = config.crf ? CRF(K) : undefined;
  const chain = crf && { ...crf };
  const drop = Dropout(dropout);
  return guarded<"ids" | "lengths", TagsModel>({
    parts: { embedding, ...spelling?.parts, [recurrence.modelType]: layers, classifier, ...(crf && { crf }) },
    inputs: spelling ? spelledInputs : classesInputs,
    head: [...Object.keys(spelling?.parts ?? {}), "classifier", "crf"],
    tokens: "embedding.weight",
    vocabulary: V,
    context: undefined,
    tags: K,
    characters: spelling?.count,
    chain,
    forward(inputs: Spelled) {
      const words = embedding(withoutSome(inputs.ids, config.word_dropout));
      const spelled = spelling ? words.concat(spelling.read(inputs), -1) : words;
      const [hs] = layers(drop(spelled), { lengths: inputs.lengths });
      return { logits: classifier(drop(hs)), ...chain };
    },
  });
}
