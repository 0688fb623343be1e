/** Random numbers for graphs: every use of noise is a stream of its own, keyed by seed, step and site. */
import { ConfigError, quoted } from "../errors.ts";
import type { Draw, Initializer } from "../graph/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { hostArray, isFloat, requireRecord, requireTensor } from "../tensor/index.ts";
import { stream } from "./random.ts";
import type { HostTensor } from "./session.ts";

/** Fills `out` with the numbers of one use of noise in one step. */
export function fillNoise(
  out: Float32Array | Float64Array,
  distribution: "uniform" | "normal",
  { seed, step, site }: { seed: number; step: number; site: number },
): void {
  const draw = stream(seed, step, site);
  if (distribution === "uniform") draw.fillUniform(out);
  else draw.fillNormal(out);
}

/** The initial values of parameters and buffers: each draws from the stream of its name at step 0. */
export function initialValues(parameters: Readonly<Record<string, Tensor>>, seed: number): Record<string, HostTensor> {
  return Object.fromEntries(
    Object.entries(requireRecord("initialValues", "parameters by name", parameters)).map(([name, tensor]) => [
      name,
      initialValue(name, tensor, seed),
    ]),
  );
}

function initialValue(name: string, tensor: Tensor, seed: number): HostTensor {
  requireTensor("initialValues", tensor);
  const { node, shape, dtype } = tensor;
  const { init } = node.attrs as { init?: Initializer };
  if (!init) throw new ConfigError(`initialValues: ${quoted(name)} is no parameter but ${node.op}; leave it out`);
  const sizes = shape.map(Number);
  const length = sizes.reduce((a, b) => a * b, 1);
  const out = dtype === "f32" ? new Float32Array(length) : new Float64Array(length);
  const own = stream(seed, 0, name);
  const draw: Draw = { fillUniform: (out) => own.fillUniform(out), fillNormal: (out) => own.fillNormal(out) };
  init(out, sizes, draw);
  return { data: isFloat(dtype) ? out : hostArray(out, dtype), shape: sizes, dtype };
}
