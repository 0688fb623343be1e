/** Texts of an autoencoder: the lines or sentences of a source, and how they become ids and texts again. */
import type { Json } from "../../checkpoint/index.ts";
import type { Source } from "../../data/index.ts";
import { ConfigError, DataError } from "../../errors.ts";
import { readTokenizer, type Tokenizer, trainBpe, trainChar, trainWords } from "../../tokenizers/index.ts";
import type { Description, Watch } from "../task.ts";
import { joinedWords } from "../translate/languages.ts";
import { keptTokenizer } from "../vocabulary.ts";

/** How texts are found and become tokens. */
export interface Spelling {
  readonly by: "line" | "sentence";
  readonly tokenizer: "char" | "words" | "bpe";
  readonly vocab?: number | undefined;
}

const VOCABULARY = { words: 10_000, bpe: 1024 } as const;

/** The sentences of a line, as Unicode divides it (UAX #29). */
const sentencesOf = (line: string): string[] =>
  Array.from(new Intl.Segmenter("en", { granularity: "sentence" }).segment(line), ({ segment }) => segment);

/** The texts of a source, without the space around them and without blank ones. Throws DataError where there is none. */
export async function readTexts(source: Source, { by }: Pick<Spelling, "by">): Promise<string[]> {
  const lines = (await source.text()).replace(/^\ufeff/, "").split("\n");
  const texts = by === "line" ? lines : lines.flatMap(sentencesOf);
  const found = texts.map((text) => text.trim()).filter((text) => text !== "");
  if (found.length > 0) return found;
  throw new DataError(`${source.name}: expected a text in each line, got blank lines alone; write one in each`);
}

function learned(texts: readonly string[], { tokenizer, vocab }: Spelling, { signal, onProgress }: Watch) {
  if (tokenizer === "words") return trainWords(texts, vocab ?? VOCABULARY.words);
  if (tokenizer === "bpe")
    return trainBpe(texts.join("\n"), {
      vocabSize: vocab ?? VOCABULARY.bpe,
      ...(signal && { signal }),
      ...(onProgress && { onProgress: (done, total) => onProgress(`learning tokens: ${done} of ${total}`) }),
    });
  if (vocab === undefined) return trainChar(texts.join(""));
  throw new ConfigError("option: vocab: the characters of a text are all taken; leave it out, or choose words or bpe");
}

/** Texts as ids and back. */
export class Lines {
  readonly tokenizer: Tokenizer;
  constructor(tokenizer: Tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** With a tokenizer learned from texts, unless `base` brings its own. */
  static async learn(texts: readonly string[], spelling: Spelling, watch: Watch, base: Description = {}) {
    const { "tokenizer.json": known } = base;
    return new Lines(known ? await readTokenizer(known) : await learned(texts, spelling, watch));
  }

  static async reopen(files: Description): Promise<Lines> {
    return new Lines(await keptTokenizer(files));
  }

  /** What a text begins after and ends with: one more id than the tokenizer has. */
  get boundary(): number {
    return this.tokenizer.vocabSize;
  }
  /** Ids that are never written: that of unknown words. */
  get unsaid(): number[] {
    return this.tokenizer.kind === "words" ? [0] : [];
  }
  get files(): Description {
    return {
      "tokenizer.json": this.tokenizer.toJSON() as Json,
      "config.json": { bos_token_id: this.boundary, eos_token_id: this.boundary },
    };
  }

  ids(text: string): Int32Array {
    return text === "" ? new Int32Array() : this.tokenizer.encode(text);
  }
  /** The text of ids, without those that the tokenizer has not. */
  text(ids: Iterable<number>): string {
    const known = [...ids].filter((id) => id < this.boundary);
    const text = this.tokenizer.decode(known);
    return this.tokenizer.kind === "words" ? joinedWords(text) : text;
  }
}
