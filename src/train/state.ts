/**
 * Values that a step takes in and gives out again. What a run writes becomes current when the caller says so, and what
 * was current before can come back until then; but for values that are written over where they are.
 */
import type { Spec } from "../graph/index.ts";
import { type Engine, type Feeds, type HostTensor, type OrtTensor, toOrt } from "../runtime/index.ts";
import { emptyArray } from "../tensor/index.ts";
import { nextName } from "./names.ts";

/** Zeros on the host for a spec of fixed shape. */
export const zerosOf = ({ shape, dtype }: Spec): HostTensor => {
  const sizes = shape.map(Number);
  return {
    data: emptyArray(
      dtype,
      sizes.reduce((a, b) => a * b, 1),
    ),
    shape: sizes,
    dtype,
  };
};

type OrtTensors = Record<string, OrtTensor>;
const nothing: ReadonlySet<string> = new Set();

/** One value: the one that is kept, the one that is current, and memory that is free to be written. */
interface Slot {
  readonly spec: Spec;
  kept: OrtTensor;
  current: OrtTensor;
  readonly free: OrtTensor[];
}

export class State {
  readonly #engine: Engine;
  readonly #slots = new Map<string, Slot>();

  /** Takes `values` over; what is not given starts at zero. */
  constructor(engine: Engine, specs: Readonly<Record<string, Spec>>, values: Feeds) {
    this.#engine = engine;
    for (const [name, spec] of Object.entries(specs)) {
      const first = toOrt(engine, values[name] ?? zerosOf(spec));
      this.#slots.set(name, { spec, kept: first, current: first, free: [] });
    }
  }

  /** What is fed. */
  get inputs(): OrtTensors {
    return Object.fromEntries([...this.#slots].map(([name, { current }]) => [name, current]));
  }

  /** Where the engine may write `names`: those in `over` on themselves, others where nothing is kept. */
  outputs(names: Iterable<string> = this.#slots.keys(), over: ReadonlySet<string> = nothing): OrtTensors {
    const places: OrtTensors = {};
    for (const name of names) {
      const { spec, current, free } = this.#slot(name);
      if (!over.has(name) && free.length === 0) free.push(toOrt(this.#engine, zerosOf(spec)));
      places[nextName(name)] = over.has(name) ? current : (free.at(-1) as OrtTensor);
    }
    return places;
  }

  #slot(name: string): Slot {
    const slot = this.#slots.get(name);
    if (!slot) throw new Error(`internal: no state called ${name}`);
    return slot;
  }

  /** Makes what a run gave current; what it did not give stays, and what it wrote over is current already. */
  advance(results: Readonly<OrtTensors>, over: ReadonlySet<string> = nothing): void {
    for (const [name, slot] of this.#slots) {
      const next = results[nextName(name)];
      if (!next || over.has(name)) continue;
      slot.free.pop();
      if (slot.current !== slot.kept) slot.free.push(slot.current);
      slot.current = next;
    }
  }

  /** What is current stays for good. */
  keep(): void {
    for (const slot of this.#slots.values()) {
      if (slot.current !== slot.kept) slot.free.push(slot.kept);
      slot.kept = slot.current;
    }
  }

  /** Back to what was kept last. */
  restore(): void {
    for (const slot of this.#slots.values()) {
      if (slot.current !== slot.kept) slot.free.push(slot.current);
      slot.current = slot.kept;
    }
  }

  /** Sets every value to zero. */
  clear(): void {
    for (const { current } of this.#slots.values()) (current.data as Float32Array).fill(0);
  }

  /** The values that are kept, by name, valid until the next step. */
  values(names: Iterable<string>): Record<string, HostTensor> {
    const found: Record<string, HostTensor> = {};
    for (const name of names) {
      const { spec, kept } = this.#slot(name);
      found[name] = { data: kept.data as Float32Array, shape: spec.shape.map(Number), dtype: spec.dtype };
    }
    return found;
  }
}
