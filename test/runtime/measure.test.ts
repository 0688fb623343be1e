/** Which device is taken, and on what grounds. */
import { describe, expect, test } from "vitest";
import { DeviceError } from "../../src/errors.ts";
import { compile, compileModel, type DeviceReport, settle } from "../../src/runtime/index.ts";
import { type Compile, fastest, measureDevice } from "../../src/runtime/measure.ts";
import type { OrtTensor } from "../../src/runtime/session.ts";
import { input } from "../../src/tensor/index.ts";

const works = (device: DeviceReport["device"], stepMs: number): DeviceReport => ({
  device,
  problem: undefined,
  started: true,
  gflops: 100,
  stepMs,
});
const absent = { ...works("cuda", 0), started: false, problem: 'device "cuda" does not start' };
const wrong = { ...works("webgpu", 0), problem: "its numbers are wrong: expected 149, got 0" };

test("the fastest step decides, and what was measured is said", () => {
  const { device, reason } = fastest([works("cpu", 3.14), works("wasm", 12.4), { ...works("webgpu", 0.52) }, absent]);
  expect(device).toBe("webgpu");
  expect(reason).toBe("webgpu: a training step in 0.5 ms, cpu 3.1 ms, wasm 12 ms; not started: cuda");
});

test("a device with wrong numbers is not taken, however fast", () => {
  const { device, reason } = fastest([works("cpu", 3), wrong]);
  expect([device, reason]).toEqual(["cpu", "cpu: a training step in 3.0 ms; wrong numbers: webgpu"]);
  expect(() => fastest([absent, wrong])).toThrow(DeviceError);
});

describe("measured", () => {
  test("the cpu has the right numbers and some speed", async () => {
    const report = await measureDevice(compileModel, "cpu", 1);
    expect(report).toMatchObject({ device: "cpu", problem: undefined, started: true });
    expect([report.gflops > 0, report.stepMs > 0]).toEqual([true, true]);
  });

  test("numbers that are a little off are found", async () => {
    const off: Compile = async (model, where) => {
      const program = await compileModel(model, where);
      const runOrt = async (inputs: Readonly<Record<string, OrtTensor>>) => {
        const results = await program.runOrt(inputs);
        for (const { data } of Object.values(results)) (data as Float32Array)[0] = Number(data[0]) + 0.2;
        return results;
      };
      return { engine: program.engine, runOrt, release: () => program.release() };
    };
    const { problem, started } = await measureDevice(off, "cpu", 1);
    expect(problem).toMatch(/^its numbers are wrong: expected 149, got 149\.19/);
    expect(started).toBe(true);
  });

  test("auto is one of the devices that are there, the same each time", async () => {
    const { device, chosen } = await settle({ device: "auto", threads: 1 });
    expect(chosen).toMatch(new RegExp(`^${device}: a training step in [\\d.]+ ms`));
    expect(await settle({ device: "auto", threads: 1 })).toEqual({ threads: 1, device, chosen });
    const x = input("x", [1]);
    const program = await compile({ x }, { y: x.neg() }, { device: "auto", threads: 1 });
    expect(program.device).toBe(device);
    await program.release();
  }, 240_000);
});
