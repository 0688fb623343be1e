/** What attention sees, where PyTorch has no numbers; those it has are in parity.test.ts. */
import { describe, expect, test } from "vitest";
import { sortNodes } from "../../src/graph/index.ts";
import { attention, causalAttention, MultiheadAttention, namedParameters, rotary } from "../../src/nn/index.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import { arange, input, type Tensor, tensor } from "../../src/tensor/index.ts";
import { evaluate, host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { double, exact } from "../tolerances.ts";

const [q, k, v] = [uniform(1, [2, 4, 3, 6]), uniform(2, [2, 2, 5, 6]), uniform(3, [2, 2, 5, 6])];
type Three = [Tensor, Tensor, Tensor];

async function all(
  inputs: readonly HostTensor[],
  build: (...tensors: Three) => readonly Tensor[],
): Promise<HostTensor[]> {
  return evaluate(inputs, (tensors) => build(...(tensors as Three)));
}
const none = host([], [0]);

describe("attention", () => {
  test("the causal mask alone and a mask that says the same agree, the last query beside the last key", async () => {
    const seen = tensor(
      [0, 1, 2].map((t) => [0, 1, 2, 3, 4].map((s) => Number(s <= t + 2))),
      "bool",
    );
    const [a, b] = await all([q, k, v], (q, k, v) => [
      attention(q, k, v, { causal: true }),
      attention(q, k, v, { mask: seen }),
    ]);
    requireClose("mixed", a, b ?? none, double);
  });

  test("a window of the whole length hides nothing, and one of 1 leaves the own place", async () => {
    const [whole, wide, own, values] = await all([q, k, v], (q, k, v) => [
      attention(q, k, v),
      attention(q, k, v, { window: 5 }),
      attention(q, k, v, { window: 1 }),
      v.slice(2, 2, 5),
    ]);
    requireClose("wide", wide, whole ?? none, double);
    const heads = numbersOf(values?.data ?? new Float32Array());
    const shared = [0, 1].flatMap((b) =>
      [0, 0, 1, 1].flatMap((g) => heads.slice((b * 2 + g) * 18, (b * 2 + g + 1) * 18)),
    );
    requireClose("own", own, host(shared, [2, 4, 3, 6], "f64"), double);
  });

  test("keys that do not count change nothing, and a row without any gives 0", async () => {
    const keyMask = tensor(
      [
        [1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0],
      ],
      "bool",
    );
    const spoilt = {
      ...k,
      data: Float64Array.from(numbersOf(k.data), (x, i) => (Math.floor(i / 6) % 5 > 2 ? 1e6 : x)),
    };
    const mix = (q: Tensor, k: Tensor, v: Tensor) => [attention(q, k, v, { keyMask })];
    const [[a], [b]] = [await all([q, k, v], mix), await all([q, spoilt, v], mix)];
    requireClose("mixed", a, b ?? none, exact);
    expect(
      numbersOf(a?.data ?? new Float32Array())
        .slice(72)
        .every((x) => x === 0),
    ).toBe(true);
    const [short] = await all([q, k, v], (q, k, v) => [attention(q, k.slice(2, 0, 3), v.slice(2, 0, 3))]);
    requireClose(
      "first row",
      host(numbersOf(a?.data ?? new Float32Array()).slice(0, 72), [1, 4, 3, 6], "f64"),
      host(numbersOf(short?.data ?? new Float32Array()).slice(0, 72), [1, 4, 3, 6], "f64"),
      double,
    );
  });

  test("causalAttention records what it always did: scale, product, mask, softmax, product", () => {
    const [a, b, c] = [input("q", [1, 2, 3, 4]), input("k", [1, 2, 3, 4]), input("v", [1, 2, 3, 4])];
    const wide = sortNodes([causalAttention(a, b, c)]).filter(
      ({ op, outputs }) => op !== "input" && outputs[0]?.rank === 4,
    );
    expect(wide.map(({ op }) => op)).toEqual(["mul", "matmul", "add", "softmax", "matmul"]);
  });

  test("masks of numbers and heads that do not divide are refused", () => {
    const [a, b] = [input("q", [1, 4, 3, 6]), input("k", [1, 3, 3, 6])];
    expect(() => attention(a, b, b)).toThrow("attention: 4 heads of queries do not divide among 3 of keys");
    expect(() => attention(a, a, a, { keyMask: input("m", [1, 3]) })).toThrow("attention: expected bool for keyMask");
  });
});

describe("rotary", () => {
  test.each(["halves", "neighbours"] as const)("a product depends on the distance alone, %s", async (pairs) => {
    const [x, y] = [uniform(4, [1, 6]), uniform(5, [1, 6])];
    const products = await evaluate([x, y], ([a, b]) =>
      [0, 7, 100].map((from) => {
        const at = (t: Tensor, place: number) => rotary(t, { pairs, positions: arange(1).add(place) });
        return at(a as Tensor, from + 3)
          .mul(at(b as Tensor, from))
          .sum();
      }),
    );
    requireClose("at 7", products[1], products[0] ?? none, double);
    requireClose("at 100", products[2], products[0] ?? none, double);
  });
  test("an odd width is refused", () =>
    expect(() => rotary(input("x", [2, 3]))).toThrow("rotary: expected an even width"));
});

test("grouped heads: as many projections as heads of keys", () => {
  const layer = MultiheadAttention(8, 4, { kvHeads: 2, bias: false });
  const shapes = Object.fromEntries(Object.entries(namedParameters(layer)).map(([name, { shape }]) => [name, shape]));
  expect(shapes).toEqual({ in_proj_weight: [8 + 4 + 4, 8], "out_proj.weight": [8, 8] });
  expect(layer(input("x", ["B", "T", 8]), { causal: true, rotary: {} }).shape).toEqual(["B", "T", 8]);
});
