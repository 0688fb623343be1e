/** One case of the conformance suite: a graph, its inputs, and what every device must give. */
import { gradient, type OpName } from "../../src/graph/index.ts";
import type { Device, HostTensor } from "../../src/runtime/index.ts";
import { isFloat, type Tensor, tensor } from "../../src/tensor/index.ts";
import { host, numbersOf, prepare, requireClose, type Traced, trace } from "../support/numbers.ts";
import { backward, forward, type Tolerance } from "../tolerances.ts";
import { looserOf } from "./gaps.ts";

export interface Case {
  readonly name: string;
  /** The row that this case is for; it must occur in the graph. */
  readonly covers: OpName;
  /** Throws where the device does not give the expected numbers. */
  run(device: Device): Promise<void>;
}

/** Inputs and what comes of them. */
export interface Sample {
  readonly name: string;
  readonly covers: OpName;
  readonly inputs: readonly HostTensor[];
  readonly apply: (inputs: Tensor[]) => readonly Tensor[];
  readonly outputs: readonly HostTensor[];
  /** ∂L/∂y for each output that has a part in the gradient. */
  readonly seeds?: readonly (HostTensor | undefined)[];
  /** ∂L/∂x for each input that has one. */
  readonly gradients?: readonly (HostTensor | undefined)[];
  readonly tolerance?: { readonly forward: Tolerance; readonly backward: Tolerance };
}

/** Σ y · seed over all outputs that have a seed. */
export function weighted(outputs: readonly Tensor[], seeds: readonly (HostTensor | undefined)[]): Tensor {
  const parts = outputs.flatMap((y, i) => {
    const seed = seeds[i];
    return seed && isFloat(y.dtype) ? [y.mul(tensor(numbersOf(seed.data), y.dtype).reshape(seed.shape)).sum()] : [];
  });
  const [first, ...rest] = parts;
  if (!first) throw new Error("no output has a seed");
  return rest.reduce((sum, part) => sum.add(part), first);
}

/** 1, 2, 3, ... so that no two elements may be exchanged unnoticed. */
export const counting = ({ shape, dtype }: HostTensor): HostTensor | undefined =>
  isFloat(dtype)
    ? host(
        Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1),
        shape,
        dtype,
      )
    : undefined;

/** The outputs, then the gradients that are asked for. */
function traceSample({ inputs, apply, outputs, gradients, seeds = outputs.map(counting) }: Sample): Traced {
  return trace(inputs, (tensors) => {
    const results = apply(tensors);
    const wrt = tensors.filter((_, i) => gradients?.[i]);
    return wrt.length === 0 ? results : [...results, ...gradient(weighted(results, seeds), wrt)];
  });
}

export const fromSample = (sample: Sample): Case => ({
  name: sample.name,
  covers: sample.covers,
  async run(device) {
    const traced = traceSample(sample);
    if (!traced.operations.has(sample.covers)) throw new Error(`the graph has no ${sample.covers}`);
    const results = await (await prepare(traced, device))(...sample.inputs);
    const loose = looserOf(sample, device);
    const tolerance = loose ? { forward: loose, backward: loose } : (sample.tolerance ?? { forward, backward });
    const expected = [
      ...sample.outputs.map((value, i) => ({ what: `output ${i}`, value, tolerance: tolerance.forward })),
      ...(sample.gradients ?? []).flatMap((value, i) =>
        value ? [{ what: `gradient ${i}`, value, tolerance: tolerance.backward }] : [],
      ),
    ];
    if (results.length !== expected.length)
      throw new Error(`expected ${expected.length} outputs, got ${results.length}`);
    for (const [i, { what, value, tolerance: within }] of expected.entries())
      requireClose(what, results[i], value, within);
  },
});
