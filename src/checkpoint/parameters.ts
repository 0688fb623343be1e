/**
 * Parameters <-> tensors of a file, under the names that the file's world gives them: one to one, several parameters in
 * one tensor (a fused projection), or one parameter in several tensors (a stack of experts).
 */
import { CheckpointError, nearest, quoted, shown } from "../errors.ts";
import type { FileNames } from "../models/index.ts";
import { type Feeds, type HostTensor, isHostTensor, type Weight, type Weights } from "../runtime/index.ts";
import { requireRecord } from "../schema.ts";
import {
  arrayOf,
  bytesOf,
  type DType,
  formatShape,
  isFloat,
  type Shape,
  type StorageType,
  sameShape,
  type Tensor,
} from "../tensor/index.ts";
import { joinParts, partOf, stackOf, unstackOf } from "./parts.ts";
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

/** Types of files that the engine casts while it loads. */
const storage: Readonly<Partial<Record<StoredDType, StorageType>>> = { ...loaded, F16: "f16", BF16: "bf16" };

type Place = ReturnType<NonNullable<FileNames["place"]>>;
type Tensors = ReadonlyMap<string, StoredTensor>;

/** A tensor as a file holds it; the numbers are not copied. */
export const toStored = ({ data, shape, dtype }: HostTensor): StoredTensor => ({
  dtype: stored[dtype],
  shape,
  data: bytesOf(data),
});

/** Throws ConfigError for what is no record, CheckpointError for what is no host tensor in it. */
function requireValues(values: Feeds): void {
  requireRecord(values, "weights");
  for (const [name, value] of Object.entries(values))
    if (!isHostTensor(value))
      throw new CheckpointError(
        `weights: expected ${quoted(name)} to be { data, shape, dtype }, got ${shown(value)}; array(values) makes one`,
      );
}

/** Values by name as entries of a file, whose names begin with `prefix`. */
export function toEntries(values: Feeds, prefix: string): [string, StoredTensor][] {
  requireValues(values);
  return Object.entries(values).map(([name, value]) => [prefix + name, toStored(value)]);
}

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

/** Makes of a tensor in a file what is wanted of a parameter of type `dtype`. */
type Take<W extends Weight> = (name: string, tensor: StoredTensor, dtype: DType) => W;

const takeValues: Take<HostTensor> = (name, tensor, dtype) => ({
  data: valuesOf(name, tensor, dtype),
  shape: tensor.shape,
  dtype,
});

/** Where the numbers are, if they are in a file and the engine can read them; else the numbers. */
const takeWeight: Take<Weight> = (name, tensor, dtype) => {
  const kept = storage[tensor.dtype];
  const readable = kept && (kept === dtype || (isFloat(dtype) && kept.includes("f")));
  return tensor.place && readable
    ? { dtype: kept, shape: tensor.shape, ...tensor.place }
    : takeValues(name, tensor, dtype);
};

/** Where the parameter at `path` stands, its names with the prefix they have in a file. */
function placeOf(path: string, shape: Shape, { place, prefix = "", bare }: FileNames): Place {
  const found = place?.(path, shape) ?? path;
  const full = (name: string) => (bare?.test(name) ? name : prefix + name);
  if (typeof found === "string") return full(found);
  return "in" in found ? { ...found, in: full(found.in) } : { stack: found.stack.map(full) };
}

/** Values by parameter path, as entries of a file. */
export function toFile(values: Feeds, names: FileNames): [string, StoredTensor][] {
  const entries = new Map<string, StoredTensor>();
  const parts = new Map<string, { axis: number; pieces: { start: number; value: HostTensor }[] }>();
  requireValues(values);
  for (const [path, value] of Object.entries(values)) {
    const place = placeOf(path, value.shape, names);
    if (typeof place === "string") entries.set(place, toStored(value));
    else if ("stack" in place)
      for (const [i, name] of place.stack.entries()) entries.set(name, toStored(unstackOf(value, i)));
    else {
      const whole = parts.get(place.in) ?? { axis: place.axis, pieces: [] };
      whole.pieces.push({ start: place.start, value });
      parts.set(place.in, whole);
    }
  }
  for (const [name, { axis, pieces }] of parts) entries.set(name, toStored(joinParts(name, axis, pieces)));
  return [...entries];
}

/** What could not be found, and the names of the file that were read. */
class Reading {
  readonly missing: string[] = [];
  readonly unread: Set<string>;
  readonly #tensors: Tensors;
  constructor(tensors: Tensors) {
    this.#tensors = tensors;
    this.unread = new Set(tensors.keys());
  }

  /** The tensor called `name`, with or without the prefix, as `dtype`. */
  tensor<W extends Weight>(name: string, bare: string, dtype: DType, take: Take<W>): W | undefined {
    const found = [name, bare].find((candidate) => this.#tensors.has(candidate));
    const tensor = found === undefined ? undefined : this.#tensors.get(found);
    if (found === undefined || !tensor) {
      this.missing.push(bare);
      return undefined;
    }
    this.unread.delete(found);
    return take(found, tensor, dtype);
  }
}

function readPlace<W extends Weight>(
  reading: Reading,
  place: Place,
  bare: Place,
  { shape, dtype }: Tensor,
  take: Take<W>,
): W | HostTensor | undefined {
  if (typeof place === "string") return reading.tensor(place, bare as string, dtype, take);
  const values = (name: string, bareName: string) => reading.tensor(name, bareName, dtype, takeValues);
  if ("in" in place) {
    const whole = values(place.in, (bare as typeof place).in);
    return whole && partOf(whole, place.axis, place.start, Number(shape[place.axis]));
  }
  const parts = place.stack.map((name, i) => values(name, (bare as typeof place).stack[i] ?? name));
  return parts.every((part) => part !== undefined) ? stackOf(parts) : undefined;
}

const nameOf = (place: Place): string =>
  typeof place === "string" ? place : "in" in place ? place.in : (place.stack[0] ?? "");

/** Values for parameters, and what of either side found no partner. */
export interface Reconciled<W extends Weight = HostTensor> {
  readonly values: Record<string, W>;
  /** One line for each parameter that the file does not have, or has in another shape. */
  readonly complaints: readonly string[];
  /** Names of the file that no parameter has. */
  readonly surplus: readonly string[];
}

export const unexpected = (name: string): string => `unexpected ${quoted(name)}`;

/** Finds `parameters` among a file's tensors, with or without the prefix. */
export const reconcile = (
  tensors: Tensors,
  parameters: Readonly<Record<string, Tensor>>,
  names: FileNames,
): Reconciled => reconcileBy(takeValues, tensors, parameters, names);

/** The tensors of a file by the names of today, those too that others stand for. */
function today(tensors: Tensors, { renamed, instead = {} }: FileNames): Tensors {
  const found = renamed ? new Map([...tensors].map(([name, tensor]) => [renamed(name), tensor])) : tensors;
  const standing = Object.entries(instead).flatMap(([name, other]) => {
    const tensor = found.has(name) ? undefined : found.get(other);
    return tensor ? [[name, tensor] as const] : [];
  });
  return standing.length > 0 ? new Map([...found, ...standing]) : found;
}

function reconcileBy<W extends Weight>(
  take: Take<W>,
  tensors: Tensors,
  parameters: Readonly<Record<string, Tensor>>,
  names: FileNames,
): Reconciled<W | HostTensor> {
  const bareNames = { ...names, prefix: "" };
  const values: Record<string, W | HostTensor> = {};
  const misshapen: string[] = [];
  const reading = new Reading(today(tensors, names));
  for (const [path, parameter] of Object.entries(parameters)) {
    const { shape } = parameter;
    const place = placeOf(path, shape, names);
    const value = readPlace(reading, place, placeOf(path, shape, bareNames), parameter, take);
    if (value && !sameShape(value.shape, shape))
      misshapen.push(`${quoted(nameOf(place))} is ${formatShape(value.shape)}, expected ${formatShape(shape)}`);
    else if (value) values[path] = value;
  }
  const surplus = [...reading.unread].filter((name) => !names.ignore?.test(name));
  const missing = reading.missing.map((name) => `missing ${name}${nearest(name, reading.unread)}`);
  return { values, complaints: [...missing, ...misshapen], surplus };
}

/** Throws one CheckpointError that lists what does not fit, at most eight things of it. */
export function requireFit(complaints: readonly string[], what: string): void {
  if (complaints.length === 0) return;
  throw new CheckpointError(
    `weights: the file does not fit the ${what} model: ${listed(complaints)}; check the model's configuration against the file`,
  );
}

/** The values of all `parameters` out of a file's tensors. Throws CheckpointError where the two do not fit exactly. */
export function fromFile(
  tensors: Tensors,
  parameters: Readonly<Record<string, Tensor>>,
  names: FileNames,
  what: string,
): Record<string, HostTensor> {
  const { values, complaints, surplus } = reconcile(tensors, parameters, names);
  requireFit([...complaints, ...surplus.map(unexpected)], what);
  return values;
}

/** The same as weights of a compiled graph: tensors that have a place in a file stay there. */
export function weightsFromFile(
  tensors: Tensors,
  parameters: Readonly<Record<string, Tensor>>,
  names: FileNames,
  what: string,
): Weights {
  const { values, complaints, surplus } = reconcileBy(takeWeight, tensors, parameters, names);
  requireFit([...complaints, ...surplus.map(unexpected)], what);
  return values;
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
