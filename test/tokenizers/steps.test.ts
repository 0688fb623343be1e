/** What a tokenizer.json may ask for besides its model: nothing that never ends or fills the memory. */
import { describe, expect, test, vi } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { readTokenizer } from "../../src/tokenizers/index.ts";
import { busy } from "../support/busy.ts";

const vocab = { "[UNK]": 0, a: 1, b: 2, "##a": 3 };
const model = { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", vocab };
const replace = (pattern: object, content: string) => ({ type: "Replace", pattern, content });
const doubling = (count: number) => Array.from({ length: count }, () => replace({ String: "a" }, "aa"));
const sequence = (normalizers: object[]) => ({ normalizer: { type: "Sequence", normalizers } });
const nested = (depth: number): object =>
  depth ? { type: "Sequence", normalizers: [nested(depth - 1)] } : { type: "Lowercase" };
const split = (pattern: object) => ({ pre_tokenizer: { type: "Split", pattern, behavior: "Isolated", invert: false } });
const template = (count: number) => ({
  post_processor: {
    type: "TemplateProcessing",
    single: Array.from({ length: count }, () => ({ Sequence: { id: "A", type_id: 0 } })),
    pair: [],
  },
});

describe("refused", () => {
  test.each<[string, object, RegExp]>([
    ["a pattern that never ends", split({ Regex: "(a+)+$" }), /pattern "\(a\+\)\+\$": expected one that takes time/],
    ["the same in a replacement", sequence([replace({ Regex: "(a|a)*b" }, "")]), /takes time in proportion/],
    ["the same in a decoder", { decoder: replace({ Regex: "a+b" }, "") }, /takes time in proportion/],
    ["doubling replacements", sequence(doubling(30)), /normalizer: expected text to grow 64 times at most/],
    [
      "doubling in a decoder",
      { decoder: { type: "Sequence", decoders: doubling(30) } },
      /decoder: expected text to grow/,
    ],
    ["something from nothing", sequence([replace({ Regex: "x*" }, "y".repeat(100))]), /expected text to grow/],
    [
      "a long replacement",
      sequence([replace({ String: "a" }, "x".repeat(2000))]),
      /content of at most 1024 characters/,
    ],
    ["a long prefix", { normalizer: { type: "Prepend", prepend: "x".repeat(2000) } }, /prepend of at most 1024/],
    ["long spaces", { pre_tokenizer: { type: "Metaspace", replacement: "▁".repeat(100) } }, /expected text to grow/],
    ["too many steps", sequence(Array.from({ length: 65 }, () => ({ type: "Lowercase" }))), /at most 64 steps, got 65/],
    ["sequences in sequences", { normalizer: nested(1000) }, /not as deep in each other/],
    ["pieces of no length", { pre_tokenizer: { type: "FixedLength", length: 0 } }, /a length from 1 on/],
    ["pieces of negative length", { pre_tokenizer: { type: "FixedLength", length: -1 } }, /a length from 1 on/],
    ["a text repeated", template(64 + 1), /template of at most 64 pieces/],
    ["a text repeated twice, seven times", { post_processor: { type: "Sequence", processors: Array.from({ length: 7 }, () => template(2).post_processor) } }, /expected text to grow/], // biome-ignore format: a row
    ["no pattern", split({}), /pre_tokenizer: expected "Split" with a pattern, a Regex or a String/],
    ["a pattern of another kind", split({ Glob: "*" }), /a Regex or a String/],
    ["a list for a step", { normalizer: [] }, /normalizer: expected an object/],
    ["words of any length", { model: { ...model, max_input_chars_per_word: 1e9 } }, /max_input_chars_per_word/],
    ["an endless token", { model: { ...model, vocab: { ...vocab, ["a".repeat(2000)]: 4 } } }, /token "a+…": expected at most 1024/], // biome-ignore format: a row
    ["an escape sequence for a type", { model: { ...model, type: "\x1b[2J" } }, /got "\\u001b\[2J"/],
  ])("%s", async (_, changes, say) => {
    const start = busy();
    const error = await readTokenizer({ model, ...changes }).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(TokenizerError);
    expect((error as Error).message).toMatch(say);
    expect((error as Error).message).toMatch(/^[\x20-\x7e…]{1,300}$/);
    expect(busy() - start).toBeLessThan(2000);
  });
});

test("nothing is printed", async () => {
  const warn = vi.spyOn(console, "warn");
  await expect(readTokenizer({ model, ...split({}) })).rejects.toThrow(TokenizerError);
  expect(warn).not.toHaveBeenCalled();
  warn.mockRestore();
});

describe("loaded", () => {
  const spaces = replace({ String: " " }, "▁");
  test.each<[string, object]>([
    [
      "BERT's",
      { normalizer: { type: "BertNormalizer", lowercase: true }, pre_tokenizer: { type: "BertPreTokenizer" } },
    ],
    ["Llama 2's", { ...sequence([{ type: "Prepend", prepend: "▁" }, spaces]) }],
    [
      "T5's",
      { ...sequence([{ type: "NFKC" }, replace({ Regex: " {2,}" }, " ")]), pre_tokenizer: { type: "Metaspace" } },
    ],
    ["CLIP's", sequence([{ type: "NFC" }, replace({ Regex: "\\s+" }, " "), { type: "Lowercase" }])],
    ["XLNet's", sequence([replace({ String: "``" }, '"'), replace({ String: "''" }, '"'), { type: "NFKD" }])],
    ["a post-processor's", template(1)],
    ["pieces of three", { pre_tokenizer: { type: "FixedLength", length: 3 } }],
  ])("%s steps", async (_, changes) => {
    const tokenizer = await readTokenizer({ model, ...changes });
    expect([...tokenizer.encode("b")].length).toBeGreaterThan(0);
  });
});
