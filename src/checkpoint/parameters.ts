/** Parameters <-> tensors of a file, under the names that the file's world gives them. */
import { CheckpointError, nearest, quoted } from "../errors.ts";
import type { CheckpointNames } from "../models/index.ts";
import type { HostTensor } from "../runtime/index.ts";
import { arrayOf, bytesOf, type DType, formatShape, sameShape, type Tensor } from "../tensor/index.ts";
import type { StoredDType, StoredTensor } from "./safetensors.ts";
import { requireFinite, toFloat32, toFloat64 } from "./values.ts";

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

/** A stored tensor as the host computes with it: as it is, or half precision made f32. Throws CheckpointError on NaN. */
export function fromStored(name: string, tensor: StoredTensor): HostTensor {
  const dtype = loaded[tensor.dtype] ?? "f32";
  return { data: valuesOf(name, tensor, dtype), shape: tensor.shape, dtype };
}

/** The numbers of a tensor as `dtype`: kinds of floating point become one another, all others must be it already. */
function valuesOf(name: string, tensor: StoredTensor, dtype: DType): HostTensor["data"] {
  if (dtype === "f32" || dtype === "f64") {
    const values = dtype === "f32" ? toFloat32(name, tensor) : toFloat64(name, tensor);
    requireFinite(name, values);
    return values;
  }
  if (tensor.dtype === stored[dtype]) return arrayOf(tensor.data, dtype);
  throw new CheckpointError(`tensor ${quoted(name)}: expected ${stored[dtype]}, got ${tensor.dtype}`);
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
      complaints.push(`${quoted(name)} is ${formatShape(tensor.shape)}, expected ${formatShape(parameter.shape)}`);
    else values[path] = { data: valuesOf(name, tensor, parameter.dtype), shape: tensor.shape, dtype: parameter.dtype };
    if (name) unread.delete(name);
  }
  for (const name of unread) if (!names.ignore?.test(name)) complaints.push(`unexpected ${quoted(name)}`);
  if (complaints.length === 0) return values;
  throw new CheckpointError(
    `weights: the file does not fit the ${names.modelType} model: ${listed(complaints)}; check config.json against the file`,
  );
}

/** The first eight of them, and how many more there are. */
const listed = (complaints: readonly string[]): string =>
  complaints.slice(0, 8).join("; ") + (complaints.length > 8 ? `; and ${complaints.length - 8} more` : "");

/** Throws one CheckpointError that lists what is missing among `found` and what is too much, named as they are in `where`. */
export function requireExactly(found: Iterable<string>, expected: Iterable<string>, where: string): void {
  const [have, want] = [new Set(found), new Set(expected)];
  const surplus = [...have].filter((name) => !want.has(name));
  const complaints = [
    ...[...want].filter((name) => !have.has(name)).map((name) => `missing ${quoted(name)}${nearest(name, surplus)}`),
    ...surplus.map((name) => `unexpected ${quoted(name)}`),
  ];
  if (complaints.length === 0) return;
  throw new CheckpointError(`${where}: ${listed(complaints)}; the file is damaged or another run's, take another copy`);
}
