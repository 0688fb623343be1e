/** Sentences in CoNLL's columns: what is read, what is refused and where, and the schemes of tags. */
import { describe, expect, test } from "vitest";
import {
  asSource,
  type ConllColumns,
  firstIllegal,
  legalScores,
  mayFollow,
  readConll,
  readWords,
  SCHEMES,
  tagsOf,
  tagsOfTypes,
} from "../../src/data/index.ts";
import { DataError } from "../../src/errors.ts";
import { entitiesOf } from "../../src/metrics/entities.ts";
import { viterbi } from "../../src/nn/index.ts";
import { stream } from "../../src/runtime/index.ts";

const sourceOf = (text: string) =>
  asSource({ name: "a.conll", text }, () => {
    throw new Error("no file");
  });
const read = (text: string, columns: ConllColumns = {}) => readConll(sourceOf(text), columns);
const bytes = (given: Uint8Array) =>
  readConll(
    asSource({ name: "a.conll", bytes: given }, () => {
      throw new Error("no file");
    }),
  );

const ada = { words: ["Ada", "came"], tags: ["B-PER", "O"], lines: [1, 2] };

describe("a file is read", () => {
  test.each([
    ["with tabs", "Ada\tB-PER\ncame\tO\n"],
    ["with spaces", "Ada B-PER\ncame O\n"],
    ["without a last line feed", "Ada B-PER\ncame O"],
    ["with carriage returns", "Ada\tB-PER\r\ncame\tO\r\n\r\n"],
    ["with a byte order mark", "\ufeffAda\tB-PER\ncame\tO\n"],
    ["with spaces behind", "Ada B-PER  \ncame O \n   \n"],
    ["with lines that hold tabs only", "Ada\tB-PER\ncame\tO\n\t\n\t\t\n"],
    ["with four columns", "Ada NNP B-NP B-PER\ncame VBD B-VP O\n"],
  ])("%s", async (_, text) => expect(await read(text)).toEqual([ada]));

  test("sentence by sentence, whatever the number of blank lines", async () => {
    const found = await read("\n\nAda B-PER\n\n\n\ncame O\nup O\n\n");
    expect(found).toEqual([
      { words: ["Ada"], tags: ["B-PER"], lines: [3] },
      { words: ["came", "up"], tags: ["O", "O"], lines: [7, 8] },
    ]);
  });

  test("without the lines between documents, which end a sentence", async () => {
    const found = await read("-DOCSTART- -X- O O\n\nAda NNP I-NP I-PER\n-DOCSTART- -X- O O\ncame VBD I-VP O\n");
    expect(found.map(({ words, lines }) => [words, lines])).toEqual([
      [["Ada"], [3]],
      [["came"], [5]],
    ]);
  });

  test("without comments, though a word may be #", async () => {
    const found = await read("# id = 7 domain = news\nAda\tB-PER\n# text = Ada came\n#\tO\n#tag\tO\n");
    expect(found).toEqual([{ words: ["Ada", "#", "#tag"], tags: ["B-PER", "O", "O"], lines: [2, 4, 5] }]);
    expect(await read("Ada B-PER\n# O\n")).toEqual([{ words: ["Ada", "#"], tags: ["B-PER", "O"], lines: [1, 2] }]);
  });

  test("by the columns that are named", async () => {
    const text = "1\tAda\tB-PER\tx\n2\tcame\tO\ty\n";
    expect(await read(text, { word: 2, tag: 3 })).toEqual([ada]);
  });

  test("its words alone, whatever else it holds", async () => {
    const words = (text: string, columns: ConllColumns = {}) => readWords(sourceOf(text), columns);
    expect(await words("Ada\ncame\n\nup\n")).toEqual([["Ada", "came"], ["up"]]);
    expect(await words("-DOCSTART- O\n\n# id = 3\n1 Ada NNP\n2 # SYM\n", { word: 2 })).toEqual([["Ada", "#"]]);
    expect(await words("\ufeffAda\tB-PER\r\ncame\tO\r\n")).toEqual([["Ada", "came"]]);
    await expect(words("Ada NNP\ncame\n", { word: 2 })).rejects.toThrow(
      "conll a.conll, line 2: expected a word in column 2",
    );
    await expect(words("\n")).rejects.toThrow("expected sentences, got none");
  });

  test("words with tabs between may hold spaces", async () => {
    expect((await read("New York\tB-LOC\n"))[0]?.words).toEqual(["New York"]);
  });
});

describe("what cannot be read is refused, with file and line", () => {
  const rows: readonly (readonly [string, string, ConllColumns, string])[] = [
    ["a blank file", "", {}, "conll a.conll: expected sentences, got none"],
    ["blank lines", "\n \n\t\n", {}, "expected sentences, got none"],
    ["documents without words", "-DOCSTART- O\n", {}, "expected sentences, got none"],
    [
      "a row without a tag",
      "Ada B-PER\ncame\n",
      {},
      'conll a.conll, line 2: expected 2 columns as in the first row, got 1 in "came"',
    ],
    ["a column that is not there", "Ada B-PER\n", { tag: 3 }, "line 1: expected at least 3 columns, got 2"],
    ["ragged rows", "a b O\nc O\n", {}, 'line 2: expected 3 columns as in the first row, got 2 in "c O"'],
    ["no word", "Ada\tO\n\tO\n", {}, 'line 2: expected a word in column 1, got nothing before "O"'],
    [
      "what is no tag",
      "Ada B-PER\ncame VBD\n",
      {},
      'line 2: expected a tag such as O, B-PER or I-PER in column 2, got "VBD"',
    ],
    ["a place without a type", "Ada B-\n", {}, 'got "B-"'],
    ["a hash without a tag", "Ada\tO\n#tag\n", {}, "line 2: expected 2 columns as in the first row, got 1"],
  ];
  test.each(rows)("%s", async (_, text, columns, message) => {
    await expect(read(text, columns)).rejects.toThrow(DataError);
    await expect(read(text, columns)).rejects.toThrow(message);
    await expect(read(text, columns)).rejects.toThrow(/^[^\n]+; [^\n]+$|got nothing before "O"$/);
  });
  test("latin-1 and other bytes that are no UTF-8", async () => {
    const latin = Uint8Array.from("Zo\u00eb B-PER\n", (letter) => letter.charCodeAt(0));
    await expect(bytes(latin)).rejects.toThrow(/a\.conll: expected UTF-8 text, got byte 0xeb at offset 2/);
    await expect(bytes(new Uint8Array([0x41, 0, 0x20, 0x4f]))).rejects.toThrow(/NUL byte/);
  });
});

describe("schemes", () => {
  const legal: readonly (readonly [(typeof SCHEMES)[number], string, number | undefined])[] = [
    ["BIO", "B-PER I-PER O B-LOC B-LOC", undefined],
    ["BIO", "O I-PER", 1],
    ["BIO", "I-PER", 0],
    ["BIO", "B-PER I-LOC", 1],
    ["BIO", "B-PER E-PER", 1],
    ["BIO", "S-PER", 0],
    ["IOB1", "I-PER I-PER B-PER O I-LOC", undefined],
    ["IOB1", "O B-PER", 1],
    ["IOB1", "I-LOC B-PER", 1],
    ["IOB1", "S-PER", 0],
    ["BIOES", "S-PER B-PER I-PER E-PER O", undefined],
    ["BIOES", "U-PER B-PER L-PER", undefined],
    ["BIOES", "B-PER O", 1],
    ["BIOES", "B-PER", 1], // ends too early
    ["BIOES", "O I-PER E-PER", 1],
    ["BIOES", "B-PER S-PER", 1],
    ["BIO", "", undefined],
  ];
  test.each(legal)("in %s, %s is illegal at %s", (scheme, tags, at) => {
    expect(firstIllegal(scheme, tags.split(" ").filter(Boolean))).toBe(at);
  });

  test.each(["BIO", "BIOES"] as const)("entities as %s and back are the same; the tags are legal", (scheme) => {
    for (let seed = 0; seed < 50; seed++) {
      const draws = [...stream(seed, 0, "tags").integers(12, 7)];
      const any = draws.map((k) => ["O", "O", "B-PER", "I-PER", "I-LOC", "S-LOC", "E-PER"][k] ?? "O");
      const tags = tagsOf(scheme, entitiesOf(any), any.length);
      expect(entitiesOf(tags)).toEqual(entitiesOf(any));
      expect(firstIllegal(scheme, tags)).toBe(undefined);
    }
  });

  test.each(["BIO", "BIOES"] as const)("the best legal tags of random scores are legal, and best, in %s", (scheme) => {
    const tags = tagsOfTypes(scheme, ["LOC", "PER"]);
    const K = tags.length;
    const scores = legalScores(scheme, tags);
    const paths = (n: number): number[][] =>
      n === 0 ? [[]] : paths(n - 1).flatMap((path) => tags.map((_, k) => [...path, k]));
    const every = paths(3).filter(
      (path) =>
        firstIllegal(
          scheme,
          path.map((k) => tags[k] ?? ""),
        ) === undefined,
    );
    for (let seed = 0; seed < 20; seed++) {
      const emissions = stream(seed, 0, "emissions").fillNormal(new Float64Array(3 * K));
      const sum = (path: readonly number[]) => path.reduce((all, k, t) => all + (emissions[t * K + k] ?? 0), 0);
      const best = every.reduce((a, b) => (sum(b) > sum(a) ? b : a));
      expect(Array.from(viterbi(emissions, scores))).toEqual(best);
    }
    expect(every.length).toBeLessThan(K ** 3);
  });

  test("every scheme has O after O, and O at both borders", () => {
    for (const scheme of SCHEMES) {
      expect(mayFollow(scheme, "O", "O")).toBe(true);
      expect(mayFollow(scheme, undefined, "O")).toBe(true);
      expect(mayFollow(scheme, "O", undefined)).toBe(true);
    }
  });
});

describe("real files", () => {
  const folder = process.env.DESCENT_DATA;
  const path = (name: string) => `${folder}/${name}`;
  test("wnut17 and wikigold, where DESCENT_DATA holds them", async ({ skip }) => {
    if (!folder) return skip("set DESCENT_DATA to a folder with wnut17 and wikigold");
    const { files } = await import("../../src/files/node-files.ts");
    const count = async (name: string) => {
      const sentences = await readConll(files.source(path(name)));
      return [sentences.length, sentences.flatMap(({ tags }) => entitiesOf(tags)).length];
    };
    expect(await count("wnut17/CONLL-format/data/train/wnut17train.conll")).toEqual([3394, 1975]);
    expect(await count("wnut17/CONLL-format/data/dev/emerging.dev.conll")).toEqual([1009, 836]);
    expect(await count("wikigold/CONLL-format/data/wikigold.conll.txt")).toEqual([1696, 3558]);
  });
});
