/** Every row of the table: its gradient against central differences, or that it says it has none. */
import { describe, expect, test } from "vitest";
import { GradientError } from "../../src/errors.ts";
import { gradient, type OpName, ops } from "../../src/graph/index.ts";
import { input } from "../../src/tensor/index.ts";
import { checkGradients, derivatives } from "../support/differences.ts";
import { rows } from "./rows.ts";

const kindOf = (name: string): string => {
  const { grad } = ops[name as OpName];
  return typeof grad === "string" ? grad : "checks";
};

describe.each(Object.entries(rows))("%s", (name, row) => {
  test("the table says what is tested", () => expect(Object.keys(row)).toEqual([kindOf(name)]));

  if ("checks" in row) {
    test.each(row.checks.map((item, i) => [`${i}: ${item.name}`, item] as const))(
      "first derivative %s",
      (_, { inputs, apply }) => checkGradients(inputs, apply),
    );
    const twice = row.checks.filter(({ once }) => once === undefined);
    test.each(twice.map((item, i) => [`${i}: ${item.name}`, item] as const))(
      "second derivative %s",
      (_, { inputs, apply }) => checkGradients(inputs, derivatives(apply)),
    );
  }
  if ("none" in row)
    test("has no derivative and says so", () => {
      const x = input("x", [2], "f64");
      const loss = row.none(x).cast("f64").sum();
      expect(() => gradient(loss, [x])).toThrow(GradientError);
      expect(() => gradient(loss, [x])).toThrow(
        /^gradient: \w+ has no derivative and the loss depends on the tensor only through it/,
      );
    });
  if ("stop" in row)
    test("has a derivative of zero", () => {
      const x = input("x", [2], "f64");
      const [g] = gradient(row.stop(x).sum(), [x]);
      expect(g?.node.op).toBe("expand");
      expect(g?.shape).toEqual([2]);
    });
});
