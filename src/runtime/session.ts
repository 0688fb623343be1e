/** What a device must offer, whichever build of ONNX Runtime is behind it. */
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-common";
import type { OnnxModel } from "../onnx/index.ts";
import { type DType, type HostArray, holds } from "../tensor/index.ts";
import type { Placed } from "./weights.ts";

export type { InferenceSession, OrtTensor };

/**
 * `cpu`: native threads (Node). `wasm`: WebAssembly (Node, browser). `webgpu`: the graphics processor (Node, browser).
 * `cuda`, `coreml`, `dml`: where the installed engine has them (Node).
 */
export const DEVICES = ["cpu", "wasm", "webgpu", "cuda", "coreml", "dml"] as const;
export type Device = (typeof DEVICES)[number];

/** Numbers on the host. */
export interface HostTensor {
  readonly data: HostArray;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** The output that follows the input called `name`. */
export const nextName = (name: string): string => `${name}.next`;

/** Whether `value` has numbers of its type, as many as its shape says. */
export function isHostTensor(value: HostTensor): boolean {
  if (typeof value !== "object" || value === null || !Array.isArray(value.shape)) return false;
  const sizes: readonly number[] = value.shape;
  if (!sizes.every((size) => Number.isSafeInteger(size) && size >= 0)) return false;
  return holds(value.dtype, value.data) && value.data.length === sizes.reduce((a, b) => a * b, 1);
}

/** Files that the engine maps into memory. */
export interface MappedFiles {
  /** The folder that locations are relative to. */
  readonly folder: string;
  /** What the model calls each file. */
  readonly locations: ReadonlyMap<string, string>;
  /** Throws CheckpointError where a file is no longer what it was. */
  check(): void;
  close(): void;
}

export interface SessionOptions {
  readonly device: Device;
  /** Threads inside one operation. */
  readonly threads: number;
  /** File name prefix of a profile per node; the native engine only. */
  readonly profile?: string | undefined;
  /** Whether the native engine keeps memory for the next run, which is faster, or gives it back. Default true. */
  readonly arena?: boolean | undefined;
  /** Outputs that stay in the device's memory. */
  readonly onDevice?: readonly string[] | undefined;
  /** Where weights are that are not in the model. */
  readonly weights?: Pick<Placed, "data" | "files"> | undefined;
}

/** The part of ONNX Runtime that is used here. */
export interface Engine {
  /** Versions of the engine by package: common, node, web. */
  readonly env: { readonly versions: Readonly<Record<string, string | undefined>> };
  readonly Tensor: typeof OrtTensor;
  readonly InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
}

/**
 * What the engine says went wrong, in one line: without the place in its own source, and with a device that was lost by
 * that name.
 */
export function reasonOf(cause: unknown): string {
  const [line = ""] = String((cause as Error | undefined)?.message ?? cause).split("\n");
  if (/device (is|was) lost|lost device|DeviceLost|Instance dropped/i.test(line))
    return "the graphics device was lost; start the program again";
  if (/no supported adapters|get a WebGPU adapter/i.test(line))
    return "no graphics adapter was found, check its driver";
  return line.replace(/^(Non-zero status code returned .*?\. )?(Status Message: )?\/\S+:\d+ .*? (was false\. )?/, "");
}

/** What `node.ts` and `browser.ts` both export as `platform`. */
export interface Platform {
  /** Devices that may be there; loading the engine can still fail. */
  devices(): Promise<readonly Device[]>;
  readonly defaultDevice: Device;
  /** Processors that a computation may use. */
  readonly processors: number;
  /** Bytes that a process may hold. */
  readonly memory: number;
  load(device: Device, threads: number): Promise<Engine>;
  /** Opens files for the engine to map, each as long as given. Absent where there are no files. */
  readonly mapFiles?: (ends: ReadonlyMap<string, number>) => Promise<MappedFiles>;
}

const ortTypes = { f32: "float32", f64: "float64", i32: "int32", i64: "int64", bool: "bool" } as const;
const dtypes: Readonly<Record<string, DType>> = {
  float32: "f32",
  float64: "f64",
  int32: "i32",
  int64: "i64",
  bool: "bool",
};

/** `tensor` as the engine takes it; the numbers are not copied. */
export const toOrt = (engine: Engine, { data, shape, dtype }: HostTensor): OrtTensor =>
  new engine.Tensor(ortTypes[dtype], data as Float32Array, shape);

/** The engine's tensor as the host sees it; the numbers are not copied. */
export function fromOrt(tensor: OrtTensor): HostTensor {
  const dtype = dtypes[tensor.type];
  if (!dtype) throw new Error(`internal: the engine gave a tensor of type ${tensor.type}`);
  return { data: tensor.data as HostArray, shape: tensor.dims, dtype };
}

/**
 * In double precision the engine's fusions are left out: they keep scales and epsilons as float32 and make operations
 * that have no float64 kernel (scaled matrix products, layer normalisation, x·sigmoid(x)).
 */
const unfused = { disable_specified_optimizers: "LayerNormFusionL1" } as const;

/**
 * Without memory patterns the native engine's peak is 15 to 25 % lower and its speed the same (bench/LOG.md): a pattern
 * is one block more beside what the first run has taken.
 */
const memoryOptions = ({ device, arena = true }: SessionOptions): InferenceSession.SessionOptions =>
  device === "cpu" ? { enableMemPattern: false, enableCpuMemArena: arena } : {};

/** What is not in the model: bytes handed over, and files where the engine cannot map them itself. */
function externalData(device: Device, { data, files }: NonNullable<SessionOptions["weights"]>) {
  const read = device === "wasm" ? [...(files?.locations ?? [])].map(([data, path]) => ({ path, data })) : [];
  const all = [...data, ...read];
  return all.length > 0 ? { externalData: all } : {};
}

/** Values of `extra`, which the native engine wants as strings. */
const extraOptions = (device: Device, double: boolean, { files }: NonNullable<SessionOptions["weights"]>) => ({
  ...(double && { optimization: unfused }),
  ...(files && device !== "wasm" && { session: { model_external_initializers_file_folder_path: files.folder } }),
});

export const sessionOptions = (
  { device, threads, profile, arena, onDevice = [], weights = { data: [], files: undefined } }: SessionOptions,
  { double, onHost }: Pick<OnnxModel, "double" | "onHost">,
): InferenceSession.SessionOptions => ({
  executionProviders: [device === "webgpu" && onHost.length > 0 ? { name: device, forceCpuNodeNames: onHost } : device],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  graphOptimizationLevel: double ? "basic" : "all",
  executionMode: "sequential",
  logSeverityLevel: 4, // what fails is thrown
  ...memoryOptions({ device, threads, arena }),
  ...(onDevice.length > 0
    ? { preferredOutputLocation: Object.fromEntries(onDevice.map((name) => [name, "gpu-buffer" as const])) }
    : {}),
  extra: extraOptions(device, double, weights),
  ...externalData(device, weights),
  ...(profile ? { enableProfiling: true, profileFilePrefix: profile } : {}),
});
