/** A graph made runnable: lowered, compiled once per graph and shapes, fed and fetched by name. */

import { z } from "zod";
import { platform } from "#runtime";
import { ConfigError, DeviceError, nearest, quoted, ShapeError, shown } from "../errors.ts";
import type { Spec } from "../graph/index.ts";
import { lower, type Named, type OnnxModel } from "../onnx/index.ts";
import { checked, whole } from "../schema.ts";
import { dimAt, formatShape, holds, requireRecord } from "../tensor/index.ts";
import { type Choice, type DeviceReport, fastest, measureDevice } from "./measure.ts";
import {
  type Device,
  type Engine,
  fromOrt,
  type HostTensor,
  type InferenceSession,
  isHostTensor,
  type MappedFiles,
  nextName,
  type OrtTensor,
  reasonOf,
  type SessionOptions,
  sessionOptions,
  toOrt,
} from "./session.ts";
import { placeWeights, type Weights } from "./weights.ts";

/** Where and how to run. */
export interface RunOptions {
  /** Default: `cpu` in Node, `wasm` in the browser. `auto` measures all that there are and takes the fastest. */
  readonly device?: Device | "auto" | undefined;
  /** Threads inside one operation. Default: all processors. */
  readonly threads?: number | undefined;
  /** File name prefix under which the native engine writes the time of every node. */
  readonly profile?: string | undefined;
}

/** Bytes that this process may hold: the machine's, a container's, or what WebAssembly can address. */
export const memoryBytes: number = platform.memory;

/** Tensors on the host by name. */
export type Feeds = Readonly<Record<string, HostTensor>>;

const runSchema = z.strictObject({
  device: z.unknown().optional(),
  threads: whole(1, 65536).optional(),
  profile: z.string().optional(),
  arena: z.boolean().optional(),
  resident: z.boolean().optional(),
  chosen: z.string().optional(),
} satisfies Record<keyof (CompileOptions & Settled), z.ZodType>);

/** Throws ConfigError for options that are unknown or out of range, DeviceError, which names those that are there, for a device. */
export async function requireRunOptions(options: RunOptions, what: string): Promise<void> {
  const { device = platform.defaultDevice } = checked(runSchema, options, what) as RunOptions;
  const there = await platform.devices();
  if (device === "auto" || there.includes(device)) return;
  throw new DeviceError(
    `device ${shown(device)} is not available; choose one of ${there.join(", ")}${typeof device === "string" ? nearest(device, there) : ""}`,
  );
}

/** Loads the engine of a device. Throws as `requireRunOptions` does. */
export async function loadEngine(
  device: Device = platform.defaultDevice,
  threads: number = platform.processors,
): Promise<Engine> {
  await requireRunOptions({ device, threads }, "engine");
  return platform.load(device, threads);
}

/** Options with a device, and why that one, where it was `auto`. */
export interface Settled extends RunOptions {
  readonly device: Device;
  readonly chosen?: string | undefined;
}

/** Puts a device in the place of none and of `auto`. Throws DeviceError where none works. */
export async function settle({ device = platform.defaultDevice, ...rest }: RunOptions): Promise<Settled> {
  if (device !== "auto") return { ...rest, device, chosen: undefined };
  const choice = await chooseDevice(rest.threads);
  return { ...rest, device: choice.device, chosen: choice.reason };
}

/** Tests and measures every device that there is, one after the other; each in less than a second or two, if it starts. */
export async function measureDevices(threads: number = platform.processors): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const device of await platform.devices()) reports.push(await measureDevice(compileModel, device, threads));
  return reports;
}

const choices = new Map<number, Promise<Choice>>();

/**
 * The device with the fastest training step, by a short measurement, which is made once. Throws DeviceError where none
 * works.
 */
export function chooseDevice(threads: number = platform.processors): Promise<Choice> {
  const choice = choices.get(threads) ?? measureDevices(threads).then(fastest);
  choices.set(threads, choice);
  return choice;
}

/** A compiled graph whose outputs are called `O`. */
export class Program<O extends string = string> implements AsyncDisposable {
  readonly model: OnnxModel;
  /** Milliseconds that compiling took; 0 when it came out of the cache. */
  readonly compileMs: number;
  readonly engine: Engine;
  readonly device: Device;
  readonly #session: InferenceSession;
  readonly #files: MappedFiles | undefined;
  #holders = 0;
  constructor(
    model: OnnxModel,
    engine: Engine,
    session: InferenceSession,
    { device, weights }: SessionOptions,
    compileMs: number,
  ) {
    this.model = model;
    this.engine = engine;
    this.device = device;
    this.#files = weights?.files;
    this.#session = session;
    this.compileMs = compileMs;
  }

  /** Runs the graph once. Throws ShapeError where a feed does not fit, ConfigError where there is no input for one. */
  async run(feeds: Feeds): Promise<Record<O, HostTensor>> {
    requireKnown(this.model.inputs, requireRecord("run", "feeds by name", feeds));
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
    if (this.#holders < 1) throw new DeviceError("run: the program was released; compile it again");
    this.#files?.check();
    if (this.device === "webgpu") requireSums(this.model, inputs);
    const used = Object.fromEntries(this.#session.inputNames.map((name) => [name, inputs[name] as OrtTensor]));
    const given = this.device === "cpu" ? this.model.outputs.filter(({ name }) => fetches[name]) : [];
    const into = Object.fromEntries(given.map(({ name }) => [name, fetches[name] as OrtTensor]));
    const names = Object.fromEntries(this.model.outputs.map(({ name }) => [name, into[name] ?? null]));
    const run = async () => {
      const results = (await this.#session.run(used, names)) as Record<string, OrtTensor>;
      for (const name of Object.keys(into)) if (results[name]) drop(results[name]);
      return { ...results, ...into };
    };
    return (this.device === "webgpu" ? inTurn(run) : run()).catch(engineError("run"));
  }

  /** Counts one more holder: equal graphs share one program. */
  retain(): this {
    this.#holders++;
    return this;
  }

  /** Gives back the engine's memory once all who compiled the graph have done so; it is compiled anew when asked for again. */
  async release(): Promise<void> {
    if (this.#holders < 1)
      throw new DeviceError("release: the program was released before; release what compile gave once");
    if (--this.#holders > 0) return;
    forget(this.model.bytes);
    await this.#session.release();
    this.#files?.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** Ends a profile, which the engine writes into a file. */
  endProfiling(): void {
    this.#session.endProfiling();
  }
}

/**
 * Throws ShapeError where a matrix product would sum over nothing, at which the WebGPU kernel of onnxruntime-node (1.30) ends the
 * process, and that of onnxruntime-web fails.
 */
function requireSums({ inputs, summed }: OnnxModel, fed: Readonly<Record<string, OrtTensor>>): void {
  if (summed.length === 0) return;
  const sizes = new Map<string, number>();
  for (const { name, spec } of inputs)
    for (const [axis, dim] of spec.shape.entries())
      if (typeof dim === "string") sizes.set(dim, fed[name]?.dims[axis] ?? Number.NaN);
  const empty = summed.find((dim) => dimAt(dim, sizes) === 0);
  if (empty !== undefined)
    throw new ShapeError(
      `run: "${empty}" is 0, and on webgpu a matrix product cannot sum over nothing; feed at least one, or use another device`,
    );
}

/** What the engine says, in one line. */
const engineError =
  (what: string) =>
  (cause: unknown): never => {
    throw new DeviceError(`${what}: ONNX Runtime could not do it: ${reasonOf(cause)}`, { cause });
  };

/** Bytes from which on it pays not to wait for the garbage collector. */
const LARGE = 2 ** 16;
let sink: MessagePort | undefined;

/**
 * Largest block, in bytes, that glibc still counts: once one of this size was freed, malloc serves blocks up to it from its heap, and keeps up to twice
 * as much free memory there (mallopt(3), M_MMAP_THRESHOLD). Otherwise all that is freed here would come back as fresh pages.
 */
const KEPT = 2 ** 25 - 2 ** 16;

/** A port that leads nowhere: what is transferred to it is freed. */
function nowhere(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  const block = new ArrayBuffer(KEPT);
  port1.postMessage(null, [block]);
  return port1;
}

/**
 * Gives the memory of a tensor back at once. onnxruntime-node (1.30) writes into the tensors that it is given, and then
 * returns copies of them; left to the garbage collector, these pile up.
 */
function drop({ data }: OrtTensor): void {
  const { buffer } = data as { readonly buffer: ArrayBuffer };
  if (buffer.byteLength < LARGE) return;
  sink ??= nowhere();
  sink.postMessage(null, [buffer]);
}

let last: Promise<unknown> = Promise.resolve();

/** One after the other: two runs at once on WebGPU hang the page. */
function inTurn<T>(run: () => Promise<T>): Promise<T> {
  const result = last.then(run, run);
  last = result.catch(() => undefined);
  return result;
}

/** Throws ConfigError where a feed has no input. */
function requireKnown(inputs: OnnxModel["inputs"], feeds: Feeds): void {
  const names = inputs.map(({ name }) => name);
  const stray = Object.keys(feeds).find((name) => !names.includes(name));
  if (stray === undefined) return;
  const known = names.length > 0 ? `the inputs are ${names.slice(0, 8).map(quoted).join(", ")}` : "there are none";
  throw new ConfigError(`run: ${quoted(stray)} is no input${nearest(stray, names)}; ${known}`);
}

/** What was fed, in a message. */
function described(feed: HostTensor | undefined): string {
  if (feed === undefined) return "nothing";
  if (typeof feed !== "object" || feed === null || !holds(feed.dtype, feed.data) || !Array.isArray(feed.shape))
    return `${shown(feed)}, which array(values) turns into a feed`;
  return `${feed.dtype}${shown(feed.shape)} of ${feed.data.length} numbers`;
}

/** The feed of one input, if it fits. Throws ShapeError where it does not. */
export function checkFeed(name: string, spec: Spec, feed: HostTensor | undefined): HostTensor {
  const fits =
    feed !== undefined &&
    isHostTensor(feed) &&
    feed.dtype === spec.dtype &&
    feed.shape.length === spec.shape.length &&
    spec.shape.every((dim, i) => typeof dim !== "number" || dim === feed.shape[i]);
  if (fits) return feed;
  throw new ShapeError(
    `run: input ${quoted(name)} expects ${spec.dtype}${formatShape(spec.shape)}, got ${described(feed)}; feed one of that shape`,
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

/** FNV-1a (Fowler, Noll and Vo) in 32 bits, over bytes or longer whole numbers. */
export function hash(numbers: Iterable<number>): number {
  let value = 0x811c9dc5;
  for (const number of numbers) value = Math.imul(value ^ number, 0x01000193);
  return value >>> 0;
}

const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

async function createProgram(model: OnnxModel, options: SessionOptions): Promise<Program> {
  const engine = await loadEngine(options.device, options.threads);
  const start = performance.now();
  const session = await engine.InferenceSession.create(model.bytes, sessionOptions(options, model)).catch(
    engineError("compile"),
  );
  return new Program(model, engine, session, options, performance.now() - start);
}

/** How a model is compiled. */
export interface CompileOptions extends RunOptions, Pick<SessionOptions, "arena"> {
  /** Whether outputs called `name.next` stay in the memory of a device that has its own, to be fed again. Default false. */
  readonly resident?: boolean | undefined;
}

/** The outputs that `resident` keeps on the device. */
const residents = ({ outputs }: OnnxModel, { device, resident }: CompileOptions): string[] =>
  resident && device === "webgpu" ? outputs.map(({ name }) => name).filter((name) => name.endsWith(nextName(""))) : [];

/** Checked options with their defaults. */
async function completed(model: OnnxModel, options: CompileOptions): Promise<SessionOptions> {
  await requireRunOptions(options, "compile");
  const { threads = platform.processors, profile, arena, resident } = options;
  const { device } = await settle({ device: options.device, threads });
  return { device, threads, profile, arena, onDevice: residents(model, { device, resident }) };
}

/** Compiles an ONNX model, or finds it compiled already. */
export async function compileModel(model: OnnxModel, options: CompileOptions = {}): Promise<Program> {
  const given = await completed(model, options);
  const { device, threads, profile, arena, onDevice = [] } = given;
  const key = `${device} ${threads} ${profile} ${arena} ${onDevice.length > 0} ${hash(model.bytes)}`;
  const bucket = cache.get(key) ?? [];
  const known = bucket.find(({ bytes }) => equalBytes(bytes, model.bytes));
  if (known) return known.program.then((program) => program.retain());
  const program = createProgram(model, given);
  cache.set(key, [...bucket, { bytes: model.bytes, program }]);
  program.catch(() => forget(model.bytes)); // what failed is tried anew
  return program.then((made) => made.retain());
}

/** How a graph is compiled, and which of its inputs are constants of it. */
export interface GraphOptions extends CompileOptions {
  /**
   * Values of inputs that never change, by name: arrays, bytes, or places in files, which the engine maps. They are packed
   * once and are not fed. Only the engine's copy counts afterwards: arrays may be let go.
   */
  readonly weights?: Weights | undefined;
}

/** Whether the device has operators for whole recurrent layers. */
const hasFused = async ({ device, threads }: CompileOptions): Promise<boolean> =>
  ["cpu", "wasm"].includes((await settle({ device, threads })).device);

/**
 * Lowers the graph between `inputs` and `outputs` and compiles it. Throws ShapeError where the graph reads other inputs
 * or a weight is not shaped like its input, CheckpointError where a file of weights cannot be read.
 */
export async function compile<O extends Named>(
  inputs: Named,
  outputs: O,
  options: GraphOptions = {},
): Promise<Program<keyof O & string>> {
  const { weights, ...run } = requireRecord("compile", "device, threads, profile and weights", options);
  const compiled = weights
    ? compileWith(weights, inputs, outputs, run)
    : compileModel(lower(inputs, outputs, {}, await hasFused(run)), run);
  return (await compiled) as Program<keyof O & string>;
}

/** Programs with weights are not shared: what they were compiled from is not known by the bytes of the model. */
async function compileWith(weights: Weights, inputs: Named, outputs: Named, options: CompileOptions): Promise<Program> {
  const placed = await placeWeights(weights);
  try {
    const model = lower(inputs, outputs, placed.constants, await hasFused(options));
    const program = await createProgram(model, { ...(await completed(model, options)), weights: placed });
    placed.files?.check();
    return program.retain();
  } catch (error) {
    placed.files?.close();
    throw error;
  }
}
