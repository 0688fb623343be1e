/**
 * The bottleneck of an encoder-decoder (Cho et al. 2014, "On the properties"; Bahdanau, Cho & Bengio 2015): without attention all
 * of a sentence must pass through one vector, and long sentences do not. The language is made up: to translate is to
 * say each word's counterpart, the last word first. Each step reads the right word before it, in measurements too.
 *
 * B sentences · L words of the longest
 */
import { z } from "zod";
import { build, loadArchitecture } from "../models/index.ts";
import { crossEntropy } from "../nn/index.ts";
import { curves } from "../pictures/index.ts";
import { type HostTensor, stream } from "../runtime/index.ts";
import { real, whole } from "../schema.ts";
import type { Experiment, ExperimentWatch } from "./experiment.ts";
import { type Exercise, trained } from "./fitting.ts";
import { numberList, numbersIn } from "./options.ts";

const options = z.strictObject({
  lengths: numberList("5,10,20,30,40").describe("lengths of sentences that are measured; up to the last is trained"),
  model: z.enum(["rnn", "lstm", "gru"]).default("gru").describe("kind of encoder and decoder"),
  hidden: whole(1, 4096).default(64).describe("width of the state"),
  words: whole(2, 10_000).default(24).describe("words of the language"),
  steps: whole(1, 1e6).default(1500).describe("training steps"),
  batch: whole(1, 4096).default(32).describe("sentences in a batch"),
  lr: real(1e-6, 1).default(0.005).describe("learning rate of Adam"),
  clip: real(0, 1e6).default(1).describe("limit of the gradient's norm; 0 for none"),
  seed: whole(0, 2 ** 31)
    .default(0)
    .describe("of initial weights and sentences"),
});
type Options = z.output<typeof options>;

/** Sentences that are only measured, of each length. */
const MEASURED = 200;
/** The id before the first word; words are 1 and up. */
const START = 0;

type Sentences = {
  /** [B, L] */
  readonly source: HostTensor;
  readonly sourceLengths: HostTensor;
  /** What each step reads: the start, then the words before it. [B, L] */
  readonly target: HostTensor;
  /** What each step is to say, and whether it counts. [B, L] */
  readonly said: HostTensor;
  readonly counts: HostTensor;
};

/** Sentences of `lengths`, padded to L, and their translations. */
export function sentences(lengths: readonly number[], L: number, words: number, seed: number, step: number): Sentences {
  const B = lengths.length;
  const drawn = stream(seed, step, "sentences").integers(B * L, words);
  const [source, target, said, counts] = Array.from({ length: 4 }, () => new Int32Array(B * L));
  for (const [b, length] of lengths.entries())
    for (let t = 0; t < length; t++) {
      const word = (i: number) => 1 + (drawn[b * L + i] ?? 0);
      const counterpart = (i: number) => 1 + (word(length - 1 - i) % words);
      (source as Int32Array)[b * L + t] = word(t);
      (target as Int32Array)[b * L + t] = t === 0 ? START : counterpart(t - 1);
      (said as Int32Array)[b * L + t] = counterpart(t);
      (counts as Int32Array)[b * L + t] = 1;
    }
  const rows = (data: Int32Array | undefined): HostTensor => ({
    data: data ?? new Int32Array(),
    shape: [B, L],
    dtype: "i32",
  });
  const sourceLengths: HostTensor = { data: Int32Array.from(lengths), shape: [B], dtype: "i32" };
  return { source: rows(source), sourceLengths, target: rows(target), said: rows(said), counts: rows(counts) };
}

async function modelOf({ model, hidden, words }: Options, attention: string) {
  const architecture = await loadArchitecture(model);
  const sizes = { vocab_size: words + 1, target_vocab_size: words + 1, embedding_dim: hidden, hidden_size: hidden };
  return build(architecture, "encoderDecoder", architecture.configure({ ...sizes, attention }));
}

/** The share of words that are right, by length. */
async function accuracies(attention: string, lengths: readonly number[], chosen: Options, watch: ExperimentWatch) {
  const L = lengths.at(-1) ?? 1;
  const { words, seed, batch: B } = chosen;
  const model = await modelOf(chosen, attention);
  const lengthsAt = (step: number) => Array.from(stream(seed, step, "lengths").integers(B, L), (length) => length + 1);
  const exercise: Exercise<Sentences> = {
    name: attention === "none" ? "without attention" : "with attention",
    batch: (step) => sentences(lengthsAt(step), L, words, seed, step),
    loss({ source, sourceLengths, target, said, counts }) {
      const { logits } = model.forward({ source, sourceLengths, target });
      return crossEntropy(logits, counts.equal(1).where(said, -1), { ignoreIndex: -1 });
    },
    metrics({ source, sourceLengths, target, said, counts }) {
      const { logits } = model.forward({ source, sourceLengths, target });
      const right = logits.argMax(-1).cast("i32").equal(said).cast("f32");
      return { right: right.mul(counts.cast("f32")).sum().div(counts.cast("f32").sum()) };
    },
  };
  await using fitted = await trained(model.parts, exercise, chosen, watch);
  const points = [];
  for (const length of lengths) {
    const found = await fitted.evaluate(sentences(Array(MEASURED).fill(length), L, words, seed, 0));
    points.push([length, found.right ?? Number.NaN] as const);
  }
  return points;
}

export const bottleneck: Experiment<typeof options> = {
  name: "bottleneck",
  about: "translation by the length of the sentence, with and without attention",
  source: "Cho et al. 2014; Bahdanau, Cho & Bengio 2015",
  options,
  async run(chosen, watch) {
    const lengths = numbersIn("lengths", chosen.lengths, 1, 1000).sort((a, b) => a - b);
    const without = await accuracies("none", lengths, chosen, watch);
    const attending = await accuracies("general", lengths, chosen, watch);
    const table = lengths.map((length, i) => ({
      length,
      "without attention": without[i]?.[1] ?? Number.NaN,
      "with attention": attending[i]?.[1] ?? Number.NaN,
    }));
    const drawn = curves(
      "translation by the length of the sentence",
      [
        { name: "without attention", points: without },
        { name: "with attention", points: attending },
      ],
      { x: "words", y: "share of words that are right" },
    );
    const [first, last] = [table[0], table.at(-1)];
    const percent = (value = Number.NaN) => `${(100 * value).toFixed(0)} %`;
    return {
      summary: `words that are right, from ${first?.length} to ${last?.length} words: ${percent(first?.["without attention"])} to ${percent(last?.["without attention"])} without attention, ${percent(first?.["with attention"])} to ${percent(last?.["with attention"])} with it`,
      table,
      values: { without, attending },
      picture: drawn ?? "",
    };
  },
};
