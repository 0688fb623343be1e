/** Text of ids one by one is the text of all of them. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { TokenizerError } from "../../src/errors.ts";
import {
  decoderOf,
  readTokenizer,
  type Tokenizer,
  trainBpe,
  trainChar,
  trainWords,
} from "../../src/tokenizers/index.ts";
import fixture from "../fixtures/tokenizers.json" with { type: "json" };

const TEXT =
  "The caf\u00e9 at 12 \u65e5\u672c\u8a9e street \ud83d\ude00\ud83d\ude00 said \ufffd \ufeff: the the the caf\u00e9. ".repeat(
    3,
  );

function streamed(tokenizer: Tokenizer, ids: readonly number[]): string[] {
  const decoder = decoderOf(tokenizer);
  return [...ids.map((id) => decoder.push(id)), decoder.flush()];
}

const ours: Readonly<Record<string, () => Tokenizer | Promise<Tokenizer>>> = {
  char: () => trainChar(TEXT),
  words: () => trainWords([TEXT], 20),
  bpe: () => trainBpe(TEXT, { vocabSize: 300 }),
};
/** The same without decoders of their own: the last ids are decoded again. */
const plain = async (tokenizer: Tokenizer | Promise<Tokenizer>): Promise<Tokenizer> => {
  const { decoder: _, ...rest } = await tokenizer;
  return rest;
};
const others: Readonly<Record<string, () => Promise<Tokenizer>>> = {
  "char, windowed": () => plain(trainChar(TEXT)),
  "words, windowed": () => plain(trainWords([TEXT], 20)),
  "bpe, windowed": () => plain(trainBpe(TEXT, { vocabSize: 300 })),
  wordpiece: () => readTokenizer(fixture.wordpiece.json),
};

test.each(Object.entries({ ...ours, ...others }))("%s: random ids", async (_, make) => {
  const tokenizer = await make();
  const ids = fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 80 });
  const agree = (sequence: number[]) => {
    expect(streamed(tokenizer, sequence).join("")).toBe(tokenizer.decode(sequence));
  };
  fc.assert(fc.property(ids, agree), { seed: 5, numRuns: 500 });
});

test("bytes at random, which are hardly ever UTF-8", async () => {
  const tokenizer = await trainBpe(TEXT, { vocabSize: 256 });
  for (const one of [tokenizer, await plain(tokenizer)]) {
    const ids = fc.array(fc.integer({ min: 100, max: 255 }), { maxLength: 60 });
    const agree = (sequence: number[]) => {
      expect(streamed(one, sequence).join("")).toBe(one.decode(sequence));
    };
    fc.assert(fc.property(ids, agree), { seed: 6, numRuns: 500 });
  }
});

test("a character comes when its last byte does, half of one at the end as U+FFFD", async () => {
  const tokenizer = await trainBpe("ab", { vocabSize: 256 });
  for (const one of [tokenizer, await plain(tokenizer)]) {
    const ids = [...one.encode("a\u00e9\ud83d\ude00")];
    expect(streamed(one, ids)).toEqual(["a", "", "\u00e9", "", "", "", "\ud83d\ude00", ""]);
    expect(streamed(one, ids.slice(0, -1)).join("")).toBe("a\u00e9\ufffd");
  }
});

test("the time for each id does not grow with their number", async () => {
  const tokenizer = await plain(trainBpe(TEXT, { vocabSize: 300 }));
  let [decoded, pushed] = [0, 0];
  const counting: Tokenizer = {
    ...tokenizer,
    decode(ids) {
      const list = [...ids];
      decoded += list.length;
      return tokenizer.decode(list);
    },
  };
  const decoder = decoderOf(counting);
  const broken = tokenizer.encode("\u00e9")[0] ?? 0; // never becomes a character
  for (; pushed < 5000; pushed++) decoder.push(pushed % 7 === 0 ? pushed % 256 : broken);
  expect(decoded / pushed).toBeLessThan(20);
});

test("an id that is none is refused", async () => {
  for (const make of Object.values({ ...ours, ...others })) {
    const tokenizer = await make();
    for (const odd of [-1, tokenizer.vocabSize, 0.5, Number.NaN])
      expect(() => decoderOf(tokenizer).push(odd)).toThrow(TokenizerError);
  }
});
