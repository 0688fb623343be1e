/** Compiled programs: the cache, what may be fed, devices that are not there. */
import { expect, test } from "vitest";
import { ConfigError, DescentError, DeviceError, ShapeError } from "../../src/errors.ts";
import { array, compile, type Device, run, values } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";

const doubled = () => {
  const x = input("x", ["N"]);
  return compile({ x }, { y: x.mul(2) });
};

test("the same graph is compiled once", async () => {
  const [first, second] = [await doubled(), await doubled()];
  expect(second).toBe(first);
});

test("a program lives as long as somebody holds it, then is compiled anew", async () => {
  const first = await doubled();
  await first.release();
  expect(await doubled()).toBe(first);
  await first.release();
  await first.release();
  await first.release();
  const second = await doubled();
  expect(second).not.toBe(first);
  const { y } = await second.run({ x: array([1, 2]) });
  expect([...(y?.data ?? [])]).toEqual([2, 4]);
});

test("feeds that do not fit are refused before anything runs", async () => {
  const x = input("x", [2, "N"]);
  const program = await compile({ x }, { y: x.sum() });
  await expect(program.run({})).rejects.toThrow(/input "x" expects f32\[2, N\], got nothing/);
  await expect(program.run({ x: array([1, 2]) })).rejects.toThrow(/got f32\[2\] of 2 numbers/);
  await expect(program.run({ x: array([[1], [2], [3]]) })).rejects.toThrow(ShapeError);
  await expect(program.run({ x: array([[1], [2]], "i32") })).rejects.toThrow(/got i32/);
});

test("a feed that no input has is refused by name", async () => {
  const x = input("x", [2]);
  const feeds = { x: array([1, 2]), X: array([1]) };
  await expect(run({ y: x.neg() }, feeds)).rejects.toThrow(
    'run: "X" is no input (did you mean "x"?); the inputs are "x"',
  );
  const program = await compile({ x }, { y: x.neg() });
  await expect(program.run(feeds)).rejects.toThrow(ConfigError);
  await expect(program.run({ x: [1, 2] } as never)).rejects.toThrow(
    'run: input "x" expects f32[2], got [1, 2], which array(values) turns into a feed; feed one of that shape',
  );
  await expect(run({ y: x.add(input("x", [2])) }, feeds)).rejects.toThrow('run: two inputs are called "x"');
});

test("a program that was released says so", async () => {
  const x = input("x", [5, 3]);
  const program = await compile({ x }, { y: x.exp() });
  await program.release();
  await expect(program.release()).rejects.toThrow("release: the program was released before");
  await expect(program.run({ x: array([[1]]) })).rejects.toThrow(DescentError);
  const [first] = [await compile({ x }, { y: x.exp() })];
  const shape = { shape: [5, 3], dtype: "f32", data: new Float32Array(15) } as const;
  expect((await first.run({ x: shape })).y?.data[0]).toBe(1);
  await first.release();
  await expect(first.run({ x: shape })).rejects.toThrow("run: the program was released; compile it again");
});

test("rows added from several threads are all added", async () => {
  const [count, width, size] = [1024, 768, 5000];
  const [ids, rows] = [input("ids", [count], "i32"), input("rows", [count, width])];
  const program = await compile({ ids, rows }, { y: ids.scatterAdd(rows, size).slice(0, 0, 3) }, { threads: 4 });
  const feeds = {
    ids: { data: new Int32Array(count).map((_, i) => i % 3), shape: [count], dtype: "i32" },
    rows: { data: new Float32Array(count * width).fill(1), shape: [count, width], dtype: "f32" },
  } as const;
  for (let i = 0; i < 30; i++) {
    const { y } = await program.run(feeds);
    expect(new Set([...(y?.data ?? [])].map(Number))).toEqual(new Set([342, 341]));
  }
});

test("a device that is not there is named beside those that are", async () => {
  const x = input("x", [1]);
  const wrong = compile({ x }, { y: x.neg() }, { device: "webgp" as Device });
  await expect(wrong).rejects.toThrow(DeviceError);
  await expect(wrong).rejects.toThrow(/^device "webgp" is not available; choose one of cpu, wasm.*$/);
});

test("numbers go in and come out nested", async () => {
  const x = input("x", [2, 2]);
  const { y } = await run(
    { y: x.matmul(x) },
    {
      x: array([
        [1, 1],
        [0, 1],
      ]),
    },
  );
  expect(y && values(y)).toEqual([
    [1, 2],
    [0, 1],
  ]);
  expect(() => array([[1], [1, 2]])).toThrow(ShapeError);
});

test("one symbol is one size", async () => {
  const [x, y] = [input("x", ["N"]), input("y", ["N"])];
  const program = await compile({ x, y }, { z: x.add(y) });
  await expect(program.run({ x: array([1, 2]), y: array([1]) })).rejects.toThrow(/"N" is 2 in input "x" and 1 in "y"/);
});
