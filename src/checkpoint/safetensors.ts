/**
 * The safetensors format: 8 bytes header length (u64, little endian), a JSON header, then the tensors' bytes.
 * Reference: https://github.com/huggingface/safetensors (README and safetensors/src/tensor.rs), whose rule names the
 * errors carry. Stricter than the reference: unknown fields, other padding than spaces, and sizes past `LIMITS` fail.
 *
 * A tensor without elements takes no bytes, so it may share its offset with a neighbour, as in the reference.
 */
import { CheckpointError, nearest, quoted, shown } from "../errors.ts";
import { isRecord } from "../schema.ts";
import { decodeUtf8, JsonScanner } from "./json-scanner.ts";

/** Bits of one element. */
const BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

/** An element type, spelled as in the file. */
export type StoredDType = keyof typeof BITS;

/** A tensor's place: bytes [begin, end) counted from `Header.dataStart`. */
export interface TensorInfo {
  dtype: StoredDType;
  shape: number[];
  begin: number;
  end: number;
}

/** A checked header: tensors in the order of their bytes, and where the bytes begin in the file. */
export interface Header {
  tensors: Map<string, TensorInfo>;
  metadata: Map<string, string>;
  dataStart: number;
}

/** A tensor with its little-endian bytes. */
export interface StoredTensor {
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Of a tensor that has a place, read at every access. */
  readonly data: Uint8Array;
  /** Where the bytes are, if they are in a file. */
  readonly place?: { readonly file: string; readonly offset: number };
}

/** What a file may ask for: header in bytes, number of tensors (and of entries of metadata), dimensions of a tensor, size of a dimension. */
export interface Limits {
  headerBytes: number;
  tensors: number;
  rank: number;
  dimension: number;
}

/** The limits of huggingface.js for header and dimension; 100 000 tensors of at most 64 dimensions. */
export const LIMITS: Readonly<Limits> = { headerBytes: 25_000_000, tensors: 100_000, rank: 64, dimension: 2 ** 32 };

const WHAT = "safetensors";

/** How PyTorch makes a file that is no program. */
const CONVERSION =
  'convert it: import torch; from safetensors.torch import save_file; save_file(torch.load("model.pt", weights_only=True), "model.safetensors")';

/** First bytes of what people mistake for weights, and what to do about it. */
const LOOKALIKES: readonly (readonly [string, string])[] = [
  ["version https://git-lfs", "a Git LFS pointer; the weights were not downloaded: run `git lfs pull`"],
  ["<!DOCTYPE", "a web page; download the file itself, not its page"],
  ["<html", "a web page; download the file itself, not its page"],
  ["PK\u0003\u0004", `a zip archive; if it is Keras's, use readKeras, if it is PyTorch's, ${CONVERSION}`],
  ["\u0080\u0002\u008a\n", `a pickle of PyTorch, which is a program; ${CONVERSION}`],
  ["\u0089HDF", "an HDF5 file; readKeras reads those of Keras"],
  ["GGUF", "a GGUF file; convert it to safetensors first"],
];

function fail(rule: string, detail: string): never {
  throw new CheckpointError(`${WHAT}: ${rule}: ${detail}`);
}

function refuseLookalikes(head: Uint8Array): void {
  const start = String.fromCharCode(...head.subarray(0, 24));
  for (const [mark, meaning] of LOOKALIKES)
    if (start.startsWith(mark)) fail("InvalidHeaderStart", `expected a safetensors file, got ${meaning}`);
}

/** Where the tensors' bytes begin, from the file's first 8 bytes (more help to name what else a file may be) and its size. */
export function dataStart(head: Uint8Array, fileSize: number, limits = LIMITS): number {
  refuseLookalikes(head);
  if (head.length < 8 || fileSize < 8)
    fail("HeaderTooSmall", `expected at least 8 bytes, got ${Math.min(head.length, fileSize)}; the file is cut off`);
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  if (length > BigInt(limits.headerBytes))
    fail("HeaderTooLarge", `expected a header of at most ${limits.headerBytes} bytes, got ${length}`);
  const start = Number(length) + 8;
  if (start > fileSize)
    fail("InvalidHeaderLength", `expected ${start} bytes up to the end of the header, got a file of ${fileSize}`);
  return start;
}

/** A checked header, from at least the file's first `dataStart` bytes and its size in bytes. Throws only CheckpointError. */
export function parseHeader(head: Uint8Array, fileSize: number, limits = LIMITS): Header {
  const start = dataStart(head, fileSize, limits);
  if (head.length < start) fail("InvalidHeaderLength", `expected ${start} bytes of header, got ${head.length}`);
  if (head[8] !== 0x7b)
    fail("InvalidHeaderStart", 'expected the header to begin with "{"; this is no safetensors file');
  const scanner = new JsonScanner(decodeUtf8(head.subarray(8, start), WHAT), WHAT);
  const entries: [string, TensorInfo][] = [];
  const metadata = new Map<string, string>();
  scanner.object((key) => {
    if (key === "__metadata__") readMetadata(scanner, metadata, limits);
    else if (entries.push([key, readEntry(scanner, key, limits)]) > limits.tensors)
      fail("TooManyTensors", `expected at most ${limits.tensors} tensors, got more`);
  });
  scanner.end();
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  checkCover(entries, fileSize - start);
  return { tensors: new Map(entries), metadata, dataStart: start };
}

function readMetadata(scanner: JsonScanner, metadata: Map<string, string>, limits: Readonly<Limits>): void {
  scanner.object((key) => {
    if (metadata.set(key, scanner.string()).size > limits.tensors)
      fail("TooManyEntries", `expected at most ${limits.tensors} entries of metadata, got more`);
  });
}

function readEntry(scanner: JsonScanner, name: string, limits: Readonly<Limits>): TensorInfo {
  const found: Partial<{ dtype: StoredDType; shape: number[]; range: [number, number] }> = {};
  scanner.object((field) => {
    if (field === "dtype") found.dtype = readDType(scanner, name);
    else if (field === "shape") found.shape = readShape(scanner, name, limits);
    else if (field === "data_offsets") found.range = readOffsets(scanner, name);
    else scanner.fail("InvalidHeaderDeserialization", `tensor ${quoted(name)}: unknown field ${quoted(field)}`);
  });
  const { dtype, shape, range } = found;
  if (!dtype || !shape || !range)
    fail("InvalidHeaderDeserialization", `tensor ${quoted(name)}: expected dtype, shape and data_offsets, got less`);
  const [begin, end] = range;
  checkSize(name, dtype, shape, end - begin);
  return { dtype, shape, begin, end };
}

function readDType(scanner: JsonScanner, name: string): StoredDType {
  const dtype = scanner.string();
  if (isStoredDType(dtype)) return dtype;
  return fail("InvalidDType", `tensor ${quoted(name)}: unknown dtype ${quoted(dtype)}${dtypeHint(dtype)}`);
}

const isStoredDType = (name: string): name is StoredDType => Object.hasOwn(BITS, name);
const dtypeHint = (name: string) => nearest(name.slice(0, 12).toUpperCase(), Object.keys(BITS));

function readShape(scanner: JsonScanner, name: string, limits: Readonly<Limits>): number[] {
  const shape: number[] = [];
  scanner.array(() => {
    const size = scanner.whole("InvalidShape", () => `a dimension of tensor ${quoted(name)}`);
    if (size > limits.dimension)
      fail("InvalidShape", `tensor ${quoted(name)}: expected dimensions of at most ${limits.dimension}, got ${size}`);
    if (shape.push(size) > limits.rank)
      fail("InvalidShape", `tensor ${quoted(name)}: expected at most ${limits.rank} dimensions, got more`);
  });
  return shape;
}

function readOffsets(scanner: JsonScanner, name: string): [number, number] {
  const offsets: number[] = [];
  scanner.array(() => {
    offsets.push(scanner.whole("InvalidOffset", () => `an offset of tensor ${quoted(name)}`));
    if (offsets.length > 2) fail("InvalidOffset", `tensor ${quoted(name)}: expected two offsets, got more`);
  });
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined)
    return fail("InvalidOffset", `tensor ${quoted(name)}: expected two offsets, got ${offsets.length}`);
  if (end < begin) fail("InvalidOffset", `tensor ${quoted(name)}: expected begin <= end, got [${begin}, ${end}]`);
  return [begin, end];
}

/** bits × product of the shape, with each partial product checked. */
function bitSize(name: string, dtype: StoredDType, shape: readonly number[]): number {
  const bits = shape.reduce((product, size) => checked(name, product * size), 1) * BITS[dtype];
  return checked(name, bits);
}

function checked(name: string, product: number): number {
  if (Number.isSafeInteger(product)) return product;
  return fail("ValidationOverflow", `tensor ${quoted(name)}: expected a size below 2^53 bits, got more`);
}

function checkSize(name: string, dtype: StoredDType, shape: readonly number[], bytes: number): void {
  const bits = bitSize(name, dtype, shape);
  if (bits % 8 !== 0)
    fail("MisalignedSlice", `tensor ${quoted(name)}: expected whole bytes, got ${bits} bits of ${dtype}`);
  if (bits !== bytes * 8)
    fail(
      "TensorInvalidInfo",
      `tensor ${quoted(name)}: expected ${bits / 8} bytes for ${dtype} [${shape}], got ${bytes}`,
    );
}

/** Every byte belongs to exactly one tensor: each begins where the last one ended, and the last one ends the file. */
function checkCover(entries: readonly [string, TensorInfo][], bytes: number): void {
  let at = 0;
  for (const [name, { begin, end }] of entries) {
    if (begin !== at)
      fail("InvalidOffset", `tensor ${quoted(name)}: expected to begin at byte ${at}, got ${begin} (hole or overlap)`);
    at = end;
  }
  if (at !== bytes)
    fail(
      "MetadataIncompleteBuffer",
      `expected ${at} bytes of tensors, got ${bytes}; the file is cut off or has extras`,
    );
}

/** The tensors of a whole file, in the order of their bytes. `data` are views of `bytes`, which may be unaligned. */
export function readSafetensors(
  bytes: Uint8Array,
  limits = LIMITS,
): { tensors: Map<string, StoredTensor>; metadata: Map<string, string> } {
  if (!(bytes instanceof Uint8Array)) fail("InvalidFile", `expected bytes, got ${shown(bytes)}; give a Uint8Array`);
  const header = parseHeader(bytes, bytes.length, limits);
  const body = bytes.subarray(header.dataStart);
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { dtype, shape, begin, end }] of header.tensors)
    tensors.set(name, { dtype, shape, data: body.subarray(begin, end) });
  return { tensors, metadata: header.metadata };
}

/** Throws CheckpointError for what is no list of names with tensors. */
export function requireEntries(tensors: Iterable<readonly [string, StoredTensor]>) {
  const isIterable = typeof tensors === "object" && tensors !== null && Symbol.iterator in tensors;
  if (!isIterable) fail("InvalidEntries", `expected a list of [name, tensor], got ${shown(tensors)}`);
  const entries: (readonly [string, StoredTensor])[] = [...tensors];
  for (const entry of entries) requireEntry(entry);
  return entries;
}

function requireEntry(entry: readonly [string, StoredTensor]): void {
  const [name, tensor]: readonly unknown[] = Array.isArray(entry) ? entry : [];
  if (typeof name !== "string") fail("InvalidEntries", `expected [name, tensor], got ${shown(entry)}`);
  const { dtype, shape, data } = (isRecord(tensor) ? tensor : {}) as Partial<StoredTensor>;
  const fits = typeof dtype === "string" && isStoredDType(dtype) && data instanceof Uint8Array;
  if (!fits || !Array.isArray(shape) || !shape.every((size) => typeof size === "number"))
    fail(
      "InvalidTensor",
      `tensor ${quoted(name)}: expected { dtype: "F32", shape, data: bytes }, got ${shown(tensor)}`,
    );
}

function requireMetadata(metadata: ReadonlyMap<string, string>): void {
  const isText = (entry: readonly unknown[]) => entry.every((part) => typeof part === "string");
  if (!(metadata instanceof Map) || ![...metadata].every(isText))
    fail("InvalidMetadata", `expected a Map from texts to texts, got ${shown(metadata)}`);
}

/**
 * The file as chunks: length and header, padded with spaces to a multiple of 8 bytes, then each tensor's data as given.
 * Order is kept, so reading and writing again gives the same bytes. Throws CheckpointError on what could not be read back.
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, StoredTensor]>,
  metadata: ReadonlyMap<string, string> = new Map(),
  limits = LIMITS,
): Uint8Array[] {
  const entries = requireEntries(tensors);
  requireMetadata(metadata);
  const header = headerBytes(entries, metadata);
  parseHeader(header, header.length + entries.reduce((sum, [, { data }]) => sum + data.length, 0), limits);
  return [header, ...entries.map(([, { data }]) => data)];
}

function headerBytes(entries: readonly (readonly [string, StoredTensor])[], metadata: ReadonlyMap<string, string>) {
  const members = metadata.size ? [`"__metadata__":${metadataJson(metadata)}`] : [];
  let at = 0;
  for (const [name, { dtype, shape, data }] of entries) {
    if (name === "__metadata__") fail("InvalidHeader", 'expected another tensor name, got "__metadata__"');
    const offsets = [at, at + data.length];
    at += data.length;
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets })}`);
  }
  return framed(new TextEncoder().encode(`{${members.join(",")}}`));
}

function metadataJson(metadata: ReadonlyMap<string, string>): string {
  return `{${[...metadata].map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(",")}}`;
}

/** Length, header, spaces up to a multiple of 8. */
function framed(json: Uint8Array): Uint8Array {
  const length = Math.ceil(json.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(json, 8);
  return bytes;
}
