/** Compiled programs: the cache, what may be fed, devices that are not there. */
import { expect, test } from "vitest";
import { DeviceError, ShapeError } from "../../src/errors.ts";
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

test("a device that is not there is named beside those that are", async () => {
  const x = input("x", [1]);
  const wrong = compile({ x }, { y: x.neg() }, { device: "webgpu" });
  await expect(wrong).rejects.toThrow(DeviceError);
  await expect(wrong).rejects.toThrow(/"webgpu" is not here; there is cpu and wasm/);
  await expect(compile({ x }, { y: x.neg() }, { device: "cuda" as Device })).rejects.toThrow(/there is cpu and wasm/);
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
