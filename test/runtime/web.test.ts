/** How a page starts its engine, on a build of ONNX Runtime that only writes down what it was told. */
import { beforeEach, expect, test, vi } from "vitest";
import type * as Web from "../../src/runtime/web.ts";

let web: typeof Web;
beforeEach(async () => {
  vi.resetModules();
  web = await import("../../src/runtime/web.ts");
});

/** The addresses as Vite or webpack fill them in, and as all others leave them. */
const filled = {
  mjs: new URL("https://page.test/assets/ort-x1.mjs"),
  wasm: new URL("https://page.test/assets/ort-x2.wasm"),
};
const left = {
  mjs: new URL("onnxruntime-web/ort.mjs", "https://page.test/app.js"),
  wasm: new URL("onnxruntime-web/ort.wasm", "https://page.test/app.js"),
};

function fakeEngine(create = async () => ({ release: async () => undefined })) {
  const env = { versions: {}, wasm: {} as { numThreads?: number; initTimeout?: number; wasmPaths?: object } };
  return { env, Tensor: class {}, InferenceSession: { create: vi.fn(create) } };
}

const failing = (message: string) => fakeEngine(() => Promise.reject(new Error(message)));

test("addresses that the bundler filled in are handed on, others are not", async () => {
  const [vite, other] = [fakeEngine(), fakeEngine()];
  web.provide("wasm", { load: async () => vite, name: "ort", ...filled });
  web.provide("webgpu", { load: async () => other, name: "ort", ...left });
  await web.loadWeb("wasm", 1);
  await web.loadWeb("webgpu", 1);
  expect(vite.env.wasm.wasmPaths).toEqual({ mjs: filled.mjs.href, wasm: filled.wasm.href });
  expect(other.env.wasm.wasmPaths).toBeUndefined();
});

test("an engine starts once", async () => {
  const engine = fakeEngine();
  web.provide("wasm", { load: async () => engine, name: "ort", ...left });
  const [first, second] = await Promise.all([web.loadWeb("wasm", 1), web.loadWeb("wasm", 1)]);
  expect(second).toBe(first);
  expect(engine.InferenceSession.create).toHaveBeenCalledTimes(1);
});

test("engineFiles names the folder, before the engine loads and not after", async () => {
  const engine = fakeEngine();
  web.provide("wasm", { load: async () => engine, name: "ort", ...left });
  web.engineFiles("https://files.test/engine");
  await web.loadWeb("wasm", 1);
  expect(engine.env.wasm.wasmPaths).toEqual({
    mjs: "https://files.test/engine/ort.mjs",
    wasm: "https://files.test/engine/ort.wasm",
  });
  expect(() => web.engineFiles("/engine/")).toThrow(
    expect.objectContaining({ name: "DeviceError", message: expect.stringMatching(/loading already; call it before/) }),
  );
});

test("engineFiles refuses what is no address", () => {
  for (const wrong of ["", "http://[", undefined, {}, 3])
    expect(() => web.engineFiles(wrong as string)).toThrow(
      expect.objectContaining({
        name: "ConfigError",
        message: expect.stringMatching(/expected the address of a folder/),
      }),
    );
});

test("threads without a file of their own are refused where memory can be shared", async () => {
  vi.stubGlobal("crossOriginIsolated", true);
  try {
    const engine = fakeEngine();
    web.provide("wasm", { load: async () => engine, name: "ort", ...left });
    expect(web.defaultThreads()).toBe(1);
    await expect(web.loadWeb("wasm", 4)).rejects.toThrow(/4 threads load a file of their own, .*engineFiles/);
    web.engineFiles("https://files.test/"); // what was refused can be mended
    await web.loadWeb("wasm", 1);
  } finally {
    vi.unstubAllGlobals();
  }
});

test("a device that the page did not import is refused with the import to add", async () => {
  await expect(web.loadWeb("webgpu", 1)).rejects.toThrow(
    /"webgpu" is not part of this page; add: import "descent-ml\/webgpu"/,
  );
});

test("what keeps the engine from starting is reported in one line, with the place where its files are looked for", async () => {
  const message =
    "no available backend found. ERR: [wasm] RuntimeError: Aborted(404). Build with -sASSERTIONS for more info.";
  web.provide("wasm", { load: async () => failing(message), name: "ort", ...filled });
  web.provide("webgpu", { load: async () => failing("Error: x\nsecond line"), name: "ort", ...left });
  await expect(web.loadWeb("wasm", 1)).rejects.toThrow(
    /^device "wasm": the engine did not start \(RuntimeError: Aborted\(404\)\); its files are expected in https:\/\/page.test\/assets\/; serve/,
  );
  await expect(web.loadWeb("webgpu", 1)).rejects.toThrow(
    /did not start \(Error: x\); its files are expected beside the bundle/,
  );
});
