import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Dataset, requireVariety, type Source, splitText, windows } from "../../src/data/index.ts";
import { ConfigError, DataError } from "../../src/errors.ts";
import { checked } from "../../src/schema.ts";
import { builtInText } from "../../src/stories/index.ts";
import { language } from "../../src/tasks/language.ts";
import { readTokenizer, type Tokenizer } from "../../src/tokenizers/index.ts";

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

describe("requireVariety", () => {
  it("errors say what is wrong with the text", () => {
    expect(() => requireVariety("", "x.txt")).toThrow(
      new DataError("x.txt: expected text to train on, got none; it is empty"),
    );
    expect(() => requireVariety("a", "x")).toThrow(DataError);
    expect(() => requireVariety("😀".repeat(9), "x")).toThrow(
      'x: expected at least two different characters, got only "😀"',
    );
    for (const text of ["ab", "aab", "😀😁"]) requireVariety(text, "x");
  });
});

describe("windows", () => {
  const ids = Int32Array.from({ length: 50 }, (_, i) => i);
  const cut = (length: number, stride = 1, context = 3) =>
    windows(ids.subarray(0, length), { context, stride, name: "x", part: "train" });

  it("neighbours, and the id after them", () => {
    const data = cut(50);
    expect(data.size).toBe(47);
    expect([...data.at(0)]).toEqual([0, 1, 2, 3]);
    expect([...data.at(46)]).toEqual([46, 47, 48, 49]);
    expect(data.length).toBe(undefined);
  });

  it("side by side: every id but the first is a target once, and what is left over is less than a window", () => {
    const lengths = fc.record({ length: fc.integer({ min: 2, max: 50 }), context: fc.integer({ min: 1, max: 49 }) });
    fc.assert(
      fc.property(lengths, ({ length, context }) => {
        fc.pre(context < length);
        const data = cut(length, context, context);
        const targets = Array.from({ length: data.size }, (_, i) => [...data.at(i).subarray(1)]).flat();
        expect(targets).toEqual(Array.from({ length: data.size * context }, (_, i) => i + 1));
        expect(length - 1 - targets.length).toBeLessThan(context);
      }),
    );
  });

  it("the shortest text that works, and one shorter", () => {
    expect([...cut(4).at(0)]).toEqual([0, 1, 2, 3]);
    expect(cut(4).size).toBe(1);
    expect(() => cut(3)).toThrow(
      new DataError(
        "x: expected at least 4 ids in the train part for a context of 3, got 3; use a longer text or a smaller context",
      ),
    );
  });

  it("equal ids have equal digests, other ids another", () => {
    expect(cut(50).digest).toBe(cut(50, 3, 3).digest);
    expect(cut(49).digest).not.toBe(cut(50).digest);
  });
});

describe("the language task", () => {
  const text = "the cat sat on the mat. ".repeat(20);
  const source = (of: string, name = "cats"): Source => ({ name, format: "txt", text: async () => of });
  const learn = (of: string, given: object, watch = {}) =>
    language.learn(source(of), language.options.parse({ context: 8, ...given }), watch);
  const idsOf = async (tokenizer: Tokenizer, data: Dataset<{ ids: Int32Array }>) => {
    const rows = Array.from({ length: data.size }, (_, i) => data.at(i).ids);
    return tokenizer.decode(rows.flatMap((row, i) => [...(i ? row.subarray(-1) : row)]));
  };

  it("char: ids of both parts from the characters of the whole text", async () => {
    const problem = await learn(`${text}z`, {});
    const tokenizer = await readTokenizer(problem.files["tokenizer.json"] ?? {});
    expect(tokenizer.kind).toBe("char");
    expect(problem.config).toEqual({
      vocab_size: new Set(`${text}z`).size,
      n_positions: 8,
      max_position_embeddings: 8,
    });
    const { train, validation } = await problem.split(source(`${text}z`), undefined, 0);
    expect(await idsOf(tokenizer, train)).toBe(`${text}z`.slice(0, 432));
    expect(train.size).toBe(432 - 8);
    expect(validation.size).toBe(Math.floor((49 - 1) / 8));
    expect(tokenizer.decode(validation.at(0).ids)).toBe(`${text}z`.slice(432, 441));
  });

  it("bpe: learned from the training part alone", async () => {
    const notes: string[] = [];
    const bpe = { tokenizer: "bpe", vocab: 266 };
    const problem = await learn(text, bpe, { onProgress: (note: string) => notes.push(note) });
    expect(problem.config).toMatchObject({ vocab_size: 266 });
    expect(notes.at(-1)).toBe("learning tokens: 266 of 266");
    const tokenizer = await readTokenizer(problem.files["tokenizer.json"] ?? {});
    const { train, validation } = splitText(text);
    const data = await problem.split(source(text), undefined, 0);
    expect(await idsOf(tokenizer, data.train)).toBe(train);
    const other = await learn(train + validation.replaceAll("cat", "dog"), bpe);
    expect(other.files["tokenizer.json"]).toEqual(problem.files["tokenizer.json"]);
  });

  it("separate validation text: all of the first text is trained on", async () => {
    const problem = await learn(text, {});
    const { train, validation } = await problem.split(source(text), source("a cat on a mat", "val"), 0);
    expect([train.size, validation.size]).toEqual([text.length - 8, 1]);
    await expect(problem.split(source(text), source("a cat", "val"), 0)).rejects.toThrow(
      /^val: expected at least 9 ids in the validation part/,
    );
  });

  it("errors say what is wrong with the text and the options", async () => {
    await expect(learn("", {})).rejects.toThrow("cats: expected text to train on, got none; it is empty");
    await expect(learn(text, { vocab: 300 })).rejects.toThrow("option: vocab: goes with tokenizer bpe only");
    const problem = await learn("ab".repeat(50), { context: 10 });
    await expect(problem.split(source("ab".repeat(50)), undefined, 0)).rejects.toThrow(
      "cats: expected at least 11 ids in the validation part for a context of 10, got 10; use a longer text or a smaller context",
    );
    expect(() => checked(language.options, { tokenizer: "bpee" }, "option")).toThrow(
      'option: tokenizer: expected one of char, bpe, got "bpee"',
    );
  });

  it("a batch: a target is the next id", async () => {
    const problem = await learn(text, { context: 3 });
    const feeds = problem.collate([
      { ids: Int32Array.of(0, 1, 2, 3), start: 1 },
      { ids: Int32Array.of(46, 47, 48, 49), start: 47 },
    ]);
    expect(feeds).toEqual({
      ids: { data: Int32Array.of(0, 1, 2, 46, 47, 48), shape: [2, 3], dtype: "i32" },
      targets: { data: Int32Array.of(1, 2, 3, 47, 48, 49), shape: [2, 3], dtype: "i32" },
    });
    expect(problem.count?.(feeds)).toBe(6);
  });

  it("the baseline is the entropy of token frequencies, one more than counted", async () => {
    // 18 ids of the training part after the first: nine b and nine a. Of all texts of a and b, a coin is the best guess.
    const problem = await learn("ab".repeat(12), { context: 2 });
    const { train, validation } = await problem.split(source("ab".repeat(12)), undefined, 0);
    const found = await problem.baselines?.(train, validation, {}, {} as never);
    expect(found?.["token frequencies"]?.loss).toBeCloseTo(Math.LN2, 2);
    expect(found?.["token frequencies"]?.perplexity).toBeCloseTo(Math.exp(found?.["token frequencies"]?.loss ?? 0), 12);
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
