/** Recurrent layers as the engine's own operators, against the scan that they stand for and against PyTorch's formula. */
import { describe, expect, test } from "vitest";
import { gradient, scan, simplify, sortNodes } from "../../src/graph/index.ts";
import { GRU, GRUCell, LSTM, LSTMCell, namedParameters, RNN, RNNCell, traceTraining } from "../../src/nn/index.ts";
import { lower } from "../../src/onnx/index.ts";
import { compileModel, type Device, type Feeds, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { type Dim, input, type Shape, type Tensor, zeros } from "../../src/tensor/index.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { forward, reordered } from "../tolerances.ts";

const [I, H] = [3, 4];

type Call = { lengths?: Tensor; state?: Tensor };
/** A layer as xs -> [ys, last states in one tensor], the states side by side. */
const makers = {
  LSTM: (options: object, h = H) => {
    const layer = LSTM(I, h, options);
    return Object.assign((xs: Tensor, { state, lengths }: Call = {}) => {
      const [first, second] = state ? state.chunk(2, -1) : [];
      const call = first && second ? { state: { h: first, c: second } } : {};
      const [ys, { h: last, c }] = layer(xs, lengths ? { ...call, lengths } : call);
      return [ys, last.concat([c], -1)] as const;
    }, layer);
  },
  GRU: (options: object, h = H) => GRU(I, h, options),
};
type Name = keyof typeof makers;

interface Sizes {
  readonly B: number;
  readonly T: number;
  readonly H?: number;
  readonly lengths?: readonly number[];
  readonly state?: boolean;
}

const operations = (outputs: readonly Tensor[], fused = true) =>
  sortNodes(simplify(outputs, fused)).map(({ op }) => op);

/** What both spellings give: `named` makes the graph's B and T sizes that are known when it runs. */
async function both(
  name: Name,
  options: { layers?: number; bidirectional?: boolean },
  { B, T, H: h = H, lengths, state = false }: Sizes,
  { named = false, constant = true, device = "cpu", threads = 2, feeds = {} }: Run = {},
): Promise<[fused: Record<string, HostTensor>, scanned: Record<string, HostTensor>]> {
  const layer = makers[name](options, h);
  const rows = (options.layers ?? 1) * (options.bidirectional ? 2 : 1);
  const width = name === "LSTM" ? 2 * h : h;
  const size = (shape: Shape) => (named ? shape.map((_, i) => ["B", "T"][i] ?? I) : shape);
  const x = input("x", size([B, T, I]));
  const n = input("n", named ? ["B"] : [B], "i32");
  const s = input("s", [rows, named ? "B" : B, width]);
  const [ys, last] = layer(x, { ...(lengths ? { lengths: n } : {}), ...(state ? { state: s } : {}) });
  expect(operations([ys]).includes("recurrence")).toBe(T > 0 || named);
  const weights = namedParameters(layer);
  const values = initialValues(weights, 1);
  const fed = {
    x: uniform(1, [B, T, I], -2, 2, "f32"),
    ...(lengths ? { n: host(lengths, [B], "i32") } : {}),
    ...(state ? { s: uniform(2, [rows, B, width], -1, 1, "f32") } : {}),
    ...(constant ? {} : values),
    ...feeds,
  };
  const inputs = { x, ...(lengths ? { n } : {}), ...(state ? { s } : {}), ...weights };
  const run = async (fused: boolean) => {
    const model = lower(inputs, { ys, last }, constant ? values : {}, fused);
    return (await compileModel(model, { device, threads })).run(fed);
  };
  return [await run(true), await run(false)];
}
interface Run {
  readonly named?: boolean;
  readonly constant?: boolean;
  readonly device?: Device;
  readonly threads?: number;
  readonly feeds?: Feeds;
}

function requireSame([got, expected]: readonly Record<string, HostTensor>[]): void {
  for (const key of ["ys", "last"]) requireClose(key, got?.[key], expected?.[key] as HostTensor, reordered);
}

const forms = [
  {},
  { bidirectional: true },
  { layers: 2 },
  { layers: 2, bidirectional: true },
  { bias: false },
  { forgetBias: 1, reset: undefined },
  { reset: "before" },
  { reset: "before", bias: false },
  { forgetBias: 1, bias: false },
];
const of = (name: Name) =>
  forms.filter((form) => !(name === "GRU" ? "forgetBias" in form : "reset" in form && form.reset));

describe.each(Object.keys(makers) as Name[])("%s", (name) => {
  const given = of(name).map(({ reset, ...rest }: { reset?: string }) => (reset ? { ...rest, reset } : rest));
  describe.each(given.map((form) => [JSON.stringify(form), form] as const))("%s", (_, form) => {
    test.each<Sizes>([
      { B: 1, T: 1 },
      { B: 2, T: 3, H: 1, state: true },
      { B: 5, T: 4, lengths: [4, 0, 2, -1, 9], state: true },
    ])("gives what the scan gives %j", async (sizes) => requireSame(await both(name, form, sizes)));
  });

  test.each<Sizes>([
    { B: 0, T: 3, state: true },
    { B: 2, T: 0, state: true },
    { B: 0, T: 0, state: true },
    { B: 2, T: 0, state: true, lengths: [0, 0] },
    { B: 0, T: 2, state: true, lengths: [] },
    { B: 3, T: 4, state: true, lengths: [4, 0, 1] },
    { B: 3, T: 4, state: true },
  ])("sizes known when it runs, none among them %j", async (sizes) => {
    for (const constant of [true, false])
      requireSame(await both(name, { layers: 2, bidirectional: true }, sizes, { named: true, constant }));
    requireSame(await both(name, {}, sizes, { named: true, device: "wasm", threads: 1 }));
  });

  test("no step, known beforehand", async () => requireSame(await both(name, {}, { B: 2, T: 0, state: true })));

  test("weights that are fed, more rows than threads, odd widths", async () => {
    const lengths = Array.from({ length: 37 }, (_, i) => (i * 7) % 12);
    requireSame(await both(name, { bidirectional: true }, { B: 37, T: 11, H: 19, lengths }, { constant: false }));
    requireSame(await both(name, {}, { B: 37, T: 11, H: 19 }, { threads: 4 }));
  });

  test("in WebAssembly", async () => {
    const sizes = { B: 4, T: 5, lengths: [5, 0, 2, 1], state: true };
    requireSame(await both(name, { layers: 2, bidirectional: true }, sizes, { device: "wasm", threads: 1 }));
  });

  test("NaN in one row stays there, from its step on; infinity is a number like others", async () => {
    const [B, T] = [4, 6];
    const [row, step] = [1, 2];
    const at = (value: number, b: number, t: number) => {
      const xs = uniform(1, [B, T, I], -2, 2, "f32");
      xs.data[(b * T + t) * I] = value;
      return xs;
    };
    for (const device of ["cpu", "wasm"] as const)
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, -1e30]) {
        const feeds = { x: at(value, row, step) };
        const run = { feeds, device, threads: 1 };
        requireSame(await both(name, {}, { B, T }, run));
        requireSame(await both(name, { bidirectional: true }, { B, T, lengths: [6, 6, 0, 4] }, run));
        requireSame(await both(name, {}, { B, T, lengths: [6, 2, 1, 5] }, run)); // behind the end of its row
      }
    const s = uniform(2, [1, B, name === "LSTM" ? 2 * H : H], -1, 1, "f32");
    s.data[0] = Number.NaN;
    requireSame(await both(name, {}, { B, T, state: true }, { feeds: { s } }));
  });

  test("NaN in a weight is NaN everywhere", async () => {
    for (const part of ["weight_ih_l0", "weight_hh_l0", "bias_hh_l0"] as const) {
      const values = initialValues(namedParameters(makers[name]({})), 1);
      values[part]?.data.fill(Number.NaN as never);
      const [got, expected] = await both(name, {}, { B: 2, T: 3 }, { constant: false, feeds: values });
      requireSame([got, expected]);
      expect(numbersOf((got.ys as HostTensor).data).every(Number.isNaN)).toBe(true);
    }
  });

  test("the gradient runs the scan, and no layer twice", async () => {
    const layer = makers[name]({ layers: 2, bidirectional: true });
    const [x, n] = [input("x", [3, 5, I]), input("n", [3], "i32")];
    const [ys, last] = layer(x, { lengths: n });
    const weights = Object.values(namedParameters(layer));
    const slopes = gradient(ys.sumSquares().add(last.sum()), [x, ...weights]);
    const all = operations([ys, last, ...slopes]);
    expect(all.filter((op) => op === "scan")).toHaveLength(8); // 4 forward, 4 backward
    expect(all).not.toContain("recurrence");
    expect(operations([ys, last]).filter((op) => op === "recurrence")).toHaveLength(4);
    expect(operations([ys, last], false)).not.toContain("recurrence");
  });

  test("a large layer over many rows stays a scan, which has the batch last", async () => {
    const wide = 192;
    const layer = makers[name]({}, wide);
    const of = (B: Dim) => layer(input("x", [B, 3, I]))[0];
    const loops = (...outputs: Tensor[]) => operations(outputs).filter((op) => op === "scan" || op === "recurrence");
    expect([15, 16, "B"].map((B) => loops(of(B)))).toEqual([["recurrence"], ["scan"], ["recurrence"]]);
    const ys = of(16);
    expect(loops(ys, ...gradient(ys.sumSquares(), Object.values(namedParameters(layer))))).toEqual(["scan", "scan"]);
    requireSame(await both(name, {}, { B: 15, T: 3, H: wide, state: true }));
  });

  test("a layer whose gradient is not asked for is not run as a scan", () => {
    const [below, above] = [makers[name]({}), makers[name]({}, H)];
    const hs = below(input("x", [3, 5, I]))[0].slice(-1, 0, I);
    const weights = Object.values(namedParameters(above));
    const all = operations(gradient(above(hs)[0].sumSquares(), weights));
    expect(all.filter((op) => op === "scan" || op === "recurrence").sort()).toEqual(["recurrence", "scan", "scan"]);
  });
});

/** A training step's model for outputs [B, T, H] of `run`. */
function trained(parts: object, run: (x: Tensor) => Tensor): Uint8Array {
  const x = input("x", [3, 5, I]);
  const weights = Object.values(namedParameters(parts));
  const { result: loss } = traceTraining(() => run(x).sumSquares());
  const slopes = gradient(loss, weights);
  const numbered = (tensors: readonly Tensor[], letter: string) =>
    Object.fromEntries(tensors.map((tensor, i) => [`${letter}${i}`, tensor]));
  return lower({ x, ...numbered(weights, "w") }, { loss, ...numbered(slopes, "g") }).bytes;
}

test("training is the cell under scan, byte for byte", () => {
  const rest = zeros([3, H]);
  const [lstm, lstmCell] = [LSTM(I, H), LSTMCell(I, H)];
  const [gru, gruCell] = [GRU(I, H), GRUCell(I, H)];
  const [rnn, rnnCell] = [RNN(I, H), RNNCell(I, H)];
  expect(trained(lstm, (x) => lstm(x)[0])).toEqual(
    trained(lstmCell, (x) => scan(lstmCell, { h: rest, c: rest }, x)[1]),
  );
  expect(trained(gru, (x) => gru(x)[0])).toEqual(trained(gruCell, (x) => scan(gruCell, rest, x)[1]));
  expect(trained(rnn, (x) => rnn(x)[0])).toEqual(trained(rnnCell, (x) => scan(rnnCell, rest, x)[1]));
});

test("inside of a scan a layer is a scan", () => {
  const layer = GRU(I, H);
  const [, ys] = scan(
    (state: Tensor, x: Tensor) => [layer(x, { state: state.unsqueeze(0) })[1].squeeze(0), state] as const,
    zeros([2, H]),
    input("x", [2, 4, 3, I]),
  );
  expect(operations([ys])).not.toContain("recurrence");
});

const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));

/** An LSTM of width 1 without weights for h: c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'), all of them multiples of x. */
test.each([1, 20, 90, 1e4])("an LSTM's formula in double precision, x up to %d", async (most) => {
  const layer = LSTM(1, 1);
  const T = 200;
  const xs = uniform(3, [1, T, 1], -most, most, "f32");
  const parts = {
    weight_ih_l0: [1, 0.5, 2, -1],
    weight_hh_l0: [0, 0, 0, 0],
    bias_ih_l0: [0, 1, 0, 0],
    bias_hh_l0: [0, 0, 0, 0],
  };
  const fed = Object.entries(parts).map(([key, values]) => [
    key,
    host(values, key.startsWith("weight") ? [4, 1] : [4]),
  ]);
  const x = input("x", [1, T, 1]);
  const model = lower({ x, ...namedParameters(layer) }, { ys: layer(x)[0] }, Object.fromEntries(fed));
  const { ys } = await (await compileModel(model)).run({ x: xs });
  let c = 0;
  const expected = numbersOf(xs.data).map((v) => {
    c = sigmoid(0.5 * v + 1) * c + sigmoid(v) * Math.tanh(2 * v);
    return sigmoid(-v) * Math.tanh(c);
  });
  requireClose("ys", ys, host(expected, [1, T, 1]), forward);
});
