/** Gradients, padding, initial values and the engine's operators for every option of recurrent layers. */
import { describe, expect, test } from "vitest";
import { gradient, sortNodes, substitute } from "../../src/graph/index.ts";
import { GRU, LSTM, namedParameters, orthogonalInit, RNN, traceTraining } from "../../src/nn/index.ts";
import { type GRUOptions, gruKind } from "../../src/nn/recurrence/gru.ts";
import { direction } from "../../src/nn/recurrence/layer.ts";
import { type LSTMOptions, lstmKind } from "../../src/nn/recurrence/lstm.ts";
import { activeSteps } from "../../src/nn/recurrence/reading.ts";
import { type RNNOptions, rnnKind } from "../../src/nn/recurrence/rnn.ts";
import { lower } from "../../src/onnx/index.ts";
import { compile, compileModel, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input, parameter, type Tensor, tensor } from "../../src/tensor/index.ts";
import { checkGradients } from "../support/differences.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { exact, reordered } from "../tolerances.ts";

type Options = RNNOptions & LSTMOptions & GRUOptions;
type Name = "RNN" | "LSTM" | "GRU";
const layers = { RNN, LSTM, GRU };
const kinds = { RNN: rnnKind, LSTM: lstmKind, GRU: gruKind };

const forms: Readonly<Record<Name, readonly Options[]>> = {
  RNN: [{ layerNorm: true }, { zoneout: 0.3 }, { recurrentDropout: 0.3 }],
  LSTM: [
    { peepholes: true },
    { projection: 2 },
    { layerNorm: true },
    { peepholes: true, projection: 2, layerNorm: true, forgetBias: 1, bias: false },
    { zoneout: 0.2, cellZoneout: 0.4 },
    { inputDropout: 0.3, recurrentDropout: 0.3 },
    { inputDropout: 0.3, recurrentDropout: 0.3, dropoutMask: "step", zoneout: 0.2 },
    { recurrentActivation: "hard-sigmoid" },
  ],
  GRU: [
    { layerNorm: true },
    { layerNorm: true, reset: "before" },
    { zoneout: 0.3, reset: "before" },
    { recurrentDropout: 0.4, reset: "before" },
    { recurrentDropout: 0.4, dropoutMask: "step" },
    { recurrentActivation: "hard-sigmoid", reset: "before" },
  ],
};
const all = (Object.keys(forms) as Name[]).flatMap((name) =>
  forms[name].map((form) => [name, JSON.stringify(form), form] as const),
);
const [B, T, I, H] = [2, 3, 2, 3];

/** `outputs` with everything that is drawn at random replaced by numbers that stay. */
function settled(outputs: readonly Tensor[]): readonly Tensor[] {
  const noise = sortNodes(outputs).filter(({ op }) => op === "noise");
  const numbers = ({ shape }: Tensor, i: number) =>
    tensor(numbersOf(uniform(i, shape.map(Number), 0, 1).data)).reshape([...shape]);
  return substitute(outputs, new Map(noise.flatMap(({ outputs: [u] }, i) => (u ? [[u, numbers(u, i)]] : []))));
}

describe.each(all)("%s %s", (name, _, form) => {
  test.each([true, false])("gradients are those of differences, training %s", async (training) => {
    const kind = kinds[name](H, form);
    const parts = Object.entries(kind.cell.parts(I)).filter(
      (entry): entry is [string, Tensor] => entry[1] !== undefined,
    );
    const first =
      name === "LSTM"
        ? [
            [B, form.projection ?? H],
            [B, H],
          ]
        : [[B, H]];
    const shapes = [[B, T, I], ...first, ...parts.map(([, { shape }]) => shape.map(Number))];
    await checkGradients(
      shapes.map((shape, i) => uniform(i + 1, shape, -0.9, 0.9)),
      (...given: Tensor[]) => {
        const [xs, h, ...rest] = given as [Tensor, Tensor, ...Tensor[]];
        const weights = Object.fromEntries(parts.map(([key], i) => [key, rest[i + first.length - 1]]));
        const lengths = tensor([3, 2], "i32");
        const state = name === "LSTM" ? { h, c: rest[0] } : h;
        const reading = { xs, lengths, active: activeSteps(xs, lengths), reverse: true };
        const run = () => direction(kind as never, weights as never, state as never, reading, form);
        const [last, ys] = training ? traceTraining(run).result : run();
        return settled([ys, ...(name === "LSTM" ? Object.values(last as Record<string, Tensor>) : [last as Tensor])]);
      },
    );
  });

  test.each([true, false])("padding changes nothing, neither NaN nor huge, training %s", async (training) => {
    const layer = layers[name](I, H, { ...form, layers: 2, bidirectional: true, merge: "average" }) as (
      xs: Tensor,
      call: object,
    ) => [Tensor, Tensor | Record<string, Tensor>];
    const lengths = [2, 0, 3];
    const [x, n] = [input("x", [3, T, I]), input("n", [3], "i32")];
    const run = () => layer(x, { lengths: n });
    const [drawnYs, last] = training ? traceTraining(run).result : run();
    const [ys = drawnYs, ...ends] = settled([
      drawnYs,
      ...(Object.values(name === "LSTM" ? last : { last }) as Tensor[]),
    ]);
    const weights = namedParameters(layer);
    const loss = [ys, ...ends].map((y) => y.sumSquares()).reduce((a, b) => a.add(b));
    const slopes = gradient(loss, [x, ...Object.values(weights)]);
    const numbered = (tensors: readonly Tensor[], letter: string) =>
      Object.fromEntries(tensors.map((tensor, i) => [letter + i, tensor]));
    const outputs = { ys, ...numbered(ends, "last"), ...(training ? numbered(slopes, "g") : {}) };
    const program = await compile({ x, n, ...weights }, outputs, { threads: 1 });
    const given = uniform(1, [3, T, I], -1, 1, "f32");
    const padded = (value: number) =>
      host(
        numbersOf(given.data).map((v, i) =>
          Math.floor(i / I) % T < (lengths[Math.floor(i / (T * I))] ?? 0) ? v : value,
        ),
        [3, T, I],
      );
    const values = initialValues(weights, 1);
    const at = async (value: number) => {
      const got = await program.run({ x: padded(value), n: host(lengths, [3], "i32"), ...values });
      return Object.fromEntries(
        Object.entries(got).map(([key, value]) => [key, { ...value, data: value.data.slice() }]),
      );
    };
    const zero = await at(0);
    for (const value of [Number.NaN, 3e38, Number.NEGATIVE_INFINITY]) {
      const got = await at(value);
      for (const [key, expected] of Object.entries(zero)) requireClose(key, got[key], expected as HostTensor, exact);
    }
    expect(numbersOf((zero.ys as HostTensor).data).every(Number.isFinite)).toBe(true);
  });
});

describe("orthogonal initial values", () => {
  /** The largest element of |UᵀU - 1| over the square or upright blocks of [R, C]. */
  function deviation({ data, shape }: HostTensor, blocks: number): number {
    const [rows = 0, columns = 0] = shape;
    const height = rows / blocks;
    const at = (block: number, i: number, j: number) => Number(data[(block * height + i) * columns + j]);
    let worst = 0;
    for (let block = 0; block < blocks; block++)
      for (let a = 0; a < columns; a++)
        for (let b = 0; b < columns; b++) {
          let sum = 0;
          for (let i = 0; i < height; i++) sum += at(block, i, a) * at(block, i, b);
          worst = Math.max(worst, Math.abs(sum - Number(a === b)));
        }
    return worst;
  }

  test.each([
    ["RNN", 1, {}],
    ["LSTM", 4, {}],
    ["GRU", 3, {}],
    ["LSTM", 4, { projection: 5 }],
  ] as const)("of %s: UᵀU = 1 in each of %d gates %j", (name, count, more) => {
    const options = { ...more, init: "orthogonal", layers: 2, bidirectional: true } as const;
    const values = initialValues(namedParameters(layers[name](3, 17, options)), 3);
    for (const end of ["l0", "l0_reverse", "l1", "l1_reverse"]) {
      expect(deviation(values[`weight_hh_${end}`] as HostTensor, count)).toBeLessThan(1e-6);
      const bound = Math.sqrt(6 / ((values[`weight_ih_${end}`]?.shape[1] ?? 0) + 17));
      const drawn = numbersOf((values[`weight_ih_${end}`] as HostTensor).data).map(Math.abs);
      expect(Math.max(...drawn)).toBeLessThanOrEqual(bound);
      expect(Math.max(...drawn)).toBeGreaterThan(0.8 * bound);
      const forget = (i: number) => Number(name === "LSTM" && i >= 17 && i < 34);
      expect(numbersOf((values[`bias_ih_${end}`] as HostTensor).data)).toEqual(
        Array.from({ length: count * 17 }, (_, i) => forget(i)),
      );
      expect(numbersOf((values[`bias_hh_${end}`] as HostTensor).data).every((value) => value === 0)).toBe(true);
    }
    const [first, second] = [values.weight_hh_l0, values.weight_hh_l1].map((value) => Number(value?.data[0]));
    expect(first).not.toBe(second);
    const again = initialValues(namedParameters(layers[name](3, 17, options)), 3);
    expect(again.weight_hh_l0?.data).toEqual(values.weight_hh_l0?.data);
  });

  test("in double precision to the last digits, upright, wide and of one element", () => {
    const drawn = (shape: number[], blocks?: number) =>
      initialValues({ w: parameter(shape, orthogonalInit(blocks), "f64") }, 1).w as HostTensor;
    expect(deviation(drawn([60, 20], 1), 1)).toBeLessThan(1e-14);
    expect(deviation(drawn([60, 20], 3), 3)).toBeLessThan(1e-14);
    const { data } = drawn([2, 5]);
    const rows = host(
      Array.from({ length: 10 }, (_, i) => Number(data[(i % 2) * 5 + Math.floor(i / 2)])),
      [5, 2],
      "f64",
    );
    expect(deviation(rows, 1)).toBeLessThan(1e-15);
    expect(Math.abs(Number(drawn([1, 1]).data[0]))).toBe(1);
    expect(() => drawn([4, 3], 3)).toThrow("orthogonalInit: expected a matrix of 3 blocks of rows, got [4, 3]");
    expect(() => drawn([4])).toThrow("orthogonalInit: expected a matrix");
  });

  test("both signs of a determinant come up", () => {
    const signs = Array.from({ length: 20 }, (_, seed) => {
      const { data } = initialValues({ w: parameter([2, 2], orthogonalInit(), "f64") }, seed).w as HostTensor;
      const [a, b, c, d] = numbersOf(data) as [number, number, number, number];
      return Math.round(a * d - b * c);
    });
    expect(new Set(signs)).toEqual(new Set([-1, 1]));
  });
});

describe("the engine's operator and the scan agree", () => {
  const standard: readonly [Name, Options][] = [true, false].flatMap((bias): [Name, Options][] => [
    ...[0, 1].flatMap((forgetBias): [Name, Options][] => [
      ["LSTM", { bias, forgetBias, peepholes: true }],
      ["LSTM", { bias, forgetBias, peepholes: false, recurrentActivation: "sigmoid" }],
    ]),
    ["GRU", { bias, reset: "after" }],
    ["GRU", { bias, reset: "before" }],
  ]);
  const around: readonly Options[] = [
    {},
    { bidirectional: true, layers: 2, merge: "sum" },
    { bidirectional: true, merge: "average", inputDropout: 0.2, recurrentDropout: 0.2, dropout: 0.2 },
  ];
  const combinations = standard.flatMap(([name, form]) =>
    around.map((more) => [name, JSON.stringify({ ...form, ...more }), { ...form, ...more }] as const),
  );

  test.each(combinations)("%s %s", async (name, _, form) => {
    for (const [B, T, lengths, special] of [
      [1, 1, undefined, undefined],
      [4, 5, [5, 0, 2, 1], undefined],
      [3, 4, [4, 4, 2], Number.NaN],
      [2, 3, undefined, 1e30],
    ] as const) {
      const layer = layers[name](I, H, form) as (
        xs: Tensor,
        call?: object,
      ) => [Tensor, Tensor | Record<string, Tensor>];
      const places = (form.layers ?? 1) * (form.bidirectional ? 2 : 1);
      const [x, n] = [input("x", ["B", "T", I]), input("n", ["B"], "i32")];
      const [h, c] = [input("h", [places, "B", H]), input("c", [places, "B", H])];
      const [ys, last] = layer(x, { ...(lengths ? { lengths: n } : {}), state: name === "LSTM" ? { h, c } : h });
      const weights = namedParameters(layer);
      const values = Object.fromEntries(
        Object.entries(weights).map(([key, { shape }], i) => [key, uniform(i, shape.map(Number), -1.5, 1.5, "f32")]),
      );
      const fed = {
        x: uniform(1, [B, T, I], -2, 2, "f32"),
        h: uniform(2, [places, B, H], -1, 1, "f32"),
        ...(name === "LSTM" ? { c: uniform(3, [places, B, H], -1, 1, "f32") } : {}),
        ...(lengths ? { n: host(lengths, [B], "i32") } : {}),
      };
      if (special !== undefined) fed.x.data[I] = special;
      const ends = Object.values(name === "LSTM" ? last : { last }) as Tensor[];
      const inputs = { x, h, ...(name === "LSTM" ? { c } : {}), ...(lengths ? { n } : {}), ...weights };
      const outputs = { ys, ...Object.fromEntries(ends.map((end, i) => [`last${i}`, end])) };
      const run = async (fused: boolean) => {
        const model = lower(inputs, outputs, values, fused);
        const results = await (await compileModel(model, { threads: 1 })).run(fed);
        return { results, bytes: model.bytes };
      };
      const [fused, plain] = [await run(true), await run(false)];
      expect(fused.bytes).not.toEqual(plain.bytes);
      for (const key of Object.keys(outputs))
        requireClose(key, fused.results[key], plain.results[key] as HostTensor, reordered);
    }
  });

  test("peepholes in WebAssembly", async () => {
    const layer = LSTM(I, H, { peepholes: true, bidirectional: true, layers: 2 });
    const [x, n] = [input("x", [4, 5, I]), input("n", [4], "i32")];
    const [ys, { c }] = layer(x, { lengths: n });
    const values = initialValues(namedParameters(layer), 1);
    const run = async (fused: boolean) => {
      const model = lower({ x, n, ...namedParameters(layer) }, { ys, c }, values, fused);
      const program = await compileModel(model, { device: "wasm", threads: 1 });
      return program.run({ x: uniform(1, [4, 5, I], -2, 2, "f32"), n: host([5, 0, 2, 1], [4], "i32") });
    };
    const [fused, plain] = [await run(true), await run(false)];
    for (const key of ["ys", "c"] as const) requireClose(key, fused[key], plain[key] as HostTensor, reordered);
  });

  test("NaN in a peephole is NaN everywhere", async () => {
    const layer = LSTM(I, H, { peepholes: true });
    const values = initialValues(namedParameters(layer), 1);
    values.peephole_l0?.data.fill(Number.NaN as never);
    const x = input("x", [2, 3, I]);
    const model = lower({ x, ...namedParameters(layer) }, { ys: layer(x)[0] }, values, true);
    const { ys } = await (await compileModel(model)).run({ x: uniform(1, [2, 3, I], -1, 1, "f32") });
    expect(numbersOf((ys as HostTensor).data).every(Number.isNaN)).toBe(true);
  });
});
