/** Files written whole or not at all: real failures where the system can make them, injected ones for the rest. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type * as Files from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  append,
  makeFolder,
  readFileBounded,
  readStart,
  safeJoin,
  sha256,
  writeAtomic,
} from "../../src/checkpoint/node-files.ts";
import { CheckpointError } from "../../src/errors.ts";

/** Calls on file handles and renames in order; `failAt` makes one of them fail with `code`. */
const calls = vi.hoisted(() => ({ log: [] as string[], failAt: "", code: "" }));

vi.mock("node:fs/promises", async (importOriginal) => {
  const files = await importOriginal<typeof Files>();
  const note = (call: string) => {
    calls.log.push(call);
    if (call === calls.failAt) throw Object.assign(new Error(`${calls.code}: injected`), { code: calls.code });
  };
  const wrapped = (handle: Files.FileHandle, kind: string): Files.FileHandle =>
    new Proxy(handle, {
      get(target, key) {
        const member: unknown = Reflect.get(target, key, target);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) => {
          note(`${String(key)} ${kind}`);
          return Reflect.apply(member, target, args);
        };
      },
    });
  const open: typeof files.open = async (path, flags, mode) => {
    const kind = flags === "wx" ? "temporary" : "folder";
    note(`open ${kind}`);
    return wrapped(await files.open(path, flags, mode), kind);
  };
  const rename: typeof files.rename = async (from, to) => {
    note("rename");
    await files.rename(from, to);
  };
  return { ...files, open, rename };
});

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "descent-files-"));
  Object.assign(calls, { log: [], failAt: "", code: "" });
});
afterEach(() => rmSync(folder, { recursive: true }));

const bytes = (text: string) => new TextEncoder().encode(text);
const failure = (run: Promise<unknown>): Promise<unknown> =>
  run.then(
    () => undefined,
    (error: unknown) => error,
  );

describe("writeAtomic", () => {
  it("A1: writes and syncs the file, renames it, syncs the folder", async () => {
    const path = join(folder, "model.safetensors");
    writeFileSync(path, "old");
    await writeAtomic(path, [bytes("new "), new Uint8Array(0), bytes("file")]);
    expect(readFileSync(path, "utf8")).toBe("new file");
    expect(readdirSync(folder)).toEqual(["model.safetensors"]);
    const file = ["open temporary", "write temporary", "write temporary", "sync temporary", "close temporary"];
    expect(calls.log).toEqual([...file, "rename", "open folder", "sync folder", "close folder"]);
  });

  it("takes chunks as they come", async () => {
    async function* chunks() {
      yield bytes("a");
      yield bytes("b");
    }
    await writeAtomic(join(folder, "x"), chunks());
    expect(readFileSync(join(folder, "x"), "utf8")).toBe("ab");
  });

  it.each([
    ["ENOSPC", "write temporary", "no space left on the device"],
    ["EDQUOT", "write temporary", "the disk quota is used up"],
    ["EIO", "sync temporary", "the device reports an error"],
    ["EACCES", "open temporary", "permission denied"],
    ["EROFS", "open temporary", "the file system is read-only"],
    ["EMFILE", "open temporary", "too many open files"],
    ["EPERM", "rename", "not permitted"],
  ])("D2: %s at %s keeps the old file and removes the temporary one", async (code, failAt, words) => {
    const path = join(folder, "model.safetensors");
    writeFileSync(path, "old");
    Object.assign(calls, { failAt, code });
    const error = await failure(writeAtomic(path, [bytes("new")]));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(String(error)).toContain(`writing ${path}: ${words}`);
    expect(String(error)).toContain(`(${code}); nothing was replaced, and what was there before is whole`);
    expect((error as Error).cause).toMatchObject({ code });
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["model.safetensors"]);
  });

  it("D2: a failure after the rename says that the new file stands", async () => {
    Object.assign(calls, { failAt: "sync folder", code: "EIO" });
    const error = await failure(writeAtomic(join(folder, "x"), [bytes("new")]));
    expect(String(error)).toContain("written whole, but may not outlast a power cut");
    expect(readFileSync(join(folder, "x"), "utf8")).toBe("new");
  });

  it("D2: chunks that cannot be made keep the old file", async () => {
    const path = join(folder, "x");
    writeFileSync(path, "old");
    function* chunks() {
      yield bytes("half");
      throw new Error("source failed");
    }
    expect(String(await failure(writeAtomic(path, chunks())))).toContain("source failed; nothing was replaced");
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["x"]);
  });

  it("D2: a folder in the place of the file", async () => {
    mkdirSync(join(folder, "x"));
    const error = await failure(writeAtomic(join(folder, "x"), [bytes("new")]));
    expect(error).toBeInstanceOf(CheckpointError);
    expect(readdirSync(folder)).toEqual(["x"]);
  });

  it("D2: a folder that is not there", async () => {
    const error = await failure(writeAtomic(join(folder, "none", "x"), [bytes("new")]));
    expect(String(error)).toContain("no such file or folder (ENOENT)");
  });

  it("D2: a folder without write permission", async ({ skip }) => {
    if (process.getuid?.() === 0) skip("root may write anywhere; the injected EACCES stands for it");
    chmodSync(folder, 0o500);
    const error = await failure(writeAtomic(join(folder, "x"), [bytes("new")]));
    chmodSync(folder, 0o700);
    expect(String(error)).toContain("permission denied");
  });

  it("D2: a full disk (a file system of 64 KiB in memory)", async ({ skip }) => {
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], { stdio: "ignore" });
    } catch {
      skip("this user may not mount; the injected ENOSPC stands for it");
    }
    try {
      const path = join(folder, "x");
      await writeAtomic(path, [new Uint8Array(30_000).fill(1)]);
      const error = await failure(writeAtomic(path, [new Uint8Array(60_000).fill(2)]));
      expect(String(error)).toContain("no space left on the device; free some and try again (ENOSPC)");
      expect(readdirSync(folder)).toEqual(["x"]);
      expect(readFileSync(path).every((byte) => byte === 1)).toBe(true);
    } finally {
      execFileSync("umount", [folder]);
    }
  });
});

describe("readFileBounded", () => {
  it("reads a file up to its bound, and no further", async () => {
    writeFileSync(join(folder, "x"), "12345");
    expect(Buffer.from(await readFileBounded(join(folder, "x"), 5)).toString()).toBe("12345");
    await expect(readFileBounded(join(folder, "x"), 4)).rejects.toThrow("expected at most 4 bytes, got 5");
  });

  it("refuses what is no file", async () => {
    await expect(readFileBounded(folder, 5)).rejects.toThrow("expected a file, got a folder");
    await expect(readFileBounded("/dev/zero", 5)).rejects.toThrow(CheckpointError);
    await expect(readFileBounded(join(folder, "none"), 5)).rejects.toThrow("no such file or folder (ENOENT)");
  });

  it("does not wait at a named pipe, to read or to write", async () => {
    const path = join(folder, "pipe");
    execFileSync("mkfifo", [path]);
    await expect(readFileBounded(path, 5)).rejects.toThrow(/^reading .*: expected a file, got a named pipe$/);
    await expect(readStart(path, 5)).rejects.toThrow("got a named pipe");
    await expect(append(path, "x")).rejects.toThrow(/^writing .*: it is a named pipe/);
    await expect(writeAtomic(path, [bytes("x")])).rejects.toThrow("got a named pipe");
  });

  it.runIf(process.platform === "linux")("reads files of /proc, which claim no bytes, within bounds", async () => {
    expect(Buffer.from(await readFileBounded("/proc/version", 10_000)).toString()).toMatch(/^Linux /);
    await expect(readFileBounded("/proc/version", 5)).rejects.toThrow("expected at most 5 bytes, got more");
  });
});

describe("makeFolder", () => {
  it("makes all that is missing, also when others do so at the same time", async () => {
    const path = join(folder, "a", "b", "c");
    await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(folder, "a", "b"))]);
    expect(readdirSync(join(folder, "a", "b"))).toEqual(["c"]);
    await makeFolder(path);
  });

  it("says why not", async () => {
    writeFileSync(join(folder, "file"), "");
    await expect(makeFolder(join(folder, "file"))).rejects.toThrow("EEXIST");
    await expect(makeFolder(join(folder, "file", "x"))).rejects.toThrow("ENOTDIR");
  });

  it("D2: says that a file system is read-only", async ({ skip }) => {
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "ro", "tmpfs", folder], { stdio: "ignore" });
    } catch {
      skip("this user may not mount");
    }
    try {
      await expect(makeFolder(join(folder, "a", "b"))).rejects.toThrow("EROFS");
    } finally {
      execFileSync("umount", [folder]);
    }
  });

  it.runIf(process.platform === "linux")("comes to an end under /proc", async () => {
    await expect(makeFolder("/proc/descent/run")).rejects.toThrow("ENOENT");
  });
});

describe("sha256", () => {
  it("of bytes and of chunks (FIPS 180-2, appendix B.1)", () => {
    const expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    expect(sha256(bytes("abc"))).toBe(expected);
    expect(sha256([bytes("a"), bytes("bc")])).toBe(expected);
  });
});

describe("safeJoin", () => {
  it.each([
    "../x",
    "a/../../b",
    "a/..",
    ".",
    "",
    "/etc/passwd",
    "C:\\x",
    "C:/x",
    "\\\\server\\share",
    "a\\b",
    "%2e%2e/x",
    "a%2Fb",
    "x\0.txt",
    "CON",
    "con.txt",
    "a/LPT1.json",
    "x.",
    "x ",
    "a//b",
    "a/",
  ])("PATH-01 refuses %j", (relative) => expect(() => safeJoin("/base", relative)).toThrow(CheckpointError));

  it.each(["x", "a/b/c.json", "...x", ".hidden", "con-fig.json", "console", "100%", "ä/😀"])(
    "PATH-01 joins %j",
    (relative) => expect(safeJoin("/base", relative)).toBe(`/base/${relative}`),
  );
});

it("a device is never replaced by a file", async () => {
  await expect(writeAtomic("/dev/null", [Uint8Array.of(1)])).rejects.toThrow(
    /expected a file or nothing there, got a device/,
  );
});
