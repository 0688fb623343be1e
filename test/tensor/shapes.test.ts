/** Sizes: polynomials in symbols, broadcasting, axes by name. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ShapeError } from "../../src/errors.ts";
import { rangeLength } from "../../src/graph/ops/movement.ts";
import {
  addDims,
  broadcastShapes,
  type Dim,
  divideDims,
  multiplyDims,
  normalizeAxis,
  sizeOf,
  subtractDims,
  terms,
} from "../../src/tensor/dim.ts";
import { input, type Shape } from "../../src/tensor/index.ts";

const small = fc.integer({ min: -4, max: 4 });
const symbol = fc.constantFrom("B", "T", "P", "long_name");
const dims: fc.Arbitrary<Dim> = fc.letrec<{ dim: Dim }>((tie) => ({
  dim: fc.oneof(
    { maxDepth: 4 },
    small,
    symbol,
    fc.tuple(tie("dim"), tie("dim")).map(([a, b]) => addDims(a, b)),
    fc.tuple(tie("dim"), tie("dim")).map(([a, b]) => multiplyDims(a, b)),
  ),
})).dim;
const values = fc.record({ B: small, T: small, P: small, long_name: small });

/** The number that a dimension is for given symbols. */
const at = (dim: Dim, symbols: Readonly<Record<string, number>>): number =>
  [...terms(dim)].reduce(
    (sum, [product, n]) =>
      sum +
      product
        .split("*")
        .filter(Boolean)
        .reduce((p, name) => p * (symbols[name] ?? Number.NaN), n),
    0,
  );

describe("dimensions", () => {
  const holds = (name: string, law: (a: Dim, b: Dim, c: Dim, symbols: Record<string, number>) => void) =>
    test(name, () => {
      fc.assert(fc.property(dims, dims, dims, values, law), { seed: 1 });
    });

  holds("sums and products are those of the numbers", (a, b, _, symbols) => {
    expect(at(addDims(a, b), symbols)).toBe(at(a, symbols) + at(b, symbols) + 0);
    expect(at(subtractDims(a, b), symbols)).toBe(at(a, symbols) - at(b, symbols) + 0);
    expect(at(multiplyDims(a, b), symbols) + 0).toBe(at(a, symbols) * at(b, symbols) + 0);
  });
  holds("equal polynomials are spelled the same", (a, b, c) => {
    expect(addDims(a, b)).toBe(addDims(b, a));
    expect(addDims(addDims(a, b), c)).toBe(addDims(a, addDims(b, c)));
    expect(multiplyDims(a, b)).toEqual(multiplyDims(b, a));
    expect(multiplyDims(a, addDims(b, c))).toEqual(addDims(multiplyDims(a, b), multiplyDims(a, c)));
    expect(subtractDims(a, a)).toBe(0);
  });
  holds("0 and 1 are neutral", (a) => {
    expect(addDims(a, 0)).toBe(a);
    expect(multiplyDims(a, 1)).toBe(a);
    expect(Math.abs(Number(multiplyDims(a, 0)))).toBe(0);
  });
  holds("division undoes a product with one term", (a, b) => {
    const isTerm = terms(b).size === 1;
    fc.pre(isTerm && terms(a).size > 0);
    expect(divideDims(multiplyDims(a, b), b)).toBe(a);
  });
  holds("what division gives, multiplied again, is the dividend", (a, b) => {
    const quotient = divideDims(a, b);
    fc.pre(quotient !== undefined && terms(b).size > 0);
    expect(Number.isNaN(Number(quotient)) || Number.isInteger(Number(quotient))).toBe(true);
    expect(multiplyDims(quotient ?? 0, b)).toEqual(typeof a === "number" ? a + 0 : a);
  });

  test("spelling", () => {
    expect(addDims("T", "P")).toBe("P+T");
    expect(addDims("P+T", 3)).toBe("3+P+T");
    expect(multiplyDims(4, "T")).toBe("4*T");
    expect(multiplyDims("T", "B")).toBe("B*T");
    expect(subtractDims("T", 2)).toBe("-2+T");
    expect(divideDims("T", 2)).toBeUndefined();
    expect(divideDims("4*B*T", "2*T")).toBe("2*B");
    expect(divideDims("B*T", "P")).toBeUndefined();
    expect(sizeOf(["B", 3, "T"])).toBe("3*B*T");
  });
});

describe("broadcasting", () => {
  const shape = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 });
  test("is commutative, and what it gives broadcasts with both", () => {
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        const join = (p: Shape, q: Shape): Shape | string => {
          try {
            return broadcastShapes([p, q], "add");
          } catch (error) {
            expect(error).toBeInstanceOf(ShapeError);
            return "error";
          }
        };
        const result = join(a, b);
        expect(join(b, a)).toEqual(result);
        if (typeof result !== "string") expect(join(result, a)).toEqual(result);
      }),
      { seed: 1 },
    );
  });
  test("symbols meet themselves and 1", () => {
    expect(broadcastShapes([["B", "T"], ["T"], [1, 1]], "add")).toEqual(["B", "T"]);
    expect(() => broadcastShapes([["B", "T"], ["B"]], "add")).toThrow(ShapeError);
  });
});

test("slices have the length of an array's", () => {
  const places = fc.integer({ min: -9, max: 9 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 6 }), places, places, fc.constantFrom(1, 2, 3), (n, start, end, step) => {
      const array = Array.from({ length: n }, (_, i) => i).slice(start, end);
      expect(rangeLength(n, { axis: 0, start, end, step })).toBe(array.filter((_, i) => i % step === 0).length);
    }),
    { seed: 1 },
  );
});

test("axes count from both ends", () => {
  expect([0, 2, -1, -3].map((axis) => normalizeAxis(axis, 3, "sum"))).toEqual([0, 2, 2, 0]);
  for (const axis of [3, -4, 0.5, Number.NaN]) expect(() => normalizeAxis(axis, 3, "sum")).toThrow(ShapeError);
});

describe("rearrange", () => {
  const x = input("x", ["B", "T", 12]);
  const shapes: [string, Record<string, number>, Shape][] = [
    ["b t c -> t b c", {}, ["T", "B", 12]],
    ["b t (h d) -> b h t d", { h: 3 }, ["B", 3, "T", 4]],
    ["b t (h d) -> (b h) t d", { d: 2 }, ["6*B", "T", 2]],
    ["b t c -> (b t) c", {}, ["B*T", 12]],
    ["b t c -> b (t c)", {}, ["B", "12*T"]],
    ["b t c -> (b t c)", {}, ["12*B*T"]],
    ["  b   t c->c b t", {}, [12, "B", "T"]],
  ];
  test.each(shapes)("%s", (pattern, sizes, expected) => expect(x.rearrange(pattern, sizes).shape).toEqual(expected));

  const mistakes: [string, Record<string, number>, string][] = [
    ["b t -> t b", {}, "it names 2 axes, the tensor has 3"],
    ["b t c", {}, 'expected one ->; write it as in "b t c -> t b c"'],
    ["b t c -> b -> c", {}, 'expected one ->; write it as in "b t c -> t b c"'],
    ["b t c -> b t", {}, "expected the same names on both sides, each once"],
    ["b t c -> b t c d", {}, "expected the same names on both sides, each once"],
    ["b t b -> b t", {}, "expected the same names on both sides, each once"],
    ["b t (h d) -> b h t d", {}, "(h d) is not 12; give the sizes of all names but one"],
    ["b t (h d) -> b h t d", { h: 5 }, "(h d) is not 12; give the sizes of all names but one"],
    ["b t (h d) -> b h t d", { h: 3, d: 3 }, "(h d) is not 12; give the sizes of all names but one"],
    ["b t c -> t b c", { heads: 3 }, 'it has no "heads", of which a size is given'],
  ];
  test.each(mistakes)("%s %j", (pattern, sizes, reason) => {
    const shape = reason.includes("each once") && pattern.startsWith("b t b") ? "[2, 3, 2]" : "[B, T, 12]";
    const tensor = shape === "[2, 3, 2]" ? input("y", [2, 3, 2]) : x;
    expect(() => tensor.rearrange(pattern, sizes)).toThrow(`rearrange: "${pattern}" does not fit ${shape}: ${reason}`);
  });
});
