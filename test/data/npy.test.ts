/** .npy files, byte by byte as numpy.lib.format documents and numpy.save writes them. */
import { expect, test } from "vitest";
import { writeNpy } from "../../src/data/npy.ts";
import { DataError } from "../../src/errors.ts";
import { array } from "../../src/runtime/index.ts";

const latin = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

test("a table is numpy's magic, version 1.0, header in 128 bytes, and floats of little endian", () => {
  const bytes = writeNpy(
    array([
      [1, -2, 0.5],
      [0, 3, 4],
    ]),
  );
  const header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  const start = Buffer.concat([
    Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0x76, 0]), // 118 bytes of header
    Buffer.from(`${header.padEnd(117)}\n`),
  ]);
  expect(start).toHaveLength(128);
  expect(latin(bytes.subarray(0, 128))).toBe(latin(start));
  expect([...bytes.subarray(128)]).toEqual([
    ...[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0, 0, 0, 0, 0x3f], // 1, -2, 0.5
    ...[0, 0, 0, 0, 0, 0, 0x40, 0x40, 0, 0, 0x80, 0x40], // 0, 3, 4
  ]);
});

test("one size has Python's comma, none has empty brackets, and what comes before the numbers is always a multiple of 64", () => {
  expect(latin(writeNpy(array([1, 2, 3])))).toContain("'shape': (3,), }");
  expect(latin(writeNpy({ data: new Float32Array(1), shape: [], dtype: "f32" }))).toContain("'shape': (), }");
  for (let digits = 1; digits < 30; digits++) {
    const shape = Array.from({ length: digits }, () => 1);
    expect((writeNpy({ data: new Float32Array(1), shape, dtype: "f32" }).length - 4) % 64).toBe(0);
  }
});

test("other numbers are refused", () => {
  expect(() => writeNpy(array([1, 2], "i32"))).toThrow(
    new DataError('writeNpy: expected numbers of f32, got i32; give array(values, "f32")'),
  );
  expect(() => writeNpy([1] as never)).toThrow(DataError);
});
