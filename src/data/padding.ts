/** Sequences of different lengths side by side. B rows · T longest */
import type { HostTensor } from "../runtime/index.ts";

/** The next of 8, 12, 16, 24, 32, 48 and so on: few lengths, so that few programs are compiled. */
export function bucket(length: number, most = Number.POSITIVE_INFINITY): number {
  let size = 8;
  while (size < length) size = size % 3 === 0 ? (size / 3) * 4 : (size / 2) * 3;
  return Math.min(size, Math.max(most, length));
}

/** ids [B, T], filled up with 0, and lengths [B]. What is longer than `most` is cut off. */
export function padded(
  rows: readonly Int32Array[],
  most = Number.POSITIVE_INFINITY,
): { ids: HostTensor; lengths: HostTensor } {
  const cut = rows.map((row) => row.subarray(0, most));
  const T = bucket(Math.max(1, ...cut.map((row) => row.length)), most);
  const data = new Int32Array(rows.length * T);
  for (const [b, row] of cut.entries()) data.set(row, b * T);
  return {
    ids: { data, shape: [rows.length, T], dtype: "i32" },
    lengths: { data: Int32Array.from(cut, (row) => row.length), shape: [rows.length], dtype: "i32" },
  };
}
