/** A graphics device that is lost in mid-run: an engine that computes on the cpu and fails when it is told to. */
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { DeviceError } from "../../src/errors.ts";
import type { InferenceSession, Platform } from "../../src/runtime/session.ts";
import { workIn } from "../cli/support.ts";

/** Runs that are left before the device is lost, and how many are under way at once. */
const gpu = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, running: 0, most: 0 }));
const LOST =
  "/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:713 onnxruntime::webgpu::WebGpuContext::Wait(wgpu::Future) status == wgpu::WaitStatus::Success was false. Device is lost.\n\n";

vi.mock("../../src/runtime/node.ts", async (original) => {
  const { platform } = await original<{ platform: Platform }>();
  const load: Platform["load"] = async (device, threads) => {
    const engine = await platform.load(device === "webgpu" ? "cpu" : device, threads);
    if (device !== "webgpu") return engine;
    const create = async (model: Uint8Array, options: InferenceSession.SessionOptions = {}) => {
      const { preferredOutputLocation: _, ...rest } = options;
      const session = await engine.InferenceSession.create(model, { ...rest, executionProviders: ["cpu"] });
      const run = async (...given: Parameters<InferenceSession["run"]>) => {
        if (--gpu.left < 0) throw new Error(LOST);
        gpu.most = Math.max(gpu.most, ++gpu.running);
        await new Promise((resolve) => setTimeout(resolve, 2));
        const results = await session.run(...given);
        gpu.running--;
        return results;
      };
      const { inputNames } = session;
      return { run, inputNames, release: () => session.release() } as unknown as InferenceSession;
    };
    return { env: engine.env, Tensor: engine.Tensor, InferenceSession: { create } };
  };
  return { platform: { ...platform, devices: async () => ["cpu", "webgpu"], load } };
});

const { array, compile } = await import("../../src/runtime/index.ts");
const { input } = await import("../../src/tensor/index.ts");
const { resume, train } = await import("../../src/tasks/train.ts");

let place: ReturnType<typeof workIn>;
beforeAll(() => {
  place = workIn("lost");
});
afterAll(() => place.leave());
afterEach(() => {
  Object.assign(gpu, { left: Number.POSITIVE_INFINITY, running: 0, most: 0 });
});

const options = {
  data: { name: "text", text: "the quick brown fox jumps over the lazy dog. ".repeat(20) },
  config: { embedding_dim: 4, hidden_size: 8 },
  steps: 8,
  context: 8,
  batch: 2,
  saveEvery: 3,
  evalEvery: 100,
  device: "webgpu",
  threads: 1,
} as const;

test("a training that loses its device keeps its last checkpoint, from which it goes on to the same losses", async () => {
  const whole = await train("rnn", options);
  gpu.left = 5;
  const broken = train("rnn", { ...options, store: "run" });
  const error = (await broken.then(
    () => undefined,
    (cause: unknown) => cause,
  )) as Error;
  expect(error).toBeInstanceOf(DeviceError);
  expect(error.message).toBe(
    "training: step 6 was broken off: run: ONNX Runtime could not do it: the graphics device was lost; start the program again; the last good checkpoint is step 3 in run",
  );
  gpu.left = Number.POSITIVE_INFINITY;
  const rest = await resume("run", { data: options.data });
  expect(rest.firstStep).toBe(4);
  expect(rest.losses).toEqual(whole.losses.slice(3));
});

test("two runs that are asked for at once on webgpu come one after the other", async () => {
  const x = input("x", [2]);
  const program = await compile({ x }, { y: x.mul(2) }, { device: "webgpu" });
  const results = await Promise.all([1, 2, 3].map((value) => program.run({ x: array([value, 0]) })));
  expect(results.map(({ y }) => Number(y?.data[0]))).toEqual([2, 4, 6]);
  expect(gpu.most).toBe(1);
});

test("a run after one that failed is not held up by it", async () => {
  const x = input("x", [1]);
  const program = await compile({ x }, { y: x.neg() }, { device: "webgpu" });
  gpu.left = 0;
  await expect(program.run({ x: array([1]) })).rejects.toThrow(
    /^run: ONNX Runtime could not do it: the graphics device was lost; start the program again$/,
  );
  gpu.left = 9;
  expect(Number((await program.run({ x: array([1]) })).y?.data[0])).toBe(-1);
});
