/** For short programs: numbers in, numbers out, compiling them first. */
import { ConfigError, DTypeError, quoted, ShapeError, shown } from "../errors.ts";
import { freeLeaves, type Named, requireNamed } from "../onnx/index.ts";
import { type DType, flatten, hostArray, type Nested, type Tensor } from "../tensor/index.ts";
import { compile, type Feeds, type RunOptions } from "./program.ts";
import { type HostTensor, isHostTensor } from "./session.ts";

/** Numbers on the host, from nested lists. Throws ShapeError where lists differ in length, DTypeError where there is something else. */
export function array(nested: Nested, dtype: DType = "f32"): HostTensor {
  const { flat, shape } = flatten("array", nested);
  return { data: hostArray(flat, dtype), shape, dtype };
}

/** Nested lists of numbers, as `array` takes them. */
export function values(tensor: HostTensor): Nested {
  if (!isHostTensor(tensor))
    throw new DTypeError(
      `values: expected a host tensor, got ${shown(tensor)}; run() gives some, array(values) makes one`,
    );
  const { data, shape } = tensor;
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
  requireNamed("run", "outputs by name", outputs);
  const inputs: Record<string, Tensor> = {};
  for (const tensor of freeLeaves(Object.values(outputs), [])) {
    const name = nameOf(tensor.node);
    if (Object.hasOwn(inputs, name))
      throw new ConfigError(`run: two inputs are called ${quoted(name)}; give each a name of its own`);
    inputs[name] = tensor;
  }
  return (await compile(inputs, outputs, options)).run(feeds);
}

function nameOf({ op, attrs }: { op: string; attrs: unknown }): string {
  if (op === "input") return (attrs as { name: string }).name;
  throw new ShapeError(
    `run: the graph reads a ${op}, which has no name to feed it by; use compile({ name: tensor }, outputs)`,
  );
}
