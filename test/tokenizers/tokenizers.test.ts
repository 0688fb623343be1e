/** Against the Python library `tokenizers` (test/fixtures/make-tokenizers.py), and properties of our own. */
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, TokenizerError } from "../../src/errors.ts";
import { bpeTokenizer, charTokenizer, readTokenizer, trainBpe, trainChar } from "../../src/tokenizers/index.ts";
import { wordEnd } from "../../src/tokenizers/words.ts";
import { busy } from "../support/busy.ts";

interface Sample {
  text: string;
  ids: number[];
}
interface Fixture {
  bpe: {
    text: string;
    vocab_size: number;
    min_frequency?: number;
    tokens: string[];
    merges: [string, string][];
    samples: Sample[];
  }[];
  wordpiece: { json: Record<string, unknown>; samples: (Sample & { special: number[]; decoded: string })[] };
  char: Sample & { json: unknown };
}
const fixture: Fixture = JSON.parse(readFileSync(new URL("../fixtures/tokenizers.json", import.meta.url), "utf8"));
const plain = (tokenizer: object): unknown => JSON.parse(JSON.stringify(tokenizer));
const wellFormed = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 30 }),
  fc.string({
    unit: fc.constantFrom(
      " ",
      "  ",
      "\n",
      "'s",
      "'ll",
      "'",
      "a",
      "B",
      "é",
      "1",
      "٣",
      ".",
      "\u0085",
      "\ufeff",
      "\u00a0",
      "😀",
      "𝔘",
    ),
    maxLength: 30,
  }),
);

describe("bpe training equals the Python library", () => {
  it.each(fixture.bpe.map((row, i) => [i, row] as const))("text %i: vocabulary, merges and ids", async (_, row) => {
    const tokenizer = await trainBpe(row.text, { vocabSize: row.vocab_size, minFrequency: row.min_frequency ?? 1 });
    const { model } = plain(tokenizer) as { model: { vocab: Record<string, number>; merges: unknown } };
    expect(Object.keys(model.vocab).sort((a, b) => (model.vocab[a] ?? 0) - (model.vocab[b] ?? 0))).toEqual(row.tokens);
    expect(model.merges).toEqual(row.merges);
    for (const { text, ids } of row.samples) {
      expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(text);
    }
    expect([...tokenizer.decode(tokenizer.encode(row.text))]).toEqual([...row.text]);
  });

  it("reports progress, and stops at the signal", async () => {
    const seen: number[] = [];
    const text = fixture.bpe[0]?.text ?? "";
    await trainBpe(text, { vocabSize: 300, onProgress: (done, total) => seen.push(done / total) });
    expect(seen.at(-1)).toBe(1);
    const controller = new AbortController();
    const training = trainBpe(text, { vocabSize: 300, signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(training).rejects.toThrow("enough");
  });

  it("refuses a vocabulary that cannot be", async () => {
    for (const vocabSize of [255, 0, -1, 300.5, Number.NaN, 2 ** 20 + 1])
      await expect(trainBpe("x", { vocabSize })).rejects.toThrow(ConfigError);
  });

  it("stops when no pairs are left, and trains on nothing", async () => {
    expect((await trainBpe("abc", { vocabSize: 1000 })).vocabSize).toBe(258);
    expect((await trainBpe("", { vocabSize: 300 })).vocabSize).toBe(256);
  });
});

describe("bpe", () => {
  const { tokens, merges } = fixture.bpe[0] ?? { tokens: [], merges: [] };
  const tokenizer = bpeTokenizer({ tokens, merges });

  it("decode(encode(x)) is x for every well-formed text", () => {
    fc.assert(
      fc.property(wellFormed, (text) => tokenizer.decode(tokenizer.encode(text)) === text),
      { numRuns: 1000 },
    );
  });

  it("decodes broken UTF-8 to U+FFFD, keeps a byte order mark, and refuses foreign ids", () => {
    const ids = tokenizer.encode("é");
    expect(tokenizer.decode(tokenizer.encode("a😀").subarray(0, -1))).toContain("\ufffd");
    expect(tokenizer.decode(ids)).toBe("é");
    expect(tokenizer.decode(tokenizer.encode("\ufeffx"))).toBe("\ufeffx");
    for (const id of [-1, tokenizer.vocabSize, 0.5, Number.NaN])
      expect(() => tokenizer.decode([id])).toThrow(
        `decode: expected whole ids from 0 to ${tokenizer.vocabSize - 1}, got ${id}`,
      );
  });

  it("one word of a million characters takes little time", () => {
    const start = busy();
    const text = "nation".repeat(170_000);
    expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    tokenizer.encode(`${" ".repeat(500_000)}x`);
    expect(busy() - start).toBeLessThan(10_000);
  });

  it("names a merge without a token, and a token outside the byte alphabet", () => {
    expect(() => bpeTokenizer({ tokens, merges: [["a", "zzzz"]] })).toThrow('expected "zzzz" in the vocabulary');
    expect(() => bpeTokenizer({ tokens: [...tokens, "日"], merges })).toThrow("byte alphabet");
    expect(() => bpeTokenizer({ tokens: ["a"], merges: [] })).toThrow("in the vocabulary, got none");
  });
});

describe("words", () => {
  const pattern =
    /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

  it("the scanner divides as the regular expression", () => {
    fc.assert(
      fc.property(wellFormed, (text) => {
        const words: string[] = [];
        for (let at = 0; at < text.length; at = wordEnd(text, at)) words.push(text.slice(at, wordEnd(text, at)));
        expect(words).toEqual(text.match(pattern) ?? []);
      }),
      { numRuns: 5000 },
    );
  });
});

describe("char", () => {
  it("equals the Python library on its own file", async () => {
    const tokenizer = trainChar(fixture.char.text);
    expect(plain(tokenizer)).toEqual(fixture.char.json);
    expect([...tokenizer.encode(fixture.char.text)]).toEqual(fixture.char.ids);
    const read = await readTokenizer(fixture.char.json);
    expect(read.kind).toBe("char");
    expect(read.decode(fixture.char.ids)).toBe(fixture.char.text);
  });

  it("is read the same by @huggingface/tokenizers", async () => {
    const { Tokenizer } = await import("@huggingface/tokenizers");
    const foreign = new Tokenizer(plain(trainChar(fixture.char.text)) as object, {});
    expect(foreign.encode(fixture.char.text).ids).toEqual(fixture.char.ids);
    expect(foreign.decode(fixture.char.ids)).toBe(fixture.char.text);
  });

  it("orders ids by code point and round trips", () => {
    const tokenizer = trainChar("b\na😀é");
    expect([...tokenizer.encode("\nabé😀")]).toEqual([0, 1, 2, 3, 4]);
    expect(tokenizer.vocabSize).toBe(5);
    expect([tokenizer.idOf("😀"), tokenizer.idOf("ab"), tokenizer.idOf("")]).toEqual([4, undefined, undefined]);
    fc.assert(fc.property(wellFormed, (text) => trainChar(text).decode(trainChar(text).encode(text)) === text));
  });

  it("names the first unknown character and its place", () => {
    expect(() => trainChar("ab").encode("a😀")).toThrow(TokenizerError);
    expect(() => trainChar("a😀").encode("a😀\u200bz")).toThrow('unknown character "\u200b" (U+200B) at position 2');
    expect(() => trainChar("ab\ud800")).toThrow("half a surrogate pair at position 2");
    expect(() => charTokenizer(["a"]).decode([1])).toThrow("expected whole ids from 0 to 0, got 1");
  });
});

describe("readTokenizer", () => {
  it("reads our own files, new and old merges", async () => {
    const trained = await trainBpe("ab ab abc", { vocabSize: 259 });
    const json = plain(trained) as { model: { merges: [string, string][] } };
    for (const merges of [json.model.merges, json.model.merges.map((pair) => pair.join(" "))]) {
      const read = await readTokenizer({ ...json, model: { ...json.model, merges } });
      expect(read.kind).toBe("bpe");
      expect(plain(read)).toEqual(json);
      expect([...read.encode("abc ab")]).toEqual([...trained.encode("abc ab")]);
    }
  });

  it("gives other forms to @huggingface/tokenizers", async () => {
    const read = await readTokenizer(fixture.wordpiece.json);
    expect(read.kind).toBe("huggingface");
    expect(read.idOf("[SEP]")).toBe(2);
    expect(read.toJSON()).toBe(fixture.wordpiece.json);
    for (const { text, ids, special, decoded } of fixture.wordpiece.samples) {
      expect([...read.encode(text)]).toEqual(ids);
      expect([...read.encode(text, { specialTokens: true })]).toEqual(special);
      expect(read.decode(special)).toBe(decoded);
    }
    expect(read.decode([])).toBe("");
    expect(() => read.decode([read.vocabSize])).toThrow(TokenizerError);
  });

  it("a foreign file without an unknown token says which token it lacks", async () => {
    const json = {
      model: { type: "WordLevel", vocab: { a: 0 } },
      pre_tokenizer: { type: "Whitespace" },
      added_tokens: [],
    };
    const read = await readTokenizer(json);
    expect(() => read.encode("a zebra")).toThrow('got "zebra" and the file has no unknown token');
  });

  it.each<[string, unknown, string]>([
    ["no object", [], 'expected an object with a "model"'],
    ["no model", {}, 'expected an object with a "model"'],
    ["no vocab", { model: { type: "BPE" } }, 'expected a "vocab"'],
    ["unknown model", { model: { type: "Wordpiece", vocab: {} } }, 'did you mean "WordPiece"?'],
    ["an id twice", { model: { type: "BPE", vocab: { a: 0, b: 0 }, merges: [] } }, 'got 0 for "a" and "b"'],
    ["a negative id", { model: { type: "BPE", vocab: { a: -1 }, merges: [] } }, 'for "a", got -1'],
    ["a fractional id", { model: { type: "WordLevel", vocab: { a: 0.5 } } }, 'for "a", got 0.5'],
    ["an id as text", { model: { type: "WordLevel", vocab: { a: "0" } } }, 'for "a", got "0"'],
    ["a huge id", { model: { type: "WordLevel", vocab: { a: 2 ** 40 } } }, "expected an id from 0 to 16777215"],
    [
      "an added token on a taken id",
      { model: { type: "WordLevel", vocab: { a: 0 } }, added_tokens: [{ id: 0, content: "b" }] },
      "each id once",
    ],
    [
      "an added token without id",
      { model: { type: "WordLevel", vocab: { a: 0 } }, added_tokens: [{ content: "b" }] },
      'for "b", got nothing',
    ],
    ["a bad unigram row", { model: { type: "Unigram", vocab: [[1, 2]] } }, "expected [token, score] at place 0"],
    [
      "a pre-tokenizer that does not exist",
      { model: { type: "WordLevel", vocab: { a: 0 } }, pre_tokenizer: { type: "Nonesuch" } },
      "expected a form that @huggingface/tokenizers reads",
    ],
  ])("refuses %s", async (_, json, words) => {
    await expect(readTokenizer(json)).rejects.toThrow(TokenizerError);
    await expect(readTokenizer(json)).rejects.toThrow(words);
  });
});
