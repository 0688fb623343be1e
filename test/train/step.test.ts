/** The training step: what it takes, carries, reports and refuses. Expected numbers are computed by hand, in double precision. */
import { describe, expect, test } from "vitest";
import { ConfigError, ShapeError } from "../../src/errors.ts";
import { Dropout, Linear, module, namedBuffers, namedParameters, update } from "../../src/nn/index.ts";
import { adam, adamW, sgd } from "../../src/optim/index.ts";
import { type Feeds, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { buffer, input, noise, parameter, scalar, type Tensor } from "../../src/tensor/index.ts";
import { createStep, type StepOptions } from "../../src/train/index.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { double, exact, reordered } from "../tolerances.ts";

const at = (step: number, lr = 0.1) => ({ step, lr, seed: 0 });
const f64 = (values: readonly number[], shape: readonly number[] = [values.length]) => host(values, shape, "f64");
const dtype = "f64";
const zero = (out: Float32Array | Float64Array) => void out.fill(0);

/** Σ (w·x - y)² / B over x [B] in f64; w is a vector of one. */
const slope = (more: Pick<Partial<StepOptions>, "optimizer" | "accumulate" | "average"> = {}) => {
  const w = parameter([1], zero, dtype);
  return {
    parameters: { w },
    batch: { x: { shape: ["B"], dtype }, y: { shape: ["B"], dtype } },
    loss: ({ x, y }: { x: Tensor; y: Tensor }): Tensor => {
      const error = w.mul(x).sub(y);
      return error.mul(error).mean();
    },
    optimizer: sgd(),
    ...more,
  } as const;
};

/** The gradient of it by w. */
const slopeGradient = (w: number, x: readonly number[], y: readonly number[]) =>
  x.reduce((sum, value, i) => sum + 2 * value * (w * value - (y[i] ?? 0)), 0) / x.length;

const feeds = (x: readonly number[], y: readonly number[]): Feeds => ({ x: f64(x), y: f64(y) });
const first = (values: Feeds | undefined, name: string): number => Number(values?.[name]?.data[0]);
const bits = (values: Feeds) =>
  Object.entries(values).map(([name, { data }]) => [name, Buffer.from(data.buffer.slice(0)).toString("base64")]);

describe("batches of several sizes", () => {
  const batches = [
    [
      [1, 2, 3],
      [2, 3, 5],
    ],
    [[0.5], [4]],
    [
      [-1, 2],
      [0, 1],
    ],
    [
      [1, 1, 4],
      [2, 2, 2],
    ],
  ] as const;

  test("share one state, momentum included", async () => {
    const step = await createStep(slope({ optimizer: sgd({ momentum: 0.9 }) }), { weights: { w: f64([0.25]) } });
    let [w, v] = [0.25, 0];
    for (const [i, [x, y]] of batches.entries()) {
      const g = slopeGradient(w, x, y);
      v = 0.9 * v + g;
      w -= 0.1 * v;
      const { gradNorm } = await step.run([feeds(x, y)], at(i + 1));
      expect(gradNorm).toBeCloseTo(Math.abs(g), 12);
      expect(first(step.weights, "w")).toBeCloseTo(w, 12);
    }
    expect(first(step.slots, "optimizer.momentum.w")).toBeCloseTo(v, 12);
    await step.release();
  });

  test("as micro-batches weigh the same, whatever their sizes", async () => {
    const step = await createStep(slope({ accumulate: 2 }), { weights: { w: f64([0.25]) } });
    const [[x, y], [p, q]] = batches;
    const g = (slopeGradient(0.25, x, y) + slopeGradient(0.25, p, q)) / 2;
    const { gradNorm } = await step.run([feeds(x, y), feeds(p, q)], at(1));
    expect(gradNorm).toBeCloseTo(Math.abs(g), 12);
    expect(first(step.weights, "w")).toBeCloseTo(0.25 - 0.1 * g, 12);
  });

  test("are traced with numbers, so dropout and noise work", async () => {
    const drop = Dropout(0.5);
    const loss = ({ x }: { x: Tensor; y: Tensor }, w: Tensor) =>
      drop(w.mul(x))
        .add(noise("normal", x.shape, dtype).mul(0.1))
        .mean();
    const w = parameter([1], zero, dtype);
    const options = { ...slope(), parameters: { w }, loss: (batch: { x: Tensor; y: Tensor }) => loss(batch, w) };
    const run = async () => {
      const step = await createStep(options, { weights: { w: f64([1]) } });
      const losses = [];
      for (const [i, [x, y]] of batches.entries()) losses.push((await step.run([feeds(x, y)], at(i + 1))).loss);
      return losses;
    };
    const losses = await run();
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(await run()).toEqual(losses);
  });

  test("keep a bounded number of programs, and the state with them", async () => {
    const none = { shape: [], dtype } as const; // beside something without rows, each number of rows has a program
    const options = { ...slope(), batch: { ...slope().batch, none } };
    const step = await createStep(options, { weights: { w: f64([0]) } });
    const programs = new Set<unknown>();
    const sizes = [...Array.from({ length: 18 }, (_, i) => i + 1), 1, 18];
    let w = 0;
    for (const [i, size] of sizes.entries()) {
      const [x, y] = [Array<number>(size).fill(1), Array<number>(size).fill(2)];
      w -= 0.1 * slopeGradient(w, x, y);
      await step.run([{ ...feeds(x, y), none: f64([0], []) }], at(i + 1));
      programs.add(step.program);
    }
    expect(programs.size).toBe(19); // that for 1 was given back and is made again, that for 18 is still there
    expect(first(step.weights, "w")).toBeCloseTo(w, 12);
    await step.release();
  });

  test("of no rows are refused where their loss is no number, and change nothing", async () => {
    const step = await createStep(slope({ optimizer: sgd({ momentum: 0.9 }) }), { weights: { w: f64([0.25]) } });
    await expect(step.run([feeds([], [])], at(1))).rejects.toThrow(
      new ConfigError('step: expected rows to take a mean of, got f64[0] for "x"; leave out empty batches'),
    );
    await step.run([feeds([1, 2], [2, 3])], at(1));
    expect(first(step.weights, "w")).toBeCloseTo(0.25 - 0.1 * slopeGradient(0.25, [1, 2], [2, 3]), 12);
    await step.release();
  });

  test("of no rows add nothing to a sum", async () => {
    const w = parameter([1], zero, dtype);
    const sum = await createStep(
      {
        parameters: { w },
        batch: { x: { shape: ["B"], dtype } },
        loss: ({ x }) => w.mul(x).sum().add(w.mul(w).sum()),
        optimizer: sgd(),
      },
      { weights: { w: f64([0.25]) } },
    );
    expect(await sum.run([{ x: f64([]) }], at(1))).toMatchObject({ loss: 0.0625, gradNorm: 0.5 });
    await sum.release();
  });

  test("are refused where two feeds give one name two sizes", async () => {
    const step = await createStep(slope(), { weights: { w: f64([0]) } });
    await expect(step.run([feeds([1, 2], [1])], at(1))).rejects.toThrow(
      /step: "B" is 1 in "y" and 2 in another feed; feed the same size/,
    );
  });
});

/** (x - mean)·w, with a running mean as BatchNorm has it. */
const Centred = () =>
  module(
    "Centred",
    { weight: parameter([1], zero, dtype), mean: buffer([1], zero, dtype), unused: buffer([2], zero, dtype) },
    ({ weight, mean }, x: Tensor) => {
      const now = x.mean();
      update(mean, mean.mul(0.9).add(now.mul(0.1)));
      return x.sub(now).mul(weight);
    },
  );

function centred(accumulate = 1) {
  const layer = Centred();
  const options = {
    parameters: namedParameters(layer),
    buffers: namedBuffers(layer),
    batch: { x: { shape: ["B"], dtype } },
    loss: ({ x }: { x: Tensor }) => layer(x).sub(1).pow(2).mean(),
    optimizer: sgd({ momentum: 0.9 }),
    accumulate,
  } as const;
  const start = { weights: { weight: f64([1]) }, buffers: { mean: f64([0.5]), unused: f64([7, 8]) } };
  return { options, start };
}

describe("buffers", () => {
  const xs = [[1, 2], [4, 6, 8], [-3]];
  const mean = (x: readonly number[]) => x.reduce((a, b) => a + b, 0) / x.length;

  test("are carried from step to step; one that is not updated stays", async () => {
    const { options, start } = centred();
    const step = await createStep(options, start);
    let running = 0.5;
    for (const [i, x] of xs.entries()) {
      running = 0.9 * running + 0.1 * mean(x);
      await step.run([{ x: f64(x) }], at(i + 1));
      expect(first(step.buffers, "mean")).toBeCloseTo(running, 14);
    }
    expect(numbersOf(step.buffers.unused?.data ?? new Float64Array())).toEqual([7, 8]);
    expect(numbersOf(start.buffers.mean.data)).toEqual([0.5]);
  });

  test("are updated by every micro-batch, in their order", async () => {
    const { options, start } = centred(3);
    const step = await createStep(options, start);
    for (const i of [1, 2])
      await step.run(
        xs.map((x) => ({ x: f64(x) })),
        at(i),
      );
    const running = [...xs, ...xs].reduce((sum, x) => 0.9 * sum + 0.1 * mean(x), 0.5);
    expect(first(step.buffers, "mean")).toBeCloseTo(running, 14);
  });

  test.each([1, 3])("and all else continue bit for bit from what was saved, %i micro-batches a step", async (count) => {
    const { options, start } = centred(count);
    const average = { ...options, average: 0.9 };
    const batches = (i: number) => xs.slice(0, count).map((x) => ({ x: f64(x.map((value) => value * i)) }));
    const whole = await createStep(average, start);
    for (let i = 1; i <= 6; i++) await whole.run(batches(i), at(i, 0.01));
    const before = await createStep(average, start);
    for (let i = 1; i <= 3; i++) await before.run(batches(i), at(i, 0.01));
    const { weights, buffers, slots, averages } = before;
    const after = await createStep(average, { weights, buffers, slots, averages });
    for (let i = 4; i <= 6; i++) await after.run(batches(i), at(i, 0.01));
    for (const part of ["weights", "buffers", "slots", "averages"] as const)
      expect(bits(after[part])).toEqual(bits(whole[part]));
  });

  test.each([1, 3])(
    "and all else stay as they are where a step is not finite, %i micro-batches a step",
    async (count) => {
      const { options, start } = centred(count);
      const step = await createStep({ ...options, average: 0.9 }, start);
      const good = xs.slice(0, count).map((x) => ({ x: f64(x) }));
      const all = () => (["weights", "buffers", "slots", "averages"] as const).flatMap((part) => bits(step[part]));
      await step.run(good, at(1));
      const before = all();
      const bad = [...good.slice(1), { x: f64([1, Number.NaN]) }];
      expect(await step.run(bad, at(2))).toMatchObject({ loss: Number.NaN });
      expect(all()).toEqual(before);
      await step.run(good, at(2));
      const other = await createStep({ ...options, average: 0.9 }, start);
      for (const i of [1, 2]) await other.run(good, at(i));
      expect(all()).toEqual(
        (["weights", "buffers", "slots", "averages"] as const).flatMap((part) => bits(other[part])),
      );
    },
  );
});

test("frozen tensors are read and stay to the bit; parameters frozen by a group as well", async () => {
  const [a, b, c] = [Linear(3, 4), Linear(4, 4), Linear(4, 1)];
  const values = initialValues(namedParameters({ a, b, c }), 1);
  const of = (prefix: string) => Object.fromEntries(Object.entries(values).filter(([name]) => name.startsWith(prefix)));
  const options = {
    parameters: namedParameters({ b, c }),
    frozen: namedParameters({ a }),
    batch: { x: { shape: [2, 3], dtype: "f32" } },
    loss: ({ x }: { x: Tensor }) =>
      c(b(a(x).tanh()).tanh())
        .pow(2)
        .mean(),
    optimizer: adamW({ weightDecay: 0.1 }),
    groups: [{ match: /^b\./, freeze: true }],
    average: 0.5,
  } as const;
  const step = await createStep(options, { weights: { ...of("b"), ...of("c") }, frozen: of("a") });
  const before = bits({ ...of("a"), ...of("b") });
  for (const i of [1, 2, 3]) await step.run([{ x: uniform(i, [2, 3], -1, 1, "f32") }], at(i));
  expect(Object.keys(step.weights)).toEqual(["b.weight", "b.bias", "c.weight", "c.bias"]);
  expect(Object.keys(step.slots).every((name) => name.includes(".c."))).toBe(true);
  expect(bits({ ...of("a"), ...of("b") })).toEqual(before);
  expect(step.weights["b.weight"]?.data).toEqual(values["b.weight"]?.data);
  expect(step.averages["b.weight"]?.data).toEqual(values["b.weight"]?.data);
  expect(step.weights["c.weight"]?.data).not.toEqual(values["c.weight"]?.data);
});

test("a parameter that the loss does not depend on stays as it is, weight decay or not", async () => {
  const [used, idle, detached] = [parameter([1], zero), parameter([2, 2], zero), parameter([2, 2], zero)];
  const options = {
    parameters: { used, idle, detached },
    batch: { x: { shape: [1], dtype: "f32" } },
    loss: ({ x }: { x: Tensor }) => used.mul(x).add(detached.stopGradient().sum()).sum(),
    optimizer: adamW({ weightDecay: 0.5 }),
  } as const;
  const start = { used: host([1], [1]), idle: host([1, 2, 3, 4], [2, 2]), detached: host([5, 6, 7, 8], [2, 2]) };
  for (const accumulate of [1, 2]) {
    const step = await createStep({ ...options, accumulate }, { weights: start });
    await step.run(Array(accumulate).fill({ x: host([1], [1]) }), at(1));
    expect(first(step.weights, "used")).toBeCloseTo(0.9, 6);
    requireClose("idle", step.weights.idle, start.idle, exact);
    requireClose("detached", step.weights.detached, start.detached, exact);
  }
});

test("named terms are reported beside the loss, as means over micro-batches, and do not change it", async () => {
  const plain = slope();
  const options = {
    ...plain,
    loss: (batch: { x: Tensor; y: Tensor }) => ({ loss: plain.loss(batch), largest: batch.x.max(), seven: scalar(7) }),
  };
  const start = { weights: { w: f64([0.25]) } };
  const one = await createStep(options, start);
  const result = await one.run([feeds([1, 3], [2, 2])], at(1));
  expect(result.terms).toEqual({ largest: 3, seven: 7 });
  const without = await createStep(slope(), start);
  expect(await without.run([feeds([1, 3], [2, 2])], at(1))).toMatchObject({ loss: result.loss, terms: {} });
  const two = await createStep({ ...options, accumulate: 2 }, start);
  expect((await two.run([feeds([1, 3], [2, 2]), feeds([5], [1])], at(1))).terms).toEqual({ largest: 4, seven: 7 });
});

test.each([1, 2])("a scheduled scalar is that of its step, with %i micro-batches", async (accumulate) => {
  const plain = slope({ accumulate });
  const rise = (step: number) => step / 4;
  const options = {
    ...plain,
    scheduled: { weight: rise },
    loss: (batch: { x: Tensor; y: Tensor }, { weight }: Readonly<Record<string, Tensor>>) => ({
      loss: plain.loss(batch).mul((weight as Tensor).cast("f64")),
      weight: weight as Tensor,
    }),
  };
  const step = await createStep(options, { weights: { w: f64([0.25]) } });
  let w = 0.25;
  for (const n of [1, 2, 7]) {
    const { terms } = await step.run(Array(accumulate).fill(feeds([1, 3], [2, 2])), at(n));
    w -= 0.1 * rise(n) * slopeGradient(w, [1, 3], [2, 2]);
    expect(terms).toEqual({ weight: rise(n) });
    expect(first(step.weights, "w")).toBeCloseTo(w, 12);
  }
  const broken = await createStep(
    { ...options, scheduled: { weight: () => Number.NaN } },
    { weights: { w: f64([1]) } },
  );
  await expect(broken.run(Array(accumulate).fill(feeds([1], [1])), at(3))).rejects.toThrow(
    "step: expected scheduled weight to be a finite number at step 3, got NaN; return a number",
  );
});

test("the moving average is Σ (1-d) dⁿ⁻ⁱ wᵢ + dⁿ w₀", async () => {
  const d = 0.8;
  const step = await createStep(slope({ average: d }), { weights: { w: f64([0.25]) } });
  const weights = [0.25];
  for (let i = 1; i <= 7; i++) {
    await step.run([feeds([i, 1], [2, 2])], at(i, 0.01));
    weights.push(first(step.weights, "w"));
  }
  const expected = weights.reduce((sum, w, i) => sum + (i === 0 ? d ** 7 : (1 - d) * d ** (7 - i)) * w, 0);
  expect(first(step.averages, "w")).toBeCloseTo(expected, 14);
  expect((await createStep(slope(), { weights: { w: f64([0.25]) } })).averages).toEqual({});
});

test("groups report the norms of their gradients", async () => {
  const [a, b, c] = ["a", "b", "c"].map(() => parameter([1], zero, dtype)) as [Tensor, Tensor, Tensor];
  const options = {
    parameters: { a, b, c },
    batch: { x: { shape: [], dtype } },
    loss: ({ x }: { x: Tensor }) => a.mul(3).add(b.mul(4)).add(c.mul(12)).mul(x).sum(),
    optimizer: sgd(),
    groups: [
      { match: /[ab]/, norm: "front" },
      { match: /c/, norm: "head", rate: 0.5 },
    ],
  } as const;
  const start = { weights: { a: f64([0]), b: f64([0]), c: f64([0]) } };
  for (const accumulate of [1, 2]) {
    const step = await createStep({ ...options, accumulate }, start);
    const { gradNorm, norms } = await step.run(Array(accumulate).fill({ x: f64([1], []) }), at(1));
    expect(gradNorm).toBeCloseTo(13, 12);
    expect(norms.front).toBeCloseTo(5, 12);
    expect(norms.head).toBeCloseTo(12, 12);
    expect(first(step.weights, "c")).toBeCloseTo(-0.6, 12);
  }
});

test.each([sgd({ momentum: 0.9 }), adam(), adamW()])(
  "a step in f64 moves as far as one in f32, clipped",
  async (optimizer) => {
    const make = async (type: "f32" | "f64") => {
      const [w, b] = [parameter([2, 2], zero, type), parameter([2], zero, type)];
      const cast = (values: HostTensor) => host(numbersOf(values.data), values.shape, type);
      const options = {
        parameters: { w, b },
        batch: { x: { shape: [3, 2], dtype: type } },
        loss: ({ x }: { x: Tensor }) => x.linear(w, b).tanh().sub(0.5).pow(2).mean(),
        optimizer,
        clip: 0.05,
      } as const;
      const step = await createStep(options, { weights: { w: cast(uniform(1, [2, 2])), b: cast(uniform(2, [2])) } });
      for (let i = 1; i <= 5; i++) await step.run([{ x: cast(uniform(10 + i, [3, 2])) }], at(i, 0.01));
      return step.weights;
    };
    const [single, doubled] = [await make("f32"), await make("f64")];
    for (const name of ["w", "b"]) {
      const { data, shape } = doubled[name] as HostTensor;
      requireClose(name, single[name], host(numbersOf(data), shape), reordered);
    }
  },
);

test("memory is counted by what a step makes: twice the batch, twice what depends on it", async () => {
  const bytes = async (B: number) => {
    const step = await createStep(slope(), { weights: { w: f64([0]) } });
    await step.prepare({ B });
    return step.bytes;
  };
  expect((await bytes(4000)) - (await bytes(2000))).toBe((await bytes(3000)) - (await bytes(1000)));
});

test("a step that does not fit is refused before its start values are made", async () => {
  const huge = { ...slope(), batch: { x: { shape: [2 ** 45], dtype }, y: { shape: [2 ** 45], dtype } } } as const;
  const start = () => {
    throw new Error("made");
  };
  await expect(createStep(huge, start)).rejects.toThrow(/a step needs about \d+ GB of memory, there are/);
  const step = await createStep(slope(), { weights: { w: f64([0]) } });
  await expect(step.prepare({ B: 2 ** 45 })).rejects.toThrow(/a step needs about \d+ GB of memory/);
});

describe("a loss may read", () => {
  const w: Tensor = parameter([2], zero);
  const run = (loss: () => unknown): Promise<unknown> =>
    createStep({ parameters: { w }, batch: {}, loss, optimizer: sgd() } as StepOptions, {
      weights: { w: host([0, 0], [2]) },
    });
  test.each([
    [
      "no input besides the batch",
      () => w.mul(input("x", [2])).sum(),
      /the loss reads input "x", which is not in batch; .* \(f32\[2\]\)/,
    ],
    [
      "no parameter besides those that are listed",
      () => Linear(2, 3)(w).sum(),
      /the loss reads the parameter Linear.weight, which is neither in parameters nor in frozen; .* \(f32\[3, 2\]\)/,
    ],
    [
      "no buffer besides those that are listed",
      () => w.mul(buffer([2], zero)).sum(),
      /the loss reads the buffer .*, which is not in buffers; pass buffers: namedBuffers\(model\)/,
    ],
    ["the parameters, and must", () => scalar(1), /the loss depends on none of the parameters \(w\)/],
    ["and must be a scalar", () => w.mul(2), /expected the loss to be a scalar tensor, got f32\[2\]; reduce it/],
    ["and must be there", () => undefined, /expected the loss to be a scalar tensor, got undefined/],
    [
      "and have scalars beside it",
      () => ({ loss: w.sum(), accuracy: w }),
      /expected term accuracy to be a scalar tensor, got f32\[2\]/,
    ],
    [
      "noise of sizes that are known",
      () => w.sum().mul(noise("normal", ["N"]).sum()),
      /noise of \[N\] names the size N/,
    ],
  ] as readonly (readonly [string, () => unknown, RegExp])[])("%s", async (_, loss, message) => {
    await expect(run(loss)).rejects.toThrow(message);
    await expect(run(loss)).rejects.toThrow(ConfigError);
  });
  test("no update of a buffer that is not listed", async () => {
    const stray = buffer([1], zero);
    const loss = (): Tensor => {
      update(stray, scalar(1).reshape([1]));
      return w.sum();
    };
    await expect(run(loss)).rejects.toThrow(/the loss updates .*, which is not in buffers/);
  });
});

describe("start values and feeds are refused by name", () => {
  const { options, start } = centred();
  test.each([
    [{ weights: { weight: f64([1, 2]) } }, /weights "weight" starts at f64\[1\], got f64\[2\]/],
    [{ weights: { weight: host([1], [1]) } }, /weights "weight" starts at f64\[1\], got f32\[1\]/],
    [{ weights: { weight: [1] } }, /weights "weight" starts at f64\[1\], got no \{ data, shape, dtype \}/],
    [{ weights: { ...start.weights, bias: f64([1]) } }, /start value "bias" belongs to none of the weights/],
    [{ buffers: {} }, /buffers "mean" starts at f64\[1\], got nothing/],
    [
      { buffers: { ...start.buffers, maen: f64([1]) } },
      /"maen" belongs to none of the buffers \(did you mean "mean"\?\)/,
    ],
    [{ frozen: { w: f64([1]) } }, /start value "w" belongs to none of the frozen/],
    [{ slots: {} }, /slots "optimizer.momentum.weight" starts at f64\[1\], got nothing/],
    [{ averages: { weight: f64([1]) } }, /start value "weight" belongs to none of the averages/],
  ])("%o", async (values, message) => {
    await expect(createStep(options, { ...start, ...values } as never)).rejects.toThrow(message);
  });
  test("a feed that the batch does not have", async () => {
    const step = await createStep(options, start);
    await expect(step.run([{ x: f64([1]), z: f64([1]) }], at(1))).rejects.toThrow(/feed "z" is not in the batch/);
    await expect(step.run([{ x: host([1], [1]) }], at(1))).rejects.toThrow(ShapeError);
  });
});

describe("options that make no sense are refused in one line", () => {
  const good = slope();
  const start = { weights: { w: f64([0]) } };
  test.each([
    [undefined, start, /step: expected options \{ parameters, batch, loss, optimizer \}, got undefined/],
    ["adam", start, /expected options .* got "adam"/],
    [good, undefined, /expected start values \{ weights \}, got undefined/],
    [good, {}, /expected start values \{ weights: ... \} by name, got undefined/],
    [
      { ...good, parameters: undefined },
      start,
      /expected parameters to be an object of tensors by name, got undefined/,
    ],
    [
      { ...good, parameters: [good.parameters.w] },
      start,
      /expected parameters to be an object of tensors by name, got a list/,
    ],
    [{ ...good, batch: { x: [3] } }, start, /expected batch to be an object of \{ shape, dtype \} by name/],
    [{ ...good, loss: 3 }, start, /expected loss to be a function of the batch, got 3/],
    [{ ...good, optimizer: sgd }, start, /expected optimizer to be an optimizer, such as adam\(\), got a function/],
    [{ ...good, scheduled: { beta: 1 } }, start, /expected scheduled to be an object of functions of the step by name/],
    [{ ...good, clip: -1 }, start, /expected clip to be a number above 0/],
    [{ ...good, accumulate: 1.5 }, start, /expected accumulate to be a whole number from 1 on/],
    [{ ...good, average: 1 }, start, /expected average to be a number from 0 to below 1/],
    [{ ...good, optimiser: sgd() }, start, /unknown option "optimiser" \(did you mean "optimizer"\?\)/],
    [{ ...good, groups: [{ match: "w" }] }, start, /expected groups to be a list of \{ match: RegExp/],
    [
      { ...good, groups: [{ match: /bias/ }] },
      start,
      /group \/bias\/ matches none of the 1 parameters \(w\); correct the pattern/,
    ],
    [{ ...good, groups: [{ match: /w/, freeze: true }] }, start, /no parameter is left to train/],
    [{ ...good, parameters: {} }, start, /no parameter is left to train/],
    [{ ...good, frozen: good.parameters }, start, /parameters "w" and frozen "w" are one tensor; give it once/],
    [{ ...good, parameters: { w: good.parameters.w.mul(2) } }, start, /parameters "w" is computed by mul/],
  ])("case %#", async (options, values, message) => {
    const error = await createStep(options as never, values as never).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConfigError);
    expect(String(error)).toMatch(message);
    expect(String(error)).not.toMatch(/\n/);
  });
  test("a name that stands for two things", async () => {
    const options = { ...good, parameters: { x: good.parameters.w } };
    const step = await createStep(options, { weights: { x: f64([0]) } });
    await expect(step.run([feeds([1], [1])], at(1))).rejects.toThrow(/"x" names two things that are fed; rename one/);
  });
});

test("a step that was released, or is still running, is not run", async () => {
  const step = await createStep(slope(), { weights: { w: f64([0]) } });
  const running = step.run([feeds([1], [1])], at(1));
  await expect(step.run([feeds([1], [1])], at(2))).rejects.toThrow(/the step before is still running; await it first/);
  await running;
  await step.release();
  await step.release();
  await expect(step.run([feeds([1], [1])], at(2))).rejects.toThrow(/it has been released; create it again/);
  expect(first(step.weights, "w")).toBeCloseTo(0.2, 12);
  requireClose("w", step.weights.w, f64([0.2]), double);
});
