/** What a run's files hold when they are read: weights in one file or several, other types, spoilt numbers, changes. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  fromFile,
  readSafetensors,
  requireExactly,
  type SavedState,
  type StoredDType,
  type StoredTensor,
  toStored,
  writeSafetensors,
} from "../../src/checkpoint/index.ts";
import { digestOf, folder } from "../../src/checkpoint/node-run.ts";
import { CheckpointError } from "../../src/errors.ts";
import { type DType, input } from "../../src/tensor/index.ts";
import { workIn } from "../cli/support.ts";

let place: ReturnType<typeof workIn>;
beforeEach(() => {
  place = workIn("run");
});
afterEach(() => place.leave());

const bytesOf = (values: ArrayBufferView) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
const stored = (dtype: StoredDType, values: ArrayBufferView & { length: number }): StoredTensor => ({
  dtype,
  shape: [values.length],
  data: bytesOf(values),
});
const f32 = (...values: number[]) => stored("F32", Float32Array.of(...values));
const write = (path: string, tensors: Record<string, StoredTensor>, metadata?: Map<string, string>) =>
  writeFileSync(path, Buffer.concat(writeSafetensors(Object.entries(tensors), metadata)));

/** The numbers of the one parameter w of `dtype`, out of a file's tensor. */
const load = (tensor: StoredTensor, dtype: DType) =>
  fromFile(new Map([["w", tensor]]), { w: input("w", [3], dtype) }, {}, "toy").w?.data;

describe("numbers of another type", () => {
  test.each([
    ["F32", Float32Array.of(1.5, -2, 0)],
    ["F64", Float64Array.of(1.5, -2, 0)],
    ["F16", Uint16Array.of(0x3e00, 0xc000, 0)],
    ["BF16", Uint16Array.of(0x3fc0, 0xc000, 0)],
  ] as const)("%s becomes f32 and f64", (dtype, values) => {
    expect(load(stored(dtype, values), "f32")).toEqual(Float32Array.of(1.5, -2, 0));
    expect(load(stored(dtype, values), "f64")).toEqual(Float64Array.of(1.5, -2, 0));
  });

  test.each([
    ["I32", Int32Array.of(1, 2, 3), "f32", /^tensor "w": expected floating point values, got I32$/],
    ["I64", BigInt64Array.of(1n, 2n, 3n), "f32", /expected floating point values, got I64/],
    ["U8", Uint8Array.of(1, 2, 3), "f64", /expected floating point values, got U8/],
    ["F32", Float32Array.of(1, 2, 3), "i32", /^tensor "w": expected I32, got F32$/],
    ["I64", BigInt64Array.of(1n, 2n, 3n), "i32", /expected I32, got I64/],
  ] as const)("%s where %s is not expected is refused", (dtype, values, wanted, say) => {
    expect(() => load(stored(dtype, values), wanted)).toThrow(CheckpointError);
    expect(() => load(stored(dtype, values), wanted)).toThrow(say);
  });
});

test.each([
  ["F32", Float32Array.of(1, 2, Number.NaN), "NaN at place 2"],
  ["F32", Float32Array.of(Number.NEGATIVE_INFINITY, 2, 3), "-Infinity at place 0"],
  ["F64", Float64Array.of(1, 1e300, 3), "Infinity at place 1"],
  ["F16", Uint16Array.of(0, 0x7c00, 0), "Infinity at place 1"],
  ["BF16", Uint16Array.of(0, 0, 0x7fc0), "NaN at place 2"],
] as const)("N1: %s with a number that is not finite is refused", (dtype, values, say) => {
  expect(() => load(stored(dtype, values), "f32")).toThrow(CheckpointError);
  expect(() => load(stored(dtype, values), "f32")).toThrow(`tensor "w": expected finite numbers, got ${say}`);
});

test("the largest and the smallest numbers are finite", () => {
  const values = Float32Array.of(3.4028234e38, -3.4028234e38, 1e-45);
  expect(load(stored("F32", values), "f32")).toEqual(values);
});

describe("weights in several files", () => {
  const index = (map: object) =>
    writeFileSync(
      "model/model.safetensors.index.json",
      JSON.stringify({ metadata: { total_size: 8 }, weight_map: map }),
    );
  beforeEach(() => {
    mkdirSync("model");
    write("model/model-00001-of-00002.safetensors", { a: f32(1), b: f32(2, 3) });
    write("model/model-00002-of-00002.safetensors", { c: f32(4) });
    index({ a: "model-00001-of-00002.safetensors", b: "model-00001-of-00002.safetensors", c: "model-00002-of-00002.safetensors" }); // biome-ignore format: a map
  });

  test("are read as if they were in one", async () => {
    const tensors = await folder("model").loadWeights();
    expect(Object.fromEntries(tensors)).toEqual({ a: f32(1), b: f32(2, 3), c: f32(4) });
  });

  test("one file of all goes before the index", async () => {
    write("model/model.safetensors", { d: f32(5) });
    expect([...(await folder("model").loadWeights()).keys()]).toEqual(["d"]);
  });

  test("a file that is missing, a pipe in its place, or a tensor too few or too many is refused", async () => {
    const refused = (say: RegExp) => expect(folder("model").loadWeights()).rejects.toThrow(say);
    write("model/model-00002-of-00002.safetensors", { c: f32(4), d: f32(5) });
    await refused(/expected tensor "d" of "model-00002-of-00002.safetensors" in the index, got none/);
    write("model/model-00002-of-00002.safetensors", {});
    await refused(/expected tensor "c" in "model-00002-of-00002.safetensors", got none/);
    rmSync("model/model-00002-of-00002.safetensors");
    await refused(/^reading model\/model-00002-of-00002.safetensors: no such file/);
    execFileSync("mkfifo", ["model/model-00002-of-00002.safetensors"]);
    await refused(/got a named pipe/);
    index({ a: "../../etc/passwd" });
    await refused(/expected a path inside the folder/);
  });
});

describe("a run remembers what describes it", () => {
  const value = { data: Float32Array.of(1, 2), shape: [2], dtype: "f32" } as const;
  const other = (first: number) => ({ ...value, data: Float32Array.of(first, first + 1) });
  /** Everything that a state may hold, each group with numbers of its own. */
  const state = (step: number, slots: SavedState["slots"] = {}): SavedState => ({
    weights: { w: value },
    buffers: { w: other(7) },
    averages: { w: other(3) },
    slots,
    trainer: { step },
  });
  beforeEach(async () => {
    const store = folder("run");
    await store.create({
      "config.json": { model_type: "toy", n_head: 2 },
      "task.json": { task: "toy", options: {} },
      "tokenizer.json": { model: {} },
    });
    await store.saveState(state(1, { "optimizer.m.w": other(5) }));
    for (const kind of ["last", "best"] as const) await store.saveWeights(kind, [["w", toStored(value)]]);
  });
  const edit = (file: string, from: string, to: string) =>
    writeFileSync(file, Buffer.from(readFileSync(file, "latin1").replace(from, to), "latin1"));

  test("read back as written", async () => {
    const run = folder("run");
    expect(await run.loadState()).toEqual(state(1, { "optimizer.m.w": other(5) }));
    expect(await run.loadTrainer()).toEqual({ step: 1 });
    expect(await run.loadFile("config.json")).toEqual({ model_type: "toy", n_head: 2 });
    expect(await run.loadFile("task.json")).toEqual({ task: "toy", options: {} });
    expect(await run.loadFile("vocabulary.json")).toBe(undefined);
    expect(await folder("run/best").loadTrainer()).toEqual(await run.loadTrainer()); // its weights are of that training
    expect(await folder("run/other").loadTrainer()).toBe(undefined);
    for (const path of ["run", "run/best"]) expect((await folder(path).loadWeights()).get("w")?.shape).toEqual([2]);
    const { metadata } = readSafetensors(readFileSync("run/model.safetensors"));
    expect(metadata.get("descent.config.json")).toBe(digestOf(readFileSync("run/config.json")));
  });

  test.each(["config.json", "task.json", "tokenizer.json"])("a %s edited afterwards", async (file) => {
    writeFileSync(`run/${file}`, readFileSync(`run/${file}`, "utf8").replace("}", ' ,"x":1}').replace("{ ,", "{"));
    const say = (what: string) => `reading run/${file}: it has changed since the ${what} beside it was saved`;
    await expect(folder("run").loadState()).rejects.toThrow(say("training-state.safetensors"));
    await expect(folder("run").loadWeights()).rejects.toThrow(say("model.safetensors"));
    await folder("run/best").loadWeights();
  });

  test("a config.json edited during the training", async () => {
    const store = folder("run");
    await store.saveState(state(2));
    edit("run/config.json", '"n_head": 2', '"n_head": 4');
    await store.saveState(state(3));
    await expect(folder("run").loadState()).rejects.toThrow("reading run/config.json: it has changed");
  });

  test.each([
    ["an optimizer slot under another name", '"optimizer.m.w"', '"optimizer.n.w"'],
    ["a slot made a parameter", '"optimizer.m.w"', '"parameter.u"'],
    ["an average made a buffer", '"average.w"', '"buffer.u"'],
    ["another type of the same size", '"F32"', '"I32"'],
    ["another shape of the same size", '"shape":[2]', '"shape":[2]'.replace("[2]", "[2,1]")],
    ["no digest", '"descent.digest"', '"descent.digesu"'],
  ])("a state with %s", async (_, from, to) => {
    const bytes = readFileSync("run/training-state.safetensors");
    const length = Number(bytes.readBigUInt64LE());
    const header = bytes
      .subarray(8, 8 + length)
      .toString("latin1")
      .replace(from, to);
    const head = Buffer.alloc(8);
    head.writeBigUInt64LE(BigInt(header.length));
    const changed = Buffer.concat([head, Buffer.from(header, "latin1"), bytes.subarray(8 + length)]);
    writeFileSync("run/training-state.safetensors", changed);
    await expect(folder("run").loadState()).rejects.toThrow(/digest/);
  });
});

test("a state with any one bit of it turned over is refused, or is the same", async () => {
  const store = folder("run");
  await store.create({ "config.json": { model_type: "toy" }, "tokenizer.json": { model: {} } });
  const value = { data: Float32Array.of(1, 2), shape: [2], dtype: "f32" } as const;
  const slots = { "adam.m.w": value, "adam.v.w": value };
  await store.saveState({ weights: { w: value }, buffers: {}, slots, averages: {}, trainer: { step: 1, lr: 0.5 } });
  const whole = readFileSync("run/training-state.safetensors");
  const expected = await store.loadState();
  let refused = 0;
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
    writeFileSync("run/training-state.safetensors", damaged);
    const state = await store.loadState().catch((error: unknown) => error);
    if (state instanceof CheckpointError) refused++;
    else expect(state).toEqual(expected);
  }
  expect(whole.length - refused).toBeLessThan(10); // the letters of "format":"pt"
});

test("exactly the names that are expected", () => {
  requireExactly(["a", "b"], ["b", "a"], "state x");
  expect(() => requireExactly(["a", "momentun"], ["a", "momentum"], "state x")).toThrow(
    'state x: missing "momentum" (did you mean "momentun"?); unexpected "momentun"; the file is damaged',
  );
  const many = Array.from({ length: 100 }, (_, i) => `${i}`);
  expect(() => requireExactly([], many, "state x")).toThrow(/^state x: missing "0"; .*; and 92 more; [^\n]*$/);
});
