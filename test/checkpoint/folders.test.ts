/** A run begins where nothing is, or where a run of this program was begun; what others left is never touched. */
import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { folder, loadTrainer, requireFree, tidy } from "../../src/checkpoint/node-run.ts";
import { CheckpointError } from "../../src/errors.ts";
import { contents, workIn } from "../cli/support.ts";

let place: ReturnType<typeof workIn>;
beforeEach(() => {
  place = workIn("folders");
});
afterEach(() => place.leave());

const files = { "config.json": { model_type: "rnn" }, "task.json": { task: "language" }, "tokenizer.json": {} };
const create = (path: string) => folder(path).create(files);

/** Expects `path` to be refused in one line, and every file below the working folder to stay as it was. */
async function refused(path: string, say: RegExp): Promise<void> {
  const before = contents(place.path);
  await expect(requireFree(path)).rejects.toThrow(CheckpointError);
  await expect(create(path)).rejects.toThrow(say);
  expect(contents(place.path)).toEqual(before);
}

describe("refused", () => {
  beforeEach(() => {
    for (const name of ["config.json", "tokenizer.json"]) writeFileSync(name, "mine");
  });

  test("a folder without a name, to write or to read", async () => {
    const say = /^run: expected a folder, got an empty path[^\n]*$/;
    await expect(requireFree("")).rejects.toThrow(say);
    await expect(loadTrainer("")).rejects.toThrow(say);
    expect(() => folder("")).toThrow(say);
  });

  test.each([".", "./", "nope/..", "..", "/", "nope/../.."])("the working folder and those above it: %s", (path) =>
    refused(path, /expected a folder of its own, got the working folder or one above it/),
  );

  test("a link to the working folder", async () => {
    symlinkSync(place.path, join(place.path, "link"));
    await refused("link", /the working folder/);
  });

  test.each([
    [["config.json", "best/model.safetensors"], "somebody's model"],
    [["config.json"], "a configuration"],
    [["run.jsonl"], "another program's log"],
    [["best/notes.txt"], "a folder of the same name"],
    [[".run.jsonl.swp"], "a hidden file"],
  ])("%j: %s", async (files) => {
    for (const file of files) {
      mkdirSync(join("theirs", file, ".."), { recursive: true });
      writeFileSync(join("theirs", file), '{"event":"start"}\n');
    }
    await refused("theirs", /expected an empty folder, got one with "[^\n]+" in it/);
  });

  test("a file, and a path through a file", async () => {
    await refused("config.json", /not a folder \(ENOTDIR\)/);
    await refused("config.json/run", /not a folder \(ENOTDIR\)/);
  });

  test("a folder that cannot be read", async (context) => {
    if (process.getuid?.() === 0) return context.skip("root may read everything");
    mkdirSync("secret");
    chmodSync("secret", 0o300);
    await refused("secret", /permission denied/);
  });

  test("a run", async () => {
    await create("run");
    writeFileSync("run/training-state.safetensors", "");
    await refused("run", /there is a run already/);
  });

  test("a run begun here into which somebody put a file", async () => {
    await create("run");
    writeFileSync("run/notes\x1b[2J.txt", "");
    await refused("run", /got one with "notes\\u001b\[2J\.txt" in it/);
  });

  test.runIf(process.platform === "linux")("a folder under /proc", async () => {
    await expect(create("/proc/descent")).rejects.toThrow(/^run \/proc\/descent: [^\n]*\(ENOENT\)/);
  });
});

describe("free", () => {
  test("a name that is not taken, an empty folder", async () => {
    mkdirSync("empty");
    for (const path of ["new", "deep/in/new", "empty"]) await create(path);
    expect([...contents(place.path).keys()].filter((file) => file.startsWith("empty"))).toEqual([
      "empty/best/config.json",
      "empty/best/task.json",
      "empty/best/tokenizer.json",
      "empty/config.json",
      "empty/run.jsonl",
      "empty/task.json",
      "empty/tokenizer.json",
    ]);
  });

  test("a run of ours that was killed before its first checkpoint, wherever it was killed", async () => {
    await create("run");
    const whole = contents("run");
    const dead = ".config.json.4194304-0123456789ab.tmp";
    for (const left of [[], ["run.jsonl"], ["run.jsonl", "config.json"], [...whole.keys()]]) {
      mkdirSync("killed/best", { recursive: true });
      for (const file of left) writeFileSync(join("killed", file), whole.get(file) ?? "");
      writeFileSync(join("killed", dead), "half");
      if (!left.length) rmSync("killed/best", { recursive: true });
      await create("killed");
      expect(contents("killed")).toEqual(whole);
      rmSync("killed", { recursive: true });
    }
  });
});

test("a log's last line is removed only where it is not whole", async () => {
  await create("run");
  const first = contents("run").get("run.jsonl") ?? "";
  for (const [text, kept] of [
    ['{"a":1}\n{"b', '{"a":1}\n'],
    ['{"a":1}\n', '{"a":1}\n'],
    [`${"x".repeat(3_000_000)}\n{`, `${"x".repeat(3_000_000)}\n`],
  ] as const) {
    writeFileSync("run/run.jsonl", first + text);
    await tidy("run");
    expect(contents("run").get("run.jsonl") === first + kept).toBe(true);
  }
});
