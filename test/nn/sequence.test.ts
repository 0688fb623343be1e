/** Recurrent layers over rows of different lengths. Their numbers are compared with PyTorch's in parity.test.ts. */
import { describe, expect, test } from "vitest";
import { DTypeError, ShapeError } from "../../src/errors.ts";
import { gradient, scan, simplify, sortNodes } from "../../src/graph/index.ts";
import { GRU, LSTM, LSTMCell, namedParameters, RNN, traceTraining } from "../../src/nn/index.ts";
import { freeLeaves } from "../../src/onnx/index.ts";
import { compile, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input, type Tensor, zeros } from "../../src/tensor/index.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { exact, reordered } from "../tolerances.ts";

const [B, T, I, H] = [3, 5, 2, 4];
const lengths = [3, 5, 1];
const options = { layers: 2, bidirectional: true };
const makers = {
  RNN: () => RNN(I, H, options),
  GRU: () => GRU(I, H, options),
  LSTM: () => {
    const layer = LSTM(I, H, options);
    return Object.assign((xs: Tensor, call: { lengths: Tensor }) => {
      const [ys, { h, c }] = layer(xs, call);
      return [ys, h.concat([c], 0)] as const;
    }, layer);
  },
};
type Name = keyof typeof makers;

/** Outputs, last state, and the gradients of both by all weights. */
async function results(name: Name, xs: HostTensor, rows: readonly number[]): Promise<Record<string, HostTensor>> {
  const layer = makers[name]();
  const weights = namedParameters(layer);
  const [x, n] = [input("x", xs.shape), input("n", [rows.length], "i32")];
  const [ys, last] = layer(x, { lengths: n });
  const gradients = gradient(ys.sumSquares().add(last.sumSquares()), Object.values(weights));
  const named = Object.fromEntries(gradients.map((g, i) => [`g${i}`, g]));
  const program = await compile({ x, n, ...weights }, { ys, last, ...named }, { threads: 1 });
  return program.run({ x: xs, n: host(rows, [rows.length], "i32"), ...initialValues(weights, 1) });
}

/** `xs` with `value` behind each row's length. */
function padWith(xs: HostTensor, value: number): HostTensor {
  const numbers = numbersOf(xs.data).map((x, i) =>
    Math.floor(i / I) % T < (lengths[Math.floor(i / (T * I))] ?? 0) ? x : value,
  );
  return host(numbers, xs.shape);
}

describe.each(Object.keys(makers) as Name[])("%s with lengths", (name) => {
  const xs = uniform(1, [B, T, I], -1, 1, "f32");

  test("padding changes nothing, not even when it is NaN", async () => {
    const [zero, large, nan] = await Promise.all(
      [0, 1e30, Number.NaN].map((value) => results(name, padWith(xs, value), lengths)),
    );
    for (const key of Object.keys(zero ?? {})) {
      requireClose(key, large?.[key], zero?.[key] ?? host([], [0]), exact);
      requireClose(key, nan?.[key], zero?.[key] ?? host([], [0]), exact);
    }
  });

  test("a row gives what it gives alone, and 0 behind its length", async () => {
    const { ys, last } = await results(name, xs, lengths);
    for (const [b, n] of lengths.entries()) {
      const row = host(numbersOf(xs.data).slice(b * T * I, (b * T + n) * I), [1, n, I]);
      const alone = await results(name, row, [n]);
      const [all, ends] = [numbersOf(ys?.data ?? new Float32Array()), numbersOf(last?.data ?? new Float32Array())];
      const W = 2 * H;
      requireClose(
        "outputs",
        host(all.slice(b * T * W, (b * T + n) * W), [1, n, W]),
        alone.ys ?? host([], [0]),
        reordered,
      );
      expect(all.slice((b * T + n) * W, (b + 1) * T * W).every((value) => value === 0)).toBe(true);
      const states = ends.length / (B * H);
      const own = Array.from({ length: states }, (_, k) => ends.slice((k * B + b) * H, (k * B + b + 1) * H)).flat();
      requireClose("last", host(own, [states, 1, H]), alone.last ?? host([], [0]), reordered);
    }
  });
});

test("named sizes of batch and time work, with and without lengths", async () => {
  const layer = GRU(I, H);
  const [x, n] = [input("x", ["B", "T", I]), input("n", ["B"], "i64")];
  const [ys] = layer(x, { lengths: n });
  const [whole] = layer(x);
  const program = await compile({ x, n, ...namedParameters(layer) }, { ys, whole }, { threads: 1 });
  const xs = uniform(1, [2, 3, I], -1, 1, "f32");
  const got = await program.run({ x: xs, n: host([3, 3], [2], "i64"), ...initialValues(namedParameters(layer), 1) });
  requireClose("ys", got.ys, got.whole ?? host([], [0]), exact);
});

test("a layer is its cell under scan, with nothing besides", () => {
  const x = input("x", [B, T, I]);
  const [layer, cell] = [LSTM(I, H), LSTMCell(I, H)];
  const rest = zeros([B, H]);
  const operations = (y: Tensor, weights: object) =>
    sortNodes(simplify([y, ...gradient(y.sumSquares(), Object.values(namedParameters(weights)))])).map(({ op }) => op);
  const whole = operations(layer(x)[0], layer);
  expect(whole.sort()).toEqual(operations(scan(cell, { h: rest, c: rest }, x)[1], cell).sort());
});

test("dropout stands between layers only", () => {
  const x = input("x", [B, T, I]);
  const draws = (layers: number) => {
    const layer = LSTM(I, H, { layers, dropout: 0.5 });
    const { result } = traceTraining(() => layer(x)[0]);
    return freeLeaves([result], [x, ...Object.values(namedParameters(layer))]).length;
  };
  expect([draws(1), draws(2), draws(3)]).toEqual([0, 1, 2]);
});

test("lengths that do not fit are refused", () => {
  const layer = RNN(I, H);
  const x = input("x", [B, T, I]);
  expect(() => layer(x, { lengths: input("n", [B]) })).toThrow(DTypeError);
  expect(() => layer(x, { lengths: input("n", [B, 1], "i32") })).toThrow(ShapeError);
  expect(() => layer(x, { lengths: input("n", [T], "i32") })).toThrow(
    "lengths: expected one for each row of [3, 5, 2], got [5]",
  );
});
