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

/** The numbers of an IDX file as f32, in the file's shape. Throws DataError on damage. */
export function parseIdx(bytes: Uint8Array, name: string): HostTensor {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [zero = 1, also = 1, type = 0, axes = 0] = bytes;
  const kind = TYPES[type];
  const start = 4 + 4 * axes;
  if (zero !== 0 || also !== 0 || !kind || axes === 0 || bytes.length < start)
    throw new DataError(`idx ${name}: expected an IDX file such as MNIST's, got another; give one, gzipped or not`);
  const shape = Array.from({ length: axes }, (_, axis) => view.getUint32(4 + 4 * axis));
  const count = shape.reduce((a, b) => a * b, 1);
  const [width, read] = kind;
  if (bytes.length !== start + count * width)
    throw new DataError(
      `idx ${name}: expected ${count} numbers of ${width} bytes, got ${bytes.length - start} bytes; it was cut off`,
    );
  const data = Float32Array.from({ length: count }, (_, i) => read(view, start + i * width));
  return { data, shape, dtype: "f32" };
}
