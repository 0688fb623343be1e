/**
 * HDF5 files as Keras writes them: numbers by path. Read by jsfive, which trusts a file; here the file is taken to be
 * damaged or made to do harm, so what jsfive reads is counted and its errors become one line.
 *
 * Reference: HDF5 File Format Specification 3.0. Read are the older forms of groups and headers and unpacked, contiguous
 * numbers, which is all that Keras writes.
 */
import { CheckpointError, quoted } from "../errors.ts";
import type { HostTensor } from "../runtime/index.ts";
import { hostArray } from "../tensor/index.ts";

/** What is used of jsfive, which comes without types. */
interface Group {
  readonly keys: readonly string[];
  readonly attrs: Readonly<Record<string, unknown>>;
  get(name: string): Group | Dataset | null;
}
interface Dataset {
  readonly shape: readonly number[];
  readonly dtype: unknown;
  readonly value: ArrayLike<number>;
  readonly _dataobjects: { readonly chunks: readonly number[] | null };
}
interface JsFive {
  readonly File: new (bytes: ArrayBuffer) => Group;
  readonly Dataset: abstract new (...given: never[]) => Dataset;
}

/** Numbers by path without a leading slash, and the attributes of the root that are text. */
export interface Hdf5 {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly attributes: Readonly<Record<string, string>>;
}

const SIGNATURE = "\x89HDF\r\n\x1a\n";
const MOST_DEPTH = 24;

const asText = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
export const isHdf5 = (bytes: Uint8Array): boolean => asText(bytes.subarray(0, 8)) === SIGNATURE;

/** Forms that only newer versions of the format have, by the marks at their beginning. */
const NEWER = new Set(["OHDR", "OCHK", "FRHP", "BTHD"]);

/**
 * A copy of `bytes` for jsfive. It cuts out the mark of every structure that it goes on to read, and all names and texts,
 * with `slice`, which here counts the pieces, their bytes, and the entries that the node of a tree says it has.
 */
function watched(bytes: Uint8Array): ArrayBuffer {
  const copy = new Uint8Array(bytes);
  const { buffer } = copy;
  let [pieces, cut] = [20_000 + bytes.length / 16, 2 ** 20 + 32 * bytes.length];
  const slice = (start = 0, end = bytes.length): ArrayBuffer => {
    const piece = ArrayBuffer.prototype.slice.call(buffer, start, end);
    const mark = end - start === 4 ? asText(new Uint8Array(piece)) : "";
    if (NEWER.has(mark)) throw new Error("it has a newer form than Keras writes; save it again without libver");
    if (mark === "TREE") pieces -= (copy[start + 6] ?? 0) + 256 * (copy[start + 7] ?? 0);
    pieces -= 1;
    cut -= piece.byteLength;
    if (pieces < 0 || cut < 0) throw new Error("it refers to the same places over and over");
    return piece;
  };
  return Object.defineProperty(buffer, "slice", { value: slice });
}

const TYPES: Readonly<Record<string, "f32" | "f64">> = { "<f2": "f32", "<f4": "f32", "<f8": "f64" };

/** The numbers of a data set, where they are floating point. */
function tensorOf(path: string, dataset: Dataset, bytes: number): HostTensor | undefined {
  const dtype = TYPES[String(dataset.dtype)];
  if (!dtype) return undefined;
  const shape = [...dataset.shape];
  const count = shape.reduce((product, size) => product * size, 1);
  if (dataset._dataobjects.chunks)
    throw new Error(`${quoted(path)} is stored in chunks; h5repack -l CONTI -f NONE writes it in one piece`);
  if (!(count * 2 <= bytes)) throw new Error(`${quoted(path)} claims ${count} numbers, more than the file holds`);
  const data = hostArray(dataset.value, dtype);
  if (!data.every((value) => Number.isFinite(Number(value))))
    throw new Error(`${quoted(path)} has numbers that are not finite`);
  return { data, shape, dtype };
}

/** Everything below `group`, as far as `wanted` says of the path. */
function collect(
  jsfive: JsFive,
  group: Group,
  { path, bytes, wanted, into }: { path: string; bytes: number; wanted: RegExp; into: Map<string, HostTensor> },
): void {
  if (path.split("/").length > MOST_DEPTH) throw new Error(`it has groups more than ${MOST_DEPTH} deep`);
  for (const key of group.keys) {
    const inner = path + key;
    if (!wanted.test(inner)) continue;
    const found = group.get(key);
    if (found instanceof jsfive.Dataset) {
      const tensor = tensorOf(inner, found, bytes);
      if (tensor) into.set(inner, tensor);
    } else if (found) collect(jsfive, found as Group, { path: `${inner}/`, bytes, wanted, into });
  }
}

/** Calls `read` while jsfive's warnings, which quote the file as it is, go nowhere. */
function silently<T>(read: () => T): T {
  const { warn } = globalThis.console;
  Object.assign(globalThis.console, { warn: () => {} });
  try {
    return read();
  } finally {
    Object.assign(globalThis.console, { warn });
  }
}

const textsOf = (attributes: Readonly<Record<string, unknown>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(attributes).flatMap(([key, text]) => (typeof text === "string" ? [[key, text]] : [])),
  );

/** The floating point numbers of an HDF5 file at paths that `wanted` matches, groups included. Throws CheckpointError. */
export async function readHdf5(bytes: Uint8Array, wanted: RegExp): Promise<Hdf5> {
  // @ts-expect-error: the package has no types
  const jsfive: JsFive = await import("jsfive");
  try {
    return silently(() => {
      const root = new jsfive.File(watched(bytes));
      const tensors = new Map<string, HostTensor>();
      collect(jsfive, root, { path: "", bytes: bytes.length, wanted, into: tensors });
      return { tensors, attributes: textsOf(root.attrs) };
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CheckpointError(`HDF5: the file is damaged, cut off or of an unknown form (${why.slice(0, 200)})`, {
      cause,
    });
  }
}
