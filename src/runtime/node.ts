/** ONNX Runtime in Node: the native engine, and WebAssembly where it is asked for or the native one has no build. */
import { availableParallelism, totalmem } from "node:os";
import { DeviceError } from "../errors.ts";
import type { Engine, Platform } from "./session.ts";

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

/** The bare package is onnxruntime-web's entry for Node; its threads are set before the first session. */
async function loadWasm(threads: number): Promise<Engine> {
  const web = await import("onnxruntime-web");
  web.env.wasm.numThreads = threads;
  return web as unknown as Engine;
}

export const platform: Platform = {
  devices: ["cpu", "wasm"],
  defaultDevice: "cpu",
  processors: availableParallelism(),
  memory: Math.min(totalmem(), process.constrainedMemory() || totalmem()), // a container's limit, where there is one
  load: (device, threads) => (device === "cpu" ? loadNative() : loadWasm(threads)),
};
