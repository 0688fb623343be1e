/** ONNX Runtime in the browser: WebAssembly always, WebGPU where the browser has it. */
import type { Device, Engine, Platform } from "./session.ts";

const hasWebGpu = typeof navigator !== "undefined" && "gpu" in navigator;

export const platform: Platform = {
  devices: hasWebGpu ? ["wasm", "webgpu"] : ["wasm"],
  defaultDevice: "wasm",
  processors: globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1, // threads share memory
  memory: 2 ** 32, // what WebAssembly can address
  async load(device: Device, threads: number): Promise<Engine> {
    const web = await (device === "webgpu" ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm"));
    web.env.wasm.numThreads = threads;
    return web as unknown as Engine;
  },
};
