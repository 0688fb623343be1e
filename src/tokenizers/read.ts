/**
 * A tokenizer.json -> Tokenizer. Our own two forms go to our own code; everything else to @huggingface/tokenizers,
 * which is loaded only then.
 */
import type { Tokenizer as ForeignTokenizer } from "@huggingface/tokenizers";
import { nearest, printable, quoted, shown, TokenizerError } from "../errors.ts";
import { type BpeModel, BYTE_CHARACTERS, bpeTokenizer } from "./bpe.ts";
import { withoutBytes } from "./byte-fallback.ts";
import { ANY_CHARACTER, charTokenizer } from "./char.ts";
import { checkSteps, checkTokens } from "./steps.ts";
import { guarded, type Tokenizer, unknownId } from "./tokenizer.ts";
import { UNKNOWN, WORD, wordTokenizer } from "./word-level.ts";

/** Ids are below this, so that a small file cannot ask for a huge table. */
const MAX_VOCABULARY = 2 ** 24;
/** Sections that the Python library lets a file leave out. */
const ABSENT = { added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null };
const MODELS = ["BPE", "WordPiece", "Unigram", "WordLevel"];

type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** A foreign value in a message. */
const spelled = (value: unknown): string => printable(JSON.stringify(value) ?? "nothing", 60);

function fail(detail: string): never {
  throw new TokenizerError(`tokenizer.json: ${detail}`);
}

/** The tokenizer that the parsed content of a tokenizer.json describes. Throws TokenizerError on damage, such as an id given twice. */
export async function readTokenizer(json: unknown): Promise<Tokenizer> {
  if (!isObject(json) || !isObject(json.model)) return fail('expected an object with a "model", got something else');
  requireSections(json);
  const ids = vocabulary(json.model);
  const added = addedTokens(json, ids);
  const tokens = inOrder(ids);
  if (added.size === 0 && tokens && isChar(json, json.model, tokens)) return charTokenizer(tokens);
  if (added.size === 0 && tokens && isWords(json, json.model, tokens)) return wordTokenizer(tokens);
  const merges = added.size === 0 && tokens && isBpe(json, json.model, ids) && readMerges(json.model);
  if (merges && tokens) return bpeTokenizer({ tokens, merges });
  return foreign(json, new Map([...ids, ...added]));
}

/** Throws TokenizerError where a section is neither left out nor of a type. */
function requireSections(json: Json): void {
  for (const name of ["normalizer", "pre_tokenizer", "post_processor", "decoder"]) {
    const section = json[name] ?? { type: "none" };
    if (!isObject(section) || typeof section.type !== "string")
      fail(`${name}: expected an object with a type, or null, got ${shown(section)}`);
  }
  if (!Array.isArray(json.added_tokens ?? [])) fail(`expected added_tokens as a list, got ${shown(json.added_tokens)}`);
}

/** Ids by token, each id once. Unigram lists its tokens; the others map them. */
function vocabulary(model: Json): Map<string, number> {
  const { type, vocab } = model;
  if (type !== undefined && !MODELS.includes(String(type)))
    fail(`expected model BPE, WordPiece, Unigram or WordLevel, got ${spelled(type)}${nearest(String(type), MODELS)}`);
  if (Array.isArray(vocab)) return new Map(vocab.map((row, id) => [unigramToken(row, id), id]));
  if (!isObject(vocab)) return fail('expected a "vocab" in the model, got none');
  const ids = new Map(Object.entries(vocab).map(([token, id]) => [token, checkedId(token, id)]));
  refuseDuplicates(ids);
  return ids;
}

function unigramToken(row: unknown, id: number): string {
  const token: unknown = list(row)[0];
  return typeof token === "string" ? token : fail(`expected [token, score] at place ${id} of the vocab`);
}

function checkedId(token: string, id: unknown): number {
  if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id < MAX_VOCABULARY) return id;
  return fail(`expected an id from 0 to ${MAX_VOCABULARY - 1} for ${quoted(token)}, got ${spelled(id)}`);
}

function refuseDuplicates(ids: ReadonlyMap<string, number>): void {
  const tokens = new Map<number, string>();
  for (const [token, id] of ids) {
    const other = tokens.get(id);
    if (other !== undefined) fail(`expected each id once, got ${id} for ${quoted(other)} and ${quoted(token)}`);
    tokens.set(id, token);
  }
}

function addedTokens(json: Json, ids: ReadonlyMap<string, number>): Map<string, number> {
  const added = new Map<string, number>();
  for (const token of list(json.added_tokens)) {
    if (!isObject(token) || typeof token.content !== "string") return fail("expected added_tokens with id and content");
    if (added.has(token.content)) fail(`expected each added token once, got ${quoted(token.content)} twice`);
    added.set(token.content, checkedId(token.content, token.id));
  }
  refuseDuplicates(new Map([...ids, ...added]));
  return added;
}

/** Tokens by id when the ids are 0, 1, 2 and so on without a gap. */
function inOrder(ids: ReadonlyMap<string, number>): string[] | undefined {
  const tokens: string[] = Array(ids.size).fill("");
  for (const [token, id] of ids) {
    if (id >= tokens.length) return undefined;
    tokens[id] = token;
  }
  return tokens;
}

/** Every option of `step` is the given one or absent. */
function has(step: unknown, options: Json): boolean {
  return (
    isObject(step) && Object.entries(options).every(([key, value]) => step[key] === undefined || step[key] === value)
  );
}

function isChar(json: Json, model: Json, tokens: readonly string[]): boolean {
  const { pre_tokenizer: split, decoder } = json;
  return (
    model.type === "WordLevel" &&
    plain(json) &&
    isObject(split) &&
    has(split, { type: "Split", behavior: "Isolated", invert: false }) &&
    isObject(split.pattern) &&
    split.pattern.Regex === ANY_CHARACTER &&
    isObject(decoder) &&
    decoder.type === "Fuse" &&
    tokens.every((token) => [...token].length === 1)
  );
}

function isWords(json: Json, model: Json, tokens: readonly string[]): boolean {
  const { pre_tokenizer: split, normalizer } = json;
  return (
    has(model, { type: "WordLevel", unk_token: UNKNOWN }) &&
    plain({ ...json, normalizer: null }) &&
    has(normalizer, { type: "Lowercase" }) &&
    has(split, { type: "Split", behavior: "Removed", invert: true }) &&
    isObject(split) &&
    isObject(split.pattern) &&
    split.pattern.Regex === WORD &&
    !json.decoder &&
    tokens[0] === UNKNOWN
  );
}

function isBpe(json: Json, model: Json, ids: ReadonlyMap<string, number>): boolean {
  const { pre_tokenizer: split, decoder } = json;
  const without = { unk_token: null, byte_fallback: false, ignore_merges: false };
  return (
    model.type === "BPE" &&
    plain(json) &&
    has(model, without) &&
    !model.dropout &&
    !model.continuing_subword_prefix &&
    !model.end_of_word_suffix &&
    isObject(split) &&
    split.type === "ByteLevel" &&
    split.add_prefix_space === false &&
    split.use_regex !== false &&
    isObject(decoder) &&
    decoder.type === "ByteLevel" &&
    BYTE_CHARACTERS.every((character) => ids.has(character))
  );
}

/** Nothing before and nothing after the model. */
const plain = (json: Json) => !json.normalizer && !json.post_processor && !json.truncation && !json.padding;

/** Merges as pairs or, as in older files, as "left right". */
function readMerges(model: Json): BpeModel["merges"] {
  return list(model.merges).map((merge) => {
    const [left, right, ...more]: readonly unknown[] = typeof merge === "string" ? merge.split(" ") : list(merge);
    if (typeof left === "string" && typeof right === "string" && more.length === 0) return [left, right] as const;
    return fail(`expected merges of two tokens, got ${spelled(merge)}`);
  });
}

/** The white space of Unicode, which \s means in the Python library: JavaScript's lacks U+0085 and has U+FEFF. */
const spaces = (pattern: string): string =>
  pattern.replace(/\\[\s\S]/g, (found) => ({ "\\s": "\\p{White_Space}", "\\S": "\\P{White_Space}" })[found] ?? found);

/** GPT-2's division into words, which a ByteLevel step does unless it says otherwise. */
const WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
/** What \w means in the Python library. */
const LETTERS = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";

const split = (Regex: string, behavior: string, invert: boolean): Json => ({
  ...{ type: "Split", behavior, invert },
  pattern: { Regex: spaces(Regex) },
});

/** Steps whose patterns mean in JavaScript what they mean in the Python library, whatever steps they stand in. */
function translated(step: unknown): unknown {
  if (Array.isArray(step)) return step.map(translated);
  if (!isObject(step)) return step;
  const { type, pattern } = step;
  if (isObject(pattern) && typeof pattern.Regex === "string")
    return { ...step, pattern: { Regex: spaces(pattern.Regex) } };
  if (type === "Whitespace") return split(`[${LETTERS}]+|[^${LETTERS}\\s]+`, "Removed", true);
  if (type === "ByteLevel" && step.use_regex !== false && step.add_prefix_space !== true)
    return { type: "Sequence", pretokenizers: [split(WORDS, "Isolated", false), { ...step, use_regex: false }] };
  return Object.fromEntries(Object.entries(step).map(([key, value]) => [key, translated(value)]));
}

type Decoding = NonNullable<ForeignTokenizer["decoder"]>;

/** The steps of a decoder, those of sequences in sequences too. */
function decoders(step: Decoding | null): Decoding[] {
  if (step === null) return [];
  return "decoders" in step ? (step.decoders as Decoding[]).flatMap(decoders) : [step];
}

/** Ids of a Unigram model: a token may stand at two places of its list, and each has its id. */
const places = (model: unknown): Iterable<number> => (isObject(model) ? list(model.vocab).keys() : []);

async function foreign(json: Json, ids: ReadonlyMap<string, number>): Promise<Tokenizer> {
  checkSteps(json);
  checkTokens(ids.keys());
  const { Tokenizer: Foreign } = await import("@huggingface/tokenizers");
  const sections = Object.fromEntries(Object.entries(ABSENT).map(([name, absent]) => [name, json[name] ?? absent]));
  const steps = {
    normalizer: translated(json.normalizer ?? null),
    pre_tokenizer: translated(json.pre_tokenizer ?? null),
  };
  const tokenizer = attempt(() => new Foreign({ ...json, ...sections, ...steps }, {}));
  for (const step of decoders(tokenizer.decoder))
    if (step.config.type === "ByteFallback") step.decode_chain = withoutBytes;
  const known = new Set([...ids.values(), ...places(json.model)]);
  const vocabSize = ids.size === 0 ? 0 : Math.max(...known) + 1;
  return guarded({
    kind: "huggingface",
    vocabSize,
    encode: (text, options) => attempt(() => foreignIds(tokenizer, text, options?.specialTokens ?? false)),
    decode: (sequence) => foreignText(tokenizer, sequence, known, vocabSize),
    idOf: (token) => ids.get(token),
    toJSON: () => json,
  });
}

function foreignIds(tokenizer: ForeignTokenizer, text: string, specialTokens: boolean): Int32Array {
  const { ids, tokens } = tokenizer.encode(text, { add_special_tokens: specialTokens });
  return Int32Array.from(ids, (id, i) => {
    // A token without an id comes back as undefined, whatever the library's types say.
    if (typeof id === "number") return id;
    throw new TokenizerError(
      `encode: expected only known tokens, got ${spelled(tokens[i])} and the file has no unknown token`,
    );
  });
}

function foreignText(
  tokenizer: ForeignTokenizer,
  sequence: Iterable<number>,
  known: ReadonlySet<number>,
  vocabSize: number,
): string {
  const ids = Array.from(sequence, (id) => (known.has(id) ? id : unknownId(id, vocabSize)));
  if (ids.length === 0) return "";
  return attempt(() => tokenizer.decode(ids, { skip_special_tokens: true, clean_up_tokenization_spaces: false }));
}

function attempt<T>(run: () => T): T {
  try {
    return run();
  } catch (cause) {
    if (cause instanceof TokenizerError) throw cause;
    const reason = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new TokenizerError(`tokenizer.json: expected a form that @huggingface/tokenizers reads, got: ${reason}`, {
      cause,
    });
  }
}
