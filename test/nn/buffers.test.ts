/** Buffers: what a model carries without training it, and how a training trace collects its next values. */
import { describe, expect, test } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { gradient, recompute, scan } from "../../src/graph/index.ts";
import {
  constantInit,
  isTraining,
  module,
  namedBuffers,
  namedParameters,
  traceTraining,
  uniformInit,
  update,
} from "../../src/nn/index.ts";
import { compile, initialValues } from "../../src/runtime/index.ts";
import { buffer, input, parameter, type Tensor, tensor } from "../../src/tensor/index.ts";
import { host, requireClose } from "../support/numbers.ts";
import { exact, forward } from "../tolerances.ts";

/** Counts its calls and keeps the mean of what it saw: m' = m + (x - m)/n'. */
const Mean = () =>
  module(
    "Mean",
    {
      weight: parameter([2], constantInit(1)),
      mean: buffer([2], constantInit(0)),
      count: buffer([], constantInit(0), "i64"),
      half: tensor([0.5, 0.5]),
    },
    ({ weight, mean, count, half }, x: Tensor) => {
      const seen = count.add(1);
      update(count, seen);
      update(mean, mean.add(x.sub(mean).div(seen.cast("f32"))));
      return x.mul(weight).mul(half);
    },
  );

const x = input("x", [2]);

describe("walking", () => {
  const model = { layers: [Mean(), Mean()] };
  test("parameters and buffers come apart, constants in neither", () => {
    expect(Object.keys(namedParameters(model))).toEqual(["layers.0.weight", "layers.1.weight"]);
    expect(Object.keys(namedBuffers(model))).toEqual([
      "layers.0.mean",
      "layers.0.count",
      "layers.1.mean",
      "layers.1.count",
    ]);
  });
  test("a buffer on two paths comes once", () => {
    const shared = Mean();
    expect(Object.keys(namedBuffers({ a: shared, b: shared }))).toEqual(["a.mean", "a.count"]);
  });
});

describe("initial values", () => {
  test("of whole numbers are rounded towards zero", () => {
    const values = initialValues(
      {
        a: buffer([2], constantInit(3.7), "i64"),
        b: buffer([], constantInit(-2), "i32"),
        c: buffer([1], (out) => out.fill(0.1), "f64"),
      },
      0,
    );
    expect(values.a?.data).toEqual(BigInt64Array.of(3n, 3n));
    expect(values.b?.data).toEqual(Int32Array.of(-2));
    expect(values.c?.data).toEqual(Float64Array.of(0.1));
  });
  test("are drawn from the stream of the name, as those of parameters", () => {
    const init = uniformInit(1);
    expect(initialValues({ a: buffer([5], init) }, 3)).toEqual(initialValues({ a: parameter([5], init) }, 3));
  });
});

describe("update", () => {
  test("is collected in training, and nothing outside", () => {
    const layer = Mean();
    layer(x);
    const { result, updates } = traceTraining(() => layer(x));
    expect(result.shape).toEqual([2]);
    expect([...updates.keys()]).toEqual([layer.count, layer.mean]);
    expect(isTraining()).toBe(false);
  });

  test("of an inner trace belongs to it alone", () => {
    const [inner, outer] = [Mean(), Mean()];
    const { result, updates } = traceTraining(() => [traceTraining(() => inner(x)).updates, outer(x)] as const);
    expect([...result[0].keys()]).toEqual([inner.count, inner.mean]);
    expect([...updates.keys()]).toEqual([outer.count, outer.mean]);
  });

  test("carries values on: the mean of 1, 2, 6 is 3", async () => {
    const layer = Mean();
    const { updates } = traceTraining(() => layer(x));
    const buffers = namedBuffers(layer);
    const next = Object.fromEntries(
      Object.entries(buffers).map(([name, tensor]) => [`next.${name}`, updates.get(tensor) ?? tensor]),
    );
    const program = await compile({ x, ...buffers }, next, { threads: 1 });
    let state = initialValues(buffers, 0);
    for (const value of [1, 2, 6]) {
      const results = await program.run({ x: host([value, -value], [2]), ...state });
      state = Object.fromEntries(Object.keys(buffers).map((name) => [name, results[`next.${name}`] ?? host([], [0])]));
    }
    requireClose("mean", state.mean ?? host([], [0]), host([3, -3], [2]), forward);
    expect(state.count?.data).toEqual(BigInt64Array.of(3n));
  });

  test("lets no gradient through", async () => {
    const w = input("w", [2]);
    const b = buffer([2], constantInit(0));
    const { updates } = traceTraining(() => update(b, w.mul(3)));
    const [g] = gradient((updates.get(b) ?? b).add(w).sum(), [w]);
    const program = await compile({ w }, { g }, { threads: 1 });
    requireClose("g", (await program.run({ w: host([5, 7], [2]) })).g ?? host([], [0]), host([1, 1], [2]), exact);
  });

  test("refuses another shape or type, in training or not", () => {
    const { mean, count } = Mean();
    expect(() => update(mean, input("y", [3]))).toThrow(ShapeError);
    expect(() => traceTraining(() => update(mean, input("y", [3])))).toThrow(
      "update: expected f32[2] for Mean.mean, got f32[3]; reshape or cast the value",
    );
    expect(() => update(count, input("y", []))).toThrow("update: expected i64[] for Mean.count, got f32[]");
  });

  test("refuses a second one in a step, by name", () => {
    const layer = Mean();
    expect(() => traceTraining(() => layer(layer(x)))).toThrow("update: Mean.count is updated twice in one step");
    const loose = buffer([2], constantInit(0));
    expect(() =>
      traceTraining(() => {
        update(loose, x);
        update(loose, x);
      }),
    ).toThrow("update: Tensor(f32[2], buffer) is updated twice");
  });

  test("refuses what is no buffer", () => {
    expect(() => update(Mean().weight, x)).toThrow(ConfigError);
    expect(() => update(x, x)).toThrow("update: expected a buffer, got Tensor(f32[2], input)");
  });

  test("is refused inside scan and recompute, and allowed after them", () => {
    const layer = Mean();
    const xs = input("xs", [1, 3, 2]);
    const inScan = () =>
      scan((s: Tensor, now: Tensor) => [s, layer(now.reshape([2])).reshape([1, 2])], input("s", [1, 2]), xs);
    expect(() => traceTraining(inScan)).toThrow("update: Mean.count is updated inside scan or recompute");
    expect(() => traceTraining(() => recompute(layer)(x))).toThrow("is updated inside scan or recompute");
    inScan();
    expect(traceTraining(() => layer(recompute((y: Tensor) => y.tanh())(x))).updates.size).toBe(2);
  });
});
