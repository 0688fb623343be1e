/** One id per word in lower case: runs of letters and digits, and runs of what is neither nor space. */
import { shown, TokenizerError } from "../errors.ts";
import type { Decoder } from "./decoder.ts";
import { guarded, requireMany, requireText, type Tokenizer, unknownId } from "./tokenizer.ts";

/** What a word-level tokenizer.json splits by; spaces between matches are dropped. */
export const WORD = "[\\p{L}\\p{N}_]+|[^\\p{L}\\p{N}_\\s]+";
/** The token of words that are not in the vocabulary. */
export const UNKNOWN = "[UNK]";

/** The words of a text as it spells them. */
export const wordsIn = (text: string): string[] => text.match(new RegExp(WORD, "gu")) ?? [];
const words = (text: string): string[] => wordsIn(text.toLowerCase());

/** The words of `texts`, the most frequent first. Throws TokenizerError. */
export function rankedWords(texts: Iterable<string>): string[] {
  const counts = new Map<string, number>();
  for (const text of requireMany("word tokenizer: expected a list of texts", texts))
    for (const word of words(requireText("word tokenizer", text))) counts.set(word, (counts.get(word) ?? 0) + 1);
  const ranked = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  return ranked.map(([word]) => word);
}

/** The tokenizer of the most frequent words of `texts`, at most `vocabSize` tokens with the unknown one. Throws TokenizerError. */
export function trainWords(texts: Iterable<string>, vocabSize: number): Tokenizer {
  if (!Number.isInteger(vocabSize) || vocabSize < 2)
    throw new TokenizerError(`word tokenizer: expected a vocabulary of at least 2, got ${shown(vocabSize)}`);
  return wordTokenizer([UNKNOWN, ...rankedWords(texts).slice(0, vocabSize - 1)]);
}

/** The tokenizer in which word number i of `tokens` has id i; the first stands for unknown words. */
export function wordTokenizer(tokens: readonly string[]): Tokenizer {
  const ids = new Map(tokens.map((token, id) => [token, id]));
  return guarded({
    kind: "words",
    vocabSize: tokens.length,
    encode: (text) => Int32Array.from(words(text), (word) => ids.get(word) ?? 0),
    decode: (sequence) => Array.from(sequence, (id) => tokens[id] ?? unknownId(id, tokens.length)).join(" "),
    decoder: () => wordDecoder(tokens),
    idOf: (token) => ids.get(token),
    toJSON: () => wordJson(tokens),
  });
}

function wordDecoder(tokens: readonly string[]): Decoder {
  let before = "";
  return {
    push(id) {
      const piece = before + (tokens[id] ?? unknownId(id, tokens.length));
      before = " ";
      return piece;
    },
    flush: () => "",
  };
}

function wordJson(tokens: readonly string[]): object {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: { type: "Lowercase" },
    pre_tokenizer: { type: "Split", pattern: { Regex: WORD }, behavior: "Removed", invert: true },
    post_processor: null,
    decoder: null,
    model: {
      type: "WordLevel",
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      unk_token: UNKNOWN,
    },
  };
}
