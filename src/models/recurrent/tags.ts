/**
 * Recurrent taggers: a word's vector beside one of its characters, by a convolution and the largest value of each channel
 * (Ma & Hovy 2016, arXiv 1603.01354), layers over the sentence, and a score for each tag, or a CRF over them
 * (Lample et al. 2016, arXiv 1603.01360).
 *
 * B sentences · T words · C characters · E width of a character · F channels · H hidden width · D directions · K tags
 */
import { Conv1d, CRF, Dropout, Embedding, Linear } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { classesInputs, guarded, SHAPES, type Spelled, spelledInputs, type TagsModel } from "../heads.ts";
import { characterCount, classCount, vocabularySize } from "../sizes.ts";
import type { Recurrence } from "./body.ts";
import { outputWidth, type RecurrentConfig } from "./config.ts";
import { withoutSome } from "./word-dropout.ts";

/** Initial embeddings are small, so that a word that is hardly ever seen says little. */
const WORD_DEVIATION = 0.1;
const CHARACTER_DEVIATION = 0.5;
/** Characters that a channel looks at together. */
const KERNEL = 3;
const CHANNELS = 50;

/** How words are spelled -> vectors beside those of the words [B, T, width]. */
interface Spelling {
  readonly parts: Readonly<Record<string, object>>;
  readonly width: number;
  /** How many characters are told apart. */
  readonly count: number;
  read(inputs: Spelled): readonly Tensor[];
}

function spellingOf(config: RecurrentConfig): Spelling | undefined {
  const { char_embedding_dim: E = 0, char_channels: F = CHANNELS } = config;
  if (E === 0) return undefined;
  const count = characterCount(config);
  const [char_embedding, char_conv] = [
    Embedding(count, E, CHARACTER_DEVIATION),
    Conv1d(E, F, KERNEL, { padding: "same" }),
  ];
  const vectors = (characters: Tensor): Tensor => {
    const [B, T] = characters.shape;
    const ids = characters.rearrange("b t c -> (b t) c");
    const seen = ids.greater(0).unsqueeze(1); // [B·T, 1, C]
    const xs = seen.where(char_embedding(ids).rearrange("n c e -> n e c"), 0);
    return seen
      .where(char_conv(xs).relu(), 0)
      .max(2)
      .reshape([B ?? 0, T ?? 0, F]);
  };
  return {
    parts: { char_embedding, char_conv },
    width: F + SHAPES,
    count,
    read: ({ characters, shapes }) => (characters && shapes ? [vectors(characters), shapes.oneHot(SHAPES)] : []),
  };
}

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
