/**
 * Named entities: a tag for each word of a sentence, from files in CoNLL's columns.
 *
 * B sentences · T words of the longest · K tags
 */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import {
  type Dataset,
  divided,
  firstIllegal,
  listed,
  readConll,
  readVectors,
  SCHEMES,
  type Source,
  type TaggedSentence,
  tagsOf,
  tagsOfTypes,
  textDigest,
  type Vectors,
} from "../data/index.ts";
import { CheckpointError, ConfigError, DataError, quoted, spelled } from "../errors.ts";
import { openSource } from "../files/index.ts";
import { type Entity, entitiesOf } from "../metrics/entities.ts";
import { spelledInputs, type TagsModel } from "../models/index.ts";
import { crfLoss, crossEntropy } from "../nn/index.ts";
import type { Named } from "../onnx/index.ts";
import { type Feeds, type RunOptions, stream, type Weights } from "../runtime/index.ts";
import { checked, real, whole } from "../schema.ts";
import type { Tensor } from "../tensor/index.ts";
import { readTokenizer, type Tokenizer, UNKNOWN, wordTokenizer } from "../tokenizers/index.ts";
import { finite, grouped, InputError, RowProgram, requireWatch, rowOf, several } from "./batched.ts";
import { mostFrequentTags, TagSet, tagScorer } from "./tag/scores.ts";
import { type Sentence, Spelling, sentenceBatch, sentenceFeeds, wordsFeeds, wordsOf } from "./tag/words.ts";
import type { Description, Predictor, Problem, Task, Tensors, Watch } from "./task.ts";
import { keptTokenizer, requireVocabulary } from "./vocabulary.ts";
import { embeddings, startVectors } from "./word-vectors.ts";

const options = z.strictObject({
  word: whole(1, 1000).optional().describe("column of the word, by number (default: the first)"),
  tag: whole(1, 1000).optional().describe("column of the tag, by number (default: the last)"),
  scheme: z
    .enum(["auto", ...SCHEMES])
    .default("auto")
    .describe("how the files spell entities; auto reads all of them"),
  tags: z
    .enum(["BIO", "BIOES"])
    .default("BIOES")
    .describe("tags that the model learns, into which the files' are turned"),
  vocab: whole(2, 1e6).default(20_000).describe("words at most, of those that occur twice or have a vector"),
  embeddings: embeddings(),
  length: whole(1, 1e5).default(200).describe("words of a sentence that are read together; longer ones are divided"),
  holdout: real(0.001, 0.9).default(0.1).describe("share that is only measured, where no validation data is given"),
});
type Options = z.output<typeof options>;

const prediction = z.strictObject({ batch: whole(1, 65536).default(32).describe("sentences at a time") });

type Column = keyof typeof sentenceBatch;

/** What a tagger is made of where nobody says otherwise: it reads both ways, and how words are spelled. */
const MODEL = {
  embedding_dim: 100,
  hidden_size: 128,
  bidirectional: true,
  dropout: 0.5,
  char_embedding_dim: 30,
  char_channels: 50,
  word_dropout: 0.05,
} as const;

/** Sentences with their tags as the file has them. Throws DataError where tags are not legal in the scheme that was named. */
async function readSentences(source: Source, { word, tag, scheme }: Options): Promise<readonly TaggedSentence[]> {
  const sentences = await readConll(source, { word, tag });
  if (scheme !== "auto") for (const sentence of sentences) requireLegal(source.name, sentence, scheme);
  return sentences;
}

function requireLegal(name: string, { tags, lines }: TaggedSentence, scheme: (typeof SCHEMES)[number]): void {
  const at = firstIllegal(scheme, tags);
  if (at === undefined) return;
  const what = at < tags.length ? quoted(tags[at] ?? "") : "the end of the sentence";
  const after = at > 0 ? `after ${quoted(tags[at - 1] ?? "")}` : "at the beginning of the sentence";
  throw new DataError(
    `conll ${name}, line ${lines[Math.min(at, tags.length - 1)]}: expected tags that are legal in ${scheme}, got ${what} ${after}; correct it, or leave scheme out to have it read as conlleval does`,
  );
}

/** Types of entities in the order of their names. Throws DataError where there is none. */
function typesOf(sentences: readonly TaggedSentence[], name: string): string[] {
  const types = new Set(sentences.flatMap(({ tags }) => entitiesOf(tags).map(({ type }) => type)));
  if (types.size > 0) return [...types].sort();
  throw new DataError(
    `conll ${name}: expected entities to learn from, got only words with tag O; name the column of the tag`,
  );
}

/** Words in lower case that occur twice or are `wanted` all the same, the most frequent first. */
function vocabularyOf(sentences: readonly TaggedSentence[], wanted: (word: string) => boolean): string[] {
  const counts = new Map<string, number>();
  for (const word of sentences.flatMap(({ words }) => words.map((word) => word.toLowerCase())))
    counts.set(word, (counts.get(word) ?? 0) + 1);
  const ranked = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return ranked.filter(([word, count]) => count > 1 || wanted(word)).map(([word]) => word);
}

/** Vectors of the words of the data and of others, where they are asked for. Throws DataError. */
async function learnVectors(sentences: readonly TaggedSentence[], { embeddings, vocab }: Options, watch: Watch) {
  if (embeddings === undefined) return undefined;
  watch.onProgress?.(`reading word vectors from ${embeddings}`);
  const own = new Set(vocabularyOf(sentences, () => true));
  return readVectors(openSource(embeddings, { signal: watch.signal }), own, Math.max(0, vocab - 1 - own.size));
}

/** The vocabulary: words of the data, then others that have a vector. */
function learnWords(sentences: readonly TaggedSentence[], vectors: Vectors | undefined, most: number): Tokenizer {
  const own = vocabularyOf(sentences, (word) => vectors?.words.has(word) ?? false);
  const others = [...(vectors?.words.keys() ?? [])];
  return wordTokenizer([UNKNOWN, ...new Set([...own, ...others])].slice(0, most));
}

/** The vocabulary of a checkpoint that is started from. Throws ConfigError where it is not one of words. */
async function knownWords(json: Json): Promise<Tokenizer> {
  const tokenizer = await readTokenizer(json);
  if (tokenizer.kind === "words") return tokenizer;
  throw new ConfigError(
    `from: expected a checkpoint whose tokens are words, got ${tokenizer.kind}; start from a run of tag, or of classify with words`,
  );
}

const charactersOf = (sentences: readonly TaggedSentence[]): string =>
  [...new Set(sentences.flatMap(({ words }) => words.flatMap((word) => [...word])))].sort().join("");

/** `items` in pieces of at most `size`. */
const pieces = <T>(items: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(items.length / size) }, (_, i) => items.slice(i * size, (i + 1) * size));

/** What a run's files say of words and tags. */
class Encoding {
  readonly spelling: Spelling;
  readonly set: TagSet;
  readonly chosen: Options;
  constructor(spelling: Spelling, labels: readonly string[], chosen: Options) {
    [this.spelling, this.set, this.chosen] = [spelling, new TagSet(chosen.tags, labels), chosen];
  }
  get files(): Description {
    const { labels } = this.set;
    return {
      "tokenizer.json": this.spelling.tokenizer.toJSON() as Json,
      "config.json": {
        id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
        label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
      },
      "task.json": { characters: this.spelling.characters },
    };
  }

  /** A sentence as one example, or as several where it is longer than what is read together. */
  examples({ words, tags, lines }: TaggedSentence, name: string): Sentence[] {
    const own = tagsOf(this.chosen.tags, entitiesOf(tags), words.length);
    const numbers = own.map((tag, i) => this.set.number(tag) ?? this.#unheard(name, tags[i] ?? "", lines[i] ?? 0));
    const { length } = this.chosen;
    return pieces(words, length).map((part, i) => ({
      words: part,
      ...this.spelling.of(part),
      tags: Int32Array.from(numbers.slice(i * length, (i + 1) * length)),
    }));
  }
  #unheard(name: string, tag: string, line: number): never {
    const known = this.set.labels.filter((label) => label.startsWith("B-")).map((label) => label.slice(2));
    throw new DataError(
      `conll ${name}, line ${line}: tag ${quoted(tag.slice(0, 80))} is of none of the ${known.length} types that were trained: ${known.slice(0, 20).join(", ")}; leave such sentences out, or train with them`,
    );
  }
}

/** -log p of the tags of each sentence: [B]. */
function lossesOf(model: TagsModel, batch: Tensors<Column>): { losses: Tensor; outputs: Named } {
  const { tags, lengths } = batch;
  const outputs = model.forward(batch);
  const { logits } = outputs;
  const { chain } = model;
  if (chain) return { losses: crfLoss(logits, tags, lengths, chain, { reduction: "none" }), outputs };
  const each = crossEntropy(logits, tags, { reduction: "none" }); // [B, T]
  const within = batch.ids.onesLike().cumsum(1).lessEqual(lengths.unsqueeze(1));
  return { losses: within.where(each, 0).sum(1), outputs };
}

function problem(encoding: Encoding, vectors?: Vectors): Problem<"tags", Sentence, Column> {
  const { spelling, set, chosen } = encoding;
  const examples = async (source: Source): Promise<Dataset<Sentence>> => {
    const sentences = await readSentences(source, chosen);
    const read = sentences.flatMap((sentence) => encoding.examples(sentence, source.name));
    const told = sentences.map(({ words, tags }) => [words, tags]);
    return listed(read, textDigest(JSON.stringify(told)), ({ ids }) => ids.length);
  };
  return {
    config: {
      ...MODEL,
      vocab_size: spelling.tokenizer.vocabSize,
      char_vocab_size: spelling.count,
      num_labels: set.labels.length,
      ...(vectors && { embedding_dim: vectors.width }),
    },
    ...(vectors && { start: (model, initial) => startVectors(model, initial, spelling.tokenizer, vectors) }),
    files: encoding.files,
    accept({ vocabulary, tags, characters = spelling.count }) {
      requireVocabulary(vocabulary, spelling.tokenizer);
      if (tags !== set.labels.length)
        throw new ConfigError(
          `num_labels: expected the ${set.labels.length} tags of the data, got ${tags}; leave it out`,
        );
      if (characters < spelling.count)
        throw new ConfigError(
          `char_vocab_size: expected at least the ${spelling.count} of the data, got ${characters}; leave it out`,
        );
    },
    async split(train, validation, seed) {
      const all = await examples(train);
      if (validation) return { train: all, validation: await examples(validation) };
      if (all.size < 2)
        throw new DataError(
          `conll ${train.name}: expected at least 2 sentences, got ${all.size}; give validation data`,
        );
      const [first, rest] = divided(all, chosen.holdout, stream(seed, 0, "holdout").permutation(all.size));
      return { train: first, validation: rest };
    },
    examples,
    order: "epochs",
    batch: sentenceBatch,
    collate: (rows) => sentenceFeeds(rows),
    loss(model, batch) {
      const { losses } = lossesOf(model, batch);
      return losses.sum().div(batch.lengths.sum().cast("f32").maximum(1)); // nats a word
    },
    measure(model, batch) {
      const { losses, outputs } = lossesOf(model, batch);
      return { ...outputs, losses };
    },
    scorer: () => tagScorer(set),
    baselines: async (train, test) => ({ "most frequent tag": mostFrequentTags(train, test, set) }),
    open: (model, weights, run) => Tagger.open(encoding, model, weights, run),
  };
}

/** The tags that a configuration names. */
function namedTags({ id2label }: Json): string[] | undefined {
  const names = id2label as Readonly<Record<string, unknown>> | null | undefined;
  return names ? Object.keys(names).map((_, i) => String(names[i] ?? i)) : undefined;
}

/** Named entities as a task. */
export const tag: Task<"tags", Sentence, typeof options, Column> = {
  name: "tag",
  about: "named entities in a text: persons, places and others",
  head: "tags",
  options,
  prediction,
  defaults: { epochs: 15, batch: 16, lr: 0.005, weightDecay: 0.01 },
  unit: "sentences",
  scores: { loss: "lower", f1: "higher", precision: "higher", recall: "higher", accuracy: "higher" },
  best: "f1",
  async learn(source, chosen, watch, { "tokenizer.json": known, "task.json": base } = {}) {
    const sentences = await readSentences(source, chosen);
    const labels = tagsOfTypes(chosen.tags, typesOf(sentences, source.name));
    const vectors = known ? undefined : await learnVectors(sentences, chosen, watch);
    const tokenizer = known ? await knownWords(known) : learnWords(sentences, vectors, chosen.vocab);
    const characters = typeof base?.characters === "string" ? base.characters : charactersOf(sentences);
    return problem(new Encoding(new Spelling(tokenizer, characters), labels, chosen), vectors);
  },
  async reopen(files, chosen) {
    const tokenizer = await keptTokenizer(files);
    const labels = namedTags(files["config.json"] ?? {});
    if (!labels) throw new CheckpointError("config.json: expected id2label, which names the tags, got none");
    const characters = files["task.json"]?.characters;
    if (typeof characters !== "string")
      throw new CheckpointError("task.json: expected characters, which the model was trained on, got none");
    return problem(new Encoding(new Spelling(tokenizer, characters), labels, chosen));
  },
};

/** An entity in a sentence: its words are those from number `start` to before number `end`. */
export interface TaggedEntity extends Entity {
  /** Its words. */
  readonly text: string;
}

/** A sentence with its entities. */
export interface Tagged {
  readonly words: readonly string[];
  readonly entities: readonly TaggedEntity[];
}

const answers = z.object({
  words: z.array(z.string()),
  entities: z.array(z.object({ type: z.string(), start: z.number(), end: z.number() })),
});

/** A tagger with its words and tags. */
export class Tagger implements Predictor<unknown, Tagged> {
  readonly #encoding: Encoding;
  readonly #program: RowProgram;
  private constructor(encoding: Encoding, program: RowProgram) {
    [this.#encoding, this.#program] = [encoding, program];
  }

  static async open(encoding: Encoding, model: TagsModel, weights: Weights, run: RunOptions): Promise<Tagger> {
    const outputs = (batch: Named): Named => model.forward(batch as Tensors<keyof typeof spelledInputs>);
    return new Tagger(encoding, await RowProgram.create(model.parts, spelledInputs, outputs, { ...run, weights }));
  }

  /** The entities of each sentence: a text, or a record { words } or { text }. */
  async *predict(inputs: Iterable<unknown> | AsyncIterable<unknown>, options: Json & Watch = {}) {
    requireWatch(options);
    const { signal, onProgress: _, ...given } = options;
    const { batch } = checked(prediction, given, "option");
    for await (const group of grouped(several(inputs), batch)) {
      signal?.throwIfAborted();
      const sentences = group.map((input) => this.#words(input));
      const tags = await this.#tags(sentences.flatMap((words) => pieces(words, this.#encoding.chosen.length)));
      for (const words of sentences) yield this.#answer(words, tags);
    }
  }

  /** The tags of all words, one after another. */
  async #tags(sentences: readonly (readonly string[])[]): Promise<IterableIterator<string>> {
    const { spelling, set } = this.#encoding;
    if (sentences.length === 0) return [].values();
    const measured: Feeds = await this.#program.run(wordsFeeds(sentences.map((words) => spelling.of(words))));
    const { logits } = measured;
    if (!logits) throw new Error("internal: a tagger without logits");
    return sentences
      .flatMap((words, i) => set.names(set.best(finite(rowOf(logits, i)), words.length, measured)))
      .values();
  }

  #words(input: unknown): readonly string[] {
    if (typeof input === "string") return wordsOf(input, (word) => this.#encoding.spelling.knows(word));
    const { words, text } = (typeof input === "object" && input !== null ? input : {}) as Record<string, unknown>;
    if (Array.isArray(words) && words.every((word) => typeof word === "string" && word.trim() !== "")) return words;
    if (words === undefined && typeof text === "string") return this.#words(text);
    throw new InputError(
      `sentence: expected a text, or a record with a text or a list of words, got ${spelled(input)}; write {"words": ["Ada", "came"]}`,
      input,
    );
  }

  #answer(words: readonly string[], tags: Iterator<string>): Tagged {
    const own = words.map((): string => tags.next().value);
    const entities = entitiesOf(own).map((entity) => ({
      ...entity,
      text: words.slice(entity.start, entity.end).join(" "),
    }));
    return { words, entities };
  }

  /** The words with entities in brackets: `[PER Ada Lovelace] came to [LOC London] .` */
  line(answer: Tagged): string {
    const { words, entities } = checked(answers, answer, "line");
    const shown = [...words];
    for (const { type, start, end } of entities) {
      shown[start] = `[${type} ${shown[start]}`;
      shown[end - 1] = `${shown[end - 1]}]`;
    }
    return shown.join(" ");
  }

  release(): Promise<void> {
    return this.#program.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
