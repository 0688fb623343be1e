/** Parameters <-> tensors of a file, under the names that the file's world gives them. */
import { CheckpointError, nearest } from "../errors.ts";
import type { CheckpointNames } from "../models/index.ts";
import type { HostTensor } from "../runtime/index.ts";
import { arrayOf, bytesOf, type DType, formatShape, sameShape, type Tensor } from "../tensor/index.ts";
import type { StoredDType, StoredTensor } from "./safetensors.ts";
import { toFloat32 } from "./values.ts";

const stored = { f32: "F32", f64: "F64", i32: "I32", i64: "I64", bool: "BOOL" } as const satisfies Record<
  DType,
  StoredDType
>;
const loaded: Readonly<Partial<Record<StoredDType, DType>>> = {
  F32: "f32",
  F64: "f64",
  I32: "i32",
  I64: "i64",
  BOOL: "bool",
};

/** The name in a file of the parameter at `path`. */
const fileName = (path: string, { rename, prefix = "" }: CheckpointNames): string => prefix + (rename?.(path) ?? path);

/** A tensor as a file holds it; the numbers are not copied. */
export const toStored = ({ data, shape, dtype }: HostTensor): StoredTensor => ({
  dtype: stored[dtype],
  shape,
  data: bytesOf(data),
});

/** A stored tensor as the host computes with it: as it is, or half precision made f32. */
export function fromStored(name: string, tensor: StoredTensor): HostTensor {
  const dtype = loaded[tensor.dtype];
  if (dtype) return { data: arrayOf(tensor.data, dtype), shape: tensor.shape, dtype };
  return { data: toFloat32(name, tensor), shape: tensor.shape, dtype: "f32" };
}

/** Values by parameter path, as entries of a file. */
export const toFile = (
  values: Readonly<Record<string, HostTensor>>,
  names: CheckpointNames,
): [string, StoredTensor][] => Object.entries(values).map(([path, value]) => [fileName(path, names), toStored(value)]);

/**
 * The values of all `parameters` out of a file's tensors, with or without the prefix. Throws one CheckpointError that
 * lists what is missing, what has another shape, and what the model has no place for.
 */
export function fromFile(
  tensors: ReadonlyMap<string, StoredTensor>,
  parameters: Readonly<Record<string, Tensor>>,
  names: CheckpointNames,
): Record<string, HostTensor> {
  const bare = { ...names, prefix: "" };
  const values: Record<string, HostTensor> = {};
  const complaints: string[] = [];
  const unread = new Set(tensors.keys());
  for (const [path, parameter] of Object.entries(parameters)) {
    const name = [fileName(path, names), fileName(path, bare)].find((candidate) => tensors.has(candidate));
    const tensor = name === undefined ? undefined : tensors.get(name);
    if (!name || !tensor) complaints.push(`missing ${fileName(path, bare)}${nearest(fileName(path, bare), unread)}`);
    else if (!sameShape(tensor.shape, parameter.shape))
      complaints.push(`${name} is ${formatShape(tensor.shape)}, expected ${formatShape(parameter.shape)}`);
    else values[path] = fromStored(name, tensor);
    if (name) unread.delete(name);
  }
  for (const name of unread) if (!names.ignore?.test(name)) complaints.push(`unexpected ${name}`);
  if (complaints.length === 0) return values;
  const shown = complaints.slice(0, 8).join("; ");
  const rest = complaints.length > 8 ? `; and ${complaints.length - 8} more` : "";
  throw new CheckpointError(
    `weights: the file does not fit the ${names.modelType} model: ${shown}${rest}; check config.json against the file`,
  );
}
