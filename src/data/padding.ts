/** Sequences of different lengths side by side. B rows · T longest */
import { DataError, shown } from "../errors.ts";
import type { HostTensor } from "../runtime/index.ts";

/** The next of 8, 12, 16, 24, 32, 48 and so on: few lengths, so that few programs are compiled. */
export function bucket(length: number, most = Number.POSITIVE_INFINITY): number {
  let size = 8;
  while (size < length) size = size % 3 === 0 ? (size / 3) * 4 : (size / 2) * 3;
  return Math.min(size, Math.max(most, length));
}

/** Throws DataError for what are no rows of ids, or no bound. */
function requireRows(rows: readonly Int32Array[], most: number): void {
  const odd = Array.isArray(rows) ? rows.find((row) => !(row instanceof Int32Array)) : rows;
  if (odd !== undefined || !Array.isArray(rows) || rows.includes(undefined))
    throw new DataError(`padded: expected a list of Int32Array, got ${shown(odd)}; make them with Int32Array.from`);
  if (most !== Number.POSITIVE_INFINITY && !(Number.isSafeInteger(most) && most > 0))
    throw new DataError(`padded: expected a length of 1 or more, got ${shown(most)}; leave it out for none`);
}

/** ids [B, T], filled up with 0, and lengths [B]. What is longer than `most` is cut off. Throws DataError. */
export function padded(
  rows: readonly Int32Array[],
  most = Number.POSITIVE_INFINITY,
): { ids: HostTensor; lengths: HostTensor } {
  requireRows(rows, most);
  const cut = rows.map((row) => row.subarray(0, most));
  const T = bucket(Math.max(1, ...cut.map((row) => row.length)), most);
  const data = new Int32Array(rows.length * T);
  for (const [b, row] of cut.entries()) data.set(row, b * T);
  return {
    ids: { data, shape: [rows.length, T], dtype: "i32" },
    lengths: { data: Int32Array.from(cut, (row) => row.length), shape: [rows.length], dtype: "i32" },
  };
}
