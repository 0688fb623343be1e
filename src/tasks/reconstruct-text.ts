/**
 * Autoencoders of texts: what is written of a text when it has gone through its code, and how much that code says.
 *
 *   loss = -E log p(x | z) + β·Σ max(λ, KL_l)       Bowman et al. 2016, arXiv 1511.06349; free bits: Kingma et al. 2016
 *
 * B texts · T ids of the longest, and its end · L code
 */
import { z } from "zod";
import { type Dataset, divided, listed, type Source, textDigest } from "../data/index.ts";
import { DataError } from "../errors.ts";
import { freeBits as counted, normalKL, reparameterise } from "../nn/index.ts";
import { stream } from "../runtime/index.ts";
import { real, whole } from "../schema.ts";
import { options as ofImages, requireRise, scheduled } from "./reconstruct/options.ts";
import { codes, prediction, TextAutoencoder } from "./reconstruct-text/autoencoder.ts";
import { countedBaselines, type TextExample } from "./reconstruct-text/baselines.ts";
import { batchSpecs, type Column, collate, numbersIn, textNats } from "./reconstruct-text/batch.ts";
import { Lines, readTexts } from "./reconstruct-text/lines.ts";
import { judgeTexts, textScorer } from "./reconstruct-text/scores.ts";
import type { Problem, Task } from "./task.ts";
import { requireVocabulary } from "./vocabulary.ts";

const { beta, anneal, annealSteps, holdout } = ofImages.shape;
const options = z.strictObject({
  by: z.enum(["line", "sentence"]).default("line").describe("what a text is: each line, or each sentence of one"),
  tokenizer: z.enum(["char", "words", "bpe"]).default("char").describe("what a token is"),
  vocab: whole(2, 1e6).optional().describe("tokens at most (default: 10000 words, 1024 byte pairs)"),
  length: whole(1, 1e5).default(64).describe("tokens of a text; longer ones are not trained on"),
  ...{ beta, anneal, annealSteps },
  freeBits: real(0, 1000)
    .default(0.25)
    .describe(
      "nats of the KL that each dimension has free; with 0, the plain ELBO, codes mostly end up saying nothing",
    ),
  holdout,
  importance: whole(1, 100_000)
    .default(100)
    .describe("samples of the likelihood that eval estimates, of 1000 texts at most"),
});
type Options = z.output<typeof options>;

const dataset = (examples: readonly TextExample[]): Dataset<TextExample> =>
  listed(examples, textDigest(JSON.stringify(examples.map(({ text }) => text))), ({ ids }) => ids.length);

/** Throws DataError where no text is short enough. */
function short(examples: readonly TextExample[], length: number, name: string): TextExample[] {
  const kept = examples.filter(({ ids }) => ids.length <= length);
  if (kept.length > 0) return kept;
  throw new DataError(
    `data ${name}: expected texts of at most ${length} tokens, got none in ${examples.length}; raise the length`,
  );
}

function problem(lines: Lines, chosen: Options): Problem<"latentText", TextExample, Column> {
  const { boundary } = lines;
  const { length } = chosen;
  const read = async (source: Source) =>
    (await readTexts(source, chosen)).map((text): TextExample => ({ text, ids: lines.ids(text) }));
  const examples = async (source: Source) =>
    dataset((await read(source)).map(({ text, ids }) => ({ text, ids: ids.subarray(0, length) })));
  return {
    config: { vocab_size: boundary + 1, bidirectional: true },
    files: lines.files,
    accept: ({ vocabulary }) => requireVocabulary(vocabulary - 1, lines.tokenizer),
    async split(train, validation, seed) {
      const all = dataset(short(await read(train), length, train.name));
      if (validation) return { train: all, validation: await examples(validation) };
      if (all.size < 2)
        throw new DataError(`data ${train.name}: expected at least 2 texts, got ${all.size}; give validation data`);
      const [first, rest] = divided(all, chosen.holdout, stream(seed, 0, "holdout").permutation(all.size));
      return { train: first, validation: rest };
    },
    examples,
    order: "epochs",
    batch: batchSpecs,
    collate: (rows) => collate(rows, boundary),
    count: ({ labels }) => numbersIn(labels),
    scheduled: scheduled({ ...chosen, capacity: undefined }),
    loss(model, { ids, lengths, target, labels }, _, { beta: weight }) {
      const { mean, logVariance } = model.encode(ids, lengths);
      const reconstruction = textNats(model, reparameterise(mean, logVariance), { target, labels }).mean();
      const kl = normalKL(mean, logVariance);
      const rate = kl.sum(1).mean();
      const counts = chosen.freeBits > 0 ? counted(kl, chosen.freeBits) : rate;
      return { loss: reconstruction.add(counts.mul(weight ?? chosen.beta)), reconstruction, kl: rate };
    },
    measure(model, { ids, lengths, target, labels }) {
      const { mean, logVariance } = model.encode(ids, lengths);
      const reconstruction = textNats(model, reparameterise(mean, logVariance), { target, labels });
      return { reconstruction, kl: normalKL(mean, logVariance), mean };
    },
    scorer: () => textScorer(chosen),
    judge: (predictor, data, watch) =>
      judgeTexts(predictor as unknown as TextAutoencoder, data, chosen.importance, watch),
    baselines: async (train, test, watch) => countedBaselines(train, test, boundary, watch),
    open: async (model, weights, run) => new TextAutoencoder(model, lines, length, weights, run),
  };
}

/** Reconstruction of texts as a task. */
export const reconstructText: Task<"latentText", TextExample, typeof options, Column> = {
  name: "reconstruct-text",
  about: "texts through a code: reconstructed, written anew, and what lies between two",
  head: "latentText",
  options,
  prediction,
  codes,
  defaults: { epochs: 10, batch: 64, lr: 0.002, weightDecay: 0, clip: 5 },
  unit: "tokens",
  scores: {
    loss: "lower",
    elbo: "higher",
    reconstruction: "lower",
    kl: "lower",
    perplexity: "lower",
    active: "higher",
    nll: "lower",
    exact: "higher",
  },
  best: "loss",
  async learn(source, chosen, watch, base) {
    requireRise({ ...chosen, capacity: undefined });
    const texts = await readTexts(source, chosen);
    return problem(await Lines.learn(texts, chosen, watch, base), chosen);
  },
  reopen: async (files, chosen) => problem(await Lines.reopen(files), chosen),
};
