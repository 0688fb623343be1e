/**
 * Language modelling: from running text to a model that continues any.
 *
 * B windows · T ids in a window
 */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import { type Dataset, requireVariety, splitText, windows } from "../data/index.ts";
import { CheckpointError, ConfigError, DataError, spelled } from "../errors.ts";
import { type GenerateOptions, IdGenerator } from "../generate/index.ts";
import type { CausalModel } from "../models/index.ts";
import { crossEntropy } from "../nn/index.ts";
import type { Feeds, HostTensor, RunOptions, Weights } from "../runtime/index.ts";
import { checked, real, requireRecord, whole } from "../schema.ts";
import { readTokenizer, type Tokenizer, trainBpe, trainChar } from "../tokenizers/index.ts";
import { several } from "./batched.ts";
import type { Predictor, Problem, Scorer, Task, Watch } from "./task.ts";
import { keptTokenizer, requireVocabulary } from "./vocabulary.ts";

const options = z.strictObject({
  context: whole(1, 1e6).default(64).describe("tokens in a sequence"),
  tokenizer: z.enum(["char", "bpe"]).default("char").describe("one token per character, or learned byte pairs"),
  vocab: whole(256, 1e6).optional().describe("tokens that bpe learns (default: 1024)"),
});
type Options = z.output<typeof options>;

const prediction = z.strictObject({
  tokens: whole(1, 1e9).default(200).describe("how many to generate"),
  temperature: real(0, 100).default(0.8).describe("0 takes the likeliest token, 1 samples as the model says"),
  topK: whole(1, 1e9).optional().describe("choose among the k likeliest tokens"),
  topP: z.number().gt(0).max(1).optional().describe("choose among the likeliest that reach this probability together"),
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(0).describe("chooses the text"),
});

/** T + 1 ids: the inputs and, one further, what follows each. */
type Window = Int32Array;

const VOCABULARY = 1024;

async function learnTokenizer(text: string, train: string, { tokenizer, vocab }: Options, watch: Watch) {
  if (tokenizer === "char" && vocab !== undefined)
    throw new ConfigError("option: vocab: goes with tokenizer bpe only; the characters of a text are all taken");
  if (tokenizer === "char") return trainChar(text);
  const { signal, onProgress } = watch;
  return trainBpe(train, {
    vocabSize: vocab ?? VOCABULARY,
    ...(signal && { signal }),
    ...(onProgress && { onProgress: (done, total) => onProgress(`learning tokens: ${done} of ${total}`) }),
  });
}

const i32 = (data: Int32Array, shape: readonly number[]): HostTensor => ({ data, shape, dtype: "i32" });

function collate(rows: readonly Window[], T: number): Feeds {
  const [ids, targets] = [new Int32Array(rows.length * T), new Int32Array(rows.length * T)];
  for (const [b, row] of rows.entries()) {
    ids.set(row.subarray(0, T), b * T);
    targets.set(row.subarray(1), b * T);
  }
  const shape = [rows.length, T];
  return { ids: i32(ids, shape), targets: i32(targets, shape) };
}

/** The mean of what every window loses, in nats per token, and its exponential. */
function scorer(): Scorer<Window> {
  let [sum, count] = [0, 0];
  return {
    add(windows, { rows }) {
      for (let b = 0; b < windows.length; b++) sum += Number(rows?.data[b]);
      count += windows.length;
    },
    scores: () => ({ loss: sum / count, perplexity: Math.exp(sum / count) }),
  };
}

/** Every token with its frequency in the training part, one more than counted. */
function unigram(train: Dataset<Window>, test: Dataset<Window>, V: number, T: number) {
  const counts = new Float64Array(V).fill(1);
  const visit = (data: Dataset<Window>, stride: number, each: (id: number) => void) => {
    for (let i = 0; i < data.size; i += stride) for (const id of data.at(i).subarray(1)) each(id);
  };
  visit(train, T, (id) => {
    counts[id] = (counts[id] ?? 0) + 1;
  });
  const total = counts.reduce((a, b) => a + b, 0);
  let [loss, seen] = [0, 0];
  visit(test, 1, (id) => {
    loss -= Math.log((counts[id] ?? 1) / total);
    seen++;
  });
  return { loss: loss / seen, perplexity: Math.exp(loss / seen) };
}

function problem(tokenizer: Tokenizer, { context: T }: Options): Problem<"causal", Window, "ids" | "targets"> {
  const V = tokenizer.vocabSize;
  const part = (text: string, name: string, kind: string, stride: number) =>
    windows(tokenizer.encode(text), { context: T, stride, name, part: kind });
  return {
    config: { vocab_size: V, n_positions: T },
    files: { "tokenizer.json": tokenizer.toJSON() as Json },
    accept({ vocabulary, context }) {
      requireVocabulary(vocabulary, tokenizer);
      if (T > (context ?? Number.POSITIVE_INFINITY))
        throw new ConfigError(
          `context: the model has ${context} positions, got ${T}; raise n_positions or lower the context`,
        );
    },
    async split(source, other) {
      const text = await source.text();
      const { train, validation } = other ? { train: text, validation: await other.text() } : splitText(text);
      return {
        train: part(train, source.name, "train", 1),
        validation: part(validation, other?.name ?? source.name, "validation", T),
      };
    },
    examples: async (source) => part(await source.text(), source.name, "whole", T),
    order: "draws",
    batch: { ids: { shape: ["B", "T"], dtype: "i32" }, targets: { shape: ["B", "T"], dtype: "i32" } },
    collate: (rows) => collate(rows, T),
    count: ({ ids }) => ids?.data.length ?? 0,
    loss: (model, { ids, targets }) => crossEntropy(model.forward({ ids }).logits, targets),
    measure(model, { ids, targets }) {
      const chosen = model.forward({ ids }).logits.logSoftmax().takeAlong(targets.unsqueeze(2), 2); // [B, T, 1]
      return { rows: chosen.mean([1, 2]).neg() };
    },
    scorer,
    baselines: async (train, test) => ({ "token frequencies": unigram(train, test, V, T) }),
    open: async (model, weights, run) => TextGenerator.open(tokenizer, model, weights, run),
  };
}

/** Language modelling as a task. */
export const language: Task<"causal", Window, typeof options, "ids" | "targets"> = {
  name: "language",
  about: "continue text: next tokens after any prompt",
  head: "causal",
  options,
  prediction,
  defaultData: "builtin",
  unit: "tokens",
  scores: { loss: "lower", perplexity: "lower" },
  best: "loss",
  async learn(source, chosen, watch, { "tokenizer.json": known } = {}) {
    const text = await source.text();
    requireVariety(text, source.name);
    const learn = () => learnTokenizer(text, splitText(text).train, chosen, watch);
    return problem(known ? await readTokenizer(known) : await learn(), chosen);
  },
  reopen: async (files, chosen) => problem(await keptTokenizer(files), chosen),
};

/** What a prompt became. */
export interface Continuation {
  readonly prompt: string;
  /** What follows the prompt. */
  readonly text: string;
}

/** A causal model with its tokenizer, ready to continue text. */
export class TextGenerator implements Predictor<unknown, Continuation> {
  readonly tokenizer: Tokenizer;
  readonly #create: () => Promise<IdGenerator>;
  #generator: Promise<IdGenerator> | undefined;
  private constructor(tokenizer: Tokenizer, create: () => Promise<IdGenerator>) {
    this.tokenizer = tokenizer;
    this.#create = create;
  }

  /** Compiles when the first text is asked for. Throws CheckpointError where the model has fewer tokens than the tokenizer. */
  static open(tokenizer: Tokenizer, model: CausalModel, weights: Weights, run: RunOptions): TextGenerator {
    if (tokenizer.vocabSize > model.vocabulary)
      throw new CheckpointError(
        `tokenizer.json has ${tokenizer.vocabSize} tokens, more than the model's ${model.vocabulary}; one of the two is another model's`,
      );
    return new TextGenerator(tokenizer, () => IdGenerator.create(model, weights, run));
  }

  /** The text after `prompt`, piece by piece. Throws TokenizerError where the vocabulary lacks a character of it. */
  async *generate(prompt: string, options: GenerateOptions = {}): AsyncGenerator<string> {
    const ids = this.tokenizer.encode(prompt);
    this.#generator ??= this.#create();
    const found: number[] = [];
    let shown = "";
    const vocabulary = this.tokenizer.vocabSize;
    for await (const id of (await this.#generator).ids(ids, { vocabulary, ...options })) {
      found.push(id);
      const text = this.tokenizer.decode(found);
      if (text.endsWith("\ufffd") || text === shown) continue; // a character is not whole yet
      yield text.slice(shown.length);
      shown = text;
    }
    const rest = this.tokenizer.decode(found).slice(shown.length);
    if (rest) yield rest;
  }

  /** What follows each prompt: a text, or a record with `prompt` or `text`. */
  async *predict(inputs: Iterable<unknown> | AsyncIterable<unknown>, options: Json & Watch = {}) {
    requireRecord(options, "predict");
    const { signal, onProgress: _, ...given } = options;
    const chosen = checked(prediction, given, "option");
    for await (const input of several(inputs)) {
      const prompt = promptOf(input);
      let text = "";
      for await (const piece of this.generate(prompt, { ...chosen, signal })) text += piece;
      yield { prompt, text };
    }
  }

  line({ prompt, text }: Continuation): string {
    return prompt + text;
  }

  async release(): Promise<void> {
    await (await this.#generator)?.release();
  }
}

function promptOf(input: unknown): string {
  const record = typeof input === "object" && input !== null ? (input as Json) : { prompt: input };
  const prompt = record.prompt ?? record.text;
  if (typeof prompt === "string" && prompt !== "") return prompt;
  throw new DataError(
    `prompt: expected some text, or { "prompt": text }, got ${spelled(input)}; give at least one character`,
  );
}
