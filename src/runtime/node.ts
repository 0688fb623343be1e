/** ONNX Runtime in Node: the native engine, and WebAssembly where it is asked for or the native one has no build. */
import { availableParallelism } from "node:os";
import { DeviceError } from "../errors.ts";
import type { Device, Engine, Platform } from "./session.ts";

/** No native build for Intel Macs and musl: the import fails there. */
async function loadNative(): Promise<Engine> {
  try {
    return (await import("onnxruntime-node")) as unknown as Engine;
  } catch (cause) {
    throw new DeviceError(
      `device "cpu": ONNX Runtime has no native build for ${process.platform}-${process.arch} or it did not load (${(cause as Error).message.split("\n")[0]}); use device "wasm"`,
      { cause },
    );
  }
}

export const platform: Platform = {
  devices: ["cpu", "wasm"],
  defaultDevice: "cpu",
  processors: availableParallelism(),
  async load(device: Device): Promise<Engine> {
    if (device === "cpu") return loadNative();
    return (await import("onnxruntime-web/wasm")) as unknown as Engine;
  },
};
