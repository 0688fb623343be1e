/** Loading of texts, against files made here and a server on this machine; nothing comes from the network. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256 } from "../../src/checkpoint/node-files.ts";
import { decodeText } from "../../src/data/decode.ts";
import { loadText, TEXT_SETS, type TextSet } from "../../src/data/node-data.ts";
import { DataError } from "../../src/errors.ts";

const content = "to be or not to be\n".repeat(5000);
const bytes = Buffer.from(content);
let folder = "";
let server: Server | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "descent-data-"));
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

/** A set named "play" behind a server of this machine. */
async function served(listener: RequestListener): Promise<Record<string, TextSet>> {
  const started = createServer(listener);
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  const address = started.address();
  const port = typeof address === "object" && address ? address.port : 0;
  return setAt(`http://127.0.0.1:${port}/play.txt`);
}
const setAt = (url: string): Record<string, TextSet> => ({
  play: { file: "play/input.txt", url, bytes: bytes.length, sha256: sha256(bytes) },
});
const options = (sets: Record<string, TextSet>) => ({
  sets,
  cacheDir: join(folder, "cache"),
  dataDir: join(folder, "data"),
});
const cached = () => join(folder, "cache", "play", "input.txt");

describe("named sets", () => {
  it("downloads once, with progress, into the cache", async () => {
    let requests = 0;
    const sets = await served((_, response) => {
      requests++;
      response.end(bytes);
    });
    const seen: [number, number][] = [];
    const first = await loadText("play", { ...options(sets), onProgress: (...progress) => seen.push(progress) });
    expect(first).toEqual({ name: "play", text: content, source: cached() });
    expect(seen.at(-1)).toEqual([bytes.length, bytes.length]);
    expect(readFileSync(cached()).equals(bytes)).toBe(true);
    expect((await loadText("play", options(sets))).text).toBe(content);
    expect(requests).toBe(1);
  });

  it("replaces a damaged file in the cache", async () => {
    const sets = await served((_, response) => void response.end(bytes));
    mkdirSync(join(folder, "cache", "play"), { recursive: true });
    writeFileSync(cached(), "damaged");
    expect((await loadText("play", options(sets))).text).toBe(content);
    expect(readdirSync(join(folder, "cache", "play"))).toEqual(["input.txt"]);
  });

  it("takes the local data directory first, and checks it too", async () => {
    const sets = setAt("http://127.0.0.1:1/");
    const local = join(folder, "data", "play", "input.txt");
    mkdirSync(join(folder, "data", "play"), { recursive: true });
    writeFileSync(local, bytes);
    expect(await loadText("play", options(sets))).toEqual({ name: "play", text: content, source: local });
    writeFileSync(local, "other");
    await expect(loadText("play", options(sets))).rejects.toThrow(
      `expected SHA-256 ${sha256(bytes)}, got ${sha256(Buffer.from("other"))}`,
    );
  });

  it.each<[string, RequestListener, string]>([
    [
      "wrong content",
      (_, response) => void response.end(Buffer.alloc(bytes.length, "x")),
      `expected SHA-256 ${sha256(bytes)}, got ${sha256(Buffer.alloc(bytes.length, "x"))}`,
    ],
    ["cut off", (_, response) => void response.end(bytes.subarray(0, 100)), `(100 of ${bytes.length} bytes)`],
    [
      "too long",
      (_, response) => void response.end(Buffer.concat([bytes, bytes])),
      `expected ${bytes.length} bytes, got more`,
    ],
    ["not found", (_, response) => void response.writeHead(404).end(), "the server answered 404 Not Found"],
    [
      "broken connection",
      (_, response) => void response.write("x", () => response.destroy()),
      "cannot download http://127.0.0.1",
    ],
  ])("refuses: %s, and leaves nothing behind", async (_, listener, words) => {
    const loading = loadText("play", options(await served(listener)));
    await expect(loading).rejects.toThrow(DataError);
    await expect(loading).rejects.toThrow(words);
    expect(existsSync(cached())).toBe(false);
  });

  it("a server that says nothing is given up", async () => {
    const sets = await served((_, response) => void response.write("x"));
    await expect(loadText("play", { ...options(sets), timeout: 100 })).rejects.toThrow("no answer for 100 ms");
  });

  it("a server that is not there: says so, and what to do", async () => {
    const loading = loadText("play", options(setAt("http://127.0.0.1:1/play.txt")));
    await expect(loading).rejects.toThrow(
      /^data set play: cannot download .*; check the connection, or put the file at play\/input.txt/,
    );
  });

  it("stops at the signal with its reason", async () => {
    const controller = new AbortController();
    const sets = await served((_, response) => void response.write("x", () => controller.abort(new Error("enough"))));
    await expect(loadText("play", { ...options(sets), signal: controller.signal })).rejects.toThrow("enough");
    await expect(loadText("play", { ...options(sets), signal: controller.signal })).rejects.toThrow("enough");
  });

  it("a cache that cannot be written is named", async () => {
    const sets = await served((_, response) => void response.end(bytes));
    writeFileSync(join(folder, "cache"), "a file where the folder should be");
    await expect(loadText("play", options(sets))).rejects.toThrow("set XDG_CACHE_HOME to a folder you may write to");
  });

  it("the real sets, where DESCENT_DATA holds them", async ({ skip }) => {
    const dataDir = process.env.DESCENT_DATA;
    if (!dataDir) return skip("set DESCENT_DATA to a folder with tinyshakespeare/input.txt and names/names.txt");
    for (const name of ["tinyshakespeare", ...Object.keys(TEXT_SETS)])
      expect((await loadText(name)).source.startsWith(dataDir)).toBe(true);
  });
});

describe("files", () => {
  const pipe = () => {
    execFileSync("mkfifo", [join(folder, "pipe")]);
    return join(folder, "pipe");
  };
  const file = (content: string | Uint8Array) => {
    writeFileSync(join(folder, "x.txt"), content);
    return join(folder, "x.txt");
  };

  it("reads UTF-8, without a byte order mark; the built-in text by name", async () => {
    expect((await loadText(file("é😀\n"))).text).toBe("é😀\n");
    expect((await loadText(file("\ufeffab"))).text).toBe("ab");
    expect((await loadText("builtin")).text.length).toBe(400_000);
  });

  it.each<[string, () => string, string]>([
    [
      "a name misspelled",
      () => "shakespear",
      '(did you mean "shakespeare"?); expected a text file or one of builtin, shakespeare, names',
    ],
    ["the name of a method", () => "constructor", "no such file or folder"],
    ["a missing file", () => join(folder, "none.txt"), "no such file or folder (ENOENT)"],
    ["a folder", () => folder, "expected a file, got a folder; name a file inside it"],
    ["a device", () => "/dev/zero", "expected a file"],
    ["a named pipe", () => pipe(), "expected a file, got a named pipe"],
    ["an empty file", () => file(""), "expected text, got an empty file"],
    ["NUL bytes", () => file("ab\0c"), "got a NUL byte at offset 2; it is binary, not text"],
    ["UTF-16", () => file(Buffer.from("\ufeffab", "utf16le")), "it is UTF-16: save it as UTF-8"],
    [
      "Latin-1",
      () => file(Buffer.from("caf\u00e9 au lait", "latin1")),
      "got byte 0xe9 at offset 3; save the file as UTF-8",
    ],
    ["a cut character at the end", () => file(Buffer.from("aé").subarray(0, 2)), "got byte 0xc3 at offset 1"],
  ])("refuses %s", async (_, path, words) => {
    const loading = loadText(path());
    await expect(loading).rejects.toThrow(DataError);
    await expect(loading).rejects.toThrow(words);
  });

  it("finds the first wrong byte wherever it stands", () => {
    for (let at = 0; at < 40; at++) {
      const damaged = Buffer.from(`${"aé😀日".repeat(4)}`);
      damaged[at] = 0xff;
      const start = at - (at % 10) + ([0, 1, 1, 3, 3, 3, 3, 7, 7, 7][at % 10] ?? 0); // of the character that holds it
      expect(() => decodeText(damaged, "x")).toThrow(`at offset ${start};`);
    }
  });
});
