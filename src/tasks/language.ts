/**
 * Language modelling: from running text to a model that continues any.
 *
 * B windows · T ids in a window
 */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import { type Dataset, requireVariety, splitText, type WindowOptions, windows } from "../data/index.ts";
import { CheckpointError, ConfigError, DataError, spelled } from "../errors.ts";
import {
  type Chosen,
  type Ending,
  type Generated,
  type GenerateOptions,
  generateSettings,
  generationFlags,
  IdGenerator,
  isSearched,
  prediction,
  type Settings,
  type SideBySide,
  sourcesOf,
  spell,
  type Text,
} from "../generate/index.ts";
import type { CausalModel } from "../models/index.ts";
import { crossEntropy } from "../nn/index.ts";
import type { Feeds, HostTensor, RunOptions, Weights } from "../runtime/index.ts";
import { checked, whole } from "../schema.ts";
import type { Tensor } from "../tensor/index.ts";
import { readTokenizer, type Tokenizer, trainBpe, trainChar } from "../tokenizers/index.ts";
import type { LossTerms } from "../train/index.ts";
import { grouped, requireWatch, several } from "./batched.ts";
import { beginId, endIds, meantIds } from "./end.ts";
import {
  carriedAlong,
  logitsAlong,
  lossAlong,
  requireState,
  spanOf,
  startsSpec,
  type Truncation,
  truncation,
} from "./language/along.ts";
import type { Description, Predictor, Problem, Scorer, Task, Watch } from "./task.ts";
import { keptTokenizer, requireTokens, requireVocabulary } from "./vocabulary.ts";

const options = z.strictObject({
  context: whole(1, 1e6).optional().describe("tokens in a sequence (default: 64)"),
  tbptt: truncation()
    .optional()
    .describe("k1,k2: reads along the text, its state carried on; an update every k1 tokens, gradients go back k2"),
  tokenizer: z.enum(["char", "bpe"]).default("char").describe("one token per character, or learned byte pairs"),
  vocab: whole(256, 1e6).optional().describe("tokens that bpe learns (default: 1024)"),
});
type Options = z.output<typeof options>;

/** T + 1 ids, the inputs and, one further, what follows each; `start` counts the text's tokens from 1. */
export interface Window {
  readonly ids: Int32Array;
  readonly start: number;
}

const CONTEXT = 64;
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

function collate(rows: readonly Window[]): Feeds {
  const T = (rows[0]?.ids.length ?? 1) - 1;
  const [ids, targets] = [new Int32Array(rows.length * T), new Int32Array(rows.length * T)];
  for (const [b, row] of rows.entries()) {
    ids.set(row.ids.subarray(0, T), b * T);
    targets.set(row.ids.subarray(1), b * T);
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
function unigram(train: Dataset<Window>, test: Dataset<Window>, V: number, stride: number) {
  const counts = new Float64Array(V).fill(1);
  const visit = (data: Dataset<Window>, stride: number, each: (id: number) => void) => {
    for (let i = 0; i < data.size; i += stride) for (const id of data.at(i).ids.subarray(1)) each(id);
  };
  visit(train, stride, (id) => {
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

/** The mean loss of each row [B], of logits [B, T, V] and targets [B, T]. */
const rowLoss = (logits: Tensor, targets: Tensor): Tensor =>
  logits.logSoftmax().takeAlong(targets.unsqueeze(2), 2).mean([1, 2]).neg();

/** The mean loss of all tokens, and what the model adds to it. */
function lossOf({ logits, balance }: ReturnType<CausalModel["forward"]>, targets: Tensor): Tensor | LossTerms {
  const loss = crossEntropy(logits, targets);
  return balance ? { loss: loss.add(balance), balance } : loss;
}

/** Windows of a text with their places. */
function placed(ids: Int32Array, options: WindowOptions): Dataset<Window> {
  const cut = windows(ids, options);
  return { ...cut, at: (index) => ({ ids: cut.at(index), start: index * options.stride + 1 }) };
}

/** Ids at which a model begins and ends texts. */
interface Marks {
  readonly begin?: number | undefined;
  readonly end?: readonly number[] | undefined;
}

/** Windows that are drawn anywhere. */
function problem(tokenizer: Tokenizer, T: number, known: Description): Problem<"causal", Window, "ids" | "targets"> {
  const V = tokenizer.vocabSize;
  const marks = { begin: beginId(known), end: endIds(known, tokenizer) };
  const part = (text: string, name: string, kind: string, stride: number) =>
    placed(tokenizer.encode(text), { context: T, stride, name, part: kind });
  return {
    config: { vocab_size: V, n_positions: T, max_position_embeddings: T },
    files: {
      "tokenizer.json": tokenizer.toJSON() as Json,
      "config.json": { ...meantIds(known), ...(marks.end.length && { eos_token_id: marks.end }) },
    },
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
    collate,
    count: ({ ids }) => ids?.data.length ?? 0,
    loss: (model, { ids, targets }) => lossOf(model.forward({ ids }), targets),
    measure(model, { ids, targets }) {
      return { rows: rowLoss(model.forward({ ids }).logits, targets) };
    },
    scorer,
    baselines: async (train, test) => ({ "token frequencies": unigram(train, test, V, T) }),
    open: async (model, weights, run) => TextGenerator.open(tokenizer, model, weights, run, marks),
  };
}

/** The same text read along. */
function along(
  tokenizer: Tokenizer,
  how: Truncation,
  known: Description,
): Problem<"causal", Window, "ids" | "targets" | "starts"> {
  const T = spanOf(how);
  const drawn = problem(tokenizer, T, known);
  const part = (text: string, name: string, kind: string, stride: number) =>
    placed(tokenizer.encode(text), { context: T, stride, name, part: kind, option: "tbptt" });
  return {
    ...drawn,
    accept(model) {
      drawn.accept?.(model);
      requireState(model);
    },
    async split(source, other) {
      const text = await source.text();
      const { train, validation } = other ? { train: text, validation: await other.text() } : splitText(text);
      return {
        train: part(train, source.name, "train", how.k1),
        validation: part(validation, other?.name ?? source.name, "validation", T),
      };
    },
    examples: async (source) => part(await source.text(), source.name, "whole", T),
    order: "streams",
    carried: carriedAlong,
    batch: { ...drawn.batch, starts: startsSpec },
    collate: (rows) => ({
      ...collate(rows),
      starts: i32(
        Int32Array.from(rows, ({ start }) => start),
        [rows.length],
      ),
    }),
    count: ({ starts }) => (starts?.data.length ?? 0) * how.k1,
    loss: (model, batch, carry) => lossAlong(model, batch, how, carry),
    measure: (model, batch, carry) => ({ rows: rowLoss(logitsAlong(model, batch, T, carry), batch.targets) }),
    baselines: async (train, test) => ({ "token frequencies": unigram(train, test, tokenizer.vocabSize, 1) }),
  };
}

/** Throws ConfigError where it is said twice how long windows are. */
function problemOf(tokenizer: Tokenizer, { context, tbptt }: Options, known: Description) {
  if (!tbptt) return problem(tokenizer, context ?? CONTEXT, known);
  if (context === undefined) return along(tokenizer, tbptt, known);
  throw new ConfigError(
    `option: context: tbptt says how long windows are, got ${context} beside ${tbptt.k1},${tbptt.k2}; leave one out`,
  );
}

/** Language modelling as a task. */
export const language: Task<"causal", Window, typeof options, "ids" | "targets"> = {
  name: "language",
  about: "continue text: next tokens after any prompt",
  head: "causal",
  options,
  prediction: generationFlags,
  defaultData: "builtin",
  unit: "tokens",
  scores: { loss: "lower", perplexity: "lower" },
  best: "loss",
  async learn(source, chosen, watch, base = {}) {
    const { "tokenizer.json": known } = base;
    const text = await source.text();
    requireVariety(text, source.name);
    const learn = () => learnTokenizer(text, splitText(text).train, chosen, watch);
    return problemOf(known ? await readTokenizer(known) : await learn(), chosen, base);
  },
  reopen: async (files, chosen) => problemOf(await keptTokenizer(files), chosen, files),
};

/** What a prompt became. */
export interface Continuation extends Generated {
  readonly prompt: string;
  /** With the same options, this seed gives this text. */
  readonly seed: number;
}

/** One text to continue. */
interface Job {
  readonly prompt: string;
  readonly ids: Int32Array;
  readonly settings: Settings;
}

/** A causal model with its tokenizer, ready to continue text. */
export class TextGenerator implements Predictor<unknown, Continuation> {
  readonly tokenizer: Tokenizer;
  /** The id at which the model begins a text, where its files name one. */
  readonly begin: number | undefined;
  /** Ids at which it ends a text. */
  readonly end: readonly number[];
  readonly #create: () => Promise<IdGenerator>;
  #generator: Promise<IdGenerator> | undefined;
  private constructor(tokenizer: Tokenizer, { begin, end = [] }: Marks, create: () => Promise<IdGenerator>) {
    [this.tokenizer, this.begin, this.end, this.#create] = [tokenizer, begin, end, create];
  }

  /**
   * Compiles when the first text is asked for. Throws CheckpointError where the model has fewer tokens than the tokenizer, or
   * none for the beginning of a text.
   */
  static open(
    tokenizer: Tokenizer,
    model: CausalModel,
    weights: Weights,
    run: RunOptions,
    marks: Marks = {},
  ): TextGenerator {
    requireTokens(model.vocabulary, tokenizer);
    if (marks.begin !== undefined && marks.begin >= model.vocabulary)
      throw new CheckpointError(
        `bos_token_id ${marks.begin} is none of the model's ${model.vocabulary} tokens; correct config.json or generation_config.json`,
      );
    return new TextGenerator(tokenizer, marks, () => IdGenerator.create(model, weights, run));
  }

  /**
   * The text after `prompt`, piece by piece, and at last all of it, with the reason for its end. Where the model has an id
   * for the beginning, the prompt may be empty. Throws TokenizerError where the vocabulary lacks a character of the prompt,
   * ConfigError on an empty prompt of other models and on options that are unknown or out of range.
   */
  async *generate(prompt: string, options: GenerateOptions = {}): AsyncGenerator<string, Continuation> {
    const job = this.#job(prompt, generateSettings(options));
    const batch = await this.#open(1);
    try {
      const [text] = await this.#continuations([job], batch);
      return yield* text as AsyncGenerator<string, Continuation>;
    } finally {
      await batch.release();
    }
  }

  async #open(texts: number): Promise<SideBySide> {
    this.#generator ??= this.#create();
    return (await this.#generator).open(texts);
  }

  #job(prompt: string, settings: Settings): Job {
    const { vocabulary = this.tokenizer.vocabSize, end = this.end } = settings;
    return { prompt, ids: this.#idsOf(prompt), settings: { ...settings, vocabulary, end } };
  }

  /** With what the tokenizer puts around a text, such as the id of its beginning. */
  #idsOf(prompt: string): Int32Array {
    if (prompt === "") return Int32Array.from(this.begin === undefined ? [] : [this.begin]);
    return this.tokenizer.encode(prompt, { specialTokens: true });
  }

  /** Of each job its text, piece by piece; `batch` has a row for each. */
  async #continuations(jobs: readonly Job[], batch: SideBySide): Promise<AsyncGenerator<string, Continuation>[]> {
    const [prompts, settings] = [jobs.map(({ ids }) => ids), jobs.map(({ settings }) => settings)];
    const texts = jobs.map((_, i) => batch.text(i));
    const sources = await sourcesOf(batch, prompts, settings);
    return jobs.map((job, i) => this.#continue(job, sources[i] as AsyncGenerator<Chosen, Ending>, texts[i]));
  }

  async *#continue(
    { prompt, ids, settings }: Job,
    source: AsyncGenerator<Chosen, Ending>,
    row: Text | undefined,
  ): AsyncGenerator<string, Continuation> {
    const { stop = [], seed } = settings;
    try {
      const generated = yield* spell(source, this.tokenizer, [stop].flat(), Array.from(ids));
      return { prompt, ...generated, seed };
    } finally {
      row?.close();
    }
  }

  /** What follows each prompt, a text or a record with `prompt` or `text`: one for each of `samples`, from `seed` on. */
  async *predict(inputs: Iterable<unknown> | AsyncIterable<unknown>, options: Json & Watch = {}) {
    requireWatch(options);
    const { onProgress: _, ...given } = options;
    const { samples, batch, ...chosen } = checked(prediction, given, "option");
    isSearched(chosen, samples);
    const seeds = seedsFrom(chosen.seed, samples);
    for await (const jobs of grouped(this.#jobs(inputs, seeds, chosen), batch)) {
      yield* await this.#together(jobs);
      if (chosen.signal?.aborted) return;
    }
  }

  async *#jobs(inputs: Iterable<unknown> | AsyncIterable<unknown>, seeds: readonly number[], chosen: Settings) {
    for await (const input of several(inputs))
      for (const seed of seeds) yield this.#job(promptOf(input), { ...chosen, seed });
  }

  /** All of them, side by side. */
  async #together(jobs: readonly Job[]): Promise<Continuation[]> {
    const batch = await this.#open(jobs.length);
    try {
      const ended = await Promise.allSettled((await this.#continuations(jobs, batch)).map(finished));
      const failed = ended.find((result) => result.status === "rejected");
      if (failed) throw failed.reason;
      return ended.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    } finally {
      await batch.release();
    }
  }

  line(answer: Continuation): string {
    const { prompt, text } = checked(z.object({ prompt: z.string(), text: z.string() }), answer, "line");
    return prompt + text;
  }

  /** Gives the engine's memory back; it is compiled anew when another text is asked for. */
  async release(): Promise<void> {
    const generator = await this.#generator?.catch(() => undefined);
    this.#generator = undefined;
    await generator?.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/** The seeds of `samples` continuations. Throws ConfigError where they are no whole numbers that a number can tell apart. */
export function seedsFrom(seed: number, samples: number): number[] {
  if (seed <= Number.MAX_SAFE_INTEGER - samples + 1) return Array.from({ length: samples }, (_, i) => seed + i);
  throw new ConfigError(`option: seed: expected room for ${samples} seeds from it on, got ${seed}; give a smaller one`);
}

/** What a generator returns at its end. */
async function finished<T>(source: AsyncGenerator<unknown, T>): Promise<T> {
  for (;;) {
    const { done, value } = await source.next();
    if (done) return value;
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
