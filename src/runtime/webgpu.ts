/** `import "descent-ml/webgpu"` gives a page the device `webgpu`, whose engine is large: 26.8 MB that others need not serve. */
import { DeviceError } from "../errors.ts";
import { provide } from "./web.ts";

/** Throws DeviceError where the browser has no WebGPU, or no adapter for it. */
async function check(): Promise<void> {
  const gpu = globalThis.navigator?.gpu;
  const lack = gpu ? !(await gpu.requestAdapter()) && "finds no adapter (graphics driver)" : "has no WebGPU";
  if (lack) throw new DeviceError(`device "webgpu": this browser ${lack}; use device "wasm"`);
}

provide("webgpu", {
  check,
  load: () => import("onnxruntime-web/webgpu"),
  name: "ort-wasm-simd-threaded.asyncify",
  mjs: new URL("onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs", import.meta.url),
  wasm: new URL("onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm", import.meta.url),
});
