/** Words that start from vectors of others. V words · C width */
import { z } from "zod";
import type { Vectors } from "../data/index.ts";
import { ConfigError } from "../errors.ts";
import type { ClassesModel } from "../models/index.ts";
import type { Feeds, HostTensor } from "../runtime/index.ts";
import { rankedWords, type Tokenizer, UNKNOWN, wordTokenizer } from "../tokenizers/index.ts";

/** The option of tasks that read words. */
export const embeddings = () =>
  z
    .string()
    .optional()
    .describe("file of word vectors in GloVe's text format, from which words start; sets the width of the embedding");

/** The words of `texts` that are known anywhere, then others that have a vector, at most `most` with the unknown one. */
export function wordsWithVectors(texts: readonly string[], vectors: Vectors, most: number): Tokenizer {
  const own = rankedWords(texts).slice(0, most - 1);
  const seen = new Set(own);
  const others = [...vectors.words.keys()].filter((word) => !seen.has(word));
  return wordTokenizer([UNKNOWN, ...own, ...others].slice(0, most));
}

/** The table of tokens [V, C] with the vectors in their rows; the other rows keep their initial values. */
export function startVectors(
  { tokens }: Pick<ClassesModel, "tokens">,
  initial: Feeds,
  tokenizer: Tokenizer,
  { width, words }: Vectors,
): Feeds {
  const { data, shape, dtype } = initial[tokens] as HostTensor;
  if (shape[1] !== width)
    throw new ConfigError(
      `embeddings: expected vectors as wide as the model's embedding, ${shape[1]}, got ${width}; leave embedding_dim out`,
    );
  const table = Float32Array.from(data as Float32Array);
  for (const [word, vector] of words) {
    const id = tokenizer.idOf(word);
    if (id !== undefined) table.set(vector, id * width);
  }
  return { [tokens]: { data: table, shape, dtype } };
}
