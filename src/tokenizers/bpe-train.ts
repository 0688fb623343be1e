/**
 * Training of byte-level byte pair encoding: the most frequent pair of neighbours becomes a token, until the vocabulary
 * is full. Equal to `BpeTrainer` of the Python library `tokenizers` in every merge: of equally frequent pairs the one
 * with the smaller ids goes first.
 * Reference: https://github.com/huggingface/tokenizers/blob/main/tokenizers/src/models/bpe/trainer.rs
 */
import { z } from "zod";
import { abortable, callable, checked, whole } from "../schema.ts";
import { BYTE_CHARACTERS, BYTE_ORDER, bpeTokenizer } from "./bpe.ts";
import { Heap } from "./heap.ts";
import { requireText, type Tokenizer } from "./tokenizer.ts";
import { wordEnd } from "./words.ts";

/** Milliseconds of work between two looks at the clock, the signal and the event loop. */
const PAUSE_AFTER = 50;
/** Left id · SPAN + right id is a pair's number; also the largest vocabulary. */
const SPAN = 2 ** 20;

export interface BpeTraining {
  /** Number of tokens wanted, 256 bytes included; fewer come out when the text has no more pairs. */
  vocabSize: number;
  /** Pairs seen less often are left alone; default 1. */
  minFrequency?: number;
  /** Called every 50 ms or so with the number of tokens found and wanted. */
  onProgress?: (done: number, total: number) => void;
  /** Stops the training, which then rejects with the signal's reason. */
  signal?: AbortSignal;
}

const training = z.strictObject({
  vocabSize: whole(256, SPAN),
  minFrequency: whole(1, Number.MAX_SAFE_INTEGER).default(1),
  onProgress: callable<NonNullable<BpeTraining["onProgress"]>>("tokens found and wanted").optional(),
  signal: abortable().optional(),
});

/** Learns a byte-level BPE tokenizer from `text`. Throws ConfigError on a vocabulary below 256 or above 2^20. */
export async function trainBpe(text: string, options: BpeTraining): Promise<Tokenizer> {
  const { vocabSize, minFrequency, signal, onProgress } = checked(training, options, "bpe");
  const pause = pauses(signal);
  const trainer = new Trainer(await countWords(requireText("bpe tokenizer", text), pause));
  while (trainer.tokens.length < vocabSize && trainer.mergeNext(minFrequency))
    await pause(() => onProgress?.(trainer.tokens.length, vocabSize));
  onProgress?.(trainer.tokens.length, trainer.tokens.length);
  return bpeTokenizer({ tokens: trainer.tokens, merges: trainer.merges() });
}

type Pause = (report?: () => void) => Promise<void> | undefined;

/** A function that now and then lets the event loop run and heeds `signal`; it returns nothing when it is not yet time. */
function pauses(signal: AbortSignal | undefined): Pause {
  let last = Number.NEGATIVE_INFINITY;
  const rest = async (report?: () => void) => {
    report?.();
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
    last = performance.now();
  };
  return (report) => (performance.now() - last < PAUSE_AFTER ? undefined : rest(report));
}

async function countWords(text: string, pause: Pause): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let words = 0;
  for (let start = 0; start < text.length; words++) {
    const end = wordEnd(text, start);
    const word = text.slice(start, end);
    counts.set(word, (counts.get(word) ?? 0) + 1);
    start = end;
    if (words % 1024 === 0) await pause();
  }
  return counts;
}

/** A word as token ids, `length` of them still in use, and how often it stands in the text. */
interface Word {
  ids: Int32Array;
  length: number;
  count: number;
}

/** A pair in the queue: how often it was seen when queued, and the words that gave rise to the entry. */
interface Entry {
  pair: number;
  count: number;
  words: number[];
}

/** Higher count first, then smaller ids. */
const before = (a: Entry, b: Entry) => a.count > b.count || (a.count === b.count && a.pair < b.pair);

/**
 * As in the reference, a merged pair keeps its count, and a pair that arises again is queued again with its new words
 * only; both show in texts where one spelling arises from two different pairs.
 */
class Trainer {
  readonly tokens = BYTE_ORDER.map((byte) => BYTE_CHARACTERS[byte] ?? "");
  readonly #ids = new Map(this.tokens.map((token, id) => [token, id]));
  readonly #words: Word[];
  readonly #counts = new Map<number, number>();
  readonly #queue = new Heap<Entry>(before);
  /** Words that must be looked at for each pair that arose since the last merge. */
  #fresh = new Map<number, number[]>();
  /** Pairs in the order of their last merge. */
  readonly #merged = new Set<number>();

  constructor(counts: ReadonlyMap<string, number>) {
    const idOfByte = Int32Array.from(BYTE_CHARACTERS, (character) => this.#ids.get(character) ?? 0);
    const encoder = new TextEncoder();
    this.#words = Array.from(counts, ([word, count]) => {
      const ids = Int32Array.from(encoder.encode(word), (byte) => idOfByte[byte] ?? 0);
      return { ids, length: ids.length, count };
    });
    for (const [index, word] of this.#words.entries()) this.#countPairs(word, index);
    this.#enqueue();
  }

  /** Merges the most frequent pair; false when none is left that is frequent enough. */
  mergeNext(minFrequency: number): boolean {
    for (let top = this.#queue.pop(); top; top = this.#queue.pop()) {
      const count = this.#counts.get(top.pair) ?? 0;
      if (top.count !== count) this.#queue.push({ ...top, count });
      else if (count < minFrequency) return false;
      else {
        this.#merge(top);
        return true;
      }
    }
    return false;
  }

  merges(): [string, string][] {
    return Array.from(this.#merged, (pair) => [
      this.tokens[Math.floor(pair / SPAN)] ?? "",
      this.tokens[pair % SPAN] ?? "",
    ]);
  }

  #countPairs({ ids, count }: Word, index: number): void {
    for (let i = 0; i + 1 < ids.length; i++) this.#change(ids[i], ids[i + 1], count, index);
  }

  #merge({ pair, words }: Entry): void {
    const [left, right] = [Math.floor(pair / SPAN), pair % SPAN];
    const id = this.#tokenId(`${this.tokens[left]}${this.tokens[right]}`);
    this.#merged.delete(pair);
    this.#merged.add(pair);
    for (const index of words) {
      const word = this.#words[index];
      if (word) this.#mergeIn(word, index, left, right, id);
    }
    this.#enqueue();
  }

  #tokenId(spelling: string): number {
    const known = this.#ids.get(spelling);
    if (known !== undefined) return known;
    this.#ids.set(spelling, this.tokens.length);
    return this.tokens.push(spelling) - 1;
  }

  /** Replaces left, right by id from left to right, with the changes in the neighbouring pairs. */
  #mergeIn(word: Word, index: number, left: number, right: number, id: number): void {
    const { ids, length, count } = word;
    let to = 0;
    for (let from = 0; from < length; from++, to++) {
      if (ids[from] !== left || from + 1 >= length || ids[from + 1] !== right) {
        ids[to] = ids[from] ?? 0;
        continue;
      }
      const [previous, next] = [to > 0 ? ids[to - 1] : undefined, from + 2 < length ? ids[from + 2] : undefined];
      this.#change(previous, left, -count, index);
      this.#change(previous, id, count, index);
      this.#change(right, next, -count, index);
      this.#change(id, next, count, index);
      ids[to] = id;
      from++;
    }
    word.length = to;
  }

  #change(left: number | undefined, right: number | undefined, by: number, index: number): void {
    if (left === undefined || right === undefined) return;
    const pair = left * SPAN + right;
    this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + by);
    if (by < 0) return;
    const words = this.#fresh.get(pair);
    if (!words) this.#fresh.set(pair, [index]);
    else if (words[words.length - 1] !== index) words.push(index);
  }

  #enqueue(): void {
    for (const [pair, words] of this.#fresh) {
      const count = this.#counts.get(pair) ?? 0;
      if (count > 0) this.#queue.push({ pair, count, words });
    }
    this.#fresh = new Map();
  }
}
