/**
 * What a tokenizer.json may ask for around its model: known kinds of patterns, and text that grows by a bounded factor.
 * A chain of replacements that each double the text makes 2^n characters of one.
 */
import { quoted, TokenizerError } from "../errors.ts";
import { requireLinear } from "./patterns.ts";

type Json = Readonly<Record<string, unknown>>;

/** Steps of one section, sequences in sequences counted through. */
const MOST_STEPS = 64;
const MOST_DEPTH = 8;
/** How many times longer a section may make a text. */
const MOST_GROWTH = 64;
/** Characters of one token, prefix or replacement. */
const MOST_LENGTH = 1024;
/** WordPiece looks at every part of a word; published models say 100. */
const MOST_WORD = 200;

/** Under which key a sequence keeps its steps. */
const SECTIONS = {
  normalizer: "normalizers",
  pre_tokenizer: "pretokenizers",
  post_processor: "processors",
  decoder: "decoders",
} as const;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function fail(section: string, detail: string): never {
  throw new TokenizerError(`tokenizer.json: ${section}: ${detail}`);
}

/** The steps of a section in their order. */
function stepsOf(section: keyof typeof SECTIONS, step: unknown, depth = 0): Json[] {
  if (step === null || step === undefined) return [];
  if (!isObject(step)) return fail(section, "expected an object");
  if (step.type !== "Sequence") return [step];
  if (depth === MOST_DEPTH) fail(section, "expected sequences that are not as deep in each other");
  const parts: unknown = step[SECTIONS[section]] ?? [];
  if (!Array.isArray(parts)) return fail(section, `expected a list of ${SECTIONS[section]}`);
  return parts.flatMap((part) => stepsOf(section, part, depth + 1));
}

/** A text option of a step, of bounded length. */
function textOf(section: string, step: Json, key: string, otherwise = ""): string {
  const text = step[key] ?? otherwise;
  if (typeof text === "string" && text.length <= MOST_LENGTH) return text;
  return fail(section, `expected ${key} of at most ${MOST_LENGTH} characters`);
}

/** The fewest characters that the pattern of a step matches. */
function patternOf(section: string, { type, pattern }: Json): number {
  const { Regex, String: text } = isObject(pattern) ? pattern : {};
  if (typeof Regex === "string") return requireLinear(Regex);
  if (typeof text === "string" && text.length <= MOST_LENGTH) return text.length;
  return fail(section, `expected ${quoted(String(type))} with a pattern, a Regex or a String`);
}

/** How many times longer a step may make a text. */
function growthOf(section: string, step: Json): number {
  if (step.type === "Replace") {
    const [found, put] = [patternOf(section, step), textOf(section, step, "content").length];
    return found ? Math.max(1, put / found) : put + 1;
  }
  if (step.type === "Split") patternOf(section, step);
  if (step.type === "Prepend") textOf(section, step, "prepend");
  if (step.type === "Metaspace" && section === "pre_tokenizer")
    return Math.max(1, textOf(section, step, "str_rep", textOf(section, step, "replacement", "▁")).length);
  if (step.type === "FixedLength") requireLength(section, step.length);
  if (step.type === "TemplateProcessing") return Math.max(copies(section, step.single), copies(section, step.pair));
  return GROWTH[String(step.type)] ?? 1;
}

/** Bytes of a character in UTF-8, spaces around an ideograph, a space for each character. */
const GROWTH: Readonly<Record<string, number>> = { ByteLevel: 3, BertNormalizer: 3, BPEDecoder: 2 };

function requireLength(section: string, length: unknown): void {
  if (!Number.isInteger(length) || Number(length) < 1) fail(section, "expected FixedLength with a length from 1 on");
}

/** How often a template repeats the text. */
function copies(section: string, template: unknown): number {
  if (template === undefined) return 1;
  if (!Array.isArray(template) || template.length > MOST_STEPS || !template.every(isObject))
    return fail(section, `expected a template of at most ${MOST_STEPS} pieces`);
  return template.filter((piece) => "Sequence" in piece).length;
}

function checkSection(section: keyof typeof SECTIONS, json: Json): void {
  const steps = stepsOf(section, json[section]);
  if (steps.length > MOST_STEPS) fail(section, `expected at most ${MOST_STEPS} steps, got ${steps.length}`);
  const growth = steps.reduce((factor, step) => factor * growthOf(section, step), 1);
  if (growth > MOST_GROWTH) fail(section, `expected text to grow ${MOST_GROWTH} times at most, got more`);
}

/** Throws TokenizerError where the steps around the model of a tokenizer.json may take time or space without bound. */
export function checkSteps(json: Json): void {
  for (const section of Object.keys(SECTIONS) as (keyof typeof SECTIONS)[]) checkSection(section, json);
  const word = isObject(json.model) ? (json.model.max_input_chars_per_word ?? 0) : 0;
  if (!Number.isInteger(word) || Number(word) < 0 || Number(word) > MOST_WORD)
    fail("model", `expected max_input_chars_per_word of at most ${MOST_WORD}`);
}

/** Throws TokenizerError where a token is longer than any real one: text is compared with all of them at every place. */
export function checkTokens(tokens: Iterable<string>): void {
  for (const token of tokens)
    if (token.length > MOST_LENGTH)
      fail(`token ${quoted(token)}`, `expected at most ${MOST_LENGTH} characters, got ${token.length}`);
}
