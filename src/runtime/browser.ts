/** ONNX Runtime in the browser: WebAssembly always, WebGPU where `descent-ml/webgpu` was imported. */
import type { Platform } from "./session.ts";
import { defaultThreads, loadWeb, provide } from "./web.ts";

provide("wasm", {
  load: () => import("onnxruntime-web/wasm"),
  name: "ort-wasm-simd-threaded",
  mjs: new URL("onnxruntime-web/ort-wasm-simd-threaded.mjs", import.meta.url),
  wasm: new URL("onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url),
});

export const platform: Platform = {
  devices: async () => ["wasm", "webgpu"],
  defaultDevice: "wasm",
  get processors() {
    return defaultThreads();
  },
  memory: 2 ** 32, // what WebAssembly can address
  load: loadWeb,
};
