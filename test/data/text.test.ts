import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { builtInText, prepareText, randomWindows, requireLength, splitText, windowsAt } from "../../src/data/index.ts";
import { ConfigError, DataError } from "../../src/errors.ts";
import { trainChar } from "../../src/tokenizers/index.ts";

describe("splitText", () => {
  it("parts make the whole, the second is the share asked for, and pairs stay whole", () => {
    const share = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), share, (text, fraction) => {
        const { train, validation } = splitText(text, fraction);
        expect(train + validation).toBe(text);
        expect(Math.abs(validation.length - text.length * fraction)).toBeLessThan(2);
        expect(/\p{Surrogate}/u.test(`${train}x${validation}`)).toBe(false);
      }),
    );
    expect(splitText("0123456789")).toEqual({ train: "012345678", validation: "9" });
  });

  it("refuses a share outside (0, 1)", () => {
    for (const fraction of [0, 1, -0.1, Number.NaN]) expect(() => splitText("ab", fraction)).toThrow(ConfigError);
  });
});

describe("prepareText", () => {
  const text = "the cat sat on the mat. ".repeat(20);

  it("char: ids of both parts from the characters of the whole text", async () => {
    const data = await prepareText(`${text}z`, { name: "cats" });
    expect(data.name).toBe("cats");
    expect(data.tokenizer.kind).toBe("char");
    expect(data.tokenizer.decode(data.train) + data.tokenizer.decode(data.validation)).toBe(`${text}z`);
    expect(data.validation.length).toBe(49);
  });

  it("bpe: learned from the training part; a tokenizer of one's own", async () => {
    const seen: number[] = [];
    const data = await prepareText(text, { tokenizer: "bpe", vocabSize: 266, onProgress: (done) => seen.push(done) });
    expect(data.tokenizer.vocabSize).toBe(266);
    expect(seen.at(-1)).toBe(266);
    expect(data.tokenizer.decode(data.train) + data.tokenizer.decode(data.validation)).toBe(text);
    const own = trainChar(text);
    expect((await prepareText(text, { tokenizer: own })).tokenizer).toBe(own);
  });

  it("errors say what is wrong with the text", async () => {
    await expect(prepareText("", { name: "x.txt" })).rejects.toThrow(
      "x.txt: expected text to train on, got none; it is empty",
    );
    await expect(prepareText("a")).rejects.toThrow(DataError);
    await expect(prepareText("😀".repeat(9))).rejects.toThrow(
      'expected at least two different characters, got only "😀"',
    );
    // @ts-expect-error a name from a command line
    await expect(prepareText("ab", { tokenizer: "bpee" })).rejects.toThrow(
      'tokenizer: expected char or bpe, got "bpee" (did you mean "bpe"?)',
    );
  });

  it("requireLength: one window and the id after it in each part", async () => {
    const data = await prepareText("ab".repeat(50), { name: "x" });
    requireLength(data, 9);
    expect(() => requireLength(data, 10)).toThrow(
      "x: expected at least 11 ids in the validation part for a context of 10, got 10; use a longer text or a smaller context",
    );
    expect(() => requireLength(data, 90)).toThrow("train part");
  });
});

describe("batches", () => {
  const ids = Int32Array.from({ length: 50 }, (_, i) => i);

  it("rows of neighbours; a target is the next id", () => {
    const { inputs, targets } = windowsAt(ids, [0, 46], 3);
    expect([...inputs]).toEqual([0, 1, 2, 46, 47, 48]);
    expect([...targets]).toEqual([1, 2, 3, 47, 48, 49]);
    expect(() => windowsAt(ids, [47], 3)).toThrow("expected 4 ids from 47 on, got 50 ids in all");
    expect(() => windowsAt(ids, [-1], 3)).toThrow(DataError);
  });

  it("is a pure function of seed and step", () => {
    const at = (seed: number, step: number, site?: string) =>
      [...randomWindows(ids, { batch: 4, context: 3, seed, step, ...(site && { site }) }).inputs].join();
    expect(at(0, 5)).toBe(at(0, 5));
    expect(new Set([at(0, 5), at(0, 6), at(1, 5), at(0, 5, "evaluation")]).size).toBe(4);
  });

  it("every place is as likely as any other, the first and last included", () => {
    const counts = new Map<number, number>();
    const { inputs } = randomWindows(ids, { batch: 47_000, context: 3, seed: 0, step: 0 });
    for (let row = 0; row < inputs.length; row += 3)
      counts.set(inputs[row] ?? -1, (counts.get(inputs[row] ?? -1) ?? 0) + 1);
    expect(counts.size).toBe(47);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(160); // 5 deviations
  });

  it("the shortest text that works, and one shorter", () => {
    expect([...randomWindows(ids.subarray(0, 4), { batch: 1, context: 3, seed: 0, step: 0 }).targets]).toEqual([
      1, 2, 3,
    ]);
    expect(() => randomWindows(ids.subarray(0, 3), { batch: 1, context: 3, seed: 0, step: 0 })).toThrow(
      "expected at least 4 ids, got 3",
    );
  });
});

describe("builtInText", () => {
  const text = builtInText();

  it("is a pure function of the seed; a shorter text is a beginning of a longer one", () => {
    expect(text.length).toBe(400_000);
    expect(builtInText(0, 5000)).toBe(text.slice(0, 5000));
    expect(builtInText(1, 5000)).not.toBe(text.slice(0, 5000));
    expect(builtInText(0, 0)).toBe("");
  });

  it("is clean English prose: plain characters, no open slots, right articles", () => {
    expect(text).toMatch(/^[A-Za-z .,!?"\n]+$/);
    expect(text).not.toMatch(/undefined| {2}| \n|\n{3}/);
    expect(text).not.toMatch(/\b[Aa] [aeiouAEIOU]|\b[Aa]n [^aeiouAEIOU]/);
    const stories = text.split("\n\n").slice(0, -1);
    expect(stories.length).toBeGreaterThan(500);
    for (const story of stories) {
      const [title = "", ...paragraphs] = story.split("\n");
      expect(title).toMatch(/^[A-Z][A-Za-z ]+\??$/);
      expect(paragraphs.length).toBe(3);
      for (const paragraph of paragraphs) expect(paragraph).toMatch(/^["A-Z].*[.?!]"?$/);
    }
    expect(new Set(text.toLowerCase().match(/[a-z]+/g)).size).toBeGreaterThan(700);
  });
});
