/** Layers: their names, their initial values, and what PyTorch has no numbers for; those it has are in parity.test.ts. */
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { gradient } from "../../src/graph/index.ts";
import {
  BatchNorm1d,
  BatchNorm2d,
  Conv1d,
  Conv2d,
  ConvTranspose1d,
  ConvTranspose2d,
  causalAttention,
  constantInit,
  Dropout,
  Embedding,
  GRUCell,
  GroupNorm,
  isTraining,
  LayerNorm,
  Linear,
  LSTM,
  LSTMCell,
  MultiheadAttention,
  module,
  namedBuffers,
  namedParameters,
  normalInit,
  ReLU,
  RMSNorm,
  RNNCell,
  Sequential,
  times,
  traceTraining,
  uniformInit,
} from "../../src/nn/index.ts";
import { freeLeaves } from "../../src/onnx/index.ts";
import { compile, fillNoise, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input, parameter, type Tensor } from "../../src/tensor/index.ts";
import { evaluate, host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { double, exact, forward } from "../tolerances.ts";

const namesOf = (layer: object): Record<string, Tensor["shape"]> =>
  Object.fromEntries(Object.entries(namedParameters(layer)).map(([name, { shape }]) => [name, shape]));
const present = (value: HostTensor | undefined): HostTensor => value ?? host([], [0]);

describe("parameters", () => {
  test("have PyTorch's names and shapes", () => {
    expect(namesOf(Linear(3, 5))).toEqual({ weight: [5, 3], bias: [5] });
    expect(namesOf(Embedding(7, 2))).toEqual({ weight: [7, 2] });
    expect(namesOf(LayerNorm(4))).toEqual({ weight: [4], bias: [4] });
    expect(namesOf(RMSNorm(4))).toEqual({ weight: [4] });
    const gates = (count: number) => ({
      weight_ih: [count * 4, 3],
      weight_hh: [count * 4, 4],
      bias_ih: [count * 4],
      bias_hh: [count * 4],
    });
    expect(namesOf(RNNCell(3, 4))).toEqual(gates(1));
    expect(namesOf(LSTMCell(3, 4))).toEqual(gates(4));
    expect(namesOf(GRUCell(3, 4))).toEqual(gates(3));
  });

  test("are walked through lists and parts, each tensor once, under the path met first", () => {
    const shared = parameter([2], constantInit(0));
    const leaf = module("Leaf", { shared, own: parameter([1], constantInit(0)) }, (_, x: Tensor) => x);
    const tree = module(
      "Tree",
      { layers: times(2, () => Linear(1, 1)), leaf, again: [leaf, shared] },
      (_, x: Tensor) => x,
    );
    expect(Object.keys(namedParameters(tree))).toEqual([
      "layers.0.weight",
      "layers.0.bias",
      "layers.1.weight",
      "layers.1.bias",
      "leaf.shared",
      "leaf.own",
    ]);
    expect(namedParameters(tree)["leaf.shared"]).toBe(shared);
  });

  test("a layer is a function with its parts as properties", () => {
    const layer = Linear(2, 3);
    expect(layer.name).toBe("Linear");
    expect(layer.weight.shape).toEqual([3, 2]);
    expect(layer(input("x", [4, 2])).shape).toEqual([4, 3]);
  });
});

describe("initial values", () => {
  const layer = {
    a: parameter([400, 50], uniformInit(0.5)),
    b: parameter([400, 50], normalInit(2)),
    c: parameter([3], constantInit(7)),
  };
  const first = initialValues(layer, 3);
  const moments = (value: HostTensor | undefined) => {
    const numbers = numbersOf(present(value).data);
    const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
    return {
      mean,
      deviation: Math.sqrt(numbers.reduce((a, b) => a + (b - mean) ** 2, 0) / numbers.length),
      most: Math.max(...numbers.map(Math.abs)),
    };
  };

  test("have their distribution", () => {
    const [a, b] = [moments(first.a), moments(first.b)];
    expect(Math.abs(a.mean)).toBeLessThan(0.01);
    expect(a.deviation).toBeCloseTo(0.5 / Math.sqrt(3), 2);
    expect(a.most).toBeLessThanOrEqual(0.5);
    expect(Math.abs(b.mean)).toBeLessThan(0.06);
    expect(Math.abs(b.deviation - 2)).toBeLessThan(0.05);
    expect(numbersOf(present(first.c).data)).toEqual([7, 7, 7]);
  });

  test("follow from the seed and the name alone", () => {
    const { a, b } = layer;
    expect(initialValues({ b, a }, 3).a?.data).toEqual(first.a?.data);
    expect(initialValues({ a }, 4).a?.data).not.toEqual(first.a?.data);
    expect(initialValues({ other: a }, 3).other?.data).not.toEqual(first.a?.data);
  });

  /** Half the width of torch's uniform initial values. */
  const bounds: [string, object, Record<string, number>][] = [
    ["Linear", Linear(16, 300), { weight: 1 / 4, bias: 1 / 4 }],
    ["Conv1d", Conv1d(8, 300, 2, { groups: 4 }), { weight: 1 / 2, bias: 1 / 2 }],
    ["Conv2d", Conv2d(2, 300, [2, 4]), { weight: 1 / 4, bias: 1 / 4 }],
    ["ConvTranspose1d", ConvTranspose1d(100, 300, 3, { groups: 100 }), { weight: 1 / 3, bias: 1 / 3 }],
    ["ConvTranspose2d", ConvTranspose2d(200, 300, [3, 3], { groups: 100 }), { weight: 27 ** -0.5, bias: 27 ** -0.5 }],
    ["LSTM", LSTM(9, 64), { weight_ih_l0: 1 / 8, weight_hh_l0: 1 / 8, bias_ih_l0: 1 / 8, bias_hh_l0: 1 / 8 }],
    ["MultiheadAttention", MultiheadAttention(24, 2), { in_proj_weight: 1 / 4, "out_proj.weight": 24 ** -0.5 }],
  ];
  test.each(bounds)("of torch.nn.%s are uniform within its bounds", (_, layer, expected) => {
    const values = initialValues(namedParameters(layer), 0);
    for (const [name, bound] of Object.entries(expected)) {
      expect(moments(values[name]).most).toBeLessThanOrEqual(bound);
      expect(moments(values[name]).most).toBeGreaterThan(0.9 * bound);
      expect(moments(values[name]).deviation / bound).toBeCloseTo(1 / Math.sqrt(3), 1);
    }
  });

  test("of normalisations and of biases in attention are 1 and 0", () => {
    const parts = {
      batch: BatchNorm2d(2),
      group: GroupNorm(1, 2),
      layer: LayerNorm([2, 1]),
      mix: MultiheadAttention(2, 1),
    };
    const values = initialValues({ ...namedParameters(parts), ...namedBuffers(parts) }, 0);
    const [weight, bias] = [
      ["batch.weight", "batch.running_var", "group.weight", "layer.weight"],
      ["batch.bias", "batch.running_mean", "group.bias", "layer.bias", "mix.out_proj.bias"],
    ];
    for (const name of weight) expect(numbersOf(present(values[name]).data)).toEqual([1, 1]);
    for (const name of bias) expect(numbersOf(present(values[name]).data)).toEqual([0, 0]);
    expect(values["batch.num_batches_tracked"]?.data).toEqual(BigInt64Array.of(0n));
    expect(numbersOf(present(values["mix.in_proj_bias"]).data)).toEqual([0, 0, 0, 0, 0, 0]);
  });

  test("of an embedding are zero in the row of padding, and the others those without it", () => {
    const [padded, plain] = [Embedding(3, 2, 1, { padding: 1 }), Embedding(3, 2)].map((layer) =>
      numbersOf(present(initialValues(namedParameters(layer), 0).weight).data),
    );
    expect(padded?.slice(2, 4)).toEqual([0, 0]);
    expect([padded?.slice(0, 2), padded?.slice(4)]).toEqual([plain?.slice(0, 2), plain?.slice(4)]);
  });
});

describe("printing", () => {
  test("a layer is its name with the shapes of its parts", () => {
    expect(inspect(Linear(3, 2))).toBe("Linear(weight [2, 3], bias [2])");
    expect(inspect(Linear(3, 2, { bias: false }))).toBe("Linear(weight [2, 3])");
    expect(inspect(ReLU())).toBe("ReLU()");
    expect(`${Linear(3, 2)}`).toBe("Linear(weight [2, 3], bias [2])");
  });
  test("layers inside stand below", () => {
    const net = Sequential(Linear(3, 2), Sequential(ReLU(), Linear(2, 1, { bias: false })));
    expect(inspect(net)).toBe(
      "Sequential(\n  0: Linear(weight [2, 3], bias [2])\n  1: Sequential(\n    0: ReLU()\n    1: Linear(weight [1, 2])\n  )\n)",
    );
    const model = module("Model", { scale: parameter([], constantInit(1)), h: times(2, ReLU) }, (_, x: Tensor) => x);
    expect(inspect(model)).toBe("Model(\n  scale []\n  h.0: ReLU()\n  h.1: ReLU()\n)");
    expect(inspect({ net: Linear(1, 1) })).toBe("{ net: Linear(weight [1, 1], bias [1]) }");
  });
});

describe("what does not fit is refused in one line", () => {
  const rows: [string, () => unknown, string][] = [
    ["groups", () => Conv2d(3, 4, 3, { groups: 2 }), "Conv2d: 3 and 4 channels do not divide into 2 groups"],
    [
      "a kernel of another rank",
      () => Conv2d(3, 4, [3]),
      "Conv2d: expected a whole number, or 2 of them, from 1 on, got [3]",
    ],
    [
      "same with stride",
      () => Conv1d(1, 1, 3, { padding: "same", stride: 2 }),
      'Conv1d: padding "same" needs stride 1',
    ],
    ["a rank", () => BatchNorm1d(3)(input("x", [2, 3, 4, 5])), "BatchNorm1d: expected rank 2 or 3 with 3 channels"],
    ["channels", () => BatchNorm2d(3)(input("x", [2, 4, 4, 5])), "BatchNorm2d: expected rank 4 with 3 channels"],
    [
      "one value",
      () => traceTraining(() => BatchNorm1d(3)(input("x", [1, 3]))),
      "expected more than one value per channel",
    ],
    ["a width", () => LayerNorm([3, 5])(input("x", [2, 5, 3])), "LayerNorm: expected an input that ends in [3, 5]"],
    ["groups of channels", () => GroupNorm(2, 3), "GroupNorm: 3 channels do not divide into 2 groups"],
    ["an id of padding", () => Embedding(3, 2, 1, { padding: 3 }), "Embedding: expected padding to be an id below 3"],
    ["heads", () => MultiheadAttention(6, 4), "MultiheadAttention: 6 does not divide into 4 heads"],
    ["an input width", () => LSTM(3, 4)(input("x", [2, 5, 4])), "LSTM: expected [B, T, 3], got [2, 5, 4]"],
  ];
  test.each(rows)("%s", (_, make, message) => {
    expect(make).toThrow(message);
    expect(make).toThrow(/^[^\n]+; [^\n]+$/);
  });
});

describe("dropout", () => {
  const sizes = [200, 50] as const;
  const x = input("x", sizes);
  const ones = host(Array<number>(sizes[0] * sizes[1]).fill(1), sizes);

  /** One draw of dropped ones, and the gradient of their sum. */
  async function draw(p: number, seed: number, step = 1): Promise<[HostTensor, HostTensor]> {
    const { result: y } = traceTraining(() => Dropout(p)(x));
    const [g] = gradient(y.sum(), [x]);
    const [noise] = freeLeaves([y], [x]);
    const values = new Float32Array(sizes[0] * sizes[1]);
    fillNoise(values, "uniform", { seed, step, site: 0 });
    const program = await compile({ x, ...(noise ? { noise } : {}) }, { y, g }, { threads: 1 });
    const results = await program.run({ x: ones, noise: host(values, sizes) });
    return [present(results.y), present(results.g)];
  }

  test.each([0.1, 0.5, 0.9])("drops a share of %d and keeps the mean", async (p) => {
    const [y, g] = await draw(p, 1);
    const numbers = numbersOf(y.data);
    const dropped = numbers.filter((value) => value === 0).length / numbers.length;
    expect(Math.abs(dropped - p)).toBeLessThan(4 * Math.sqrt((p * (1 - p)) / numbers.length));
    for (const value of new Set(numbers.filter(Boolean))) expect(value).toBeCloseTo(1 / (1 - p), 5);
    requireClose("the gradient", g, y, exact);
  });

  test("is the same for the same seed and step, and another for others", async () => {
    const [[a], [b], [c], [d]] = [await draw(0.5, 1), await draw(0.5, 1), await draw(0.5, 2), await draw(0.5, 1, 2)];
    expect(a.data).toEqual(b.data);
    expect(a.data).not.toEqual(c.data);
    expect(a.data).not.toEqual(d.data);
  });

  test("is the identity outside training and for p = 0", () => {
    expect(Dropout(0.5)(x)).toBe(x);
    expect(traceTraining(() => Dropout(0)(x)).result).toBe(x);
    expect(traceTraining(() => Dropout(0.5)(x)).result).not.toBe(x);
  });

  test("two of them draw apart", () => {
    const drop = Dropout(0.5);
    const { result: y } = traceTraining(() => drop(drop(x)));
    expect(freeLeaves([y], [x])).toHaveLength(2);
  });

  test("training ends with its trace, also by an error", () => {
    expect(isTraining()).toBe(false);
    expect(traceTraining(isTraining).result).toBe(true);
    expect(traceTraining(() => [traceTraining(isTraining).result, isTraining()]).result).toEqual([true, true]);
    expect(() =>
      traceTraining(() => {
        throw new Error("in between");
      }),
    ).toThrow("in between");
    expect(isTraining()).toBe(false);
  });

  test("takes f64", () => expect(traceTraining(() => Dropout(0.5)(input("y", [2], "f64"))).result.dtype).toBe("f64"));
});

describe("normalisation", () => {
  /** ±d around 0, whose variance is d². */
  const d = 1e-2;
  const [ones, zeros] = [host([1, 1], [2]), host([0, 0], [2])];
  const normalised = async (layer: { readonly weight: Tensor; readonly bias?: Tensor } & ((x: Tensor) => Tensor)) => {
    const x = input("x", [1, 2]);
    const { weight, bias } = layer;
    const program = await compile({ x, weight, ...(bias ? { bias } : {}) }, { y: layer(x) }, { threads: 1 });
    return present((await program.run({ x: host([-d, d], [1, 2]), weight: ones, ...(bias ? { bias: zeros } : {}) })).y);
  };
  const expected = (epsilon: number) =>
    host(
      [-d, d].map((value) => value / Math.sqrt(d * d + epsilon)),
      [1, 2],
    );

  test("LayerNorm adds 1e-5 under the root unless told otherwise", async () => {
    requireClose("y", await normalised(LayerNorm(2)), expected(1e-5), forward);
    requireClose("y", await normalised(LayerNorm(2, 1e-3)), expected(1e-3), forward);
  });
  test("RMSNorm adds 1e-6 under the root unless told otherwise", async () => {
    requireClose("y", await normalised(RMSNorm(2)), expected(1e-6), forward);
    requireClose("y", await normalised(RMSNorm(2, 1e-3)), expected(1e-3), forward);
  });
});

/** softmax(q kᵀ/√D + mask) v written with loops, in double precision, for one head. */
function attend(q: number[][], k: number[][], v: number[][]): number[] {
  const before = k.length - q.length;
  return q.flatMap((query, t) => {
    const scores = k
      .slice(0, before + t + 1)
      .map((key) => Math.exp(key.reduce((sum, x, d) => sum + x * (query[d] ?? 0), 0) / Math.sqrt(query.length)));
    const total = scores.reduce((a, b) => a + b, 0);
    return query.map((_, d) => scores.reduce((sum, score, s) => sum + (score / total) * (v[s]?.[d] ?? 0), 0));
  });
}

describe("causal attention", () => {
  test.each([
    [4, 4],
    [2, 5],
    [1, 3],
  ])("%d new tokens of %d", async (T, S) => {
    const [q, k, v] = [uniform(1, [1, 1, T, 3]), uniform(2, [1, 1, S, 3]), uniform(3, [1, 1, S, 3])];
    const rows = ({ data }: HostTensor) =>
      Array.from({ length: data.length / 3 }, (_, i) => numbersOf(data.slice(3 * i, 3 * i + 3)));
    const [got] = await evaluate([q, k, v], ([a, b, c]) => (a && b && c ? [causalAttention(a, b, c)] : []));
    requireClose("mixed", present(got), host(attend(rows(q), rows(k), rows(v)), [1, 1, T, 3], "f64"), double);
  });
});

describe("options of cells", () => {
  const [h, x] = [uniform(1, [2, 4], -1, 1, "f32"), uniform(2, [2, 3], -1, 1, "f32")];

  test("a GRU whose reset gate acts before the product", async () => {
    const [before, after] = [GRUCell(3, 4, { reset: "before" }), GRUCell(3, 4)];
    const weights = initialValues(namedParameters(before), 1);
    const run = async (cell: typeof before): Promise<HostTensor> => {
      const [state, now] = [input("h", [2, 4]), input("x", [2, 3])];
      const program = await compile(
        { h: state, x: now, ...namedParameters(cell) },
        { y: cell(state, now)[0] },
        { threads: 1 },
      );
      return present((await program.run({ h, x, ...weights })).y);
    };
    const [a, b] = [await run(before), await run(after)];
    expect(numbersOf(a.data).some((value, i) => Math.abs(value - Number(b.data[i])) > 1e-3)).toBe(true);
    requireClose("h'", a, host(gruBefore(h, x, weights), [2, 4]), forward);
  });
});

const sigmoid = (value: number): number => 1 / (1 + Math.exp(-value));

/** Cho et al. 2014 with loops: n = tanh(W x + b + U (r ∘ h) + b'). */
function gruBefore(h: HostTensor, x: HostTensor, weights: Readonly<Record<string, HostTensor>>): number[] {
  const at = (name: string, i: number) => Number(weights[name]?.data[i]);
  const [I, H] = [3, 4];
  return [0, 1].flatMap((b) => {
    const hidden = Array.from({ length: H }, (_, j) => Number(h.data[b * H + j]));
    const row = (g: number, j: number, state: number[]) => {
      const r = g * H + j;
      const fromX = Array.from({ length: I }, (_, i) => at("weight_ih", r * I + i) * Number(x.data[b * I + i]));
      const fromH = state.map((value, i) => at("weight_hh", r * H + i) * value);
      return [...fromX, ...fromH].reduce((sum, value) => sum + value, at("bias_ih", r) + at("bias_hh", r));
    };
    const reset = hidden.map((value, j) => sigmoid(row(0, j, hidden)) * value);
    return hidden.map((value, j) => {
      const z = sigmoid(row(1, j, hidden));
      return (1 - z) * Math.tanh(row(2, j, reset)) + z * value;
    });
  });
}
