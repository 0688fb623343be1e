/** For short programs: numbers in, numbers out, compiling on the way. */
import { ShapeError } from "../errors.ts";
import { freeLeaves, type Named } from "../onnx/index.ts";
import { type DType, hostArray, type Nested } from "../tensor/index.ts";
import { compile, type Feeds, type RunOptions } from "./program.ts";
import type { HostTensor } from "./session.ts";

/** Numbers on the host, from nested lists. Throws ShapeError where lists at one depth differ in length. */
export function array(nested: Nested, dtype: DType = "f32"): HostTensor {
  const shape: number[] = [];
  for (let level = nested; typeof level !== "number"; level = level[0] ?? 0) shape.push(level.length);
  const flat: number[] = [];
  collect(nested, flat);
  if (flat.length !== shape.reduce((a, b) => a * b, 1))
    throw new ShapeError(
      `array: expected lists of equal lengths, got ${flat.length} numbers for [${shape.join(", ")}]; fill them up`,
    );
  return { data: hostArray(flat, dtype), shape, dtype };
}

function collect(nested: Nested, into: number[]): void {
  if (typeof nested === "number") into.push(nested);
  else for (const item of nested) collect(item, into);
}

/** Nested lists of numbers, as `array` takes them. */
export function values({ data, shape }: HostTensor): Nested {
  const nest = (from: number, depth: number): Nested => {
    const size = shape[depth];
    if (size === undefined) return Number(data[from]);
    const stride = shape.slice(depth + 1).reduce((a, b) => a * b, 1);
    return Array.from({ length: size }, (_, i) => nest(from + i * stride, depth + 1));
  };
  return nest(0, 0);
}

/** Computes `outputs` from `feeds`, which are named as the inputs are. Compiles on the first call, and again for other graphs. */
export async function run<O extends Named>(
  outputs: O,
  feeds: Feeds = {},
  options?: RunOptions,
): Promise<Record<keyof O & string, HostTensor>> {
  const leaves = freeLeaves(Object.values(outputs), []);
  const inputs = Object.fromEntries(leaves.map((tensor) => [nameOf(tensor.node), tensor]));
  return (await compile(inputs, outputs, options)).run(feeds);
}

function nameOf({ op, attrs }: { op: string; attrs: unknown }): string {
  if (op === "input") return (attrs as { name: string }).name;
  throw new ShapeError(
    `run: the graph reads a ${op}, which has no name to feed it by; use compile({ name: tensor }, outputs)`,
  );
}
