/**
 * Translation: from pairs of sentences to a model that translates any.
 *
 * B pairs · S tokens of the longest source · T tokens of the longest target, and one: where it begins, or where it ends
 */
import { z } from "zod";
import {
  bucket,
  type Dataset,
  divided,
  listed,
  padded,
  readParallel,
  type SentencePair,
  type Source,
  textDigest,
} from "../data/index.ts";
import { ConfigError, DataError } from "../errors.ts";
import { crossEntropy } from "../nn/index.ts";
import { type HostTensor, stream } from "../runtime/index.ts";
import { real, whole } from "../schema.ts";
import type { Problem, Task } from "./task.ts";
import { Languages } from "./translate/languages.ts";
import { copied, judge, lossScorer, type TranslationExample } from "./translate/scores.ts";
import { prediction, Translator } from "./translate/translator.ts";
import { requireVocabulary } from "./vocabulary.ts";

const options = z.strictObject({
  tokenizer: z.enum(["bpe", "words"]).default("bpe").describe("what a token is"),
  vocab: whole(2, 1e6).optional().describe("tokens of each language (default: 4096 byte pairs, 10000 words)"),
  lowercase: z.boolean().default(false).describe("reads and writes lower case only, as words always do"),
  length: whole(2, 1e5).default(64).describe("tokens of a sentence; longer pairs are not trained on"),
  smoothing: real(0, 0.9).default(0).describe("share of the loss that is spread over all tokens"),
  holdout: real(0.001, 0.9).default(0.1).describe("share that is only measured, where no validation data is given"),
});
type Options = z.output<typeof options>;

const batch = {
  source: { shape: ["B", "S"], dtype: "i32" },
  sourceLengths: { shape: ["B"], dtype: "i32" },
  target: { shape: ["B", "T"], dtype: "i32" },
  labels: { shape: ["B", "T"], dtype: "i32" },
} as const;
type Column = keyof typeof batch;

/** The label of what stands behind the end of a target. */
const NONE = -1;

/** Sources, what a decoder reads of the targets, and what it shall say after each. */
function collate(pairs: readonly TranslationExample[], { marks }: Languages): Record<Column, HostTensor> {
  const { ids: source, lengths: sourceLengths } = padded(pairs.map((pair) => pair.source));
  const B = pairs.length;
  const T = bucket(Math.max(...pairs.map(({ target }) => target.length)) + 1);
  const [target, labels] = [new Int32Array(B * T), new Int32Array(B * T).fill(NONE)];
  for (const [b, { target: ids }] of pairs.entries()) {
    target.set([marks.start, ...ids], b * T);
    labels.set([...ids, marks.end[0]], b * T);
  }
  const ofTarget = (data: Int32Array): HostTensor => ({ data, shape: [B, T], dtype: "i32" });
  return { source, sourceLengths, target: ofTarget(target), labels: ofTarget(labels) };
}

/** Labels that count. */
const numbersIn = (labels: HostTensor | undefined): number =>
  Array.from((labels?.data ?? []) as Int32Array).filter((id) => id !== NONE).length;

function examplesOf(pairs: readonly SentencePair[], languages: Languages): TranslationExample[] {
  return pairs.map(({ source, target }) => ({
    source: languages.ids("source", source),
    target: languages.ids("target", target),
    text: source,
    reference: target,
  }));
}

/** The order of examples in batches: by their targets, whose tokens cost most, then by their sources. */
const orderOf = ({ source, target }: TranslationExample): number => target.length * 1e5 + source.length;

const dataset = (examples: readonly TranslationExample[]): Dataset<TranslationExample> =>
  listed(examples, textDigest(JSON.stringify(examples.map(({ text, reference }) => [text, reference]))), orderOf);

/** Every pair, cut where it is longer than the longest. */
function cut(examples: readonly TranslationExample[], languages: Languages, length: number): TranslationExample[] {
  return examples.map((example) => ({
    ...example,
    source: languages.cut(example.source),
    target: example.target.slice(0, length),
  }));
}

/** Throws DataError where no pair is short enough. */
function short(examples: readonly TranslationExample[], length: number, name: string): TranslationExample[] {
  const kept = examples.filter(
    ({ source, target }) => source.length > 0 && source.length <= length && target.length <= length,
  );
  if (kept.length > 0) return kept;
  throw new DataError(
    `parallel text ${name}: expected pairs of at most ${length} tokens, got none in ${examples.length}; raise the length`,
  );
}

function problem(
  languages: Languages,
  { length, smoothing, holdout }: Options,
): Problem<"encoderDecoder", TranslationExample, Column> {
  const { last, caseless } = languages;
  const read = async (source: Source) => examplesOf(await readParallel(source), languages);
  const examples = async (source: Source) => dataset(cut(await read(source), languages, length));
  return {
    config: { ...languages.sizes, bidirectional: true },
    files: languages.files,
    accept({ sourceVocabulary, vocabulary }) {
      requireVocabulary(sourceVocabulary, languages.source);
      if (vocabulary <= last)
        throw new ConfigError(
          `target_vocab_size: expected at least ${last + 1}, the tokenizer's and the end, got ${vocabulary}; leave it out`,
        );
    },
    async split(train, validation, seed) {
      const all = dataset(short(await read(train), length, train.name));
      if (validation) return { train: all, validation: await examples(validation) };
      if (all.size < 2)
        throw new DataError(
          `parallel text ${train.name}: expected at least 2 pairs, got ${all.size}; give validation data`,
        );
      const [first, rest] = divided(all, holdout, stream(seed, 0, "holdout").permutation(all.size));
      return { train: first, validation: rest };
    },
    examples,
    order: "epochs",
    batch,
    collate: (pairs) => collate(pairs, languages),
    count: ({ labels }) => numbersIn(labels),
    loss: (model, { labels, ...given }) =>
      crossEntropy(model.forward(given).logits, labels, { ignoreIndex: NONE, smoothing }),
    measure(model, { labels, ...given }) {
      const each = crossEntropy(model.forward(given).logits, labels, { ignoreIndex: NONE, reduction: "none" });
      return { losses: each.sum(1) };
    },
    scorer: lossScorer,
    judge: (translator, data, watch) => judge(translator as Translator, data, caseless, watch),
    baselines: async (_, test) => ({ "copy of the source": copied(test, caseless) }),
    open: (model, weights, run) => Translator.open(languages, model, weights, run),
  };
}

/** Translation as a task. */
export const translate: Task<"encoderDecoder", TranslationExample, typeof options, Column> = {
  name: "translate",
  about: "a sentence in another language, from pairs of sentences",
  head: "encoderDecoder",
  options,
  prediction,
  defaults: { epochs: 10, batch: 64, lr: 0.001, clip: 1 },
  parts: { source: "sentences, one a line", target: "their translations, line by line" },
  unit: "tokens",
  scores: { loss: "lower", perplexity: "lower", bleu: "higher" },
  best: "loss",
  async learn(source, chosen, watch, base) {
    const pairs = await readParallel(source);
    return problem(await Languages.learn(pairs, chosen, watch, base), chosen);
  },
  reopen: async (files, chosen) => problem(await Languages.reopen(files, chosen), chosen),
};
