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
import { requireFinite } from "./values.ts";

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

/** Where the first version of the superblock says how long the file is. */
const END_OF_FILE = 40;
const SIGNATURE = "\x89HDF\r\n\x1a\n";
const MOST_DEPTH = 24;
const MOST_RANK = 8;

function fail(why: string): never {
  throw new CheckpointError(`HDF5: ${why}`);
}

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
    if (NEWER.has(mark))
      fail("expected the form that Keras writes, got a newer one; save the file again without libver");
    if (mark === "TREE") pieces -= (copy[start + 6] ?? 0) + 256 * (copy[start + 7] ?? 0);
    pieces -= 1;
    cut -= piece.byteLength;
    if (pieces < 0 || cut < 0)
      fail("the file is damaged: it refers to the same places over and over; copy or download it again");
    return piece;
  };
  return Object.defineProperty(buffer, "slice", { value: slice });
}

const TYPES: Readonly<Record<string, readonly [dtype: "f32" | "f64", bytes: number]>> = {
  "<f2": ["f32", 2],
  "<f4": ["f32", 4],
  "<f8": ["f64", 8],
};

/** The numbers of a data set, where they are floating point. `left` are the bytes of the file that no other one has taken. */
function tensorOf(path: string, dataset: Dataset, left: { bytes: number }): HostTensor | undefined {
  const [dtype, bytes] = TYPES[String(dataset.dtype)] ?? [];
  if (!dtype || !bytes) return undefined;
  const shape = [...dataset.shape];
  const count = shape.reduce((product, size) => product * size, 1);
  if (dataset._dataobjects.chunks)
    fail(`${quoted(path)}: expected numbers in one piece, got chunks; h5repack -l CONTI -f NONE writes them so`);
  left.bytes -= count * bytes;
  if (shape.length > MOST_RANK || !(left.bytes >= 0))
    fail(
      `${quoted(path)} claims ${count} numbers in ${shape.length} dimensions, more than the file holds; copy or download it again`,
    );
  const data = hostArray(dataset.value, dtype) as Float32Array | Float64Array;
  requireFinite(path, data);
  return { data, shape, dtype };
}

/** Everything below `group`, as far as `wanted` says of the path. */
function collect(
  jsfive: JsFive,
  group: Group,
  {
    path,
    left,
    wanted,
    into,
  }: { path: string; left: { bytes: number }; wanted: RegExp; into: Map<string, HostTensor> },
): void {
  if (path.split("/").length > MOST_DEPTH) fail(`expected groups at most ${MOST_DEPTH} deep, got more`);
  for (const key of group.keys) {
    const inner = path + key;
    if (!wanted.test(inner)) continue;
    const found = group.get(key);
    if (found instanceof jsfive.Dataset) {
      const tensor = tensorOf(inner, found, left);
      if (tensor) into.set(inner, tensor);
    } else if (found) collect(jsfive, found as Group, { path: `${inner}/`, left, wanted, into });
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
  if (bytes.length < END_OF_FILE + 8) fail(`expected more than ${bytes.length} bytes; the file is cut off`);
  // @ts-expect-error: the package has no types
  const jsfive: JsFive = await import("jsfive");
  const end = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(END_OF_FILE, true));
  if (bytes[8] === 0 && end > bytes.length) fail(`expected ${end} bytes, got ${bytes.length}; the file is cut off`);
  try {
    return silently(() => {
      const root = new jsfive.File(watched(bytes));
      const tensors = new Map<string, HostTensor>();
      collect(jsfive, root, { path: "", left: { bytes: bytes.length }, wanted, into: tensors });
      return { tensors, attributes: textsOf(root.attrs) };
    });
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(
      "HDF5: the file is damaged or of a form that Keras does not write; copy or download it again",
      {
        cause,
      },
    );
  }
}
