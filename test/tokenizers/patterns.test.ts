/** Patterns of published tokenizers pass and stay linear; patterns that never end are refused before they run. */
import { describe, expect, test } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { requireLinear } from "../../src/tokenizers/patterns.ts";
import { busy } from "../support/busy.ts";

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const REST = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const BEFORE = "[^\\r\\n\\p{L}\\p{N}]?";

const PUBLISHED: Record<string, string> = {
  "GPT-2": "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "cl100k, Llama 3": `${CONTRACTIONS}|${BEFORE}\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${REST}`,
  "cl100k, possessive": `'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+`,
  "Qwen 2": `${CONTRACTIONS}|${BEFORE}\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|${REST}`,
  o200k: `${BEFORE}${UPPER}*${LOWER}+${CONTRACTIONS}?|${BEFORE}${UPPER}+${LOWER}*${CONTRACTIONS}?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${REST}`,
  "Mistral Nemo": `${BEFORE}${UPPER}*${LOWER}+|${BEFORE}${UPPER}+${LOWER}*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${REST}`,
  "DeepSeek V3": `[!"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_\`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|${REST}`,
  "DeepSeek V3, digits": "\\p{N}{1,3}",
  "DeepSeek V3, ideographs": "[一-龥\\u3040-ゟ゠-ヿ]+",
  BLOOM: " ?[^(\\s|[.,!?…。，、।۔،])]+",
  CLIP: "<\\|startoftext\\|>|<\\|endoftext\\|>|'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+",
  "CLIP, spaces": "\\s+",
  "T5 and XLM-R, spaces": " {2,}",
  Falcon: "[0-9][0-9][0-9]",
  "Kimi K2": `[\\p{Han}]+|${BEFORE}[\\p{Lu}\\p{Lo}&&[^\\p{Han}]]*[\\p{Ll}\\p{Lo}&&[^\\p{Han}]]+${CONTRACTIONS}?|${BEFORE}[\\p{Lu}\\p{Lo}&&[^\\p{Han}]]+[\\p{Ll}\\p{Lo}&&[^\\p{Han}]]*${CONTRACTIONS}?|\\p{N}{1,3}|${REST}`,
  "single characters": "[\\s\\S]",
  "between all characters": "",
};

test.each(Object.entries(PUBLISHED))("RE-04 loads: %s", (_, pattern) => {
  expect(requireLinear(pattern)).toBeGreaterThanOrEqual(0);
});

const TEXTS = ["a", " ", "\n", "'", "1", "A", "\u0301", ".", "é", " a", "a ", " \n", "aA", "Aa", "'s", "/\n"];

/** RE-06. Milliseconds would depend on the machine; 32 times more text in 4,096 times the time would be cubic. */
test.each(Object.entries(PUBLISHED).filter(([name]) => !/BLOOM|Kimi|possessive/.test(name)))(
  "RE-06 in time: %s",
  (_, pattern) => {
    for (const text of TEXTS) {
      const long = text.repeat(200_000 / text.length);
      let length = 0;
      const start = busy();
      for (const [match] of long.matchAll(new RegExp(pattern.replaceAll("(?i:", "(?:"), "gu"))) length += match.length;
      expect(length).toBeLessThanOrEqual(long.length);
      expect(busy() - start).toBeLessThan(5000); // a quadratic one takes minutes
    }
  },
);

describe("RE-04 refuses", () => {
  test.each([
    "(a+)+$",
    "(a*)*",
    "(a|a)*b",
    "(a|aa)+$",
    "(?:a+){10}b",
    "(a{1,9}){1,60}b",
    "a{1,9}+b",
    "a+b",
    "a*b",
    "a*a*b",
    "\\s+$",
    " *\\n",
    "a+(?!b)",
    "(?=a+)b",
    "<s_(.*?)>",
    ".*?x",
    "(a)\\1+",
    "\\k<x>",
    "(?i)a",
    "a{1000}",
    "a{1,100}",
    "a+x{}",
    "\\s*[\\r\\n]+|\\s|\\s+",
    "[\\sx]*[\\r\\n]+|\\s+(?!\\S)|[\\sx]+",
    "x?a*b+|a+",
    "a*b+c|a+b*",
    "a?".repeat(30) + "a".repeat(30),
    "(a|a)".repeat(12),
    `${"(?:".repeat(20)}a${")".repeat(20)}`,
    "(a",
    "a)",
    "[a",
    "*a",
    "a|+",
    "x".repeat(10_000),
  ])("%s", (pattern) => {
    const start = busy();
    expect(() => requireLinear(pattern)).toThrow(TokenizerError);
    expect(() => requireLinear(pattern)).toThrow(/^tokenizer\.json: pattern "[^\n]{1,200}$/);
    expect(busy() - start).toBeLessThan(1000);
  });
});

test.each([
  ["ab?c", 2],
  ["abc|de", 2],
  ["(?:ab|c)d{3,}", 4],
  [" {2,}", 2],
  ["x*", 0],
  ["\\p{L}\\x{41}\\u0041[]\\]]", 4],
])("the fewest characters of %s are %i", (pattern, length) => {
  expect(requireLinear(pattern)).toBe(length);
});
