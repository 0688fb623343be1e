/** How much a row of a traversal changes, in numbers that can be written down. */
import { expect, test } from "vitest";
import { change } from "../../src/tasks/latent.ts";

const picture = (...data: number[]) => ({
  name: "",
  width: data.length,
  height: 1,
  channels: 1,
  data: Uint8Array.from(data),
});

test("of pictures it is the root mean square of how far values are from their mean", () => {
  expect(change([picture(0, 7), picture(255, 7)])).toBeCloseTo(Math.sqrt((0.25 + 0) / 2), 12);
  expect(change([picture(0), picture(51), picture(102)])).toBeCloseTo(0.2 * Math.sqrt(2 / 3), 12);
  expect(change([picture(9, 9), picture(9, 9)])).toBe(0);
});

test("of texts it is the share that differs", () => {
  expect(change(["a", "a", "b", "c", "c"])).toBe(0.5);
  expect(change(["a", "a"])).toBe(0);
  expect(change(["a", "b"])).toBe(1);
  expect(change(["a"])).toBe(0);
});
