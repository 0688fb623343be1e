/**
 * Values that programs take in as `name` and give out again as `name.next`: training state, key/value caches, what a recurrent
 * model carries. What a run gives becomes current when the caller says so, and what was kept can come back until then.
 * Where the next value is written depends on the device:
 *
 *   swap       cpu: into memory that is free, or on the value itself where the caller says that this is safe
 *   replace    wasm and others: the engine makes a tensor for every result
 *   on device  webgpu: the same, in the device's memory, for programs compiled with `resident`; what is replaced is
 *              given back at once, and `download` brings what is kept to the host
 */
import { ConfigError } from "../errors.ts";
import type { Spec } from "../graph/index.ts";
import { lower } from "../onnx/index.ts";
import { type DType, emptyArray, input } from "../tensor/index.ts";
import { compileModel, type Feeds, type Program } from "./program.ts";
import { type Device, type Engine, fromOrt, type HostTensor, nextName, type OrtTensor, toOrt } from "./session.ts";

/** Zeros on the host for a spec; sizes that have names are 0. */
export const zerosOf = ({ shape, dtype }: Spec): HostTensor => {
  const sizes = shape.map((dim) => (typeof dim === "number" ? dim : 0));
  const length = sizes.reduce((a, b) => a * b, 1);
  return { data: emptyArray(dtype, length), shape: sizes, dtype };
};

type OrtTensors = Record<string, OrtTensor>;
const nothing: ReadonlySet<string> = new Set();
const isOnHost = ({ location }: OrtTensor): boolean => location === "cpu";

/** One value: the one that is kept, the one that is current, and memory that is free to be written. */
interface Slot {
  readonly spec: Spec;
  kept: OrtTensor;
  current: OrtTensor;
  readonly free: OrtTensor[];
  /** A copy on the host of what is kept on the device. */
  host: HostTensor | undefined;
}

/** Which engine, on which device. */
export interface Place {
  readonly engine: Engine;
  readonly device: Device;
}

export class Resident implements AsyncDisposable {
  readonly #place: Place;
  readonly #slots = new Map<string, Slot>();
  readonly #copiers = new Map<string, Promise<Program>>();

  /** Takes `values` over; what is not given starts at zero, and at length 0 where a size has a name. */
  constructor(place: Place, specs: Readonly<Record<string, Spec>>, values: Feeds = {}) {
    this.#place = place;
    for (const [name, spec] of Object.entries(specs)) {
      const first = toOrt(place.engine, values[name] ?? zerosOf(spec));
      this.#slots.set(name, { spec, kept: first, current: first, free: [], host: undefined });
    }
  }

  /** Whether the engine writes results where it is told to. */
  get writesOver(): boolean {
    return this.#place.device === "cpu";
  }

  /** What is fed, by name. */
  get inputs(): OrtTensors {
    return Object.fromEntries([...this.#slots].map(([name, { current }]) => [name, current]));
  }

  /**
   * Where the engine may write the next values of `names`: those in `over` on themselves, others where nothing is kept. What has
   * a size with a name is left to the engine, and so is everything where `writesOver` is false.
   */
  outputs(names: Iterable<string> = this.#slots.keys(), over: ReadonlySet<string> = nothing): OrtTensors {
    const places: OrtTensors = {};
    for (const name of this.writesOver ? names : []) {
      const { spec, current, free } = this.#slot(name);
      if (spec.shape.some((dim) => typeof dim === "string")) continue;
      if (!over.has(name) && free.length === 0) free.push(toOrt(this.#place.engine, zerosOf(spec)));
      places[nextName(name)] = over.has(name) ? current : (free.at(-1) as OrtTensor);
    }
    return places;
  }

  #slot(name: string): Slot {
    const slot = this.#slots.get(name);
    if (!slot) throw new Error(`internal: nothing resident is called ${name}`);
    return slot;
  }

  /** Memory that a value no longer needs. */
  #discard({ free, spec }: Slot, tensor: OrtTensor): void {
    if (!isOnHost(tensor)) tensor.dispose();
    else if (this.writesOver && spec.shape.every((dim) => typeof dim === "number")) free.push(tensor);
  }

  /** Makes what a run gave current; what it did not give stays, and what it wrote over is current already. */
  advance(results: Readonly<OrtTensors>, over: ReadonlySet<string> = nothing): void {
    for (const [name, slot] of this.#slots) {
      const next = results[nextName(name)];
      if (!next || over.has(name)) continue;
      slot.free.pop();
      if (slot.current !== slot.kept) this.#discard(slot, slot.current);
      slot.current = next;
    }
  }

  /** What is current stays for good. */
  keep(): void {
    for (const slot of this.#slots.values()) {
      if (slot.current === slot.kept) continue;
      this.#discard(slot, slot.kept);
      slot.kept = slot.current;
      slot.host = undefined;
    }
  }

  /** Back to what was kept last. */
  restore(): void {
    for (const slot of this.#slots.values()) {
      if (slot.current !== slot.kept) this.#discard(slot, slot.current);
      slot.current = slot.kept;
    }
  }

  /** Sets every value to zero, or to length 0 where a size has a name. */
  clear(): void {
    for (const slot of this.#slots.values()) {
      const fixed = slot.spec.shape.every((dim) => typeof dim === "number");
      if (fixed && isOnHost(slot.current)) (slot.current.data as Float32Array).fill(0);
      else this.#replace(slot, toOrt(this.#place.engine, zerosOf(slot.spec)));
    }
  }

  #replace(slot: Slot, value: OrtTensor): void {
    if (slot.current !== slot.kept) this.#discard(slot, slot.current);
    slot.current = value;
  }

  /** Puts what is kept into the memory of a device that has its own, for what is fed to every run and never changes. */
  async upload(): Promise<void> {
    if (this.#place.device !== "webgpu") return;
    for (const slot of this.#slots.values()) {
      if (!isOnHost(slot.kept) || slot.kept.size === 0) continue;
      slot.host = fromOrt(slot.kept);
      slot.current = slot.kept = await this.#copy(slot.spec, slot.kept, true);
    }
  }

  /** Brings what is kept on the device to the host. */
  async download(): Promise<void> {
    for (const slot of this.#slots.values())
      if (!slot.host && !isOnHost(slot.kept)) slot.host = fromOrt(await this.#copy(slot.spec, slot.kept, false));
  }

  /** A copy, on the device or on the host, by a program: onnxruntime-node (1.30) ends the process at `getData()`. */
  async #copy({ shape, dtype }: Spec, tensor: OrtTensor, resident: boolean): Promise<OrtTensor> {
    const key = `${resident} ${dtype} ${shape.length}`;
    const copier = this.#copiers.get(key) ?? this.#compileCopier(shape.length, dtype, resident);
    this.#copiers.set(key, copier);
    const { "value.next": copy } = await (await copier).runOrt({ value: tensor });
    if (!copy) throw new Error("internal: the program gave no copy");
    return copy;
  }

  #compileCopier(rank: number, dtype: DType, resident: boolean): Promise<Program> {
    const dims = Array.from({ length: rank }, (_, axis) => `D${axis}`);
    const value = input("value", dims, dtype);
    const model = lower({ value }, { [nextName("value")]: value });
    return compileModel(model, { device: this.#place.device, threads: 1, resident });
  }

  /** The values that are kept, by name, valid until the next run. Throws ConfigError for one that is only on the device. */
  values(names: Iterable<string> = this.#slots.keys()): Record<string, HostTensor> {
    const found: Record<string, HostTensor> = {};
    for (const name of names) {
      const { kept, host } = this.#slot(name);
      if (!host && !isOnHost(kept))
        throw new ConfigError(
          `values: ${name} is in the memory of ${this.#place.device}; await download() after the last step, then read it`,
        );
      found[name] = host ?? fromOrt(kept);
    }
    return found;
  }

  /** Gives the device's memory back. What was not downloaded is gone. */
  async release(): Promise<void> {
    this.restore();
    for (const { kept } of this.#slots.values()) if (!isOnHost(kept)) kept.dispose();
    const copiers = await Promise.all(this.#copiers.values());
    this.#copiers.clear();
    await Promise.all(copiers.map((copier) => copier.release()));
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
