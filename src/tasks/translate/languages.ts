/** The two languages of a translation: their tokenizers, and sentences as ids and back. */
import type { Json } from "../../checkpoint/index.ts";
import type { SentencePair } from "../../data/index.ts";
import { CheckpointError } from "../../errors.ts";
import { readTokenizer, type Tokenizer, trainBpe, trainWords } from "../../tokenizers/index.ts";
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

export class Languages {
  readonly source: Tokenizer;
  readonly target: Tokenizer;
  readonly spelling: Spelling;
  private constructor(source: Tokenizer, target: Tokenizer, spelling: Spelling) {
    [this.source, this.target, this.spelling] = [source, target, spelling];
  }

  /** Tokenizers learned from pairs, unless `base` brings its own. */
  static async learn(pairs: readonly SentencePair[], spelling: Spelling, watch: Watch, base: Description = {}) {
    const make = async (side: "source" | "target", file: string) => {
      const known = base[file];
      if (known) return readTokenizer(known);
      const texts = pairs.map((pair) => cased(pair[side], spelling));
      return learned(texts, spelling, side, watch);
    };
    const source = await make("source", SOURCE_FILE);
    return new Languages(source, await make("target", "tokenizer.json"), spelling);
  }

  static async reopen(files: Description, spelling: Spelling): Promise<Languages> {
    const json = files[SOURCE_FILE];
    if (!json) throw new CheckpointError(`${SOURCE_FILE}: expected one beside config.json, got none; copy it there`);
    return new Languages(await readTokenizer(json), await keptTokenizer(files), spelling);
  }

  /** What a target begins after and ends with: one more id than its tokenizer has. */
  get boundary(): number {
    return this.target.vocabSize;
  }
  /** Ids that a translation never holds: that of unknown words. */
  get unsaid(): number[] {
    return this.target.kind === "words" ? [0] : [];
  }
  /** Whether upper and lower case are the same in a translation. */
  get caseless(): boolean {
    return this.spelling.lowercase || this.target.kind === "words";
  }
  get files(): Description {
    return {
      "tokenizer.json": this.target.toJSON() as Json,
      [SOURCE_FILE]: this.source.toJSON() as Json,
      "config.json": { decoder_start_token_id: this.boundary, eos_token_id: this.boundary },
    };
  }

  /** All ids of a sentence. */
  ids(side: "source" | "target", text: string): Int32Array {
    return this[side].encode(cased(text, this.spelling));
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
