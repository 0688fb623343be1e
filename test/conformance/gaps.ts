/** What a device cannot do, and why. A case listed here must fail there: one that passes has to leave the list. */
import type { Device } from "../../src/runtime/index.ts";
import { backward, type Tolerance, trigonometric } from "../tolerances.ts";
import type { Case } from "./case.ts";

export interface Gap {
  readonly device: Device;
  /** Only in Node, or only in a page. Default: both. */
  readonly where?: "Node" | "page";
  /** Names of the cases. */
  readonly cases: RegExp;
  readonly reason: string;
}

export const gaps: readonly Gap[] = [
  ...(["cpu", "wasm", "webgpu"] as const).map((device) => ({
    device,
    ...(device === "webgpu" && ({ where: "Node" } as const)), // which hands double precision to the CPU
    cases: /^(erf|gelu) f64/,
    reason: "ONNX Runtime's CPU kernel of Erf takes float32 only",
  })),
  {
    device: "webgpu",
    where: "page",
    cases: /f64|^cast there and back/,
    reason: "the GPU has no double precision, and ONNX Runtime does not hand such nodes to the CPU in a page",
  },
  {
    device: "webgpu",
    cases: /(nothing in a batch|batched products over nothing)$/,
    reason: "ONNX Runtime's WebGPU kernels refuse tensors without elements",
  },
  {
    device: "webgpu",
    cases: /^logSumExp at infinity|^topK, extremes and logSumExp of nothing/,
    reason: "WGSL need not keep infinities: its logarithm of 0 is -88",
  },
  {
    device: "webgpu",
    cases: /^softmax and logSoftmax beside NaN f32/,
    reason: "WGSL need not keep NaN: the softmax of a row that holds one has zeros",
  },
];

/** Cases that a device computes with fewer digits. */
export const looser: readonly (Gap & { readonly within: Tolerance })[] = [
  {
    device: "webgpu",
    cases: /^(sin|cos) /,
    reason: "WGSL asks of sin and cos an absolute error of 2⁻¹¹ only",
    within: trigonometric,
  },
  {
    device: "webgpu",
    cases: /^logSigmoid/,
    reason: "ONNX Runtime's WebGPU Softplus adds 1 before it takes the logarithm",
    within: backward,
  },
];

const here = "document" in globalThis ? "page" : "Node";
const isHere = ({ where = here }: Gap): boolean => where === here;

const first = <G extends Gap>(list: readonly G[], { name }: Pick<Case, "name">, device: Device): G | undefined =>
  list.find((gap) => gap.device === device && isHere(gap) && gap.cases.test(name));

/** Gaps of a device that none of `cases` meets. */
export const unmet = (cases: readonly Pick<Case, "name">[], device: Device): readonly Gap[] => {
  const met = new Set(cases.map((item) => gapOf(item, device)));
  return gaps.filter((gap) => gap.device === device && isHere(gap) && !met.has(gap));
};

export const gapOf = (item: Pick<Case, "name">, device: Device): Gap | undefined => first(gaps, item, device);
export const looserOf = (item: Pick<Case, "name">, device: Device): Tolerance | undefined =>
  first(looser, item, device)?.within;
