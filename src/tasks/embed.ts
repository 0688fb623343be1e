/**
 * Sentences as vectors that are near each other where they mean the same.
 *
 * Learnt from pairs: with scores, (cos(a, b) - score)² (Reimers & Gurevych 2019, arXiv 1908.10084); without, each sentence
 * has to find its partner among those of the batch (van den Oord et al. 2018, arXiv 1807.03748).
 *
 * B pairs · T ids of the longest · C width
 */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import { type Dataset, divided, listed, type Source, textDigest } from "../data/index.ts";
import { ConfigError, DataError } from "../errors.ts";
import { contrastive, cosineSimilarity } from "../nn/index.ts";
import { stream } from "../runtime/index.ts";
import { real, whole } from "../schema.ts";
import { readTokenizer, type Tokenizer, wordPieceJson, wordPieceVocabulary } from "../tokenizers/index.ts";
import { prediction, SentenceEncoder, vectors } from "./embed/encoder.ts";
import { type Column, type Pair, pairScorer, pairsBatch, pairsFeeds, readPairs, type Told } from "./embed/pairs.ts";
import { type Manner, mannerOf } from "./embed/pooling.ts";
import type { Problem, Task } from "./task.ts";
import { encodeWithin, keptTokenizer, requireVocabulary } from "./vocabulary.ts";

const options = z.strictObject({
  header: z.enum(["auto", "yes", "no"]).default("auto").describe("whether the first row names the columns"),
  length: whole(1, 1e5).optional().describe("tokens of a text that are read (default: the checkpoint's, or 128)"),
  pooling: z
    .enum(["mean", "cls"])
    .optional()
    .describe("the mean of all tokens or the first (default: the checkpoint's, or mean)"),
  normalize: z.boolean().optional().describe("whether vectors have length 1 (default: the checkpoint's, or no)"),
  temperature: real(0.001, 10).default(0.05).describe("divides cosines, where pairs have no scores"),
  vocab: whole(2, 1e6).default(10_000).describe("word pieces of a new vocabulary at most"),
  holdout: real(0.001, 0.9).default(0.1).describe("share that is only measured, where no validation data is given"),
});
type Options = z.output<typeof options>;

/** What was learnt beside the vocabulary. */
interface Learned extends Manner {
  /** The largest score of the training data, which becomes 1; 0 where pairs have none. */
  readonly most: number;
}

const scoresOf = (told: readonly Told[]): number[] => told.flatMap(({ score }) => score ?? []);

function problem(tokenizer: Tokenizer, known: Learned, chosen: Options): Problem<"sentence", Pair, Column> {
  const ids = (text: string) => encodeWithin(tokenizer, text, known.length);
  const examples = async (source: Source): Promise<Dataset<Pair>> => {
    const told = await readPairs(source, chosen);
    const pairs = told.map(({ a, b, score }) => ({
      a: ids(a),
      b: ids(b),
      score: known.most > 0 && score !== undefined ? score / known.most : 1,
    }));
    return listed(pairs, textDigest(JSON.stringify(told)), ({ a, b }) => Math.max(a.length, b.length));
  };
  return {
    config: { vocab_size: tokenizer.vocabSize, max_position_embeddings: known.length },
    files: { "tokenizer.json": tokenizer.toJSON() as Json, "task.json": { learned: { ...known } } },
    accept({ vocabulary, context = Number.POSITIVE_INFINITY }) {
      requireVocabulary(vocabulary, tokenizer);
      if (context < known.length)
        throw new ConfigError(`length: the model has ${context} positions, got ${known.length}; lower the length`);
    },
    async split(train, validation, seed) {
      const all = await examples(train);
      if (validation) return { train: all, validation: await examples(validation) };
      if (all.size < 2) throw new DataError(`table ${train.name}: expected at least 2 pairs, got ${all.size}`);
      const [first, rest] = divided(all, chosen.holdout, stream(seed, 0, "holdout").permutation(all.size));
      return { train: first, validation: rest };
    },
    examples,
    order: "epochs",
    batch: pairsBatch,
    collate: (pairs) => pairsFeeds(pairs, known.length),
    loss(model, { a, aLengths, b, bLengths, scores }) {
      const [first, second] = [vectors(model, known, a, aLengths), vectors(model, known, b, bLengths)];
      if (known.most === 0) return contrastive(first, second, { temperature: chosen.temperature });
      const off = cosineSimilarity(first, second).sub(scores);
      return off.mul(off).mean();
    },
    measure: (model, { a, aLengths, b, bLengths }) => ({
      a: vectors(model, known, a, aLengths),
      b: vectors(model, known, b, bLengths),
    }),
    scorer: pairScorer,
    open: (model, weights, run) => SentenceEncoder.open(tokenizer, known, model, weights, run),
  };
}

/** The vocabulary of a new model: BERT's way of spelling, with the words of the data. */
const newTokenizer = (told: readonly Told[], vocab: number): Promise<Tokenizer> =>
  readTokenizer(
    wordPieceJson(
      wordPieceVocabulary(
        told.flatMap(({ a, b }) => [a, b]),
        vocab,
      ),
    ),
  );

/** Embeddings of sentences as a task. */
export const embed: Task<"sentence", Pair, typeof options, Column> = {
  name: "embed",
  about: "a vector for a sentence, near those of sentences that mean the same",
  head: "sentence",
  options,
  prediction,
  codes: { embed: prediction },
  defaults: { epochs: 1, batch: 32, lr: 2e-5 },
  unit: "pairs",
  scores: { spearman: "higher" },
  best: "spearman",
  async learn(source, chosen, _, files = {}) {
    const told = await readPairs(source, chosen);
    const json = files["tokenizer.json"];
    const tokenizer = json ? await readTokenizer(json) : await newTokenizer(told, chosen.vocab);
    const most = scoresOf(told).reduce((a, b) => Math.max(a, b), 0);
    return problem(tokenizer, { ...mannerOf(chosen, files), most }, chosen);
  },
  async reopen(files, chosen) {
    const { most = 0 } = (files["task.json"]?.learned ?? {}) as { most?: number };
    return problem(await keptTokenizer(files), { ...mannerOf(chosen, files), most }, chosen);
  },
};
