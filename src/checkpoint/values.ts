/** Stored bytes as numbers. Files are little endian, as is every platform JavaScript runs on today. */
import { CheckpointError, quoted } from "../errors.ts";
import type { StoredTensor } from "./safetensors.ts";

type Numbers<A> = { new (buffer: ArrayBufferLike, offset: number, length: number): A; BYTES_PER_ELEMENT: number };

/** A view of `data` as `Type`; a copy where the bytes do not lie on a multiple of the element size. */
export function view<A>(Type: Numbers<A>, data: Uint8Array): A {
  const source = data.byteOffset % Type.BYTES_PER_ELEMENT === 0 ? data : new Uint8Array(data); // a Buffer's slice is no copy
  return new Type(source.buffer, source.byteOffset, data.byteLength / Type.BYTES_PER_ELEMENT);
}

/** A stored F32, F64, F16 or BF16 tensor as 32-bit floats; F32 is a view where alignment allows. Others: CheckpointError. */
export function toFloat32(name: string, { dtype, data }: StoredTensor): Float32Array {
  if (dtype === "F32") return view(Float32Array, data);
  if (dtype === "F64") return Float32Array.from(view(Float64Array, data));
  if (dtype === "BF16") return fromBFloat16(view(Uint16Array, data));
  if (dtype === "F16") return Float32Array.from(view(Uint16Array, data), fromHalf);
  throw new CheckpointError(`tensor ${quoted(name)}: expected floating point values, got ${dtype}`);
}

/** A stored floating point tensor as 64-bit floats; F64 is a view where alignment allows. Others: CheckpointError. */
export const toFloat64 = (name: string, tensor: StoredTensor): Float64Array =>
  tensor.dtype === "F64" ? view(Float64Array, tensor.data) : Float64Array.from(toFloat32(name, tensor));

/**
 * Throws CheckpointError where a number is NaN or infinite. x · 0 is 0 for every finite x and NaN for all others, so that
 * one pass without branches finds out.
 */
export function requireFinite(name: string, values: Float32Array | Float64Array): void {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i] ?? 0) * 0;
  if (sum === 0) return;
  const at = values.findIndex((value) => !Number.isFinite(value));
  throw new CheckpointError(
    `tensor ${quoted(name)}: expected finite numbers, got ${values[at]} at place ${at}; the file is spoilt, take another copy or an earlier checkpoint`,
  );
}

/** bfloat16 is the upper half of a 32-bit float. */
function fromBFloat16(halves: Uint16Array): Float32Array {
  const bits = Uint32Array.from(halves, (half) => half << 16);
  return new Float32Array(bits.buffer);
}

/** IEEE 754 binary16: sign, 5 bits exponent with bias 15, 10 bits fraction. */
function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const fraction = half & 1023;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (exponent ? (1024 + fraction) * 2 ** (exponent - 25) : fraction * 2 ** -24);
}
