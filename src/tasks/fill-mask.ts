/**
 * Words that are hidden in texts: what BERT is first trained for (Devlin et al. 2019, arXiv 1810.04805).
 *
 * Other tokens are hidden at every step (Liu et al. 2019, arXiv 1907.11692).
 *
 * B rows · T tokens · V vocabulary
 */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import { type Dataset, divided, listed, padded, type Source, textDigest } from "../data/index.ts";
import { CheckpointError, ConfigError, DataError } from "../errors.ts";
import type { MaskedModel } from "../models/index.ts";
import { crossEntropy } from "../nn/index.ts";
import { stream } from "../runtime/index.ts";
import { real, whole } from "../schema.ts";
import { arange, type Tensor } from "../tensor/index.ts";
import { readTokenizer, type Tokenizer, wordPieceJson, wordPieceVocabulary } from "../tokenizers/index.ts";
import { MaskFiller, prediction } from "./fill-mask/filler.ts";
import { hidden, type Mask, maskOf, SEEN } from "./fill-mask/masks.ts";
import type { Problem, Scorer, Task } from "./task.ts";
import { encodeWithin, keptTokenizer, requireVocabulary } from "./vocabulary.ts";

const options = z.strictObject({
  length: whole(4, 1e5).default(128).describe("tokens of a line that are read; the rest is cut off"),
  rate: real(0.001, 0.999).default(0.15).describe("share of the tokens that are hidden"),
  vocab: whole(2, 1e6).default(10_000).describe("word pieces of a new vocabulary at most"),
  holdout: real(0.001, 0.9).default(0.1).describe("share that is only measured, where no validation data is given"),
});
type Options = z.output<typeof options>;

const batchSpecs = { ids: { shape: ["B", "T"], dtype: "i32" }, lengths: { shape: ["B"], dtype: "i32" } } as const;

const meant = (ids: Tensor, lengths: Tensor): Tensor => arange(ids.dim(1)).less(lengths.unsqueeze(1));

/** The lines of a text that are not blank. Throws DataError where there are none. */
async function readLines(source: Source): Promise<string[]> {
  const lines = (await source.text()).split(/\r?\n/).filter((line) => line.trim() !== "");
  if (lines.length > 0) return lines;
  throw new DataError(`data ${source.name}: expected lines of text, got none`);
}

/** The mask of a tokenizer. Throws CheckpointError where it has none. */
function requireMask(tokenizer: Tokenizer): Mask {
  const mask = maskOf(tokenizer);
  if (mask) return mask;
  throw new CheckpointError(
    "tokenizer.json: expected a token [MASK] or <mask>, got none; take a model of masked words",
  );
}

/** Losses of the hidden tokens: their sum and number, and how many were found, of each row: 3 × [B]. */
function rowLosses(model: MaskedModel, given: { ids: Tensor; lengths: Tensor }, how: Parameters<typeof hidden>[2]) {
  const { ids, targets } = hidden(given.ids, given.lengths, how, meant);
  const { logits } = model.forward({ ids, lengths: given.lengths }); // [B, T, V]
  const chosen = targets.greaterEqual(0).cast("f32"); // [B, T]
  const losses = crossEntropy(logits, targets, { ignoreIndex: SEEN, reduction: "none" });
  const found = logits.argMax(-1).cast("i32").equal(targets).cast("f32");
  return { losses: losses.sum(1), counts: chosen.sum(1), found: found.sum(1) };
}

/** Nats and hits for each hidden token. */
function maskScorer(): Scorer<Int32Array> {
  const totals = { losses: 0, counts: 0, found: 0 };
  return {
    add(rows, measured) {
      for (const key of Object.keys(totals) as (keyof typeof totals)[])
        for (const i of rows.keys()) totals[key] += Number(measured[key]?.data[i] ?? 0);
    },
    scores() {
      const count = Math.max(1, totals.counts);
      const loss = totals.losses / count;
      return { loss, perplexity: Math.exp(loss), accuracy: totals.found / count };
    },
  };
}

function problem(tokenizer: Tokenizer, chosen: Options): Problem<"masked", Int32Array, keyof typeof batchSpecs> {
  const { length, rate } = chosen;
  const mask = requireMask(tokenizer);
  const around = [...tokenizer.encode("", { specialTokens: true })];
  const how = (model: MaskedModel) => ({ mask: mask.id, around, vocabulary: model.vocabulary, rate });
  const examples = async (source: Source): Promise<Dataset<Int32Array>> => {
    const lines = await readLines(source);
    const rows = lines.map((line) => encodeWithin(tokenizer, line, length));
    return listed(rows, textDigest(lines.join("\n")), (ids) => ids.length);
  };
  return {
    config: { vocab_size: tokenizer.vocabSize, max_position_embeddings: length },
    files: { "tokenizer.json": tokenizer.toJSON() as Json },
    accept({ vocabulary, context = Number.POSITIVE_INFINITY }) {
      requireVocabulary(vocabulary, tokenizer);
      if (context < length)
        throw new ConfigError(`length: the model has ${context} positions, got ${length}; lower the length`);
    },
    async split(train, validation, seed) {
      const all = await examples(train);
      if (validation) return { train: all, validation: await examples(validation) };
      if (all.size < 2) throw new DataError(`data ${train.name}: expected at least 2 lines, got ${all.size}`);
      const [first, rest] = divided(all, chosen.holdout, stream(seed, 0, "holdout").permutation(all.size));
      return { train: first, validation: rest };
    },
    examples,
    order: "epochs",
    batch: batchSpecs,
    collate: (rows) => padded(rows, length),
    loss(model, batch) {
      const { losses, counts, found } = rowLosses(model, batch, how(model));
      const count = counts.sum().maximum(1);
      return { loss: losses.sum().div(count), accuracy: found.sum().div(count) };
    },
    measure: (model, batch) => rowLosses(model, batch, how(model)),
    scorer: maskScorer,
    open: (model, weights, run) =>
      MaskFiller.open({ tokenizer, mask, length: model.context ?? length }, model, weights, run),
  };
}

/** Hidden words as a task. */
export const fillMask: Task<"masked", Int32Array, typeof options, keyof typeof batchSpecs> = {
  name: "fill-mask",
  about: "the words that are hidden in a text",
  head: "masked",
  options,
  prediction,
  defaults: { epochs: 3, batch: 32 },
  unit: "lines",
  scores: { loss: "lower", perplexity: "lower", accuracy: "higher" },
  best: "loss",
  async learn(source, chosen, _, { "tokenizer.json": known } = {}) {
    const json = known ?? wordPieceJson(wordPieceVocabulary(await readLines(source), chosen.vocab));
    return problem(await readTokenizer(json), chosen);
  },
  reopen: async (files, chosen) => problem(await keptTokenizer(files), chosen),
};
