/** ONNX Runtime in the browser: WebAssembly always, WebGPU where the browser has it. */
import type { Device, Engine, Platform } from "./session.ts";

const hasWebGpu = typeof navigator !== "undefined" && "gpu" in navigator;

export const platform: Platform = {
  devices: hasWebGpu ? ["wasm", "webgpu"] : ["wasm"],
  defaultDevice: "wasm",
  processors: globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1,
  async load(device: Device): Promise<Engine> {
    if (device === "webgpu") return (await import("onnxruntime-web/webgpu")) as unknown as Engine;
    return (await import("onnxruntime-web/wasm")) as unknown as Engine;
  },
};
