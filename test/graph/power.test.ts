/** aᵇ where the exponent is 0: derivatives by both, and of the one by the other. */
import { expect, test } from "vitest";
import { gradient } from "../../src/graph/index.ts";
import { array, run } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";

const [a, b] = [input("a", [3], "f64"), input("b", [3], "f64")];
const [byBase, byExponent] = gradient(a.pow(b).sum(), [a, b]) as [typeof a, typeof b];
const feeds = { a: array([-1, 4, 0.5], "f64"), b: array([0, 0, 0], "f64") };

test("by the exponent it is log a, and nothing below 0", async () => {
  const { base, exponent } = await run({ base: byBase, exponent: byExponent }, feeds);
  expect(Array.from(base?.data ?? [], Number)).toEqual([0, 0, 0]);
  expect(Array.from(exponent?.data ?? [], Number)).toEqual([Number.NaN, Math.log(4), Math.log(0.5)]);
});

test("the derivative of log a by the base is 1/a, below 0 as well, as in PyTorch", async () => {
  const [mixed] = gradient(byExponent.sum(), [a]) as [typeof a];
  const { y } = await run({ y: mixed }, feeds);
  expect(Array.from(y?.data ?? [], Number)).toEqual([-1, 0.25, 2]);
});
