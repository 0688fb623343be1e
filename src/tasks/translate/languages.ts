/** The two languages of a translation: their tokenizers, and sentences as ids and back. */
import type { Json } from "../../checkpoint/index.ts";
import type { SentencePair } from "../../data/index.ts";
import { CheckpointError } from "../../errors.ts";
import { readTokenizer, type Tokenizer, trainBpe, trainWords } from "../../tokenizers/index.ts";
import { endIds, meantIds, singleBadWords, startId } from "../end.ts";
import type { Description, Watch } from "../task.ts";
import { keptTokenizer } from "../vocabulary.ts";

/** How sentences become tokens. */
export interface Spelling {
  readonly tokenizer: "bpe" | "words";
  readonly vocab?: number | undefined;
  readonly lowercase: boolean;
  /** Tokens of a sentence at most. */
  readonly length: number;
}

const VOCABULARY = { words: 10_000, bpe: 4096 } as const;
/** The file of the source's tokenizer; that of the target's is called as everybody calls it. */
const SOURCE_FILE = "source_tokenizer.json";

const cased = (text: string, { lowercase }: Spelling): string => (lowercase ? text.toLowerCase() : text);

async function learned(texts: readonly string[], spelling: Spelling, side: string, { signal, onProgress }: Watch) {
  const { tokenizer, vocab = VOCABULARY[tokenizer] } = spelling;
  if (tokenizer === "words") return trainWords(texts, vocab);
  return trainBpe(texts.join("\n"), {
    vocabSize: vocab,
    ...(signal && { signal }),
    ...(onProgress && {
      onProgress: (done, total) => onProgress(`learning tokens of the ${side}: ${done} of ${total}`),
    }),
  });
}

/** A sentence of words as people write it: no space before a full stop, nor around a hyphen or an apostrophe. */
export const joinedWords = (text: string): string =>
  text
    .replace(/ ([.,;:!?)\]}%…]+)(?= |$)/gu, "$1")
    .replace(/([([{]) /g, "$1")
    .replace(/ ([-'’]) /g, "$1");

/** Ids with a meaning. */
interface Marks {
  /** What a target begins after. */
  readonly start: number;
  /** What ends it: the first of them where it is learned, any where it is written. */
  readonly end: readonly [number, ...number[]];
  /** What a translation never holds. */
  readonly never: readonly number[];
}

/** One more id than the tokenizer has is where a target begins and where it ends; that of unknown words never comes. */
const ownMarks = ({ kind, vocabSize }: Tokenizer): Marks => ({
  start: vocabSize,
  end: [vocabSize],
  never: kind === "words" ? [0] : [],
});

/** What the files of a published model say. Throws CheckpointError where they do not say how a target begins and ends. */
function publishedMarks(files: Description, tokenizer: Tokenizer): Marks {
  const [first, ...rest] = endIds(files, tokenizer);
  if (first === undefined)
    throw new CheckpointError("config.json: expected eos_token_id, the id that ends a translation, got none; add it");
  return { start: startId(files), end: [first, ...rest], never: singleBadWords(files) };
}

/** Tokens of a source at most, where a published model does not say how many it sees. */
const LONGEST = 512;

function positionsOf({ "config.json": config = {} }: Description): number {
  const said = config.max_position_embeddings ?? config.n_positions;
  return typeof said === "number" ? said : LONGEST;
}

export class Languages {
  readonly source: Tokenizer;
  readonly target: Tokenizer;
  readonly spelling: Spelling;
  readonly marks: Marks;
  /** The files of a published model, whose source gets what its one tokenizer puts around a text. */
  readonly #published: Description | undefined;
  private constructor(tokenizers: readonly [Tokenizer, Tokenizer], spelling: Spelling, published?: Description) {
    [this.source, this.target] = tokenizers;
    this.spelling = spelling;
    this.#published = published;
    this.marks = published ? publishedMarks(published, this.target) : ownMarks(this.target);
  }

  /** Of a published model with one tokenizer; undefined where `files` are those of a run with two. */
  static async #ofPublished(files: Description, spelling: Spelling): Promise<Languages | undefined> {
    if (files[SOURCE_FILE]) return undefined;
    const tokenizer = await keptTokenizer(files);
    const start = files["config.json"]?.decoder_start_token_id;
    if (files["task.json"] && !(typeof start === "number" && start < tokenizer.vocabSize)) return undefined;
    return new Languages([tokenizer, tokenizer], spelling, files);
  }

  /** Tokenizers learned from pairs, unless `base` brings its own. */
  static async learn(pairs: readonly SentencePair[], spelling: Spelling, watch: Watch, base: Description = {}) {
    const published = base["tokenizer.json"] && (await Languages.#ofPublished(base, spelling));
    if (published) return published;
    const make = async (side: "source" | "target", file: string) => {
      const known = base[file];
      if (known) return readTokenizer(known);
      const texts = pairs.map((pair) => cased(pair[side], spelling));
      return learned(texts, spelling, side, watch);
    };
    const source = await make("source", SOURCE_FILE);
    return new Languages([source, await make("target", "tokenizer.json")], spelling);
  }

  static async reopen(files: Description, spelling: Spelling): Promise<Languages> {
    const length = files["task.json"] ? spelling.length : positionsOf(files);
    const published = await Languages.#ofPublished(files, { ...spelling, length });
    if (published) return published;
    const json = files[SOURCE_FILE];
    if (!json) throw new CheckpointError(`${SOURCE_FILE}: expected one beside config.json, got none; copy it there`);
    return new Languages([await readTokenizer(json), await keptTokenizer(files)], spelling);
  }

  /** What follows for a model's configuration. */
  get sizes(): Json {
    const { source, marks } = this;
    return { vocab_size: source.vocabSize, ...(!this.#published && { target_vocab_size: marks.start + 1 }) };
  }
  /** The largest id of a target. */
  get last(): number {
    const { start, end } = this.marks;
    return Math.max(start, ...end, this.target.vocabSize - 1);
  }
  /** Whether upper and lower case are the same in a translation. */
  get caseless(): boolean {
    return this.spelling.lowercase || this.target.kind === "words";
  }
  get files(): Description {
    const { start, end, never } = this.marks;
    const marks = { decoder_start_token_id: start, eos_token_id: end.length > 1 ? end : end[0] };
    const bad = never.length > 0 ? { bad_words_ids: never.map((id) => [id]) } : {}; // an empty list is none to transformers
    if (this.#published)
      return {
        "tokenizer.json": this.target.toJSON() as Json,
        "config.json": { ...meantIds(this.#published), ...marks, ...bad },
      };
    return {
      "tokenizer.json": this.target.toJSON() as Json,
      [SOURCE_FILE]: this.source.toJSON() as Json,
      "config.json": marks,
    };
  }

  /** All ids of a sentence; those of a target without its end. */
  ids(side: "source" | "target", text: string): Int32Array {
    const specialTokens = side === "source" && this.#published !== undefined;
    return this[side].encode(cased(text, this.spelling), { specialTokens });
  }
  /** The first ids of a source that is too long, and its last one where that is its end. */
  cut(ids: Int32Array): Int32Array {
    const { length } = this.spelling;
    const last = ids.at(-1);
    if (ids.length <= length || !this.#published || last === undefined || !this.marks.end.includes(last))
      return ids.subarray(0, length);
    return Int32Array.from([...ids.subarray(0, length - 1), last]);
  }
  /** A translation of ids, without those that its tokenizer has not. */
  text(ids: readonly number[]): string {
    const known = ids.filter((id) => id < this.target.vocabSize);
    const text = this.target.decode(known);
    return this.target.kind === "words" ? joinedWords(text) : text.trim();
  }
  /** Each id on its own. */
  tokens(side: "source" | "target", ids: Iterable<number>): string[] {
    return Array.from(ids, (id) => (id < this[side].vocabSize ? this[side].decode([id]) : ""));
  }
}
