/** What people give as data, and what is in folders: closed forms. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { asSource, bytesOf, type DataGiven } from "../../src/data/index.ts";
import { ConfigError, DataError } from "../../src/errors.ts";
import { openSource } from "../../src/files/index.ts";

const noNames = (name: string): never => {
  throw new Error(`asked for ${name}`);
};
const utf8 = (text: string) => new TextEncoder().encode(text);
const place = mkdtempSync(join(tmpdir(), "descent-source-"));
afterAll(() => rmSync(place, { recursive: true }));

describe("in memory", () => {
  test("bytes are text where they are UTF-8, and unpacked where they are gzipped", async () => {
    const source = asSource({ name: "a.csv.gz", bytes: gzipSync("a,b\n") }, noNames);
    expect(source.format).toBe("csv");
    expect(await source.text()).toBe("a,b\n");
    expect(await bytesOf(source)).toEqual(utf8("a,b\n"));
    expect(await bytesOf(asSource({ name: "t", text: "é" }, noNames))).toEqual(utf8("é"));
  });

  test("bytes that are no text, and a packed file that was cut off", async () => {
    const wrong = asSource({ name: "a.txt", bytes: new Uint8Array([0x61, 0xff]) }, noNames);
    await expect(wrong.text()).rejects.toThrow(/^text a\.txt: expected UTF-8 text, got byte 0xff at offset 1/);
    const cut = asSource({ name: "a.gz", bytes: gzipSync("some text").subarray(0, 15) }, noNames);
    await expect(cut.text()).rejects.toThrow(/^gzip a\.gz: it is damaged or cut off/);
  });

  test("a folder's files see each other", async () => {
    const given: DataGiven = {
      name: "set",
      files: [
        { name: "list.csv", text: "path\na.wav" },
        { name: "a.wav", bytes: utf8("RIFF") },
      ],
    };
    const folder = asSource(given, noNames);
    const [list, wav] = (await folder.files?.()) ?? [];
    expect([list?.name, wav?.name, wav?.format]).toEqual(["list.csv", "a.wav", "wav"]);
    expect(list?.beside && (await bytesOf(list.beside("a.wav")))).toEqual(utf8("RIFF"));
    expect(() => list?.beside?.("b.wav")).toThrow(
      new DataError("data b.wav: expected a file, got none of that name in set; name a file"),
    );
    await expect(folder.text()).rejects.toThrow("data set: expected a file, got a folder; name a file");
  });

  test("several that belong together", async () => {
    const pair = asSource(
      ["a", "b"].map((name) => ({ name, text: `${name}!` })),
      noNames,
    );
    expect(pair.name).toBe("a + b");
    expect(await Promise.all(pair.parts?.map((part) => part.text()) ?? [])).toEqual(["a!", "b!"]);
    await expect(pair.text()).rejects.toThrow("data a + b: expected a file, got several; name a file");
    expect(() => asSource([], noNames)).toThrow(ConfigError);
  });
});

describe("on disk", () => {
  mkdirSync(join(place, "inner"));
  for (const [name, text] of [
    ["b.csv", "2"],
    ["a.csv", "1"],
    ["inner/c.csv", "3"],
    [".hidden", "4"],
  ] as const)
    writeFileSync(join(place, name), text);

  test("the files of a folder and of those inside it, in order, hidden ones left out", async () => {
    const files = (await openSource(place, {}).files?.()) ?? [];
    expect(files.map(({ name }) => name)).toEqual(["a.csv", "b.csv", "inner/c.csv"].map((name) => join(place, name)));
    expect(await Promise.all(files.map((file) => file.text()))).toEqual(["1", "2", "3"]);
  });

  test("a file is no folder; its neighbours are found; a folder of the data directory has a name", async () => {
    const file = openSource(join(place, "a.csv"), {});
    expect(await file.files?.()).toBeUndefined();
    expect(await file.beside?.("inner/c.csv").text()).toBe("3");
    expect((await openSource("inner", { dataDir: place }).files?.())?.map(({ name }) => name)).toEqual([
      join(place, "inner/c.csv"),
    ]);
  });

  test("a packed file is read as what is in it", async () => {
    writeFileSync(join(place, "packed.txt.gz"), gzipSync("inside"));
    const packed = openSource(join(place, "packed.txt.gz"), {});
    expect([packed.format, await packed.text(), await bytesOf(packed)]).toEqual(["txt", "inside", utf8("inside")]);
  });
});
