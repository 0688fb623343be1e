/** Whether there is a graphics adapter; vitest.config.ts names Chromium's software one. */
import { loadEngine } from "../../src/runtime/index.ts";

/** Why `webgpu` does not start here, or nothing. */
export const noAdapter: Error | undefined = await loadEngine("webgpu").then(
  () => undefined,
  (error: Error) => error,
);

/** The devices that there are in Node; where `webgpu` is not, conformance/webgpu.test.ts says so. */
export const devices = noAdapter ? (["cpu", "wasm"] as const) : (["cpu", "wasm", "webgpu"] as const);
