/** WordPiece (Wu et al. 2016, arXiv 1609.08144) as BERT has it: the tokenizer.json that its older files stand for, and a vocabulary. */
import { TokenizerError } from "../errors.ts";
import { rankedWords } from "./word-level.ts";

/** The tokens of BERT that mean something, in the order of their ids in a new vocabulary. */
export const BERT_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] as const;

/** What a tokenizer_config.json says of a BERT's tokenizer. */
type Config = Readonly<Record<string, unknown>>;

/** A token as the file spells it, or as an object with its spelling in it. */
function spelling(config: Config, key: string, usual: string): string {
  const value = config[key];
  const content = typeof value === "object" && value !== null ? (value as Config).content : value;
  return typeof content === "string" ? content : usual;
}

/** Tokens, one a line. The same token twice has its last place, as in Python. */
function linesOf(vocabulary: string): Map<string, number> {
  const lines = vocabulary.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return new Map(lines.map((token, id) => [token, id]));
}

/**
 * The content of a tokenizer.json from a vocab.txt and what stands beside it in tokenizer_config.json, as
 * `BertTokenizerFast` converts them. Throws TokenizerError where a token that is put around texts is not in the vocabulary.
 */
export function wordPieceJson(vocabulary: string, config: Config = {}): object {
  const ids = linesOf(vocabulary);
  const named = (key: string, usual: string) => spelling(config, key, usual);
  const unknown = named("unk_token", "[UNK]");
  const [first, last] = [named("cls_token", "[CLS]"), named("sep_token", "[SEP]")];
  const required = [unknown, first, last];
  const missing = required.find((token) => !ids.has(token));
  if (missing !== undefined)
    throw new TokenizerError(`vocab.txt: expected ${missing} among its ${ids.size} lines, one token each, got none`);
  const special = [...new Set([named("pad_token", "[PAD]"), ...required, named("mask_token", "[MASK]")])];
  const put = (token: string, type_id = 0) => ({ SpecialToken: { id: token, type_id } });
  const single = [put(first), { Sequence: { id: "A", type_id: 0 } }, put(last)];
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special
      .filter((token) => ids.has(token))
      .map((content) => ({ id: ids.get(content), content, special: true, ...plainToken })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: config.tokenize_chinese_chars !== false,
      strip_accents: typeof config.strip_accents === "boolean" ? config.strip_accents : null,
      lowercase: config.do_lower_case !== false,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single,
      pair: [...single, { Sequence: { id: "B", type_id: 1 } }, put(last, 1)],
      special_tokens: Object.fromEntries([first, last].map((token) => [token, ofTemplate(token, ids.get(token))])),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: {
      type: "WordPiece",
      unk_token: unknown,
      continuing_subword_prefix: "##",
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(ids),
    },
  };
}

const plainToken = { single_word: false, lstrip: false, rstrip: false, normalized: false };
const ofTemplate = (token: string, id: number | undefined) => ({ id: token, ids: [id], tokens: [token] });

/**
 * The lines of a vocab.txt for texts, at most `size`: BERT's tokens, every character at the start of a word and inside of one, and
 * the most frequent words. Words that are not in it are spelled. Throws TokenizerError where there is no room for characters.
 */
export function wordPieceVocabulary(texts: Iterable<string>, size: number): string {
  const words = rankedWords(texts);
  const characters = [...new Set(words.flatMap((word) => [...word]))].sort();
  const needed = [...BERT_TOKENS, ...characters, ...characters.map((character) => `##${character}`)];
  if (needed.length > size)
    throw new TokenizerError(
      `word pieces: expected room for the ${needed.length} characters and special tokens, got ${size} tokens; raise vocab`,
    );
  const known = new Set(needed);
  return [...needed, ...words.filter((word) => !known.has(word)).slice(0, size - needed.length)].join("\n");
}
