/** Attention pooling against its formula in double precision. B rows · T positions · C width */
import { expect, test } from "vitest";
import { gradient } from "../../src/graph/index.ts";
import { AttentionPooling, namedParameters } from "../../src/nn/index.ts";
import { compile, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { exact, forward as tolerance } from "../tolerances.ts";

const [B, T, C] = [4, 5, 3];
const lengths = [5, 2, 1, 0];
const layer = AttentionPooling(C);
const weights = namedParameters(layer);
const values = initialValues(weights, 3);
const xs = uniform(1, [B, T, C], -1, 1, "f32");

async function run(x: HostTensor): Promise<Record<string, HostTensor>> {
  const [given, n] = [input("x", [B, T, C]), input("n", [B], "i32")];
  const [pooled, attention] = layer(given, n);
  const gradients = gradient(pooled.sumSquares(), [given, ...Object.values(weights)]);
  const named = Object.fromEntries(gradients.map((g, i) => [`g${i}`, g]));
  await using program = await compile({ x: given, n, ...weights }, { pooled, attention, ...named }, { threads: 1 });
  return await program.run({ x, n: host(lengths, [B], "i32"), ...values });
}

/** u = tanh(W x + b), a = softmax(v·u), y = Σ a x, of one row. */
function formula(row: readonly number[][]): { pooled: number[]; attention: number[] } {
  const of = (name: string) => numbersOf(values[name]?.data ?? new Float32Array());
  const [W, b, v] = [of("hidden.weight"), of("hidden.bias"), of("score.weight")];
  const scores = row.map((x) => {
    const u = b.map((bias, i) => Math.tanh(bias + x.reduce((sum, value, j) => sum + value * (W[i * C + j] ?? 0), 0)));
    return u.reduce((sum, value, i) => sum + value * (v[i] ?? 0), 0);
  });
  const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
  const attention = scores.map((score) => Math.exp(score) / total);
  const pooled = Array.from({ length: C }, (_, c) =>
    row.reduce((sum, x, t) => sum + (attention[t] ?? 0) * (x[c] ?? 0), 0),
  );
  return { pooled, attention };
}

test("is the formula over the positions of each row; a row of length 0 gives zeros", async () => {
  const numbers = numbersOf(xs.data);
  const rows = lengths.map((length, b) =>
    Array.from({ length }, (_, t) => numbers.slice((b * T + t) * C, (b * T + t + 1) * C)),
  );
  const expected = rows.map(formula);
  const padded = (row: readonly number[]) => [...row, ...Array(T - row.length).fill(0)];
  const { pooled, attention } = await run(xs);
  requireClose(
    "pooled",
    pooled,
    host(
      expected.flatMap((row) => row.pooled),
      [B, C],
    ),
    tolerance,
  );
  requireClose(
    "attention",
    attention,
    host(
      expected.flatMap((row) => padded(row.attention)),
      [B, T],
    ),
    tolerance,
  );
});

test("padding changes nothing, not even when it is NaN", async () => {
  const pad = (value: number) =>
    host(
      numbersOf(xs.data).map((x, i) => (Math.floor(i / C) % T < (lengths[Math.floor(i / (T * C))] ?? 0) ? x : value)),
      [B, T, C],
    );
  const [zero, nan] = [await run(pad(0)), await run(pad(Number.NaN))];
  for (const [key, tensor] of Object.entries(zero)) requireClose(key, nan[key], tensor, exact);
  expect(
    Object.values(zero)
      .flatMap(({ data }) => numbersOf(data))
      .every(Number.isFinite),
  ).toBe(true);
});
