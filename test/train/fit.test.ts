/** fit: models of your own, against closed forms and counts by hand. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Dataset } from "../../src/data/index.ts";
import { ConfigError, DataError, NonFiniteError } from "../../src/errors.ts";
import { loadWeights, saveWeights } from "../../src/files/index.ts";
import { BatchNorm1d, Linear, meanSquaredError, Sequential } from "../../src/nn/index.ts";
import { sgd } from "../../src/optim/index.ts";
import { array, type Feeds, type HostTensor } from "../../src/runtime/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import { type Fitted, fit as trainOwn } from "../../src/train/index.ts";
import { workIn } from "../cli/support.ts";
import { listOf } from "../support/runs.ts";

let place: ReturnType<typeof workIn>;
beforeAll(() => {
  place = workIn("fit");
});
afterAll(() => place.leave());

/** y = 3x - 1 at `count` places from -1 to 1. */
function line(count: number): { x: HostTensor; y: HostTensor } {
  const at = Array.from({ length: count }, (_, i) => (count === 1 ? 0.5 : (2 * i) / (count - 1) - 1));
  return { x: array(at.map((x) => [x])), y: array(at.map((x) => [3 * x - 1])) };
}
const number = (fitted: Fitted, name: string) => Number(fitted.values[name]?.data[0]);
const squared = (net: (x: Tensor) => Tensor) => ({
  loss: ({ x, y }: { readonly x: Tensor; readonly y: Tensor }) => meanSquaredError(net(x), y),
});
const zero = { weight: array([[0]]), bias: array([0]) };

describe("columns", () => {
  test("a line is found", async () => {
    const net = Linear(1, 1);
    const fitted = await trainOwn(net, line(21), { ...squared(net), epochs: 300, batch: 7, lr: 0.02 });
    expect([number(fitted, "weight"), number(fitted, "bias")].map((value) => Number(value.toFixed(3)))).toEqual([
      3, -1,
    ]);
    const { data, shape } = await fitted.predict({ x: array([[0], [2]]) }); // biome-ignore format: a column
    expect(shape).toEqual([2, 1]);
    expect(Array.from(data as Float32Array, Math.round)).toEqual([-1, 5]);
  });
  test("one step of gradient descent from zero is what one computes: w' = 2·lr·mean xy, b' = 2·lr·mean y", async () => {
    const net = Linear(1, 1);
    const data = { x: array([[1], [2], [3]]), y: array([[1], [0], [2]]) }; // biome-ignore format: columns
    const options = { ...squared(net), steps: 1, batch: 3, lr: 0.1, optimizer: sgd({ momentum: 0 }), values: zero };
    const fitted = await trainOwn(net, data, options);
    expect(number(fitted, "weight")).toBeCloseTo((2 * 0.1 * (1 + 0 + 6)) / 3, 6);
    expect(number(fitted, "bias")).toBeCloseTo((2 * 0.1 * 3) / 3, 6);
    expect(fitted.losses[0]).toBeCloseTo((1 + 0 + 4) / 3, 6);
  });
  test("measurements are means over examples, a last batch of fewer included", async () => {
    const net = Linear(1, 1);
    const data = { x: array([[1], [1], [1], [1], [1]]), y: array([[1], [2], [3], [4], [5]]) }; // biome-ignore format: columns
    const fitted = await trainOwn(net, data, { ...squared(net), steps: 1, lr: 1e-30, batch: 2, values: zero });
    expect((await fitted.evaluate(data)).loss).toBeCloseTo((1 + 4 + 9 + 16 + 25) / 5, 4);
  });
  test.each([
    [1, 32, 1],
    [5, 2, 3],
    [4, 2, 2],
    [3, 100, 1],
  ])("%i examples in batches of %i are %i steps a pass", async (count, batch, steps) => {
    const net = Linear(1, 1);
    expect((await trainOwn(net, line(count), { ...squared(net), batch, epochs: 2 })).step).toBe(2 * steps);
  });
  test("without the last batch of fewer", async () => {
    const net = Linear(1, 1);
    expect((await trainOwn(net, line(5), { ...squared(net), batch: 2, keepLast: false })).step).toBe(2);
  });
  test("the same seed gives the same bits, another one others", async () => {
    const weights = async (seed: number) => {
      const net = Sequential(Linear(1, 4), Linear(4, 1));
      const { values } = await trainOwn(net, line(9), { ...squared(net), batch: 4, epochs: 3, seed });
      return Object.values(values).map(({ data }) => data.slice());
    };
    expect(await weights(1)).toEqual(await weights(1));
    expect(await weights(1)).not.toEqual(await weights(2));
  });
  test("a value that is no number ends the training and names the step", async () => {
    const net = Linear(1, 1);
    const data = { x: array([[1], [Number.NaN]]), y: array([[1], [1]]) }; // biome-ignore format: columns
    await expect(Promise.resolve(trainOwn(net, data, { ...squared(net), batch: 2 }))).rejects.toThrow(NonFiniteError);
  });
  test("numbers that are none are named by column and row, not blamed on the learning rate", async () => {
    const net = Linear(1, 1);
    const xs = Array.from({ length: 40 }, (_, i) => [i === 33 ? Number.NaN : i / 40]);
    const training = trainOwn(net, { x: array(xs), y: array(xs.map(() => [1])) }, { ...squared(net), batch: 8 });
    await expect(Promise.resolve(training)).rejects.toThrow(
      /^training: the loss is NaN at step \d; .*; the data hold NaN in x, row 33, counted from 0; leave such rows out/,
    );
    const batches = [line(3), { x: array([[1], [2]]), y: array([[1], [Number.POSITIVE_INFINITY]]) }];
    await expect(Promise.resolve(trainOwn(net, batches, squared(net)))).rejects.toThrow(
      "at step 2; no checkpoint was kept (no output folder); the data hold Infinity in y, row 1 of the batch, counted from 0",
    );
  });
});

test.each(["i32", "i64", "f32", "f64", "bool"] as const)("columns of %s are fed as they are", async (dtype) => {
  const net = Linear(1, 1);
  const [bits, targets] = [[0, 1, 1, 0].map((bit) => [bit]), [1, 3, 3, 1].map((y) => [y])]; // y = 2x + 1
  const loss = ({ x, y }: Record<"x" | "y", Tensor>) => meanSquaredError(net(x.cast("f32")), y.cast("f32"));
  const data = { x: array(bits, dtype), y: array(targets, dtype === "bool" ? "i32" : dtype) };
  const options = { loss, epochs: 200, batch: 3, lr: 0.1 };
  const fitted = await trainOwn(net, data, options);
  expect(number(fitted, "weight")).toBeCloseTo(2, 2);
  expect(number(fitted, "bias")).toBeCloseTo(1, 2);
  const rows: Dataset<Feeds> = {
    size: 4,
    digest: "",
    at: (i) => ({ x: array(bits[i] ?? [], dtype), y: array(targets[i] ?? [], dtype === "bool" ? "i32" : dtype) }),
  };
  expect((await trainOwn(net, rows as never, options as never)).losses).toEqual(fitted.losses);
});

describe("an iterable", () => {
  const batches = function* (log: string[], count = Number.POSITIVE_INFINITY) {
    try {
      for (let i = 0; i < count; i++) {
        log.push(`batch ${i + 1}`);
        yield line(3);
      }
    } finally {
      log.push("closed");
    }
  };
  test("that ends, ends the training, which is measured once", async () => {
    const net = Linear(1, 1);
    const log: string[] = [];
    const events = await listOf(trainOwn(net, batches(log, 4), { ...squared(net), validation: line(3), evalEvery: 2 }));
    expect(events.filter(({ event }) => event === "evaluate").map(({ step }) => step)).toEqual([2, 4]);
    expect(log).toEqual(["batch 1", "batch 2", "batch 3", "batch 4", "closed"]);
  });
  test("that does not end is closed after the last step", async () => {
    const net = Linear(1, 1);
    const log: string[] = [];
    expect((await trainOwn(net, batches(log), { ...squared(net), steps: 3 })).step).toBe(3);
    expect(log).toEqual(["batch 1", "batch 2", "batch 3", "closed"]);
  });
  /** Batches that come a turn of the event loop later each, then none for ever. */
  const slow = async function* (log: string[], count: number) {
    try {
      for (let i = 0; i < count; i++) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        log.push(`batch ${i + 1}`);
        yield line(3);
      }
      await new Promise(() => undefined);
    } finally {
      log.push("closed");
    }
  };
  test("that is slow is read in order, each batch once, and the next while a step runs", async () => {
    const net = Linear(1, 1);
    const [slowly, at] = [slow([], 6), trainOwn(net, batches([], 6), { ...squared(net), steps: 6 })];
    expect((await trainOwn(net, slowly, { ...squared(net), steps: 6 })).losses).toEqual((await at).losses);
  });
  test.each([0, 3])("of which no more comes after %i batches can be left", async (count) => {
    const net = Linear(1, 1);
    const stop = new AbortController();
    const training = trainOwn(net, slow([], count), { ...squared(net), steps: 9, signal: stop.signal });
    setTimeout(() => stop.abort(new Error("enough")), count ? 300 : 30);
    if (count) expect(await training).toMatchObject({ step: count, interrupted: true });
    else await expect(Promise.resolve(training)).rejects.toThrow("enough");
  });
  test("is closed where the loop over the events is left, or its first batch cannot be used", async () => {
    const net = Linear(1, 1);
    const [left, odd]: string[][] = [[], []];
    for await (const { event, step } of trainOwn(net, batches(left ?? []), squared(net)))
      if (event === "step" && step === 2) break;
    expect(left?.at(-1)).toBe("closed");
    const wrong = { loss: () => "no tensor" } as never;
    await expect(Promise.resolve(trainOwn(net, batches(odd ?? []), wrong))).rejects.toThrow(ConfigError);
    expect(odd?.at(-1)).toBe("closed");
    const none = { next: async () => ({ done: false, value: 5 }), return: async () => void odd?.push("again") };
    const given = { [Symbol.asyncIterator]: () => none } as unknown as AsyncIterable<Feeds>;
    await expect(Promise.resolve(trainOwn(net, given, squared(net)))).rejects.toThrow(DataError);
    expect(odd?.at(-1)).toBe("again");
  });
  test("that fails, fails the training", async () => {
    const net = Linear(1, 1);
    const failing = async function* () {
      yield line(3);
      throw new DataError("the tap is dry");
    };
    await expect(Promise.resolve(trainOwn(net, failing(), { ...squared(net), steps: 3 }))).rejects.toThrow(
      "the tap is dry",
    );
  });
});

test("batch normalisation learns its statistics and measures with them", async () => {
  const norm = BatchNorm1d(1, 1e-5, { affine: false });
  const net = Sequential(norm, Linear(1, 1));
  const data = line(16);
  const options = {
    ...squared(net),
    steps: 1,
    batch: 16,
    lr: 1e-30,
    values: { "1.weight": zero.weight, "1.bias": zero.bias },
  };
  const fitted = await trainOwn(net, data, options);
  const xs = Array.from(data.x.data, Number);
  const variance = xs.reduce((sum, x) => sum + x * x, 0) / 15; // around a mean of 0, without bias
  expect(number(fitted, "0.running_mean")).toBeCloseTo(0, 6);
  expect(number(fitted, "0.running_var")).toBeCloseTo(0.9 + 0.1 * variance, 6);
  const one = await fitted.predict({ x: array([[0.5]]) });
  const many = await fitted.predict({ x: array([[0.5], [9], [-4]]) }); // biome-ignore format: a column
  expect(Number(many.data[0])).toBe(Number(one.data[0])); // other rows have no part in it
});

test("patience stops, and the best values come out", async () => {
  const net = Linear(1, 1);
  const run = trainOwn(net, line(8), {
    ...squared(net),
    validation: { x: array([[1]]), y: array([[0.5]]) }, // the way to 3x - 1 passes by, and leaves it
    metrics: ({ x, y }) => ({ distance: net(x).sub(y).abs().mean() }),
    best: "distance",
    better: "lower",
    patience: 3,
    evalEvery: 1,
    steps: 500,
    lr: 0.05,
    values: zero,
  });
  const fitted = await run;
  const distances = run.history.scores.distance ?? [];
  expect(fitted.step).toBe(distances.length);
  expect(distances.indexOf(Math.min(...distances))).toBe(distances.length - 4);
  expect((await fitted.evaluate({ x: array([[1]]), y: array([[0.5]]) })).distance).toBe(Math.min(...distances));
});

test("leaving the events ends the training quietly", async () => {
  const net = Linear(1, 1);
  const run = trainOwn(net, line(8), { ...squared(net), steps: 1000 });
  for await (const event of run) if (event.event === "step" && event.step === 5) break;
  expect(await run).toMatchObject({ step: 5, interrupted: true });
});

test("weights are kept in a file and start another training", async () => {
  const net = Linear(1, 1);
  const first = await trainOwn(net, line(8), { ...squared(net), steps: 20, lr: 0.1 });
  await saveWeights("line.safetensors", first.values);
  const values = await loadWeights("line.safetensors", net);
  const second = await trainOwn(net, line(8), { ...squared(net), steps: 1, lr: 1e-30, values });
  expect(second.values).toEqual(first.values);
  await expect(loadWeights("line.safetensors", Linear(2, 1))).rejects.toThrow(
    /"weight" is \[1, 1\], expected \[1, 2\]/,
  );
});
