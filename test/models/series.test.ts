/** Forecasts and classes of numeric sequences against PyTorch's numbers: `test/fixtures/series.py`. */
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { gradient } from "../../src/graph/index.ts";
import { build, loadArchitecture } from "../../src/models/index.ts";
import { namedState } from "../../src/nn/index.ts";
import { compile, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { inputsOf, type Tensor, tensor } from "../../src/tensor/index.ts";
import { type Fixture, forecastNames, loadForecast, loadSeries, seriesNames } from "../support/fixtures.ts";
import { count, host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { model as tolerance } from "../tolerances.ts";

/** Outputs, the sum of all outputs times numbers from -1 to 1, and its gradients. */
async function check(name: string, fixture: Fixture<"forecast"> | Fixture<"series">) {
  const { model, parameters, weights, expected, fileName, file } = fixture;
  const ours = Object.entries(parameters).map(([path, { shape }]) => [fileName(path), shape]);
  expect(Object.fromEntries(ours)).toEqual(Object.fromEntries([...file].map(([key, { shape }]) => [key, shape])));
  const feeds = Object.fromEntries(Object.keys(model.inputs).map((key) => [key, expected(key)]));
  const given = inputsOf(
    Object.fromEntries(Object.entries(feeds).map(([key, { shape, dtype }]) => [key, { shape, dtype }])),
  );
  const outputs = model.forward(given as never) as Readonly<Record<string, Tensor>>;
  const weighted = Object.values(outputs).map((out) => {
    const N = count(out.shape as number[]);
    return out
      .reshape([N])
      .mul(tensor(Array.from({ length: N }, (_, i) => -1 + (2 * i) / (N - 1))))
      .sum();
  });
  const loss = weighted.reduce((a, b) => a.add(b));
  const gradients = gradient(loss, Object.values(parameters));
  const graded = Object.fromEntries(Object.keys(parameters).map((path, i) => [`grad.${path}`, gradients[i] as Tensor]));
  const program = await compile({ ...given, ...parameters }, { ...outputs, ...graded }, { threads: 1 });
  const results = await program.run({ ...feeds, ...weights });
  for (const key of Object.keys(outputs)) requireClose(`${name} ${key}`, results[key], expected(key), tolerance.logits);
  for (const path of Object.keys(parameters)) {
    const wanted = expected(`grad.${fileName(path)}`);
    const scale = Math.max(...numbersOf(wanted.data).map(Math.abs), 1e-6);
    requireClose(path, results[`grad.${path}`], wanted, { absolute: tolerance.gradient * scale, relative: 0 });
  }
}

test.each(forecastNames)("%s", async (name) => check(name, await loadForecast(name)));
test.each(seriesNames)("%s", async (name) => check(name, await loadSeries(name)));

/** What a model with initial values makes of a batch. */
async function outputsOf(name: string, head: "forecast" | "series", config: object, feeds: Record<string, HostTensor>) {
  const architecture = await loadArchitecture(name);
  const model = build(architecture, head, architecture.configure({ embedding_dim: 4, hidden_size: 5, ...config }));
  const [inputs, state] = [inputsOf(model.inputs), namedState(model.parts)];
  const outputs = model.forward(inputs as never) as Readonly<Record<string, Tensor>>;
  const program = await compile({ ...inputs, ...state }, outputs, { threads: 1 });
  return program.run({ ...initialValues(state, 1), ...feeds });
}
const forecastOf = (config: object, values: HostTensor, name = "gru") =>
  outputsOf(name, "forecast", config, { values });

describe("a forecast", () => {
  const config = { window: 12, horizon: 5, input_size: 2 };
  const values = uniform(3, [2, 12, 2], -1, 1, "f32");
  const moved = (add: number, times: number): HostTensor =>
    host(
      numbersOf(values.data).map((x) => x * times + add),
      values.shape,
    );

  test.each([1, 2, 5, 6, 12, 13, 100])("of horizon %i has that many steps", async (horizon) => {
    for (const decoding of ["parallel", "recurrent"]) {
      const { forecast, low, high } = await forecastOf({ ...config, horizon, decoding, intervals: 0.5 }, values);
      for (const out of [forecast, low, high]) expect(out?.shape).toEqual([2, horizon, 2]);
      for (const [i, y] of numbersOf(forecast?.data ?? new Float32Array()).entries()) {
        expect(Number(low?.data[i])).toBeLessThan(y);
        expect(Number(high?.data[i])).toBeGreaterThan(y);
      }
    }
  });

  test.each([1, 2, 7, 48])("from a window of %i", async (window) => {
    const { forecast } = await forecastOf({ ...config, window }, uniform(1, [3, window, 2], -1, 1, "f32"));
    expect(forecast?.shape).toEqual([3, 5, 2]);
  });

  test("moves with the window, and with normalisation standard grows with it", async () => {
    const far = { absolute: 2e-5, relative: 1e-5 };
    for (const [normalisation, times] of [
      ["last", 1],
      ["standard", 3],
    ] as const) {
      const [still, other] = await Promise.all(
        [values, moved(7, times)].map((given) => forecastOf({ ...config, normalisation }, given)),
      );
      const wanted = numbersOf(still?.forecast?.data ?? new Float32Array()).map((y) => y * times + 7);
      requireClose(normalisation, other?.forecast, host(wanted, [2, 5, 2]), far);
    }
  });

  test("of one channel does not depend on another, unless they are read together", async () => {
    const changed = host(
      numbersOf(values.data).map((x, i) => (i % 2 ? -x : x)),
      values.shape,
    );
    for (const together of [false, true]) {
      const given = { ...config, channel_independence: !together };
      const [a, b] = await Promise.all([values, changed].map((each) => forecastOf(given, each)));
      const first = (out: HostTensor | undefined) =>
        numbersOf(out?.data ?? new Float32Array()).filter((_, i) => i % 2 === 0);
      if (together) expect(first(a?.forecast)).not.toEqual(first(b?.forecast));
      else expect(first(a?.forecast)).toEqual(first(b?.forecast));
    }
  });

  test.each([
    [{ ...config, segment: 5 }, "config: segment: expected a divisor of the window of 12, got 5; take 6"],
    [{ ...config, bidirectional: true }, "config: bidirectional: a forecast reads forward in time; leave it out"],
    [
      { horizon: 1, input_size: 1 },
      "config: window: a forecast needs the number of steps that it sees, got nothing; give window",
    ],
    [
      { window: 1, input_size: 1 },
      "config: horizon: a forecast needs the number of steps that it foretells, got nothing; give horizon",
    ],
    [
      { window: 1, horizon: 1 },
      "config: input_size: a model of numbers needs the number of their channels, got nothing; give input_size",
    ],
  ])("of %j is refused", async (given, message) => {
    await expect(forecastOf(given, values)).rejects.toThrow(new ConfigError(message));
  });
});

describe("a classifier of sequences", () => {
  test.each(["last", "mean", "max", "mean-max", "attention"])(
    "with pooling %s sees nothing behind the end, nor of a sequence of length 0",
    async (pooling) => {
      for (const name of ["rnn", "lstm", "gru"]) {
        const config = { input_size: 2, num_labels: 3, pooling, bidirectional: true };
        const of = (fill: number) => {
          const values = numbersOf(uniform(5, [3, 4, 2], -1, 1, "f32").data);
          for (const [b, length] of [3, 1, 0].entries()) values.fill(fill, (b * 4 + length) * 2, (b + 1) * 8);
          return outputsOf(name, "series", config, {
            values: host(values, [3, 4, 2]),
            lengths: host([3, 1, 0], [3], "i32"),
          });
        };
        const [zeros, others] = [await of(0), await of(9)];
        expect(zeros.logits?.shape).toEqual([3, 3]);
        expect(numbersOf(zeros.logits?.data ?? new Float32Array()).every(Number.isFinite)).toBe(true);
        requireClose(`${name} ${pooling}`, others.logits, zeros.logits as HostTensor, tolerance.step);
      }
    },
  );
});
