/**
 * Numbers as a .npy file (numpy.lib.format, version 1.0): "\x93NUMPY", 1, 0, the length of the header as u16, a Python dictionary as
 * the header, spaces and a line feed that bring what stands before the numbers to a multiple of 64 bytes; then f32, little endian.
 */
import { DataError, shown } from "../errors.ts";
import { type HostTensor, isHostTensor } from "../runtime/index.ts";

const MAGIC = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0];
/** Bytes before the header, and what all before the numbers is a multiple of. */
const [START, ALIGNED] = [MAGIC.length + 2, 64];

/** Python's spelling of a tuple. */
const tuple = (sizes: readonly number[]): string => `(${sizes.join(", ")}${sizes.length === 1 ? "," : ""})`;

/** The bytes of a .npy file that holds `tensor`, which is f32. Throws DataError on anything else. */
export function writeNpy(tensor: HostTensor): Uint8Array {
  const { data, shape } = isHostTensor(tensor) ? tensor : { data: undefined, shape: [] };
  if (!(data instanceof Float32Array))
    throw new DataError(
      `writeNpy: expected numbers of f32, got ${data ? tensor.dtype : shown(tensor)}; give array(values, "f32")`,
    );
  const described = `{'descr': '<f4', 'fortran_order': False, 'shape': ${tuple(shape)}, }`;
  const whole = Math.ceil((START + described.length + 1) / ALIGNED) * ALIGNED;
  const header = new TextEncoder().encode(`${described.padEnd(whole - START - 1)}\n`);
  const bytes = new Uint8Array(whole + 4 * data.length);
  bytes.set([...MAGIC, header.length & 255, header.length >> 8, ...header]);
  const view = new DataView(bytes.buffer, whole);
  for (const [i, value] of data.entries()) view.setFloat32(4 * i, value, true);
  return bytes;
}
