/**
 * Values that a step takes in and gives out again. Two sets of buffers take turns, so no output overwrites an input
 * that is still to be read; they change places only when the caller says so.
 */
import type { Spec } from "../graph/index.ts";
import { type Feeds, type HostTensor, type OrtTensor, type Program, toOrt } from "../runtime/index.ts";
import { emptyArray } from "../tensor/index.ts";

export const nextName = (name: string): string => `${name}.next`;

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

export class State {
  readonly #specs: Readonly<Record<string, Spec>>;
  readonly #current: OrtTensors = {};
  readonly #spare: OrtTensors = {};

  /** Copies of `values`; what is not given starts at zero. */
  constructor(program: Program, specs: Readonly<Record<string, Spec>>, values: Feeds) {
    this.#specs = specs;
    for (const [name, spec] of Object.entries(specs)) {
      const given = values[name];
      this.#current[name] = toOrt(program.engine, given ? { ...given, data: given.data.slice() } : zerosOf(spec));
      this.#spare[nextName(name)] = toOrt(program.engine, zerosOf(spec));
    }
  }

  /** What is fed. */
  get inputs(): Readonly<OrtTensors> {
    return this.#current;
  }
  /** Where the engine may write. */
  get outputs(): Readonly<OrtTensors> {
    return this.#spare;
  }

  /** Makes what a run gave the current state. */
  advance(results: Readonly<OrtTensors>): void {
    for (const name of Object.keys(this.#specs)) {
      const [next, before] = [results[nextName(name)], this.#current[name]];
      if (!next || !before) throw new Error(`internal: the step gave no ${name}`);
      this.#current[name] = next;
      this.#spare[nextName(name)] = before;
    }
  }

  /** Sets every value to zero. */
  clear(): void {
    for (const tensor of Object.values(this.#current)) (tensor.data as Float32Array).fill(0);
  }

  /** The values of `names`, valid until the next advance but one. */
  values(names: Iterable<string>): Record<string, HostTensor> {
    const found: Record<string, HostTensor> = {};
    for (const name of names) {
      const [spec, tensor] = [this.#specs[name], this.#current[name]];
      if (!spec || !tensor) throw new Error(`internal: no state called ${name}`);
      found[name] = { data: tensor.data as Float32Array, shape: spec.shape.map(Number), dtype: spec.dtype };
    }
    return found;
  }
}
