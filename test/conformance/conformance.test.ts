import { describe, expect, test } from "vitest";
import { unmet } from "./gaps.ts";
import { runCase, suite } from "./suite.ts";

describe.each(["cpu", "wasm"] as const)("%s", (device) => {
  test.each(suite.map((item) => [item.name, item] as const))("%s", (_, item) => runCase(item, device));

  test("every gap is met by a case", () => {
    expect(unmet(suite, device)).toEqual([]);
  });
});

test("cases have names of their own", () => {
  const names = suite.map(({ name }) => name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
});
