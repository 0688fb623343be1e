/**
 * Classification of texts: one label for each, from tables with a column of text and one of labels.
 *
 * B texts · T ids of the longest · K labels
 */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import {
  column,
  type Dataset,
  divided,
  LABEL_COLUMNS,
  listed,
  padded,
  type Row,
  readTable,
  readVectors,
  type Source,
  TEXT_COLUMNS,
  textDigest,
  usualName,
  type Vectors,
} from "../data/index.ts";
import { CheckpointError, ConfigError, DataError, quoted, spelled } from "../errors.ts";
import { openSource } from "../files/index.ts";
import type { ClassesModel } from "../models/index.ts";
import { crossEntropy } from "../nn/index.ts";
import type { Named } from "../onnx/index.ts";
import { weightedText } from "../pictures/index.ts";
import type { Feeds, RunOptions, Weights } from "../runtime/index.ts";
import { stream } from "../runtime/index.ts";
import { checked, real, whole } from "../schema.ts";
import {
  rankedWords,
  readTokenizer,
  type Tokenizer,
  trainBpe,
  trainChar,
  trainWords,
  wordsIn,
} from "../tokenizers/index.ts";
import { finite, grouped, InputError, RowProgram, requireWatch, rowOf, several } from "./batched.ts";
import { bagOfWords, majority } from "./classify/baselines.ts";
import {
  type Labelled,
  labelledBatch,
  labelledFeeds,
  type Read,
  spelledBatch,
  spelledFeeds,
} from "./classify/labelled.ts";
import { classesLine, classScorer, namedClasses, softmax } from "./classify/scores.ts";
import { meantIds } from "./end.ts";
import { Spelling, wordsFeeds } from "./tag/words.ts";
import type { Description, Predictor, Problem, Task, Tensors, Watch } from "./task.ts";
import { encodeWithin, keptTokenizer, requireTokens, requireVocabulary } from "./vocabulary.ts";
import { embeddings, startVectors, wordsWithVectors } from "./word-vectors.ts";

const options = z.strictObject({
  text: z
    .string()
    .optional()
    .describe("column of the text, by name or number (default: text, sentence, ... or the first)"),
  label: z.string().optional().describe("column of the label (default: label, class, ... or the last)"),
  header: z.enum(["auto", "yes", "no"]).default("auto").describe("whether the first row names the columns"),
  length: whole(1, 1e5).default(128).describe("tokens of a text that are read; the rest is cut off"),
  tokenizer: z.enum(["words", "bpe", "char"]).default("words").describe("what a token is"),
  vocab: whole(2, 1e6).optional().describe("tokens at most (default: 10000 words, 4096 byte pairs)"),
  embeddings: embeddings(),
  spelling: z.boolean().default(false).describe("also reads how words are spelled, where the model can"),
  holdout: real(0.001, 0.9).default(0.1).describe("share that is only measured, where no validation data is given"),
});
type Options = z.output<typeof options>;

const prediction = z.strictObject({
  top: whole(1, 1000).default(1).describe("labels to name, likeliest first"),
  batch: whole(1, 65536).default(32).describe("texts at a time"),
});

type Column = keyof typeof labelledBatch;

/** How much of the spelling is seen where nobody says otherwise. */
const SPELLING = { char_embedding_dim: 24, char_channels: 100 } as const;
const VOCABULARY = { words: 10_000, bpe: 4096 } as const;

/** Word vectors, where they are asked for, and the vocabulary with them. Throws ConfigError, DataError. */
async function learnVectors(texts: readonly string[], { embeddings, tokenizer, vocab }: Options, watch: Watch) {
  if (embeddings === undefined) return undefined;
  if (tokenizer !== "words")
    throw new ConfigError(`option: embeddings: vectors are of words, not of ${tokenizer}; leave tokenizer out`);
  watch.onProgress?.(`reading word vectors from ${embeddings}`);
  const most = vocab ?? VOCABULARY.words;
  const own = new Set(rankedWords(texts).slice(0, most - 1));
  const vectors = await readVectors(
    openSource(embeddings, { signal: watch.signal }),
    own,
    Math.max(0, most - 1 - own.size),
  );
  return { vectors, tokenizer: wordsWithVectors(texts, vectors, most) };
}

async function learnTokenizer(texts: readonly string[], { tokenizer, vocab }: Options, watch: Watch) {
  if (tokenizer === "words") return trainWords(texts, vocab ?? VOCABULARY.words);
  if (tokenizer === "char" && vocab !== undefined)
    throw new ConfigError("option: vocab: goes with words and bpe only; the characters of a text are all taken");
  if (tokenizer === "char") return trainChar(texts.join("\n"));
  return trainBpe(texts.join("\n"), {
    vocabSize: vocab ?? VOCABULARY.bpe,
    ...(watch.signal && { signal: watch.signal }),
  });
}

/** A text and its label as they stand in a table. */
type Told = { readonly text: string; readonly label: string };

const charactersOf = (texts: readonly string[]): string =>
  [...new Set(texts.flatMap((text) => wordsIn(text).flatMap((word) => [...word])))].sort().join("");

/** Texts and labels in the order of the table, and whether it was guessed that it has no header. */
async function readLabelled(
  source: Source,
  { text, label, header }: Options,
): Promise<{ rows: readonly Told[]; places: readonly string[]; guessed: boolean }> {
  const asked = [text, label].filter((name) => name !== undefined);
  const table = await readTable(source, asked, header);
  const [texts, labels] = [column(table, text, TEXT_COLUMNS, "first"), column(table, label, LABEL_COLUMNS, "last")];
  const places = table.lines.map((line) => `table ${source.name}, line ${line}`);
  const rows = table.rows.map((row, i) => ({ text: cell(row, texts, places[i]), label: cell(row, labels, places[i]) }));
  if (texts === labels)
    throw new DataError(`table ${source.name}: expected a column of text and one of labels, got ${texts} for both`);
  return { rows, places, guessed: header === "auto" && !table.columns };
}

/** Throws DataError where the first row may hold the names of the columns: its label is no other row's. */
function requireNoHeader([first, ...others]: readonly Told[], name: string): void {
  if (!first || Number.isFinite(Number(first.label)) || others.some(({ label }) => label === first.label)) return;
  const cells = [first.text, first.label].map((cell) => quoted(cell.slice(0, 40))).join(" and ");
  throw new DataError(
    `table ${name}: cannot tell whether the first row, with ${cells}, names the columns; give them as text and label if it does, else say header: no`,
  );
}

function cell(row: Row, name: string, place = ""): string {
  const value = row[name] === "" ? undefined : row[name];
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  throw new DataError(
    `${place}: expected text or a number in column ${name}, got ${JSON.stringify(value) ?? "nothing"}; leave the row out`,
  );
}

/** As many labels may all be different. */
const FEW_LABELS = 1000;

/** Labels in the order that `known` has where they are the same, else in that of their names, numbers by size. */
function labelsOf(
  rows: readonly Told[],
  places: readonly string[],
  name: string,
  known: readonly string[],
): readonly string[] {
  const labels = [...new Set(rows.map(({ label }) => label))];
  if (labels.length < 2)
    throw new DataError(
      `table ${name}: expected at least two different labels, got ${JSON.stringify(labels[0] ?? null)} only`,
    );
  if (labels.length > FEW_LABELS && labels.length > rows.length / 2)
    throw new DataError(
      `table ${name}: expected labels that occur again, got ${labels.length} different ones in ${rows.length} rows; name the column of labels`,
    );
  if (labels.length === known.length && labels.every((label) => known.includes(label))) return known;
  const numbers = labels.filter((label) => label.trim() !== "" && Number.isFinite(Number(label)));
  const numeric = numbers.length === labels.length;
  const gap = labels.find((label) => /^(nan|na|n\/a|null)$/i.test(label.trim()));
  if (gap !== undefined && numbers.length > 0)
    throw new DataError(
      `${places[rows.findIndex(({ label }) => label === gap)]}: expected a number as label as in other rows, got ${quoted(gap)}; leave out rows without a label`,
    );
  return labels.sort((a, b) => (numeric ? Number(a) - Number(b) : a < b ? -1 : 1));
}

/** The labels that a configuration names. */
export function namedLabels({ id2label }: Json): string[] | undefined {
  const names = id2label as Readonly<Record<string, unknown>> | null | undefined;
  return names ? Object.keys(names).map((_, i) => String(names[i] ?? i)) : undefined;
}

/** Turns texts into ids and labels into classes. */
class Encoding {
  readonly tokenizer: Tokenizer;
  readonly labels: readonly string[];
  readonly length: number;
  readonly spelling: Spelling | undefined;
  readonly #numbers: ReadonlyMap<string, number>;
  constructor(tokenizer: Tokenizer, labels: readonly string[], length: number, spelling?: Spelling) {
    [this.tokenizer, this.labels, this.length, this.spelling] = [tokenizer, labels, length, spelling];
    this.#numbers = new Map(labels.map((label, i) => [label, i]));
  }
  /** The same for a model with so many positions. */
  within(context = Number.POSITIVE_INFINITY): Encoding {
    return context < this.length ? new Encoding(this.tokenizer, this.labels, context, this.spelling) : this;
  }
  read(text: string): Read {
    if (!this.spelling) return { ids: encodeWithin(this.tokenizer, text, this.length) };
    const words = this.spelling.of(wordsIn(text).slice(0, this.length));
    return { ids: words.ids, words };
  }
  /** Texts as the model takes them. */
  feeds(read: readonly Read[]): Feeds {
    if (this.spelling) return wordsFeeds(read.flatMap(({ words }) => words ?? []));
    return padded(
      read.map(({ ids }) => ids),
      this.length,
    );
  }
  example(text: string, label: string, place: string): Labelled {
    return { ...this.read(text), label: this.number(label, place) };
  }
  number(label: string, place: string): number {
    const found = this.#numbers.get(label);
    if (found !== undefined) return found;
    const known = this.labels.slice(0, 20).join(", ");
    throw new DataError(
      `${place}: label ${JSON.stringify(label.slice(0, 80))} is none of the ${this.labels.length} that were trained: ${known}`,
    );
  }
}

/** Throws ConfigError where the model reads characters that the task does not give, or does not read those that it gives. */
function requireSpelling(spelling: Spelling | undefined, characters: number | undefined): void {
  if (spelling && characters === undefined)
    throw new ConfigError(
      "spelling: expected a model that reads characters, got one of tokens alone; choose a recurrent one, or leave spelling out",
    );
  if (!spelling && characters !== undefined)
    throw new ConfigError("char_embedding_dim: characters are read with spelling only; say spelling, or leave it out");
  if (spelling && characters !== undefined && characters < spelling.count)
    throw new ConfigError(
      `char_vocab_size: expected at least the ${spelling.count} of the data, got ${characters}; leave it out`,
    );
}

/** How words are spelled, where that is asked for. Throws ConfigError where tokens are no words. */
function spellingOf(tokenizer: Tokenizer, characters: string, { spelling }: Options): Spelling | undefined {
  if (!spelling) return undefined;
  if (tokenizer.kind === "words") return new Spelling(tokenizer, characters);
  throw new ConfigError(`spelling: expected tokens that are words, got ${tokenizer.kind}; leave it out, or tokenizer`);
}

function problem(
  encoding: Encoding,
  chosen: Options,
  known: Description,
  vectors?: Vectors,
): Problem<"classes", Labelled, Column> {
  const { tokenizer, labels, length, spelling } = encoding;
  const examples = async (source: Source): Promise<Dataset<Labelled>> => {
    const { rows, places } = await readLabelled(source, chosen);
    const read = rows.map(({ text, label }, i) => encoding.example(text, label, places[i] ?? ""));
    return listed(read, textDigest(JSON.stringify(rows)), ({ ids }) => ids.length);
  };
  return {
    config: {
      vocab_size: tokenizer.vocabSize,
      n_positions: length,
      max_position_embeddings: length,
      num_labels: labels.length,
      ...(spelling && { ...SPELLING, char_vocab_size: spelling.count }),
      ...(vectors && { embedding_dim: vectors.width, n_embd: vectors.width }),
    },
    ...(vectors && { start: (model, initial) => startVectors(model, initial, tokenizer, vectors) }),
    files: {
      "tokenizer.json": tokenizer.toJSON() as Json,
      "config.json": {
        ...meantIds(known),
        id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
        label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
      },
      ...(spelling && { "task.json": { characters: spelling.characters } }),
    },
    accept({ vocabulary, context = Number.POSITIVE_INFINITY, classes, characters }) {
      requireVocabulary(vocabulary, tokenizer);
      requireSpelling(spelling, characters);
      if (context < length)
        throw new ConfigError(`length: the model has ${context} positions, got ${length}; lower the length`);
      if (classes !== labels.length)
        throw new ConfigError(
          `num_labels: expected the ${labels.length} labels of the data, got ${classes}; leave it out`,
        );
    },
    async split(train, validation, seed) {
      const all = await examples(train);
      if (validation) return { train: all, validation: await examples(validation) };
      if (all.size < 2) throw new DataError(`table ${train.name}: expected at least 2 examples, got ${all.size}`);
      const [first, rest] = divided(all, chosen.holdout, stream(seed, 0, "holdout").permutation(all.size));
      return { train: first, validation: rest };
    },
    examples,
    order: "epochs",
    batch: spelling ? spelledBatch : labelledBatch,
    collate: (rows) => (spelling ? spelledFeeds(rows) : labelledFeeds(rows, length)),
    loss(model, { labels: targets, ...text }) {
      const { logits } = model.forward(text);
      const right = logits.argMax(-1).cast("i32").equal(targets).cast("f32");
      return { loss: crossEntropy(logits, targets), accuracy: right.mean() };
    },
    measure: (model, { labels: _, ...text }) => ({ logits: model.forward(text).logits }),
    scorer: () => classScorer(labels),
    baselines: async (train, test, watch) => ({
      "majority label": majority(train, test, labels.length),
      "bag of words": await bagOfWords(train, test, {
        vocabulary: tokenizer.vocabSize,
        labels: labels.length,
        ...watch,
      }),
    }),
    open: (model, weights, run) => Classifier.open(encoding, chosen, model, weights, run),
  };
}

/** Classification of texts as a task. */
export const classify: Task<"classes", Labelled, typeof options, Column> = {
  name: "classify",
  about: "a label for a text: sentiment, topic, language",
  head: "classes",
  options,
  prediction,
  defaults: { epochs: 3, batch: 32 },
  unit: "texts",
  scores: { loss: "lower", accuracy: "higher", f1: "higher" },
  best: "accuracy",
  async learn(source, chosen, watch, files = {}) {
    const { "tokenizer.json": known, "config.json": base = {}, "task.json": before } = files;
    const { rows, places, guessed } = await readLabelled(source, chosen);
    if (guessed) requireNoHeader(rows, source.name);
    const texts = rows.map(({ text }) => text);
    const learned = known ? undefined : await learnVectors(texts, chosen, watch);
    const tokenizer = known
      ? await readTokenizer(known)
      : (learned?.tokenizer ?? (await learnTokenizer(texts, chosen, watch)));
    const labels = labelsOf(rows, places, source.name, namedLabels(base) ?? []);
    const characters = typeof before?.characters === "string" ? before.characters : charactersOf(texts);
    const spelling = spellingOf(tokenizer, characters, chosen);
    return problem(new Encoding(tokenizer, labels, chosen.length, spelling), chosen, files, learned?.vectors);
  },
  async reopen(files, chosen) {
    const tokenizer = await keptTokenizer(files);
    const labels = namedLabels(files["config.json"] ?? {});
    if (!labels) throw new CheckpointError("config.json: expected id2label, which names the labels, got none");
    const characters = files["task.json"]?.characters;
    if (chosen.spelling && typeof characters !== "string")
      throw new CheckpointError("task.json: expected characters, which the model was trained on, got none");
    const spelling = spellingOf(tokenizer, String(characters), chosen);
    return problem(new Encoding(tokenizer, labels, chosen.length, spelling), chosen, files);
  },
};

/** The likeliest label of a text, and how likely it and others are. */
export interface Classification {
  readonly text: string;
  readonly label: string;
  /** Of the label, from 0 to 1. */
  readonly probability: number;
  /** The likeliest labels, as many as were asked for, with their probabilities. */
  readonly labels: Readonly<Record<string, number>>;
  /** The tokens that were read and how much each counted, 1 in all, of a model that pools by attention. */
  readonly attention?: readonly (readonly [token: string, weight: number])[];
}

const answers = z.object({ label: z.string(), labels: z.record(z.string(), z.number()) });

/** A classifier with its tokenizer and labels. */
export class Classifier implements Predictor<unknown, Classification> {
  readonly #encoding: Encoding;
  readonly #column: string | undefined;
  readonly #program: RowProgram;
  private constructor(encoding: Encoding, { text }: Options, program: RowProgram) {
    this.#encoding = encoding;
    this.#column = text;
    this.#program = program;
  }

  static async open(given: Encoding, chosen: Options, model: ClassesModel, weights: Weights, run: RunOptions) {
    requireTokens(model.vocabulary, given.tokenizer);
    const encoding = given.within(model.context);
    const outputs = (batch: Named): Named => model.forward(batch as Tensors<"ids" | "lengths">);
    const program = await RowProgram.create(model.parts, model.inputs, outputs, { ...run, weights });
    return new Classifier(encoding, chosen, program);
  }

  /** A label for each text: a string, or a record with the column of text. */
  async *predict(inputs: Iterable<unknown> | AsyncIterable<unknown>, options: Json & Watch = {}) {
    requireWatch(options);
    const { signal, onProgress: _, ...given } = options;
    const { top, batch } = checked(prediction, given, "option");
    for await (const group of grouped(several(inputs), batch)) {
      signal?.throwIfAborted();
      const texts = group.map((input) => this.#text(input));
      const rows = texts.map((text) => this.#encoding.read(text));
      const { logits, attention } = await this.#program.run(this.#encoding.feeds(rows));
      if (!logits) throw new Error("internal: a classifier without logits");
      for (const [i, text] of texts.entries()) {
        const answer = this.#answer(text, softmax(finite(rowOf(logits, i))), top);
        yield attention ? { ...answer, attention: this.#weighted(rows[i]?.ids, rowOf(attention, i)) } : answer;
      }
    }
  }

  #text(input: unknown): string {
    if (typeof input === "string") return input;
    const record = (typeof input === "object" && input !== null ? input : {}) as Row;
    const cells = Object.values(record);
    const asked = this.#column;
    const named =
      asked === undefined
        ? TEXT_COLUMNS.map((name) => record[usualName([name], Object.keys(record)) ?? name])
        : [record[asked], cells[Number(asked) - 1]];
    const first = asked === undefined && Object.hasOwn(record, "1") ? [record["1"]] : []; // a table without a header
    const value = [...named, ...first].find((found) => typeof found === "string" || typeof found === "number");
    if (value !== undefined) return String(value);
    throw new InputError(
      `text: expected a string or a record with ${asked ?? TEXT_COLUMNS.slice(0, 3).join(", ")}, got ${spelled(input)}`,
      input,
    );
  }

  #answer(text: string, probabilities: readonly number[], top: number): Classification {
    return { text, ...namedClasses(probabilities, this.#encoding.labels, top) };
  }

  /** Tokens and their weights. */
  #weighted(ids: Int32Array = new Int32Array(), weights: Float32Array): [string, number][] {
    return Array.from(ids, (id, t) => [this.#encoding.tokenizer.decode([id]), weights[t] ?? 0]);
  }

  /** The text with its tokens the darker the more they counted. */
  picture({ attention, label, probability }: Classification): string | undefined {
    return attention && weightedText(`${label} ${probability.toFixed(4)}`, attention);
  }

  line(answer: Classification): string {
    const { label, labels } = checked(answers, answer, "line");
    return classesLine(labels) || label;
  }

  release(): Promise<void> {
    return this.#program.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
