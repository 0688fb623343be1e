/** What the reader of foreign files puts right so that ids are the Python library's, and published vocabularies. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { withoutBytes } from "../../src/tokenizers/byte-fallback.ts";
import { readTokenizer, trainBpe, wordPieceJson } from "../../src/tokenizers/index.ts";
import { agreements } from "../parity/tokenizers.ts";

/** A byte-level tokenizer with one merge, of two line feeds, and a token beside the model's: so it is no form of ours. */
async function byteLevel() {
  const trained = await trainBpe("\n\n \n\n \n\n", { vocabSize: 257 });
  const json = trained.toJSON() as Readonly<Record<string, unknown>>;
  return readTokenizer({ ...json, added_tokens: [{ id: 257, content: "<|end|>", special: true }] });
}

describe("white space is Unicode's, not JavaScript's", () => {
  test("U+FEFF is none: two line feeds before it are two words, so they do not become one token", async () => {
    const foreign = await byteLevel();
    expect(foreign.kind).toBe("huggingface");
    expect([...foreign.encode("\n\n")]).toHaveLength(1);
    expect([...foreign.encode("\n\n\ufeff")]).toHaveLength(2 + 3); // \s+(?!\S) leaves one of both; U+FEFF is three bytes
  });

  test("U+0085 is: together with a line feed it is one run of spaces", async () => {
    const foreign = await byteLevel();
    expect([...foreign.encode("\u0085\n\n")]).toHaveLength(2 + 1); // two bytes, then the pair
  });
});

test("a Whitespace step takes letters of all scripts as one word", async () => {
  const json = {
    model: { type: "WordLevel", vocab: { "?": 0, größe: 1, "!": 2, 語: 3 }, unk_token: "?" },
    pre_tokenizer: { type: "Whitespace" },
    added_tokens: [],
  };
  expect([...(await readTokenizer(json)).encode("größe! 語")]).toEqual([1, 2, 3]);
});

test("a token that a Unigram list has twice is read back from both ids", async () => {
  const vocab = [
    ["<unk>", 0],
    ["</s>", 0],
    ["a", -1],
    ["</s>", -2],
  ];
  const added_tokens = [
    { id: 0, content: "<unk>", special: true },
    { id: 3, content: "</s>", special: true },
  ];
  const read = await readTokenizer({ model: { type: "Unigram", vocab, unk_id: 0 }, added_tokens });
  expect(read.decode([2, 2])).toBe("a a");
  expect(() => read.decode([1])).not.toThrow();
  expect(() => read.decode([4])).toThrow(/whole ids from 0 to 3/);
});

describe("trained tokenizers of the published kinds, made by test/parity/fuzzed_text.py", async () => {
  const found = await agreements(fileURLToPath(new URL("../fixtures/texts", import.meta.url)));
  test.each(found)("$name", ({ texts, ids, decoded, said, example }) => {
    expect({ ids, decoded, said, example }).toEqual({ ids: texts, decoded: texts, said: texts, example: "" });
  });
  test("there are five", () => expect(found).toHaveLength(5));
});

describe("tokens of bytes", () => {
  test("a run that is UTF-8 becomes its characters, U+FEFF too", () => {
    expect(withoutBytes(["a", "<0xE2>", "<0x82>", "<0xAC>", "b", "<0xEF>", "<0xBB>", "<0xBF>"])).toEqual([
      "a",
      "€",
      "b",
      "\ufeff",
    ]);
  });
  test("of one that is not, each byte becomes U+FFFD; what only looks like a byte stays", () => {
    expect(withoutBytes(["<0x41>", "<0xE2>", "x", "<0xGG>", "<0x1>"])).toEqual([
      "\ufffd",
      "\ufffd",
      "x",
      "<0xGG>",
      "<0x1>",
    ]);
  });
});

const data = process.env.DESCENT_DATA;

test.skipIf(!data)(
  "BERT's word pieces and ids of 10,570 questions, from its vocab.txt (set DESCENT_DATA to a folder with tokenizers/bert_expected)",
  async () => {
    const file = (name: string) => readFileSync(`${data}/tokenizers/${name}`, "utf8");
    const tokenizer = await readTokenizer(wordPieceJson(file("bert_base_uncased_vocab.txt"), { do_lower_case: true }));
    const pieces = file("bert_base_uncased_vocab.txt").split("\n");
    const questions = JSON.parse(file("bert_expected/question_tokens.json")) as readonly {
      original: string;
      wordpiece: readonly string[];
    }[];
    const expected = JSON.parse(file("bert_expected/tokenized_questions.json")) as readonly number[][];
    const equal = questions.filter(({ original, wordpiece }, i) => {
      const ids = [...tokenizer.encode(original)];
      return String(ids) === String(expected[i]) && String(ids.map((id) => pieces[id])) === String(wordpiece);
    });
    expect(equal).toHaveLength(10_570);
  },
);
