/** The suite on the graphics processor in Node, where there is an adapter; where there is none, the test's name says why. */
import { describe, expect, test } from "vitest";
import { DeviceError } from "../../src/errors.ts";
import { array, compile } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";
import { noAdapter } from "../support/adapter.ts";
import { unmet } from "./gaps.ts";
import { runCase, suite } from "./suite.ts";

/** Software compiles shaders slowly. */
const LIMIT_MS = 120_000;

if (noAdapter) {
  const { message } = noAdapter;
  test(`the suite was not run on webgpu: ${message}`, () => {
    expect(noAdapter).toBeInstanceOf(DeviceError);
    expect(message).not.toMatch(/\n|\/\w+\/|::/); // one line, without places in the engine's source
  });
} else
  describe("webgpu", () => {
    test.each(suite.map((item) => [item.name, item] as const))("%s", (_, item) => runCase(item, "webgpu"), LIMIT_MS);

    test("a product that sums over nothing, as in a batch of 0, is refused before the kernel ends the process", async () => {
      const x = input("x", ["B", 2]);
      const program = await compile({ x }, { y: x.matmul(x, { transA: true }) }, { device: "webgpu", threads: 1 });
      const feed = (rows: number[][]) => program.run({ x: { ...array(rows), shape: [rows.length, 2] } });
      await expect(feed([])).rejects.toThrow(
        'run: "B" is 0, and on webgpu a matrix product cannot sum over nothing; feed at least one, or use another device',
      );
      expect([...((await feed([[1, 2]])).y?.data ?? [])]).toEqual([1, 2, 2, 4]);
      await program.release();
    });

    test("every gap is met by a case", () => {
      expect(unmet(suite, "webgpu")).toEqual([]);
    });
  });
