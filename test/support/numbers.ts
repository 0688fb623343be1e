/** Running graphs on host numbers and comparing what comes out. Runs in Node and in the browser. */
import { sortNodes } from "../../src/graph/index.ts";
import { compile, type Device, type HostTensor, stream } from "../../src/runtime/index.ts";
import {
  type DType,
  formatShape,
  type HostArray,
  hostArray,
  input,
  type Shape,
  type Tensor,
} from "../../src/tensor/index.ts";
import type { Tolerance } from "../tolerances.ts";

export const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

/** Numbers on the host. */
export const host = (values: ArrayLike<number>, shape: readonly number[], dtype: DType = "f32"): HostTensor => ({
  data: hostArray(values, dtype),
  shape,
  dtype,
});

/** 0, 1, 2, ... */
export const iota = (shape: readonly number[], dtype: DType = "f32"): HostTensor =>
  host(
    Array.from({ length: count(shape) }, (_, i) => i),
    shape,
    dtype,
  );

/** Seeded numbers in [low, high). */
export function uniform(seed: number, shape: readonly number[], low = -1, high = 1, dtype: DType = "f64"): HostTensor {
  const values = new Float64Array(count(shape));
  stream(seed, 0, `test ${shape}`).fillUniform(values);
  return host(
    values.map((value) => low + value * (high - low)),
    shape,
    dtype,
  );
}

export const numbersOf = (data: HostArray): number[] => Array.from(data as ArrayLike<number | bigint>, Number);

/** How far two lists of numbers are apart; infinite where one is NaN or infinite and the other is not the same. */
export function distance(got: readonly number[], expected: readonly number[], { absolute, relative }: Tolerance) {
  let worst = { at: -1, excess: 0 };
  for (const [at, value] of expected.entries()) {
    const found = got[at] ?? Number.NaN;
    if (Object.is(found, value) || found === value) continue;
    const error = Math.abs(found - value);
    const excess = Number.isFinite(error) ? error - (absolute + relative * Math.abs(value)) : Number.POSITIVE_INFINITY;
    if (excess > worst.excess) worst = { at, excess };
  }
  return worst;
}

/** Throws where `got` is not `expected`: in shape, in type, or in a number by more than the tolerance. */
export function requireClose(
  what: string,
  got: HostTensor | undefined,
  expected: HostTensor,
  tolerance: Tolerance,
): void {
  if (!got) throw new Error(`${what}: there is no such result`);
  const kind = ({ dtype, shape }: HostTensor) => `${dtype}${formatShape(shape)}`;
  if (kind(got) !== kind(expected)) throw new Error(`${what}: expected ${kind(expected)}, got ${kind(got)}`);
  const [found, wanted] = [numbersOf(got.data), numbersOf(expected.data)];
  if (found.length !== wanted.length)
    throw new Error(`${what}: expected ${wanted.length} numbers, got ${found.length}`);
  const { at } = distance(found, wanted, tolerance);
  if (at >= 0)
    throw new Error(
      `${what}: element ${at} is ${found[at]}, expected ${wanted[at]} (off by ${Math.abs((found[at] ?? 0) - (wanted[at] ?? 0))})`,
    );
}

/** A graph with the shapes of its inputs, which may hold symbols. */
export interface Traced {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Names of all rows in the graph. */
  readonly operations: ReadonlySet<string>;
}

/** Traces `build` on inputs x0, x1, ... into outputs y0, y1, ... */
export function trace(
  specs: readonly { shape: Shape; dtype: DType }[],
  build: (inputs: Tensor[]) => readonly Tensor[],
): Traced {
  const tensors = specs.map(({ shape, dtype }, i) => input(`x${i}`, shape, dtype));
  const results = build(tensors);
  return {
    inputs: Object.fromEntries(tensors.map((tensor, i) => [`x${i}`, tensor])),
    outputs: Object.fromEntries(results.map((tensor, i) => [`y${i}`, tensor])),
    operations: new Set(sortNodes(results).map(({ op }) => op)),
  };
}

/** A compiled graph as a function of host numbers. */
export type Runner = (...values: readonly HostTensor[]) => Promise<HostTensor[]>;

export async function prepare({ inputs, outputs }: Traced, device?: Device): Promise<Runner> {
  const program = await compile(inputs, outputs, { device, threads: 1 });
  return async (...values) => {
    const results = await program.run(Object.fromEntries(values.map((value, i) => [`x${i}`, value])));
    return Object.keys(outputs).map((name) => {
      const result = results[name];
      if (!result) throw new Error(`the program gave no ${name}`);
      return { ...result, data: result.data.slice() };
    });
  };
}

/** Traces, compiles and runs once. */
export async function evaluate(
  values: readonly HostTensor[],
  build: (inputs: Tensor[]) => readonly Tensor[],
  device?: Device,
): Promise<HostTensor[]> {
  const run = await prepare(trace(values, build), device);
  return run(...values);
}
