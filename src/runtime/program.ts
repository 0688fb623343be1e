/** A graph made runnable: lowered, compiled once per graph and shapes, fed and fetched by name. */
import { platform } from "#runtime";
import { DeviceError, nearest, ShapeError } from "../errors.ts";
import type { Spec } from "../graph/index.ts";
import { lower, type Named, type OnnxModel } from "../onnx/index.ts";
import { formatShape } from "../tensor/index.ts";
import {
  type Device,
  type Engine,
  fromOrt,
  type HostTensor,
  type InferenceSession,
  type OrtTensor,
  type SessionOptions,
  sessionOptions,
  toOrt,
} from "./session.ts";

/** Where and how to run. */
export interface RunOptions {
  /** Default: `cpu` in Node, `wasm` in the browser. */
  readonly device?: Device | undefined;
  /** Threads inside one operation. Default: all processors. */
  readonly threads?: number | undefined;
  /** File name prefix under which the native engine writes the time of every node. */
  readonly profile?: string | undefined;
}

/** Bytes that this process may hold: the machine's, a container's, or what WebAssembly can address. */
export const memoryBytes: number = platform.memory;

/** Tensors on the host by name. */
export type Feeds = Readonly<Record<string, HostTensor>>;

/** Checks that a device is there and loads its engine. Throws DeviceError that names those that are. */
export async function loadEngine(
  device: Device = platform.defaultDevice,
  threads: number = platform.processors,
): Promise<Engine> {
  if (platform.devices.includes(device)) return platform.load(device, threads);
  throw new DeviceError(
    `device "${device}" is not here; there is ${platform.devices.join(" and ")}${nearest(device, platform.devices)}`,
  );
}

/** A compiled graph whose outputs are called `O`. */
export class Program<O extends string = string> {
  readonly model: OnnxModel;
  /** Milliseconds that compiling took; 0 when it came out of the cache. */
  readonly compileMs: number;
  readonly engine: Engine;
  readonly #session: InferenceSession;
  readonly #device: Device;
  #holders = 0;
  constructor(model: OnnxModel, engine: Engine, session: InferenceSession, device: Device, compileMs: number) {
    this.model = model;
    this.engine = engine;
    this.#device = device;
    this.#session = session;
    this.compileMs = compileMs;
  }

  /** Runs the graph once. Throws ShapeError where a feed does not fit. */
  async run(feeds: Feeds): Promise<Record<O, HostTensor>> {
    const inputs: Record<string, OrtTensor> = {};
    for (const { name, spec } of this.model.inputs)
      inputs[name] = toOrt(this.engine, checkFeed(name, spec, feeds[name]));
    requireSameSizes(this.model.inputs, feeds);
    const outputs = await this.runOrt(inputs);
    const results = Object.entries(outputs).map(([name, tensor]) => [name, fromOrt(tensor)]);
    return Object.fromEntries(results) as Record<O, HostTensor>;
  }

  /** Runs on the engine's own tensors; the native engine writes into `fetches`, the others give tensors of their own. */
  async runOrt(
    inputs: Readonly<Record<string, OrtTensor>>,
    fetches: Readonly<Record<string, OrtTensor>> = {},
  ): Promise<Record<string, OrtTensor>> {
    const used = Object.fromEntries(this.#session.inputNames.map((name) => [name, inputs[name] as OrtTensor]));
    const into = this.#device === "cpu" ? fetches : {};
    const names = Object.fromEntries(this.model.outputs.map(({ name }) => [name, into[name] ?? null]));
    const run = () => this.#session.run(used, names) as Promise<Record<string, OrtTensor>>;
    return this.#device === "webgpu" ? inTurn(run) : run();
  }

  /** Counts one more holder: equal graphs share one program. */
  retain(): this {
    this.#holders++;
    return this;
  }

  /** Gives back the engine's memory once all who compiled the graph have done so; it is compiled anew when asked for again. */
  async release(): Promise<void> {
    if (--this.#holders > 0) return;
    forget(this.model.bytes);
    await this.#session.release();
  }

  /** Ends a profile, which the engine writes into a file. */
  endProfiling(): void {
    this.#session.endProfiling();
  }
}

let last: Promise<unknown> = Promise.resolve();

/** One after the other: two runs at once on WebGPU hang the page. */
function inTurn<T>(run: () => Promise<T>): Promise<T> {
  const result = last.then(run, run);
  last = result.catch(() => undefined);
  return result;
}

/** The feed of one input, if it fits. Throws ShapeError where it does not. */
export function checkFeed(name: string, spec: Spec, feed: HostTensor | undefined): HostTensor {
  const fits =
    feed?.dtype === spec.dtype &&
    feed.shape.length === spec.shape.length &&
    spec.shape.every((dim, i) => typeof dim !== "number" || dim === feed.shape[i]);
  if (feed && fits && feed.data.length === feed.shape.reduce((a, b) => a * b, 1)) return feed;
  const got = feed ? `${feed.dtype}${formatShape(feed.shape)} of ${feed.data.length} numbers` : "nothing";
  throw new ShapeError(
    `run: input "${name}" expects ${spec.dtype}${formatShape(spec.shape)}, got ${got}; feed one of that shape`,
  );
}

/** Throws ShapeError where two feeds give one symbol two sizes. */
function requireSameSizes(inputs: OnnxModel["inputs"], feeds: Feeds): void {
  const sizes = new Map<string, readonly [size: number, name: string]>();
  for (const { name, spec } of inputs)
    for (const [axis, dim] of spec.shape.entries()) {
      const size = feeds[name]?.shape[axis];
      if (typeof dim === "number" || size === undefined || !/^\w+$/.test(dim)) continue;
      const [first, owner] = sizes.get(dim) ?? [size, name];
      if (first !== size)
        throw new ShapeError(
          `run: "${dim}" is ${first} in input "${owner}" and ${size} in "${name}"; feed the same size`,
        );
      sizes.set(dim, [size, name]);
    }
}

const cache = new Map<string, { bytes: Uint8Array; program: Promise<Program> }[]>();

function forget(model: Uint8Array): void {
  for (const [key, bucket] of cache)
    cache.set(
      key,
      bucket.filter(({ bytes }) => bytes !== model),
    );
}

/** FNV-1a over the bytes, in 32 bits. */
function hash(bytes: Uint8Array): number {
  let value = 0x811c9dc5;
  for (const byte of bytes) value = Math.imul(value ^ byte, 0x01000193);
  return value >>> 0;
}

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

async function createProgram(model: OnnxModel, options: SessionOptions): Promise<Program> {
  const engine = await loadEngine(options.device, options.threads);
  const start = performance.now();
  const session = await engine.InferenceSession.create(model.bytes, sessionOptions(options, model.double));
  return new Program(model, engine, session, options.device, performance.now() - start);
}

/** Compiles an ONNX model, or finds it compiled already. */
export function compileModel(model: OnnxModel, options: RunOptions = {}): Promise<Program> {
  const { device = platform.defaultDevice, threads = platform.processors, profile } = options;
  const key = `${device} ${threads} ${profile} ${hash(model.bytes)}`;
  const bucket = cache.get(key) ?? [];
  const known = bucket.find(({ bytes }) => equalBytes(bytes, model.bytes));
  if (known) return known.program.then((program) => program.retain());
  const program = createProgram(model, { device, threads, profile });
  cache.set(key, [...bucket, { bytes: model.bytes, program }]);
  program.catch(() => forget(model.bytes)); // what failed is tried anew
  return program.then((made) => made.retain());
}

/** Lowers the graph between `inputs` and `outputs` and compiles it. Throws ShapeError where the graph reads other inputs. */
export const compile = <O extends Named>(
  inputs: Named,
  outputs: O,
  options?: RunOptions,
): Promise<Program<keyof O & string>> =>
  compileModel(lower(inputs, outputs), options) as Promise<Program<keyof O & string>>;
