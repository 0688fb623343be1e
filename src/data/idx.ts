/**
 * IDX files, the format of MNIST: two zero bytes, a type, the number of axes, their sizes as big-endian 32-bit numbers,
 * then the numbers, also big-endian. Reference: http://yann.lecun.com/exdb/mnist.
 */
import { DataError } from "../errors.ts";
import type { HostTensor } from "../runtime/index.ts";

/** Type byte -> bytes of a number, and how one is read. */
const TYPES: Readonly<Record<number, readonly [bytes: number, read: (view: DataView, at: number) => number]>> = {
  8: [1, (view, at) => view.getUint8(at)],
  9: [1, (view, at) => view.getInt8(at)],
  11: [2, (view, at) => view.getInt16(at)],
  12: [4, (view, at) => view.getInt32(at)],
  13: [4, (view, at) => view.getFloat32(at)],
  14: [8, (view, at) => view.getFloat64(at)],
};
/** The type of numbers from 0 to 255. */
const BYTE = 8;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whether bytes begin as those of an IDX file. */
export const isIdx = ([zero = 1, also = 1, type = 0, axes = 0]: Uint8Array): boolean =>
  zero === 0 && also === 0 && TYPES[type] !== undefined && axes > 0;

/** The shape of an IDX file, and where its numbers begin. Throws DataError on damage. */
function readHeader(bytes: Uint8Array, name: string): { type: number; shape: number[]; start: number } {
  const [, , type = 0, axes = 0] = bytes;
  const start = 4 + 4 * axes;
  const kind = TYPES[type];
  if (!isIdx(bytes) || !kind || bytes.length < start)
    throw new DataError(`idx ${name}: expected an IDX file such as MNIST's, got another; give one, gzipped or not`);
  const view = viewOf(bytes);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const count = shape.reduce((a, b) => a * b, 1);
  if (bytes.length !== start + count * kind[0])
    throw new DataError(
      `idx ${name}: expected ${count} numbers of ${kind[0]} bytes, got ${bytes.length - start} bytes; it was cut off`,
    );
  return { type, shape, start };
}

/** The numbers of an IDX file as f32, in the file's shape. Throws DataError on damage. */
export function parseIdx(bytes: Uint8Array, name: string): HostTensor {
  const { type, shape, start } = readHeader(bytes, name);
  const [width, read] = TYPES[type] as NonNullable<(typeof TYPES)[number]>;
  const view = viewOf(bytes);
  const data = new Float32Array((bytes.length - start) / width);
  for (let i = 0; i < data.length; i++) data[i] = read(view, start + i * width);
  return { data, shape, dtype: "f32" };
}

/** An IDX file of numbers from 0 to 255, which are not copied. Throws DataError on damage and on other numbers. */
export function parseIdxBytes(bytes: Uint8Array, name: string): { data: Uint8Array; shape: readonly number[] } {
  const { type, shape, start } = readHeader(bytes, name);
  if (type === BYTE) return { data: bytes.subarray(start), shape };
  throw new DataError(
    `idx ${name}: expected numbers from 0 to 255 (type ${BYTE}), got type ${type}; save unsigned bytes`,
  );
}
