/** Damaged and hostile files, and disks that are full: one line, the right exit code, and nothing lost. */
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { builtInText } from "../../src/stories/index.ts";
import { trainChar } from "../../src/tokenizers/index.ts";
import { contents, descent, TINY, workIn } from "./support.ts";

let place: ReturnType<typeof workIn>;
const STATE = "training-state.safetensors";
const WEIGHTS = "model.safetensors";
beforeAll(async () => {
  place = workIn("damage");
  writeFileSync("text.txt", builtInText(1, 6000));
  const line = ["train", "gpt", "--data", "text.txt", ...TINY, "--steps", "6", "--out", "good"];
  expect((await descent(line)).code).toBe(0);
});
afterEach(() => rmSync("bad", { recursive: true, force: true }));
afterAll(() => place.leave());

/** A copy of the good run, with `file` changed. */
function spoil(file: string, change: (bytes: Buffer) => Uint8Array): void {
  cpSync("good", "bad", { recursive: true });
  writeFileSync(join("bad", file), change(readFileSync(join("bad", file))));
}

/** Expects one line, exit code 2, and every file as it was. */
async function refused(line: string, say: RegExp): Promise<void> {
  const before = contents("bad");
  const { code, out, err } = await descent(line.split(" "));
  expect(err).toMatch(/^descent: [^\n]+\n$/);
  expect(err).toMatch(say);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(contents("bad")).toEqual(before);
}

const flip = (at: number) => (bytes: Buffer) => {
  const index = at < 0 ? bytes.length + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 1;
  return bytes;
};
const cut = (length: number) => (bytes: Buffer) => bytes.subarray(0, length < 0 ? bytes.length + length : length);
/** A file with the header `json` and `data` bytes after it. */
const forged =
  (json: string, data = 0, length = Buffer.byteLength(json)) =>
  () => {
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(length));
    return Buffer.concat([head, Buffer.from(json), Buffer.alloc(data)]);
  };
const entry = (shape: string, offsets: string) =>
  `{"wte.weight":{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}}`;

const DAMAGE = {
  "cut off at the end": cut(-1),
  "cut off in the header": cut(100),
  "cut off to nothing": cut(0),
  "a bit flipped in the last number": flip(-1),
  "a bit flipped in the middle": (bytes: Buffer) => flip(bytes.length >> 1)(bytes),
  "a bit flipped in the length of the header": flip(0),
  "a bit flipped in the header": flip(12),
  "bytes added": (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(4)]),
};
const ATTACKS = {
  "a header of 2^63 bytes": () => Buffer.from([0, 0, 0, 0, 0, 0, 0, 128, 123, 125]),
  "a header longer than the file": forged("{}", 0, 1e6),
  "no tensors": forged("{}"),
  "a shape beyond 2^53": forged(entry("[9007199254740991,9007199254740991]", "[0,4]"), 4),
  "a negative size": forged(entry("[-1]", "[0,4]"), 4),
  "an offset past the end": forged(entry("[1000000]", "[0,4000000]"), 4),
  "a hole": forged(entry("[1]", "[4,8]"), 8),
  "a name given twice": forged(
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    4,
  ),
  "deep nesting": forged(`{"__metadata__":${"[".repeat(50_000)}`),
  "another tensor": forged(entry("[1]", "[0,4]"), 4),
  "a zip file": () => Buffer.from("PK\x03\x04 pretending"),
};

describe("a run is not resumed when", () => {
  test.each(Object.entries(DAMAGE))("its state has %s", async (_, change) => {
    spoil(STATE, change);
    await refused("train gpt --resume bad --steps 9", /bad\/training-state|safetensors/);
  });
  test("its record is another's", async () => {
    spoil(STATE, (bytes) => Buffer.from(bytes.toString("latin1").replace('\\"step\\":6', '\\"step\\":7'), "latin1"));
    await refused("train --resume bad --steps 9", /record is missing or damaged/);
  });
  test("its weights stand where the state should", async () => {
    spoil(STATE, () => readFileSync("good/model.safetensors"));
    await refused("train --resume bad --steps 9", /record is missing/);
  });
  test("its config.json is another model's", async () => {
    spoil("config.json", (bytes) => Buffer.from(bytes.toString().replace('"n_embd": 16', '"n_embd": 32')));
    await refused("train --resume bad --steps 9", /bad\/config\.json: it has changed since/);
  });
  test("its number of heads was edited", async () => {
    spoil("config.json", (bytes) => Buffer.from(bytes.toString().replace('"n_head": 2', '"n_head": 4')));
    await refused("train --resume bad --steps 9", /bad\/config\.json: it has changed since/);
    await refused("generate bad --tokens 5", /bad\/config\.json: it has changed since/);
  });
  test("its task.json was edited", async () => {
    spoil("task.json", (bytes) => Buffer.from(bytes.toString().replace('"context": 16', '"context": 15')));
    await refused("train --resume bad --steps 9", /bad\/task\.json: it has changed since/);
    await refused("generate bad --tokens 5", /bad\/task\.json: it has changed since/);
    await refused("predict bad text.txt", /bad\/task\.json: it has changed since/);
    await refused("eval bad --data text.txt", /bad\/task\.json: it has changed since/);
  });
  test("its text has changed", async () => {
    spoil("config.json", (bytes) => bytes);
    writeFileSync("other.txt", builtInText(1, 6000).replace("a", "e"));
    await refused(
      "train --resume bad --steps 9 --data other.txt",
      /the data in other\.txt are not what the run was trained on/,
    );
  });
});

const large = trainChar(Array.from({ length: 100 }, (_, i) => String.fromCharCode(32 + i)).join("")).toJSON();

describe("nothing is written with", () => {
  test.each(Object.entries({ ...DAMAGE, ...ATTACKS }))("weights that have %s", async (_, change) => {
    spoil(WEIGHTS, change);
    await refused("generate bad --tokens 5", /safetensors|weights|header|digest/);
    await refused("export bad --to onnx", /safetensors|weights|header|digest/);
  });
  test.each([
    ["config.json", "not JSON", "{", /expected JSON/],
    ["config.json", "a list", "[]", /expected a JSON object/],
    ["config.json", "no model_type", "{}", /model/],
    ["config.json", "an unknown model", '{"model_type":"perceiver"}', /expected one of/],
    ["task.json", "not JSON", "{", /expected JSON/],
    ["task.json", "a list", "[]", /expected a JSON object/],
    ["task.json", "another task's", '{"task":"classify","options":{}}', /num_labels|it has changed since/],
    ["task.json", "an unknown task's", '{"task":"transmute"}', /expected one of language, classify.*got "transmute"/],
    ["task.json", "no task's", "{}", /task/],
    ["config.json", "an absurd size", '{"model_type":"gpt2","vocab_size":57,"n_embd":1e99}', /n_embd/],
    ["tokenizer.json", "not JSON", "", /expected JSON/],
    ["tokenizer.json", "another model's", JSON.stringify(large), /bad\/tokenizer\.json: it has changed since/],
    ["tokenizer.json", "no tokenizer", "{}", /tokenizer/],
  ] as const)("a %s that is %s", async (file, _, text, say) => {
    spoil(file, () => Buffer.from(text));
    await refused("generate bad --tokens 5", say);
  });
});

const PAGE = 4096;
/** Room for the lock of a run, but for no checkpoint. */
const LOCK_BYTES = 2 * PAGE;

/** Whether this machine lets us mount a small disk. */
function mount(path: string, size: string): boolean {
  try {
    mkdirSync(path, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", path], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

describe("a full disk", () => {
  const disk = "disk";
  let mounted = false;
  beforeAll(() => {
    mounted = mount(disk, "400k");
  });
  afterAll(() => {
    if (mounted) execFileSync("umount", [disk]);
  });

  test("stops a training with exit code 1; the last checkpoint is whole and can be resumed", async (context) => {
    if (!mounted) return context.skip();
    cpSync("good", join(disk, "run"), { recursive: true });
    const before = contents("good");
    fill(join(disk, "filler"));
    const line = "train --resume disk/run --steps 12".split(" ");
    const none = await descent(line);
    expect([none.code, none.out]).toEqual([1, ""]);
    expect(none.err).toMatch(/^descent: run disk\/run: no space left on the device[^\n]*\n$/);
    fill(join(disk, "filler"), LOCK_BYTES);
    const full = await descent(line);
    expect(full.code).toBe(1);
    expect(full.err).toMatch(/\ndescent: writing [^\n]*no space left on the device[^\n]*--resume disk\/run\n$/);
    const after = contents(join(disk, "run"));
    for (const file of [STATE, WEIGHTS]) expect(after.get(file) === before.get(file), file).toBe(true);
    expect([...after.keys()].filter((name) => name.endsWith(".tmp"))).toEqual([]);
    rmSync(join(disk, "filler"));
    cpSync("good", "spared", { recursive: true });
    for (const run of ["disk/run", "spared"])
      expect((await descent(["train", "--resume", run, "--steps", "12"])).code).toBe(0);
    expect(contents("disk/run").get(STATE) === contents("spared").get(STATE)).toBe(true);
  });

  test("an export that does not fit leaves what was there", async (context) => {
    if (!mounted) return context.skip();
    writeFileSync(join(disk, "old.onnx"), "old");
    fill(join(disk, "filler"));
    const { code, err } = await descent(["export", "good", "--to", "onnx", "--out", join(disk, "old.onnx")]);
    expect([code, err]).toEqual([1, expect.stringMatching(/^descent: writing .*no space left.*\n$/)]);
    expect(readFileSync(join(disk, "old.onnx"), "utf8")).toBe("old");
    rmSync(join(disk, "filler"));
  });
});

/** Makes `path` as large as the disk allows, but for `spare` bytes. */
function fill(path: string, spare = 0): void {
  let size = 0;
  writeFileSync(path, "");
  try {
    for (; ; size += PAGE) writeFileSync(path, Buffer.alloc(PAGE), { flag: "a" });
  } catch {
    truncateSync(path, size - spare);
  }
}
