/** Word vectors in GloVe's text format. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { asSource, readVectors, type Source } from "../../src/data/index.ts";
import { openSource } from "../../src/files/index.ts";

const source = (text: string): Source => asSource({ name: "v.txt", text }, () => expect.unreachable());
const read = async (text: string, wanted: readonly string[] = [], others = 100) => {
  const { width, words } = await readVectors(source(text), new Set(wanted), others);
  return { width, words: Object.fromEntries([...words].map(([word, vector]) => [word, [...vector]])) };
};

test("a word and its numbers a line; words may have spaces, capitals are small letters, the first of two counts", async () => {
  expect(await read("the 1 2\nThe 9 9\n. . . 0.5 -2e-1\n")).toEqual({
    width: 2,
    words: { the: [1, 2], ". . .": [0.5, Math.fround(-0.2)] },
  });
});

test("word2vec's first line, blank lines and carriage returns are passed over", async () => {
  expect(await read("2 3\r\na 1 2 3\r\n\r\nb 4 5 6\r\n")).toEqual({ width: 3, words: { a: [1, 2, 3], b: [4, 5, 6] } });
});

test("what is wanted, wherever it stands, and as many others as there is room for", async () => {
  const text = "a 1\nb 2\nc 3\nd 4\n";
  expect((await read(text, ["d", "x"], 1)).words).toEqual({ a: [1], d: [4] });
  expect((await read(text, ["c"], 0)).words).toEqual({ c: [3] });
});

test.each([
  ["", "vectors v.txt: expected words and numbers, got an empty file"],
  ["a 1 2\nb 1", 'vectors v.txt, line 2: expected a word and 2 numbers, got "b 1"'],
  ["a 1 2\nb 1 x", 'vectors v.txt, line 2: expected a word and 2 numbers, got "b 1 x"'],
  ["a 1 NaN", "vectors v.txt, line 1: expected a word and some numbers"],
  ["a 1 Infinity", "vectors v.txt, line 1: expected a word and some numbers"],
  ["alone", "vectors v.txt, line 1: expected a word and some numbers"],
  [" 1 2", "vectors v.txt, line 1: expected a word and some numbers"],
])("%j is refused", async (text, message) => {
  await expect(read(text)).rejects.toThrow(message);
});

test("a file on disk is read line by line, packed or not; one that is not there or cut off is an error of one line", async () => {
  const place = mkdtempSync(join(tmpdir(), "descent-vectors-"));
  const text = Array.from({ length: 5000 }, (_, i) => `w${i} ${i} ${-i}`).join("\n");
  for (const [name, bytes] of [
    ["v.txt", text],
    ["v.txt.gz", gzipSync(text)],
    ["cut.gz", gzipSync(text).subarray(0, 500)],
  ] as const)
    writeFileSync(join(place, name), bytes);
  for (const name of ["v.txt", "v.txt.gz"]) {
    const { words } = await readVectors(openSource(join(place, name), {}), new Set(["w4999"]), 0);
    expect([...(words.get("w4999") ?? [])]).toEqual([4999, -4999]);
  }
  for (const name of ["none.txt", "cut.gz"])
    await expect(readVectors(openSource(join(place, name), {}), new Set(), 9)).rejects.toThrow(
      /^data .*(none|cut)[^\n]*$/,
    );
  rmSync(place, { recursive: true });
});
