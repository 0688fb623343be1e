/** ONNX Runtime in Node: the native engine and its devices, and WebAssembly where it is asked for or the native one has no build. */
import { availableParallelism, totalmem } from "node:os";
import { DeviceError } from "../errors.ts";
import { lower } from "../onnx/index.ts";
import { input } from "../tensor/index.ts";
import { mapFiles } from "./node-mapped.ts";
import { DEVICES, type Device, type Engine, type Platform, reasonOf } from "./session.ts";

/** What is used of onnxruntime-node beyond `Engine`. */
interface NativeEngine extends Engine {
  readonly env: Engine["env"] & { logLevel?: string };
  listSupportedBackends(): readonly { readonly name: string }[];
}

/** No native build for Intel Macs and musl: the import fails there. */
async function loadNative(): Promise<NativeEngine> {
  try {
    const engine = (await import("onnxruntime-node")) as unknown as NativeEngine;
    engine.env.logLevel = "fatal"; // what fails is thrown
    return engine;
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

/** `cpu` and what else the installed native engine lists, and `wasm`. */
async function devices(): Promise<readonly Device[]> {
  const listed: readonly string[] = await loadNative().then(
    (engine) => engine.listSupportedBackends().map(({ name }) => name),
    () => [],
  );
  return DEVICES.filter((device) => device === "cpu" || device === "wasm" || listed.includes(device));
}

/** Where there is no loader of Vulkan, the engine would say so on standard error, many lines long. */
function requireVulkan(): void {
  if (process.platform !== "linux") return;
  try {
    process.dlopen({ exports: {} }, "libvulkan.so.1");
  } catch (error) {
    if (/cannot open shared object/.test(String(error)))
      throw new Error("Vulkan's loader, libvulkan.so.1, is not installed");
  }
}

const started = new Map<Device, Promise<Engine>>();

/** The native engine, once a session on `device` has been made. */
async function start(device: Device): Promise<Engine> {
  const engine = await loadNative();
  if (device === "cpu") return engine;
  const x = input("x", []);
  try {
    if (device === "webgpu") requireVulkan();
    const options = { executionProviders: [device], logSeverityLevel: 4 } as const;
    await (await engine.InferenceSession.create(lower({ x }, { y: x.neg() }).bytes, options)).release();
    return engine;
  } catch (cause) {
    throw new DeviceError(`device "${device}" does not start: ${reasonOf(cause)}; use device "cpu"`, { cause });
  }
}

function load(device: Device, threads: number): Promise<Engine> {
  if (device === "wasm") return loadWasm(threads);
  const known = started.get(device) ?? start(device);
  started.set(device, known);
  known.catch(() => started.delete(device)); // a caller who mends it may try again
  return known;
}

export const platform: Platform = {
  devices,
  defaultDevice: "cpu",
  processors: availableParallelism(),
  memory: Math.min(totalmem(), process.constrainedMemory() || totalmem()), // a container's limit, where there is one
  load,
  mapFiles,
};
