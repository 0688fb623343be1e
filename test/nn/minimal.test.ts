/** minGRU and minLSTM: all steps together, one after the other, and their cells. The paper's numbers are in parity.test.ts. */
import { describe, expect, test } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { gradient, scan, sortNodes } from "../../src/graph/index.ts";
import { MinGRU, MinGRUCell, MinLSTM, MinLSTMCell, namedParameters } from "../../src/nn/index.ts";
import { compile, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { backward, exact, reordered } from "../tolerances.ts";

const [B, T, I, H] = [3, 13, 2, 4];
const makers = { MinGRU, MinLSTM } as const;
const cells = { MinGRU: MinGRUCell, MinLSTM: MinLSTMCell } as const;
type Name = keyof typeof makers;
type Layer = ReturnType<(typeof makers)[Name]>;

const xs = uniform(1, [B, T, I], -3, 3, "f32");

/** Outputs, last state and the gradients of both by all weights and the first state. */
async function results(layer: Layer, lengths?: readonly number[], given = xs): Promise<Record<string, HostTensor>> {
  const weights = namedParameters(layer);
  const states = Object.keys(weights).filter((name) => name.startsWith("weight")).length;
  const [x, s, n] = [input("x", [B, T, I]), input("s", [states, B, H]), input("n", [B], "i32")];
  const [ys, last] = layer(x, { state: s, ...(lengths && { lengths: n }) });
  const gradients = gradient(ys.sumSquares().add(last.sumSquares()), [s, ...Object.values(weights)]);
  const named = Object.fromEntries(gradients.map((g, i) => [`g${i}`, g]));
  const inputs = { x, s, ...(lengths && { n }), ...weights };
  const program = await compile(inputs, { ys, last, ...named }, { threads: 1 });
  const fed = {
    x: given,
    s: uniform(2, [states, B, H], 0, 1, "f32"),
    ...(lengths && { n: host(lengths, [B], "i32") }),
  };
  return program.run({ ...fed, ...initialValues(weights, 1) });
}

describe.each(Object.keys(makers) as Name[])("%s", (name) => {
  const make = (options = {}) => makers[name](I, H, options);
  const deep = { layers: 2, bidirectional: true };

  test.each([undefined, [13, 0, 5], [1, 12, 13]])(
    "all steps together and one after the other, lengths %j",
    async (n) => {
      for (const form of [{}, deep, { bias: false }]) {
        const [together, apart] = [
          await results(make({ ...form, parallel: true }), n),
          await results(make({ ...form, parallel: false }), n),
        ];
        for (const [key, value] of Object.entries(apart))
          requireClose(key, together[key], value, key.startsWith("g") ? backward : reordered);
      }
    },
  );

  test("a layer is its cell, step by step, the state carried on", async () => {
    const [layer, cell] = [make({ parallel: true }), cells[name](I, H)];
    const [x, s] = [input("x", [B, T, I]), input("s", [B, H])];
    const values = initialValues(namedParameters(layer), 1);
    const fed = { x: xs, s: uniform(2, [B, H], 0, 1, "f32") };
    const whole = await compile({ x, s, ...namedParameters(layer) }, { ys: layer(x, { state: s.unsqueeze(0) })[0] });
    const { ys } = await whole.run({ ...fed, ...values });
    const stepped = await compile({ x, s, ...namedParameters(cell) }, { ys: scan(cell, s, x)[1] });
    const own = Object.fromEntries(Object.entries(values).map(([key, value]) => [key.replace("_l0", ""), value]));
    requireClose("cell", (await stepped.run({ ...fed, ...own })).ys, ys as HostTensor, reordered);

    const [piece, state] = [input("x", [B, "T", I]), input("s", [1, B, H])];
    const [hs, last] = layer(piece, { state });
    const program = await compile({ x: piece, s: state, ...namedParameters(layer) }, { hs, last });
    let carried = host(numbersOf(fed.s.data), [1, B, H]);
    for (let t = 0; t < T; t++) {
      const columns = (data: HostTensor["data"], width: number) =>
        Array.from({ length: B }, (_, b) => numbersOf(data.slice((b * T + t) * width, (b * T + t + 1) * width))).flat();
      const now = await program.run({ x: host(columns(xs.data, I), [B, 1, I]), s: carried, ...values });
      requireClose(`step ${t}`, now.hs, host(columns((ys as HostTensor).data, H), [B, 1, H]), reordered);
      carried = host(numbersOf((now.last as HostTensor).data), [1, B, H]);
    }
  });

  test("padding changes nothing, not even when it is NaN", async () => {
    const lengths = [3, 13, 0];
    const padded = (value: number) =>
      host(
        numbersOf(xs.data).map((x, i) => (Math.floor(i / I) % T < (lengths[Math.floor(i / (T * I))] ?? 0) ? x : value)),
        xs.shape,
      );
    for (const parallel of [true, false]) {
      const layer = make({ ...deep, parallel });
      const [zero, nan, large] = [
        await results(layer, lengths, padded(0)),
        await results(layer, lengths, padded(Number.NaN)),
        await results(layer, lengths, padded(1e30)),
      ];
      for (const [key, value] of Object.entries(zero)) {
        requireClose(key, nan[key], value, exact);
        requireClose(key, large[key], value, exact);
      }
    }
  });

  test("outputs stay between the first state and the candidates, whatever the gates", async () => {
    // h' is a mean of h and g, so it is never above both, nor below both.
    const layer = make({ parallel: true });
    const weights = namedParameters(layer);
    const x = input("x", [B, T, I]);
    const program = await compile({ x, ...weights }, { ys: layer(x)[0] });
    const values = initialValues(weights, 1);
    const steep = Object.entries(values).map(([key, { data, shape }]) => [
      key,
      host(
        numbersOf(data).map((w) => 100 * w),
        shape,
      ),
    ]);
    const { ys } = await program.run({ x: xs, ...Object.fromEntries(steep) });
    const numbers = numbersOf((ys as HostTensor).data);
    expect(numbers.every((h) => h >= 0 && h < 1000)).toBe(true);
  });

  test("long and narrow is taken together, anything else step by step, unless it is said", () => {
    const loops = (shape: [number | string, number | string, number], options: object) => {
      const layer = makers[name](shape[2], 8, options);
      return sortNodes([layer(input("x", shape))[0]]).some(({ op }) => op === "scan");
    };
    expect(loops([1, 512, 2], {})).toBe(false);
    expect(loops([64, 512, 2], { parallel: true })).toBe(false);
    expect(loops([1, 512, 2], { parallel: false })).toBe(true);
    expect(loops([512, 512, 2], {})).toBe(true);
    expect(loops(["B", 512, 2], {})).toBe(true);
    expect(loops([1, "T", 2], { parallel: true })).toBe(true);
  });

  test("options and calls that make no sense are refused in one line", () => {
    expect(() => make({ forgetBias: 1 })).toThrow(ConfigError);
    expect(() => make({ parallel: 1 })).toThrow(`${name}: expected parallel to be true or false, got 1`);
    expect(() => makers[name](0, H)).toThrow(`${name}: expected I to be a whole number from 1 on, got 0`);
    const x = input("x", [B, T, I]);
    expect(() => make()(x, { state: input("s", [2, B, H]) })).toThrow(ShapeError);
    expect(() => make()(x, { truncate: 0 })).toThrow(
      "scan: expected truncate to be a whole number of steps from 1 on, got 0",
    );
    expect(() => cells[name](I, H)(undefined as never, input("x", [B, I]))).toThrow(/Cell/);
  });
});
