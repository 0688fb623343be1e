/** Values that are carried from run to run, wherever they are. */
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import type { Spec } from "../../src/graph/index.ts";
import { lower } from "../../src/onnx/index.ts";
import { array, compileModel, type Device, Resident } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";
import { devices } from "../support/adapter.ts";

const spec = { shape: [3], dtype: "f32" } satisfies Spec;

/** x' = 2 x + 1, and its sum. */
async function doubling(device: Device) {
  const x = input("x", spec.shape);
  const next = x.mul(2).add(1);
  const model = lower({ x }, { "x.next": next, sum: next.sum() });
  const program = await compileModel(model, { device, threads: 1, resident: true });
  const state = new Resident(program, { x: spec }, { x: array([1, 2, 3]) });
  return { program, state };
}

const numbers = (state: Resident, name = "x") => Array.from(state.values([name])[name]?.data ?? [], Number);

describe.each(devices)("%s", (device) => {
  test("what a run gives is fed to the next, and what is not kept comes back", async () => {
    const { program, state } = await doubling(device);
    for (const sum of [15, 33]) {
      const results = await program.runOrt(state.inputs, state.outputs());
      expect(Number(results.sum?.data[0])).toBe(sum); // 3 + 5 + 7, then 7 + 11 + 15
      state.advance(results);
    }
    state.restore();
    const results = await program.runOrt(state.inputs, state.outputs());
    expect(Number(results.sum?.data[0])).toBe(15);
    state.advance(results);
    state.keep();
    await state.download();
    expect(numbers(state)).toEqual([3, 5, 7]);
    await state.release();
    await program.release();
    expect(numbers(state)).toEqual([3, 5, 7]);
  });

  test("zeros, and what was put on the device", async () => {
    const { program, state } = await doubling(device);
    await state.upload();
    expect(numbers(state)).toEqual([1, 2, 3]);
    expect(Number((await program.runOrt(state.inputs)).sum?.data[0])).toBe(15);
    state.clear();
    expect(Number((await program.runOrt(state.inputs)).sum?.data[0])).toBe(3);
    await state.release();
    await program.release();
  });

  test("a size with a name grows", async () => {
    const [past, fresh] = [input("past", ["T", 2]), input("fresh", [1, 2])];
    const model = lower({ past, fresh }, { "past.next": past.concat([fresh], 0) });
    const program = await compileModel(model, { device, threads: 1, resident: true });
    const first = array([[1, 2]]);
    const state = new Resident(program, { past: { shape: ["T", 2], dtype: "f32" } }, { past: first });
    for (const pair of [
      [3, 4],
      [5, 6],
    ]) {
      // biome-ignore format: a matrix
      const fed = new Resident(program, { fresh: { shape: [1, 2], dtype: "f32" } }, { fresh: array([pair]) });
      state.advance(await program.runOrt({ ...state.inputs, ...fed.inputs }, state.outputs()));
      state.keep();
    }
    await state.download();
    expect(state.values().past).toEqual({ data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [3, 2], dtype: "f32" });
    await state.release();
    await program.release();
  });

  test.each(["f32", "i32", "i64", "bool"] as const)("%s goes there and back", async (dtype) => {
    const [x, one] = [input("x", [4], dtype), array([1, 0, 0, 1], dtype)];
    const model = lower({ x }, { "x.next": dtype === "bool" ? x.not() : x.mul(2) });
    const program = await compileModel(model, { device, threads: 1, resident: true });
    const state = new Resident(program, { x: { shape: [4], dtype } }, { x: one });
    state.advance(await program.runOrt(state.inputs, state.outputs()));
    state.keep();
    await state.download();
    expect(numbers(state)).toEqual(dtype === "bool" ? [0, 1, 1, 0] : [2, 0, 0, 2]);
    await state.release();
    await program.release();
  });
});

test("on the cpu a value may be written over where it is", async () => {
  const { program, state } = await doubling("cpu");
  const { x } = state.inputs;
  const over = new Set(["x"]);
  state.advance(await program.runOrt(state.inputs, state.outputs(["x"], over)), over);
  expect(state.inputs.x).toBe(x);
  expect(numbers(state)).toEqual([3, 5, 7]);
  await program.release();
});

test.each(devices.filter((device) => device === "webgpu"))(
  "what is only in the memory of %s is not read",
  async (device) => {
    const { program, state } = await doubling(device);
    state.advance(await program.runOrt(state.inputs));
    state.keep();
    expect(() => state.values()).toThrow(ConfigError);
    expect(() => state.values()).toThrow(
      "values: x is in the memory of webgpu; await download() after the last step, then read it",
    );
    await state.release();
    await program.release();
  },
);
