/**
 * How a page starts ONNX Runtime: which builds it has, where their files are, and what to say when they do not start.
 *
 * A build is two files: a module, which every thread loads again, and the WebAssembly. Bundlers that know the pattern
 * `new URL("package/file", import.meta.url)` (Vite, webpack) copy both and fill in their addresses. Where they are not
 * filled in (esbuild), the engine runs out of the bundle itself. A thread would then load the whole application again and
 * never answer, so there is one thread until `engineFiles` says where the files are.
 */
import { ConfigError, DeviceError, shown } from "../errors.ts";
import { lower } from "../onnx/index.ts";
import { input } from "../tensor/index.ts";
import type { Device, Engine } from "./session.ts";

/** What is used of onnxruntime-web beyond `Engine`. */
export interface WebEngine extends Engine {
  readonly env: Engine["env"] & {
    readonly wasm: { numThreads?: number; initTimeout?: number; wasmPaths?: { mjs: string; wasm: string } };
  };
}

/** One build of onnxruntime-web. */
export interface Build {
  readonly load: () => Promise<unknown>;
  /** File names without their endings. */
  readonly name: string;
  /** Addresses as the bundler filled them in, or left them. */
  readonly mjs: URL;
  readonly wasm: URL;
  /** Throws DeviceError where the browser lacks what the build needs. */
  readonly check?: () => Promise<void>;
}

const builds = new Map<Device, Build>();
const started = new Map<Device, Promise<Engine>>();
let folder: URL | undefined;

/** Longest that an engine with threads may take to load and start, in milliseconds. */
const LIMIT_MS = 120_000;
const GUIDE = "docs/guide/browser.md";

/** Makes a device available. */
export function provide(device: Device, build: Build): void {
  builds.set(device, build);
}

/**
 * Says where a page finds the files of ONNX Runtime: the address of a folder with copies of
 * `onnxruntime-web/dist/ort-wasm-simd-threaded.{mjs,wasm}` (and `.asyncify.{mjs,wasm}` for WebGPU), relative to the page
 * or to the script of the Worker. Pages built with Vite or webpack need no call; in Node it has no effect.
 * Throws ConfigError for what is no address, DeviceError once the engine is loading.
 */
export function engineFiles(address: string | URL): void {
  if (started.size > 0)
    throw new DeviceError("engineFiles: the engine is loading already; call it before anything is compiled or run");
  const text = typeof address === "string" || address instanceof URL ? String(address) : "";
  const base = URL.canParse("/", globalThis.location?.href) ? globalThis.location.href : "file:///";
  if (text === "" || !URL.canParse(text, base))
    throw new ConfigError(`engineFiles: expected the address of a folder, such as "/engine/", got ${shown(address)}`);
  folder = new URL(text.endsWith("/") ? text : `${text}/`, base);
}

/** Where both files of a build are; undefined where neither the bundler nor the caller said so. */
function files({ name, mjs, wasm }: Build): { mjs: string; wasm: string } | undefined {
  if (folder) return { mjs: new URL(`${name}.mjs`, folder).href, wasm: new URL(`${name}.wasm`, folder).href };
  const filledIn = !mjs.pathname.endsWith(`/onnxruntime-web/${name}.mjs`);
  return filledIn ? { mjs: mjs.href, wasm: wasm.href } : undefined;
}

/** Threads where nobody says how many: all processors if memory can be shared and threads have a file to load. */
export function defaultThreads(): number {
  const build = builds.get("wasm");
  return globalThis.crossOriginIsolated && build && files(build) ? navigator.hardwareConcurrency : 1;
}

/** The engine of a device, started at the first call. Throws DeviceError where it does not start. */
export function loadWeb(device: Device, threads: number): Promise<Engine> {
  const known = started.get(device);
  if (known) return known;
  const prepared = prepare(device, threads);
  const starting = prepared.then(({ build, web }) => start(device, build, web, threads));
  started.set(device, starting);
  prepared.catch(() => started.delete(device)); // nothing has begun: a caller who mends it may try again
  return starting;
}

/** Checks what can be known before the engine starts, and loads its code. */
async function prepare(device: Device, threads: number): Promise<{ build: Build; web: WebEngine }> {
  const build = builds.get(device);
  if (!build) throw new DeviceError(`device "${device}" is not part of this page; add: import "descent-ml/${device}"`);
  if (threads > 1 && !files(build) && globalThis.crossOriginIsolated)
    throw new DeviceError(
      `device "${device}": ${threads} threads load a file of their own, whose place is not known; serve it and call engineFiles("/folder/"), or ask for one thread (${GUIDE})`,
    );
  await build.check?.();
  return { build, web: (await build.load()) as WebEngine };
}

async function start(device: Device, build: Build, web: WebEngine, threads: number): Promise<Engine> {
  const paths = files(build);
  web.env.wasm.numThreads = threads;
  web.env.wasm.initTimeout = threads > 1 ? LIMIT_MS : 0;
  if (paths) web.env.wasm.wasmPaths = paths;
  const watch = threads > 1 && paths ? watchThread(device, paths.mjs) : undefined;
  const x = input("x", []);
  try {
    const session = web.InferenceSession.create(lower({ x }, { y: x.neg() }).bytes, { executionProviders: [device] });
    await (await Promise.race(watch ? [session, watch.failed] : [session])).release();
    return web;
  } catch (cause) {
    throw cause instanceof DeviceError ? cause : didNotStart(device, paths, cause);
  } finally {
    watch?.worker.terminate();
  }
}

/**
 * Starts a Worker as a thread would, of which the engine would never say that it failed. `failed` rejects if the browser
 * refuses the file. Another origin's file is left out: the engine copies it first.
 */
function watchThread(device: Device, mjs: string): { worker: Worker; failed: Promise<never> } | undefined {
  if (new URL(mjs).origin !== globalThis.location.origin) return undefined;
  const worker = new Worker(mjs, { type: "module", name: "descent" });
  const failed = new Promise<never>((_, reject) => {
    worker.onerror = () =>
      reject(
        new DeviceError(
          `device "${device}": threads could not load ${mjs}; serve it, with the header Cross-Origin-Embedder-Policy: require-corp, or ask for one thread (${GUIDE})`,
        ),
      );
  });
  return { worker, failed };
}

function didNotStart(device: Device, paths: { wasm: string } | undefined, cause: unknown): DeviceError {
  const [reason = ""] = String(cause instanceof Error ? cause.message : cause).split("\n");
  const short = reason.replace(/^no available backend found\. ERR: \[\w+\] /, "").replace(/\. Build with.*/, "");
  const place = paths ? `in ${new URL(".", paths.wasm)}` : "beside the bundle";
  return new DeviceError(
    `device "${device}": the engine did not start (${short}); its files are expected ${place}; serve them there or call engineFiles("/folder/") (${GUIDE})`,
    { cause },
  );
}
