/** Weights as constants: from arrays, bytes and files, and what is said of files that change. */
import { mkdtemp, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CheckpointError, ConfigError, DTypeError, ShapeError } from "../../src/errors.ts";
import { lower } from "../../src/onnx/index.ts";
import { array, compile, type Weight, type Weights } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "descent-weights-"));
});
afterAll(() => rm(folder, { recursive: true }));

const x = input("x", ["N", 3]);
const w = input("w", [3, 2]);
const product = { y: x.matmul(w) };
/** x w for x = [[1, 2, 3]] and w = [[1, -2], [0.5, 4], [0, -1]]. */
const EXPECTED = [2, 3];
const NUMBERS = [1, -2, 0.5, 4, 0, -1];
const feed = { x: array([[1, 2, 3]]) };

/** The same numbers in the other floating types, as hexadecimal halves. */
const HALVES = {
  f16: [0x3c00, 0xc000, 0x3800, 0x4400, 0x0000, 0xbc00],
  bf16: [0x3f80, 0xc000, 0x3f00, 0x4080, 0x0000, 0xbf80],
} as const;

const f32 = (numbers: readonly number[]) => new Uint8Array(Float32Array.from(numbers).buffer);
const halves = (type: keyof typeof HALVES) => new Uint8Array(Uint16Array.from(HALVES[type]).buffer);

async function file(name: string, bytes: Uint8Array, offset = 0): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, Buffer.concat([Buffer.alloc(offset, 7), bytes]));
  return path;
}

const compiled = (weight: Weight, device?: "cpu" | "wasm") =>
  compile({ x, w }, product, { weights: { w: weight }, device });

async function answer(weight: Weight, device?: "cpu" | "wasm"): Promise<number[]> {
  const program = await compiled(weight, device);
  const { y } = await program.run(feed);
  await program.release();
  return Array.from(y.data, Number);
}

for (const device of ["cpu", "wasm"] as const)
  test(`arrays, bytes and files of f32, f16 and bf16 give the same on ${device}`, async () => {
    const shape = [3, 2];
    expect(
      await answer(
        array([
          [1, -2],
          [0.5, 4],
          [0, -1],
        ]),
        device,
      ),
    ).toEqual(EXPECTED);
    expect(await answer({ dtype: "f32", shape, bytes: f32(NUMBERS) }, device)).toEqual(EXPECTED);
    const whole = await file(`${device}.f32`, f32(NUMBERS), 5);
    expect(await answer({ dtype: "f32", shape, file: whole, offset: 5 }, device)).toEqual(EXPECTED);
    for (const dtype of ["f16", "bf16"] as const) {
      const path = await file(`${device}.${dtype}`, halves(dtype), 2);
      expect(await answer({ dtype, shape, file: path, offset: 2 }, device)).toEqual(EXPECTED);
      expect(await answer({ dtype, shape, bytes: halves(dtype) }, device)).toEqual(EXPECTED);
    }
  });

test("whole numbers of one byte are cast", async () => {
  const bytes = Uint8Array.from([1, 254, 3, 4, 0, 255]);
  expect(await answer({ dtype: "u8", shape: [3, 2], bytes })).toEqual([1 + 6, 254 + 8 + 3 * 255]);
  expect(await answer({ dtype: "i8", shape: [3, 2], bytes })).toEqual([1 + 6, -2 + 8 - 3]);
});

test("two of u4 share a byte, the first in the lower half", async () => {
  const bytes = Uint8Array.from([0x21, 0x43, 0x0f]);
  expect(await answer({ dtype: "u4", shape: [3, 2], bytes })).toEqual([1 + 2 * 3 + 3 * 15, 2 + 2 * 4]);
});

test("numbers are the engine's own after compiling", async () => {
  const numbers = array([
    [1, -2],
    [0.5, 4],
    [0, -1],
  ]);
  const program = await compiled(numbers);
  (numbers.data as Float32Array).fill(9);
  expect(Array.from((await program.run(feed)).y.data, Number)).toEqual(EXPECTED);
  await program.release();
});

test("files of several folders, and links that lead elsewhere", async () => {
  const other = await mkdtemp(join(tmpdir(), "descent-weights-"));
  const [first, second] = [await file("a", f32([1, 2, 3])), join(other, "b")];
  await writeFile(second, f32([4, 5, 6]));
  const link = join(folder, "link");
  await symlink(second, link);
  const [a, b] = [input("a", [3]), input("b", [3])];
  const weights: Weights = {
    a: { dtype: "f32", shape: [3], file: first, offset: 0 },
    b: { dtype: "f32", shape: [3], file: link, offset: 0 },
  };
  const program = await compile({ x, a, b }, { y: x.add(a).mul(b) }, { weights });
  expect(Array.from((await program.run(feed)).y.data, Number)).toEqual([8, 20, 36]);
  await program.release();
  await rm(other, { recursive: true });
});

/** Rows 2 and 0 of a table, times the table turned: Σ row · row. */
const tied = (dtype: "f32" | "f16", bytes: Uint8Array): Promise<number[]> => {
  const [ids, table] = [input("ids", ["N"], "i32"), input("table", [3, 2])];
  const outputs = { y: table.gather(ids).matmul(table, { transB: true }) };
  return compile({ ids, table }, outputs, { weights: { table: { dtype, shape: [3, 2], bytes } } }).then(
    async (program) => {
      const { y } = await program.run({ ids: array([2, 0], "i32") });
      await program.release();
      return Array.from(y.data, Number);
    },
  );
};

test("a table that is looked up and multiplied with", async () => {
  const expected = [2, -4, 1, 5, -7.5, 2];
  expect(await tied("f32", f32(NUMBERS))).toEqual(expected);
  expect(await tied("f16", halves("f16"))).toEqual(expected);
  const [ids, table] = [input("ids", ["N"], "i32"), input("table", [3, 2])];
  const data = { location: "t", offset: 0, length: 24 };
  const model = lower(
    { ids, table },
    { y: table.gather(ids).matmul(table, { transB: true }) },
    {
      table: { dtype: "f32", shape: [3, 2], data },
    },
  );
  const names = new TextDecoder("latin1").decode(model.bytes).split("location").length - 1;
  expect(names).toBe(2); // one name for looking up, one for the product
});

test("a weight is no input any more", async () => {
  const program = await compiled(
    array([
      [1, -2],
      [0.5, 4],
      [0, -1],
    ]),
  );
  await expect(program.run({ ...feed, w: array([[1]]) })).rejects.toThrow(/"w" is no input/);
  expect(program.model.inputs.map(({ name }) => name)).toEqual(["x"]);
  await program.release();
});

test("a file that changes or shrinks is noticed before anything is computed with it", async () => {
  const shape = [3, 2];
  for (const [name, change] of [
    ["cut", (path: string) => truncate(path, 4)],
    ["written", (path: string) => writeFile(path, f32([9, 9, 9, 9, 9, 9]))],
    ["touched", (path: string) => utimes(path, 1, 1)],
  ] as const) {
    const path = await file(name, f32(NUMBERS));
    const program = await compiled({ dtype: "f32", shape, file: path, offset: 0 });
    await program.run(feed);
    await change(path);
    await expect(program.run(feed)).rejects.toThrow(
      /the file changed on disk while it was in use; open the model again/,
    );
    await program.release();
  }
});

test("a file that is replaced or removed does no harm: what was opened stays", async () => {
  const path = await file("replaced", f32(NUMBERS));
  const program = await compiled({ dtype: "f32", shape: [3, 2], file: path, offset: 0 });
  await rename(await file("newer", f32([9, 9, 9, 9, 9, 9])), path);
  expect(Array.from((await program.run(feed)).y.data, Number)).toEqual(EXPECTED);
  await rm(path);
  expect(Array.from((await program.run(feed)).y.data, Number)).toEqual(EXPECTED);
  await program.release();
});

test("what is no weight is refused in one line", async () => {
  const path = await file("short", f32([1, 2]));
  const shape = [3, 2];
  const cases: readonly [Weight, new (message: string) => Error, RegExp][] = [
    [{ dtype: "f32", shape, file: path, offset: 0 }, CheckpointError, /expected at least 24 bytes, got 8/],
    [{ dtype: "f32", shape, file: join(folder, "nowhere"), offset: 0 }, CheckpointError, /ENOENT/],
    [{ dtype: "f32", shape, file: folder, offset: 0 }, CheckpointError, /folder|EISDIR|file/],
    [{ dtype: "f32", shape, file: path, offset: -1 }, ConfigError, /offset/],
    [{ dtype: "f32", shape, bytes: f32([1]) }, ShapeError, /expected the 24 bytes/],
    [{ dtype: "f32", shape: [2, 3], bytes: f32(NUMBERS) }, ShapeError, /is not f32\[3, 2\]/],
    [{ dtype: "q5" as "f32", shape, bytes: f32(NUMBERS) }, DTypeError, /there is no type "q5"/],
    [null as unknown as Weight, ShapeError, /expected a tensor, got null/],
  ];
  for (const [weight, kind, message] of cases) {
    const error = await compiled(weight).then(
      () => undefined,
      (cause: Error) => cause,
    );
    expect(error, String(message)).toBeInstanceOf(kind);
    expect(error?.message).toMatch(message);
    expect(error?.message).not.toContain("\n");
  }
  await expect(compile({ x, w }, product, { weights: { v: array([1]) } })).rejects.toThrow(/"v" is no input/);
  await expect(compile({ x, w }, product, { weights: 3 as unknown as Weights })).rejects.toThrow(/weights/);
});
