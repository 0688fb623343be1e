/** Attention piece by piece against attention over the whole, rows of different lengths side by side. */
import { describe, expect, test } from "vitest";
import { attention, attentionAfter, type CachedOptions } from "../../src/nn/index.ts";
import { Cache, compile, type HostTensor, loadEngine, stream, toOrt } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";
import { host, requireClose } from "../support/numbers.ts";
import { reordered } from "../tolerances.ts";

const [B, D] = [3, 4];
/** How many tokens come in each piece, row by row. */
const PIECES = [
  [5, 1, 3],
  [1, 1, 1],
  [0, 2, 1],
  [70, 1, 0],
  [1, 1, 2],
];
const TOTAL = 80;

const normal = (shape: readonly number[], site: string): HostTensor => {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  stream(3, 0, site).fillNormal(data);
  return host(data, shape, "f32");
};

/** Row `b`, tokens `from` up to `from + count`, of [B, heads, TOTAL, D], filled up with 9 to `width`. */
function piece(whole: HostTensor, starts: readonly number[], counts: readonly number[], width: number): HostTensor {
  const heads = whole.shape[1] ?? 0;
  const data = new Float32Array(B * heads * width * D).fill(9);
  for (let row = 0; row < B * heads; row++) {
    const b = Math.floor(row / heads);
    const from = (row * TOTAL + (starts[b] ?? 0)) * D;
    data.set((whole.data as Float32Array).subarray(from, from + (counts[b] ?? 0) * D), row * width * D);
  }
  return host(data, [B, heads, width, D], "f32");
}

async function compare(H: number, G: number, options: CachedOptions): Promise<void> {
  const names = ["q", "k", "v"] as const;
  const heads = { q: H, k: G, v: G };
  const whole = Object.fromEntries(names.map((name) => [name, normal([B, heads[name], TOTAL, D], name)])) as Record<
    (typeof names)[number],
    HostTensor
  >;
  const [Q, K, V] = names.map((name) => input(name, [B, heads[name], TOTAL, D])) as never as [never, never, never];
  const full = await compile({ q: Q, k: K, v: V }, { y: attention(Q, K, V, { causal: true, ...options }) });
  const { y: expected } = await full.run(whole);

  const inputs = Object.fromEntries(names.map((name) => [name, input(name, ["B", heads[name], "T", D])]));
  const specs = {
    keys: { shape: ["B", G, D, "S"], dtype: "f32" },
    values: { shape: ["B", G, "S", D], dtype: "f32" },
  } as const;
  const past = {
    keys: input("keys", specs.keys.shape),
    values: input("values", specs.values.shape),
    lengths: input("lengths", ["B"], "i32"),
  };
  const { q, k, v } = inputs as Record<string, never>;
  const { y, keys, values } = attentionAfter(past, [q, k, v] as never, options);
  const step = await compile({ ...inputs, ...past }, { y, "keys.next": keys, "values.next": values });
  const engine = await loadEngine("cpu");
  const cache = new Cache(engine, specs, B);
  const filled = new Int32Array(B);
  for (const counts of PIECES) {
    const width = Math.max(...counts);
    const fed = names.map((name) => [name, toOrt(engine, piece(whole[name], [...filled], counts, width))]);
    const lengths = toOrt(engine, host(filled.slice(), [B], "i32"));
    const results = await step.runOrt({ ...Object.fromEntries(fed), ...cache.inputs, lengths });
    const got = results.y?.data as Float32Array;
    for (let row = 0; row < B * H; row++) {
      const b = Math.floor(row / H);
      const length = (counts[b] ?? 0) * D;
      const from = (row * TOTAL + (filled[b] ?? 0)) * D;
      const wanted = (expected.data as Float32Array).subarray(from, from + length);
      const mine = got.subarray(row * width * D, row * width * D + length);
      requireClose(`row ${row}`, host(mine, [length], "f32"), host(wanted, [length], "f32"), reordered);
    }
    cache.append(results, filled, Int32Array.from(counts));
    for (const [b, count] of counts.entries()) filled[b] = (filled[b] ?? 0) + count;
  }
  expect([...filled]).toEqual([77, 6, 7]);
}

describe("attention after what came before", () => {
  test("is attention over the whole", () => compare(2, 2, {}));
  test("heads of queries share keys and values", () => compare(4, 2, {}));
  test("one head of keys for all", () => compare(3, 1, { scale: 0.3 }));
  test("keys far away are hidden", () => compare(2, 2, { window: 3 }));
  test("a window of one sees the token itself", () => compare(2, 1, { window: 1 }));
  test("rotary places go on where they were", () => compare(4, 2, { rotary: {} }));
  test("rotary neighbours within a window", () =>
    compare(2, 2, { rotary: { pairs: "neighbours", base: 100 }, window: 5 }));
});
