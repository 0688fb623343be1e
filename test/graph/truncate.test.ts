/** `scan` with `truncate`: its gradient is that of the graph with the state cut, written out step by step in float64. */
import { describe, expect, test } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { gradient, scan } from "../../src/graph/index.ts";
import { GRU, LSTM, namedBuffers, namedParameters, RNN, Stateful } from "../../src/nn/index.ts";
import { compile, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input, stack, type Tensor } from "../../src/tensor/index.ts";
import { counting, weighted } from "../conformance/case.ts";
import { evaluate, host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { backward, double, exact, forward } from "../tolerances.ts";

const [B, T, I, H] = [2, 7, 3, 4];
type State = { h: Tensor; c: Tensor };

/** An LSTM's step with weights [4H, I] and [4H, H]. */
const lstm =
  (weight: Tensor, recurrent: Tensor) =>
  ({ h, c }: State, x: Tensor): readonly [State, Tensor] => {
    const [i, f, g, o] = x.linear(weight).add(h.linear(recurrent)).chunk(4);
    const next = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
    const out = o.sigmoid().mul(next.tanh());
    return [{ h: out, c: next }, out];
  };

const given = [
  uniform(1, [B, T, I]),
  uniform(2, [4 * H, I]),
  uniform(3, [4 * H, H]),
  uniform(4, [B, H]),
  uniform(5, [B, H]),
];

/** Outputs, last state, and the gradients of a weighted sum of them by input, weights and first state. */
const slopes = (ys: Tensor, last: State, wrt: readonly Tensor[]): readonly Tensor[] => {
  const results = [ys, last.h, last.c];
  const seeds = results.map(({ shape }) => counting(host([], shape.map(Number), "f64")));
  return [...results, ...gradient(weighted(results, seeds), wrt)];
};

/** The same with every step written out, the state cut before each step k, 2k, ... of the walk. */
const writtenOut =
  (k: number, reverse: boolean) =>
  (wrt: Tensor[]): readonly Tensor[] => {
    const [xs, w, u, h, c] = wrt as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const cell = lstm(w, u);
    let state: State = { h, c };
    const outputs: Tensor[] = [];
    for (let i = 0; i < T; i++) {
      const t = reverse ? T - 1 - i : i;
      if (i > 0 && i % k === 0) state = { h: state.h.stopGradient(), c: state.c.stopGradient() };
      const [next, y] = cell(state, xs.slice(1, t, t + 1).squeeze(1));
      state = next;
      outputs[t] = y;
    }
    return slopes(stack(outputs, 1), state, wrt);
  };

const truncated =
  (truncate: number | undefined, reverse: boolean) =>
  (wrt: Tensor[]): readonly Tensor[] => {
    const [xs, w, u, h, c] = wrt as [Tensor, Tensor, Tensor, Tensor, Tensor];
    const [last, ys] = scan(lstm(w, u), { h, c }, xs, { truncate, reverse });
    return slopes(ys, last, wrt);
  };

describe.each([false, true])("reverse %s", (reverse) => {
  test.each([1, 2, 3, 6, 7, 8, 100])("cut every %i of 7 steps", async (k) => {
    const [got, expected] = [
      await evaluate(given, truncated(k, reverse)),
      await evaluate(given, writtenOut(k, reverse)),
    ];
    for (const [i, value] of expected.entries()) requireClose(`result ${i}`, got[i], value, double);
  });

  test("a cut changes gradients and no value", async () => {
    const [cut, whole] = [
      await evaluate(given, truncated(2, reverse)),
      await evaluate(given, truncated(undefined, reverse)),
    ];
    for (const i of [0, 1, 2]) requireClose(`value ${i}`, cut[i], whole[i] as HostTensor, double);
    for (let i = 3; i < whole.length; i++)
      expect(() =>
        requireClose("gradient", cut[i], whole[i] as HostTensor, { absolute: 1e-3, relative: 1e-3 }),
      ).toThrow();
  });
});

test("no step at all", async () => {
  const empty = given.map((value, i) => (i === 0 ? uniform(1, [B, 0, I]) : value));
  const [ys, h, c] = await evaluate(empty, truncated(3, false));
  expect(ys?.shape).toEqual([B, 0, H]);
  requireClose("h", h, given[3] as HostTensor, exact);
  requireClose("c", c, given[4] as HostTensor, exact);
});

/** Outputs and gradients of two layers in both directions, over rows of different lengths. */
async function results(
  make: () => ReturnType<typeof RNN | typeof LSTM | typeof GRU>,
  truncate: number,
  rows: number[],
) {
  const layer = make();
  const weights = namedParameters(layer);
  const [x, n] = [input("x", [rows.length, T, I]), input("n", [rows.length], "i32")];
  const [ys] = layer(x, { lengths: n, truncate });
  const gradients = gradient(ys.sumSquares(), Object.values(weights));
  const named = Object.fromEntries(gradients.map((g, i) => [`g${i}`, g]));
  const program = await compile({ x, n, ...weights }, { ys, ...named }, { threads: 1 });
  return (feeds: HostTensor) =>
    program.run({ x: feeds, n: host(rows, [rows.length], "i32"), ...initialValues(weights, 1) });
}

test.each([
  ["RNN", () => RNN(I, H, { layers: 2 })],
  ["LSTM", () => LSTM(I, H, { layers: 2 })],
  ["GRU", () => GRU(I, H, { layers: 2 })],
] as const)("%s: rows of a batch are cut as they are alone, whatever is behind them", async (_, make) => {
  const lengths = [7, 2, 4];
  const xs = uniform(6, [3, T, I], -1, 1, "f32");
  const padded = host(
    numbersOf(xs.data).map((x, i) =>
      Math.floor(i / I) % T < (lengths[Math.floor(i / (T * I))] ?? 0) ? x : Number.NaN,
    ),
    xs.shape,
  );
  const together = await (await results(make, 2, lengths))(padded);
  const sums: Record<string, number[]> = {};
  for (const [b, n] of lengths.entries()) {
    const row = host(numbersOf(padded.data).slice(b * T * I, (b + 1) * T * I), [1, T, I]);
    const alone = await (await results(make, 2, [n]))(row);
    const ys = numbersOf((together.ys as HostTensor).data).slice(b * T * H, (b + 1) * T * H);
    requireClose(`row ${b}`, host(ys, [1, T, H]), alone.ys as HostTensor, forward);
    for (const [key, { data }] of Object.entries(alone))
      sums[key] = numbersOf(data).map((value, i) => value + (sums[key]?.[i] ?? 0));
  }
  for (const [key, value] of Object.entries(together))
    if (key !== "ys") requireClose(key, value, host(sums[key] ?? [], value.shape), backward);
});

test("what is no number of steps is refused in one line", () => {
  const [x, h] = [input("x", [B, T, H]), input("h", [B, H])];
  const add = (state: Tensor, now: Tensor) => [state.add(now), state] as const;
  for (const truncate of [0, -3, 2.5, Number.NaN])
    expect(() => scan(add, h, x, { truncate })).toThrow(
      `scan: expected truncate to be a whole number of steps from 1 on, got ${truncate}; leave it out to cut nothing`,
    );
  expect(() => scan(add, h, x, { truncate: "2" as never })).toThrow(ConfigError);
  expect(() => scan(add, h, input("x", [B, "T", H]), { truncate: 2 })).toThrow(ShapeError);
  expect(() => LSTM(I, H)(input("x", [B, T, I]), { truncate: 0 })).toThrow(ConfigError);
  expect(() => LSTM(I, H)(input("x", [B, T, I]), { truncate: "4" as never })).toThrow(
    'LSTM: expected truncate to be a number, got "4"',
  );
});

test("a stateful layer is cut inside of its batch as its layer is", async () => {
  const layer = Stateful(GRU(I, H), B);
  const x = input("x", [B, T, I]);
  const [weights, buffers] = [namedParameters(layer), namedBuffers(layer)];
  const slopes = (ys: Tensor, name: string) => {
    const gradients = gradient(ys.sumSquares(), Object.values(weights));
    return Object.fromEntries(gradients.map((g, i) => [`${name}.${i}`, g]));
  };
  const state = buffers.state as Tensor;
  const outputs = {
    ...slopes(layer(x, { truncate: 3 })[0], "stateful"),
    ...slopes(layer.layer(x, { state, truncate: 3 })[0], "layer"),
    ...slopes(layer(x)[0], "whole"),
  };
  const program = await compile({ x, ...weights, ...buffers }, outputs, { threads: 1 });
  const held = { state: uniform(7, [1, B, H], -1, 1, "f32") };
  const results = await program.run({ x: uniform(6, [B, T, I], -1, 1, "f32"), ...initialValues(weights, 1), ...held });
  for (const i of Object.keys(Object.values(weights))) {
    requireClose(`gradient ${i}`, results[`stateful.${i}`], results[`layer.${i}`] as HostTensor, exact);
    const whole = results[`whole.${i}`] as HostTensor;
    if (i !== "3") expect(() => requireClose("cut", results[`stateful.${i}`], whole, forward)).toThrow();
  }
  expect(() => layer(x, { truncate: 0 })).toThrow(ConfigError);
});
