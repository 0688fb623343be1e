/** Layers: their names, their first values, and what they compute. Cells are held against PyTorch in the conformance suite. */
import { describe, expect, test } from "vitest";
import { gradient } from "../../src/graph/index.ts";
import {
  Conv1D,
  causalAttention,
  constantInit,
  crossEntropy,
  Dropout,
  Embedding,
  GRUCell,
  isTraining,
  LayerNorm,
  Linear,
  LSTMCell,
  meanSquaredError,
  module,
  namedParameters,
  normalInit,
  parameters,
  RMSNorm,
  RNNCell,
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
  Object.fromEntries([...parameters(layer)].map(([name, { shape }]) => [name, shape]));
const present = (value: HostTensor | undefined): HostTensor => value ?? host([], [0]);

describe("parameters", () => {
  test("have PyTorch's names and shapes", () => {
    expect(namesOf(Linear(3, 5))).toEqual({ weight: [5, 3], bias: [5] });
    expect(namesOf(Conv1D(3, 5))).toEqual({ weight: [3, 5], bias: [5] });
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
    expect([...parameters(tree)].map(([name]) => name)).toEqual([
      "layers.0.weight",
      "layers.0.bias",
      "layers.1.weight",
      "layers.1.bias",
      "leaf.shared",
      "leaf.own",
    ]);
    expect([...parameters(tree)].find(([name]) => name === "leaf.shared")?.[1]).toBe(shared);
  });

  test("a layer is a function with its parts as properties", () => {
    const layer = Linear(2, 3);
    expect(layer.name).toBe("Linear");
    expect(layer.weight.shape).toEqual([3, 2]);
    expect(layer(input("x", [4, 2])).shape).toEqual([4, 3]);
  });
});

describe("first values", () => {
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

  test("of torch.nn.Linear stay within 1/√I", () => {
    const { weight } = initialValues(namedParameters(Linear(16, 64)), 0);
    expect(moments(weight).most).toBeLessThanOrEqual(0.25);
    expect(moments(weight).deviation).toBeCloseTo(0.25 / Math.sqrt(3), 1);
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
    return present((await program.run({ x: host([-d, d], [1, 2]), weight: ones, bias: zeros })).y);
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

describe("losses", () => {
  test("cross-entropy of equal logits is log V for every target", async () => {
    const targets = host([0, 3, 6, 2], [2, 2], "i32");
    const [loss] = await evaluate([host(Array<number>(28).fill(5), [2, 2, 7]), targets], ([logits, ids]) =>
      logits && ids ? [crossEntropy(logits, ids)] : [],
    );
    requireClose("loss", present(loss), host([Math.log(7)], []), forward);
  });
  test("mean squared error", async () => {
    const [loss] = await evaluate([host([1, 2], [2]), host([3, 5], [2])], ([a, b]) =>
      a && b ? [meanSquaredError(a, b)] : [],
    );
    requireClose("loss", present(loss), host([6.5], []), forward);
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
