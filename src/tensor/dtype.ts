/** Element types, and the typed array that holds each of them on the host. */
import { DTypeError, shown } from "../errors.ts";

/** Floating point of 32 and 64 bits, whole numbers of 32 and 64 bits, and truth values. */
export type DType = "f32" | "f64" | "i32" | "i64" | "bool";

/** Types that weights are kept in: those that are computed with, and smaller ones, which are cast when they are read. */
export type StorageType = DType | "f16" | "bf16" | "i8" | "u8" | "u4";

const bits: Readonly<Record<StorageType, number>> = {
  f32: 32,
  f64: 64,
  i32: 32,
  i64: 64,
  bool: 8,
  f16: 16,
  bf16: 16,
  i8: 8,
  u8: 8,
  u4: 4,
};

/** Bytes of `count` numbers kept as `type`; undefined where there is no such type. Two of u4 share a byte. */
export const storedBytes = (type: StorageType, count: number): number | undefined =>
  Object.hasOwn(bits, type) ? Math.ceil((bits[type] * count) / 8) : undefined;

/** What a tensor's elements look like on the host. Booleans are bytes, 0 or 1. */
export type HostArray = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array;

const arrays = {
  f32: Float32Array,
  f64: Float64Array,
  i32: Int32Array,
  i64: BigInt64Array,
  bool: Uint8Array,
} as const;

export const isFloat = (dtype: DType): boolean => dtype === "f32" || dtype === "f64";

/** Throws DTypeError where `dtype` is none. */
export function requireDType(what: string, dtype: DType): void {
  if (typeof dtype === "string" && Object.hasOwn(arrays, dtype)) return;
  throw new DTypeError(`${what}: expected one of ${Object.keys(arrays).join(", ")} as type, got ${shown(dtype)}`);
}

/** Whether `data` is what `dtype` has on the host. */
export const holds = (dtype: DType, data: unknown): data is HostArray =>
  typeof dtype === "string" && Object.hasOwn(arrays, dtype) && data instanceof arrays[dtype];

/** `length` zeros of type `dtype`. */
export const emptyArray = (dtype: DType, length: number): HostArray => new arrays[dtype](length);

export const bytesPerElement = (dtype: DType): number => arrays[dtype].BYTES_PER_ELEMENT;

/** `values` rounded to `dtype`. */
export function hostArray(values: ArrayLike<number>, dtype: DType): HostArray {
  requireDType("numbers", dtype);
  if (dtype === "i64" && !Array.from(values).every(Number.isFinite))
    throw new DTypeError("numbers: i64 holds no NaN and no infinity; use f64");
  if (dtype === "i64") return BigInt64Array.from(values, (value) => BigInt(Math.trunc(value)));
  if (dtype === "bool") return Uint8Array.from(values, (value) => Number(value !== 0));
  return arrays[dtype].from(values);
}

/** The bytes of `array`, not copied. */
export const bytesOf = (array: HostArray): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** `bytes` seen as elements of `dtype`; copied only where the alignment asks for it. */
export function arrayOf(bytes: Uint8Array, dtype: DType): HostArray {
  const size = bytesPerElement(dtype);
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes); // a Buffer's slice is no copy
  return new arrays[dtype](aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.byteLength / size);
}
