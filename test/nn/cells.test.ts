/** Recurrent layers with their options against the formulas written as loops over numbers. */
import { describe, expect, test } from "vitest";
import { simplify, sortNodes } from "../../src/graph/index.ts";
import { GRU, GRUCell, LSTM, LSTMCell, namedParameters, RNN, RNNCell, traceTraining } from "../../src/nn/index.ts";
import { compile, type HostTensor, stream } from "../../src/runtime/index.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import {
  type CellForm,
  type CellName,
  type LayerForm,
  layerNumbers,
  type RowState,
  stepNumbers,
  type Weights,
} from "../support/cells.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { forward } from "../tolerances.ts";

type State = Tensor | { h: Tensor; c: Tensor };
type Call = { state?: State; lengths?: Tensor };
type Made = ((xs: Tensor, call?: Call) => [Tensor, State]) & object;
const layers = { RNN, LSTM, GRU } as unknown as Readonly<
  Record<CellName, (I: number, H: number, form: object) => Made>
>;
const cells = { RNN: RNNCell, LSTM: LSTMCell, GRU: GRUCell } as unknown as Readonly<
  Record<CellName, (I: number, H: number, form: object) => (state: State, x: Tensor) => [State, Tensor]>
>;

/** [n, width] as rows, a vector as one row, of the numbers of a host tensor. */
function rowsOf({ data, shape }: HostTensor): number[][] {
  const width = shape.at(-1) ?? 1;
  const numbers = numbersOf(data);
  return Array.from({ length: width === 0 ? 0 : numbers.length / width }, (_, i) =>
    numbers.slice(i * width, (i + 1) * width),
  );
}
const numbered = (weights: Readonly<Record<string, HostTensor>>): Weights =>
  Object.fromEntries(
    Object.entries(weights).map(([key, value]) => [
      key,
      value.shape.length === 1 ? numbersOf(value.data) : rowsOf(value),
    ]),
  );
const tensorsOf = (state: State): readonly [h: Tensor, c: Tensor | undefined] =>
  "h" in state && "c" in state && !("node" in state) ? [state.h, state.c] : [state as Tensor, undefined];

/** Weights that open and close gates. */
const largeWeights = (parameters: Readonly<Record<string, Tensor>>): Record<string, HostTensor> =>
  Object.fromEntries(
    Object.entries(parameters).map(([key, { shape }], i) => [key, uniform(i + 5, shape.map(Number), -1.5, 1.5, "f32")]),
  );

interface Sizes {
  readonly B: number;
  readonly T: number;
  readonly I: number;
  readonly H: number;
  readonly lengths?: readonly number[] | undefined;
  readonly state?: boolean;
}

/** What a layer gives, and what loops over the same numbers give. */
async function both(
  name: CellName,
  form: LayerForm,
  { B, T, I, H, lengths, state }: Sizes,
  training: boolean,
  seed = 1,
): Promise<Record<"got" | "expected", Readonly<Record<string, HostTensor>>>> {
  const layer = layers[name](I, H, form);
  const places = (form.layers ?? 1) * (form.bidirectional ? 2 : 1);
  const P = form.projection ?? H;
  const [x, h, c] = [input("x", [B, T, I]), input("h", [places, B, P]), input("c", [places, B, H])];
  const n = input("n", [B], "i32");
  const first = name === "LSTM" ? { h, c } : h;
  const call = { ...(lengths ? { lengths: n } : {}), ...(state ? { state: first } : {}) };
  const run = () => layer(x, call);
  const [ys, last] = training ? traceTraining(run).result : run();
  const [hs, cs] = tensorsOf(last);
  const outputs = { ys, hs, ...(cs ? { cs } : {}) };
  const noise = sortNodes(Object.values(outputs)).filter(({ op }) => op === "noise");
  const drawn = noise.map(({ outputs: [u] }, i) => [`u${i}`, u as Tensor] as const);
  const parameters = namedParameters(layer);
  const weights = largeWeights(parameters);
  const fed = {
    x: uniform(seed, [B, T, I], -2, 2, "f32"),
    ...(lengths ? { n: host(lengths, [B], "i32") } : {}),
    ...(state ? { h: uniform(seed + 1, [places, B, P], -1, 1, "f32") } : {}),
    ...(state && cs ? { c: uniform(seed + 2, [places, B, H], -1, 1, "f32") } : {}),
    ...Object.fromEntries(
      drawn.map(([key, { shape }], i) => [key, uniform(seed + 9 + i, shape.map(Number), 0, 1, "f32")]),
    ),
  };
  const inputs = { x, ...(lengths ? { n } : {}), ...(state ? { h } : {}), ...(state && cs ? { c } : {}) };
  const program = await compile({ ...inputs, ...Object.fromEntries(drawn), ...parameters }, outputs, { threads: 1 });
  const got = await program.run({ ...fed, ...weights });
  await program.release();
  const feeds: Readonly<Record<string, HostTensor | undefined>> = fed;
  const slice = (key: string, b: number, steps: number) => {
    const all = rowsOf(feeds[key] as HostTensor);
    return all.slice(b * steps, (b + 1) * steps);
  };
  const rows = Array.from({ length: B }, (_, b) => {
    const at = (key: string, place: number, width: number) =>
      feeds[key] ? (rowsOf(feeds[key])[place * B + b] ?? []) : Array<number>(width).fill(0);
    const states: RowState[] = Array.from({ length: places }, (_, place) => ({
      h: at("h", place, P),
      c: name === "LSTM" ? at("c", place, H) : [],
    }));
    const draws = drawn.map(([key, { shape }]) => slice(key, b, shape.length === 2 ? 1 : Number(shape[1])));
    const length = Math.max(0, Math.min(T, lengths?.[b] ?? T));
    return layerNumbers(name, form, numbered(weights), slice("x", b, T), {
      length,
      states,
      draws: training ? draws : undefined,
    });
  });
  const width = P * (form.bidirectional && (form.merge ?? "concat") === "concat" ? 2 : 1);
  const ends = (key: "h" | "c") =>
    Array.from({ length: places }, (_, place) => rows.flatMap(({ last }) => last[place]?.[key] ?? [])).flat();
  const expected = {
    ys: host(
      rows.flatMap(({ ys }) => ys.flat()),
      [B, T, width],
    ),
    hs: host(ends("h"), [places, B, P]),
    ...(cs ? { cs: host(ends("c"), [places, B, H]) } : {}),
  };
  return { got, expected };
}

async function requireSame(name: CellName, form: LayerForm, sizes: Sizes, training = false, seed = 1): Promise<void> {
  const { got, expected } = await both(name, form, sizes, training, seed);
  for (const [key, value] of Object.entries(expected)) requireClose(key, got[key], value, forward);
}

const names: readonly CellName[] = ["RNN", "LSTM", "GRU"];
const own: Readonly<Record<CellName, readonly CellForm[]>> = {
  RNN: [{}, { nonlinearity: "relu" }],
  LSTM: [
    {},
    { forgetBias: 1 },
    { recurrentActivation: "hard-sigmoid" },
    { peepholes: true },
    { projection: 2 },
    { peepholes: true, projection: 3, layerNorm: true, recurrentActivation: "hard-sigmoid" },
  ],
  GRU: [{}, { reset: "before" }, { recurrentActivation: "hard-sigmoid" }],
};
const shared: readonly LayerForm[] = [{ bias: false }, { layerNorm: true }, { layerNorm: true, bias: false }];
const around: readonly LayerForm[] = [
  { bidirectional: true, merge: "sum" },
  { bidirectional: true, merge: "mul" },
  { bidirectional: true, merge: "average", layers: 2 },
  { bidirectional: true, merge: "concat", layers: 2 },
  { zoneout: 0.3 },
  { inputDropout: 0.4 },
  { recurrentDropout: 0.4, dropoutMask: "sequence" },
  { inputDropout: 0.4, recurrentDropout: 0.3, dropoutMask: "step" },
  { layers: 2, bidirectional: true, dropout: 0.3, inputDropout: 0.2, recurrentDropout: 0.3, zoneout: 0.2 },
];

describe.each(names)("%s", (name) => {
  const extra: readonly LayerForm[] =
    name === "LSTM" ? [{ cellZoneout: 0.5 }, { zoneout: 0.1, cellZoneout: 0.5, projection: 2 }] : [];
  const forms = [
    ...own[name],
    ...own[name].slice(1).flatMap((form) => shared.map((more) => ({ ...form, ...more }))),
    ...shared,
    ...around,
    ...extra,
  ];
  describe.each(forms.map((form) => [JSON.stringify(form), form] as const))("%s", (_, form) => {
    test.each([false, true])("gives what its formula gives, training %s", async (training) => {
      await requireSame(name, form, { B: 3, T: 5, I: 2, H: 4, lengths: [3, 0, 5], state: true }, training);
      await requireSame(name, form, { B: 1, T: 1, I: 1, H: 4 }, training);
    });
  });
});

/** A form of random options, valid ones alone. */
function randomForm(name: CellName, seed: number): { form: LayerForm; sizes: Sizes } {
  const random = stream(seed, 0, "forms");
  const draws = random.fillUniform(new Float64Array(40));
  let at = 0;
  const draw = () => draws[at++] ?? 0;
  const chance = (p: number) => draw() < p;
  const whole = (low: number, high: number) => low + Math.floor(draw() * (high - low + 1));
  const p = () => (chance(0.3) ? Math.round(draw() * 90) / 100 : 0);
  const H = whole(1, 5);
  const bidirectional = chance(0.5);
  const form: LayerForm = {
    bias: chance(0.7),
    layerNorm: chance(0.3),
    layers: whole(1, 3),
    bidirectional,
    ...(bidirectional && chance(0.7)
      ? { merge: (["concat", "sum", "mul", "average"] as const)[whole(0, 3)] ?? "sum" }
      : {}),
    dropout: p(),
    inputDropout: p(),
    recurrentDropout: p(),
    dropoutMask: chance(0.5) ? "step" : "sequence",
    zoneout: p(),
    ...(name === "RNN" && chance(0.5) ? { nonlinearity: "relu" } : {}),
    ...(name !== "RNN" && chance(0.3) ? { recurrentActivation: "hard-sigmoid" } : {}),
    ...(name === "GRU" && chance(0.5) ? { reset: "before" } : {}),
    ...(name === "LSTM" ? { peepholes: chance(0.4), cellZoneout: p(), forgetBias: whole(0, 1) } : {}),
    ...(name === "LSTM" && H > 1 && chance(0.4) ? { projection: whole(1, H - 1) } : {}),
  };
  const [B, T] = [whole(1, 3), whole(1, 4)];
  const lengths = chance(0.6) ? Array.from({ length: B }, () => whole(0, T)) : undefined;
  return { form, sizes: { B, T, I: whole(1, 4), H, lengths, state: chance(0.5) } };
}

test.each(names)("%s with random options", async (name) => {
  for (let seed = 0; seed < 12; seed++) {
    const { form, sizes } = randomForm(name, seed);
    for (const training of [false, true])
      await requireSame(name, form, sizes, training, 100 * seed).catch((error) => {
        throw new Error(`seed ${seed} ${JSON.stringify({ form, sizes, training })}: ${error}`);
      });
  }
});

const [B, I, H] = [3, 2, 4];

describe.each(names)("%sCell", (name) => {
  const forms = [...own[name], ...shared];
  test.each(forms)("one step %j", async (form) => {
    const P = form.projection ?? H;
    const cell = cells[name](I, H, form);
    const [h, c, x] = [input("h", [B, P]), input("c", [B, H]), input("x", [B, I])];
    const [next, y] = cell(name === "LSTM" ? { h, c } : h, x);
    const [nextH, nextC] = tensorsOf(next);
    const parameters = namedParameters(cell);
    const weights = largeWeights(parameters);
    const fed = {
      x: uniform(1, [B, I], -2, 2, "f32"),
      h: uniform(2, [B, P], -1, 1, "f32"),
      ...(nextC ? { c: uniform(3, [B, H], -1, 1, "f32") } : {}),
    };
    const inputs = { x, h, ...(nextC ? { c } : {}), ...parameters };
    const program = await compile(inputs, { nextH, y, ...(nextC ? { nextC } : {}) }, { threads: 1 });
    const got = await program.run({ ...fed, ...weights });
    const expected = rowsOf(fed.x).map((row, b) =>
      stepNumbers(
        name,
        form,
        numbered(weights),
        { h: rowsOf(fed.h)[b] ?? [], c: fed.c ? (rowsOf(fed.c)[b] ?? []) : [] },
        row,
      ),
    );
    requireClose(
      "h'",
      got.nextH,
      host(
        expected.flatMap(({ h }) => h),
        [B, P],
      ),
      forward,
    );
    requireClose("y", got.y, got.nextH as HostTensor, { absolute: 0, relative: 0 });
    if (nextC)
      requireClose(
        "c'",
        got.nextC,
        host(
          expected.flatMap(({ c }) => c),
          [B, H],
        ),
        forward,
      );
  });
});

const operations = (ys: Tensor, fused = true) => sortNodes(simplify([ys], fused)).map(({ op }) => op);

test("only standard cells are the engine's", () => {
  const runs = (name: CellName, form: LayerForm) =>
    operations(layers[name](I, H, form)(input("x", [B, 3, I]))[0]).includes("recurrence");
  const not = (forms: readonly [CellName, LayerForm][]) => forms.filter(([name, form]) => runs(name, form));
  expect(
    not([
      ["RNN", {}],
      ["LSTM", { recurrentActivation: "hard-sigmoid" }],
      ["GRU", { recurrentActivation: "hard-sigmoid" }],
      ["LSTM", { projection: 2 }],
      ["LSTM", { layerNorm: true }],
      ["GRU", { layerNorm: true }],
      ["LSTM", { zoneout: 0.1 }],
      ["LSTM", { cellZoneout: 0.1 }],
      ["GRU", { zoneout: 0.1 }],
    ]),
  ).toEqual([]);
  const standard: [CellName, LayerForm][] = [
    ["LSTM", { peepholes: true }],
    ["LSTM", { dropout: 0.1, layers: 2, inputDropout: 0.1, recurrentDropout: 0.1 }],
    ["GRU", { bidirectional: true, merge: "mul", recurrentActivation: "sigmoid" }],
  ];
  expect(not(standard)).toEqual(standard);
});

/** The numbers of noise that a layer draws in training, as shapes. */
function drawsOf(name: CellName, form: LayerForm, T = 5): string[] {
  const layer = layers[name](I, H, form);
  const { result } = traceTraining(() => layer(input("x", [B, T, I]))[0]);
  return sortNodes([result])
    .filter(({ op }) => op === "noise")
    .map(({ outputs }) => String(outputs[0]?.shape));
}

test("one mask for all steps, or a new one at each", () => {
  const both = { inputDropout: 0.2, recurrentDropout: 0.2 };
  expect(drawsOf("GRU", both)).toEqual(["3,1,2", "3,4"]);
  expect(drawsOf("GRU", { ...both, dropoutMask: "step" })).toEqual(["3,5,2", "3,5,4"]);
  expect(drawsOf("LSTM", { ...both, projection: 3, zoneout: 0.1, cellZoneout: 0.1 })).toEqual([
    "3,1,2",
    "3,3",
    "3,5,3",
    "3,5,4",
  ]);
  expect(drawsOf("LSTM", { cellZoneout: 0.1 })).toEqual(["3,5,4"]);
  expect(drawsOf("RNN", {})).toEqual([]);
  const x = input("x", [B, 5, I]);
  expect(sortNodes([GRU(I, H, { ...both, dropout: 0.3, layers: 2 })(x)[0]]).some(({ op }) => op === "noise")).toBe(
    false,
  );
});

test("dropout does nothing outside training", async () => {
  const sizes = { B: 2, T: 3, I: 2, H: 3 };
  const { got } = await both("LSTM", {}, sizes, false);
  const { got: dropped } = await both("LSTM", { inputDropout: 0.5, recurrentDropout: 0.5 }, sizes, false);
  requireClose("ys", dropped.ys, got.ys as HostTensor, forward);
});

describe("refused", () => {
  test.each<[CellName, object, string]>([
    [
      "LSTM",
      { recurrentActivation: "tanh" },
      'LSTM: expected recurrentActivation to be "sigmoid" or "hard-sigmoid", got "tanh"',
    ],
    ["LSTM", { projection: 4 }, "LSTM: expected a projection to fewer than 4 elements, got 4"],
    ["LSTM", { projection: 0 }, "LSTM: expected projection to be a whole number from 1 on, got 0"],
    ["LSTM", { projection: 1.5 }, "LSTM: expected projection to be a whole number from 1 on, got 1.5"],
    ["GRU", { projection: 2 }, 'GRU: there is no option "projection"'],
    ["GRU", { peepholes: true }, 'GRU: there is no option "peepholes"'],
    ["RNN", { recurrentActivation: "sigmoid" }, 'RNN: there is no option "recurrentActivation"'],
    ["GRU", { cellZoneout: 0.1 }, 'GRU: there is no option "cellZoneout" (did you mean "zoneout"?)'],
    ["RNN", { zoneout: 1.5 }, "RNN: expected zoneout to be a probability from 0 to below 1, got 1.5"],
    ["LSTM", { cellZoneout: -0.1 }, "LSTM: expected cellZoneout to be a probability from 0 to below 1, got -0.1"],
    ["GRU", { inputDropout: 1 }, "GRU: expected inputDropout to be a probability from 0 to below 1, got 1"],
    ["GRU", { recurrentDropout: 2 }, "GRU: expected recurrentDropout to be a probability"],
    ["GRU", { dropoutMask: "always" }, 'GRU: expected dropoutMask to be "sequence" or "step", got "always"'],
    ["LSTM", { merge: "sum" }, 'LSTM: expected no merge for one direction, got "sum"; set bidirectional: true'],
    [
      "LSTM",
      { merge: "max", bidirectional: true },
      'LSTM: expected merge to be "concat" or "sum" or "mul" or "average", got "max"',
    ],
    ["LSTM", { init: "zeros" }, 'LSTM: expected init to be "uniform" or "orthogonal", got "zeros"'],
    ["GRU", { layerNorm: 1 }, "GRU: expected layerNorm to be true or false, got 1"],
  ])("%s %j", (name, form, message) => {
    expect(() => layers[name](I, H, form)).toThrow(message);
  });
});
