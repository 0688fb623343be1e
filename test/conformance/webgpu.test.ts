/** The suite on the graphics processor in Node, where there is an adapter; where there is none, the test's name says why. */
import { describe, expect, test } from "vitest";
import { DeviceError } from "../../src/errors.ts";
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

    test("every gap is met by a case", () => {
      expect(unmet(suite, "webgpu")).toEqual([]);
    });
  });
