/** WordPiece from a vocab.txt, and a vocabulary of that kind. */
import { describe, expect, test } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import { readTokenizer, wordPieceJson, wordPieceVocabulary } from "../../src/tokenizers/index.ts";

const vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nun\n##aff\n##able\ncafe\nCafé\n,\n";
const encoded = async (text: string, config = {}, specialTokens = false) => [
  ...(await readTokenizer(wordPieceJson(vocabulary, config))).encode(text, { specialTokens }),
];

describe("a vocab.txt", () => {
  test("the longest piece first, each id the number of its line", async () =>
    expect(await encoded("Unaffable, café")).toEqual([5, 6, 7, 10, 8]));

  test("[CLS] and [SEP] around a text where asked for, and [MASK] is one token wherever it stands", async () =>
    expect(await encoded("un[MASK] cafe", {}, true)).toEqual([2, 5, 4, 8, 3]));

  test("upper case and accents stay where tokenizer_config.json says so", async () => {
    expect(await encoded("Café cafe", { do_lower_case: false })).toEqual([9, 8]);
    expect(await encoded("café", { strip_accents: false })).toEqual([1]);
  });

  test("a word that cannot be spelled is unknown as a whole", async () =>
    expect(await encoded("unx cafe")).toEqual([1, 8]));

  test("lines may end as Windows ends them", async () => {
    const tokenizer = await readTokenizer(wordPieceJson(vocabulary.replaceAll("\n", "\r\n")));
    expect([...tokenizer.encode("unaffable")]).toEqual([5, 6, 7]);
  });

  test("without the tokens around texts it is refused", () =>
    expect(() => wordPieceJson("a\nb\n")).toThrow(
      new TokenizerError("vocab.txt: expected [UNK] among its 2 lines, one token each, got none"),
    ));
});

describe("a new vocabulary", () => {
  const texts = ["the cat and the dog", "the bird"];
  test("special tokens, characters, then the most frequent words", async () => {
    const lines = wordPieceVocabulary(texts, 31).split("\n");
    expect(lines.slice(0, 5)).toEqual(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]);
    expect(lines.slice(5, 17).join("")).toBe("abcdeghinort");
    expect(lines.slice(29)).toEqual(["the", "and"]);
  });

  test("words that are not in it are spelled", async () => {
    const tokenizer = await readTokenizer(wordPieceJson(wordPieceVocabulary(texts, 31)));
    expect(tokenizer.encode("the cat")).toHaveLength(4);
    expect(tokenizer.decode(tokenizer.encode("the cat"))).toBe("the cat");
  });

  test("less room than characters is refused", () =>
    expect(() => wordPieceVocabulary(texts, 20)).toThrow(/expected room for the 29 characters .* got 20 tokens/));
});
