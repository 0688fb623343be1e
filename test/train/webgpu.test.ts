/** Training with its state in the memory of the graphics processor, where there is an adapter (test/support/adapter.ts). */
import { afterAll, describe, expect, test } from "vitest";
import {
  BatchNorm1d,
  crossEntropy,
  Linear,
  namedBuffers,
  namedParameters,
  Sequential,
  Tanh,
} from "../../src/nn/index.ts";
import { adamW } from "../../src/optim/index.ts";
import { array, type Device, type Feeds, initialValues } from "../../src/runtime/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import {
  createStep,
  type StartValues,
  type StepOptions,
  type Stepper,
  fit as trainOwn,
} from "../../src/train/index.ts";
import { devices } from "../support/adapter.ts";

/** A bias before the batch norm has no gradient but rounding, of which Adam makes steps of full length. */
const net = Sequential(Linear(2, 16, { bias: false }), BatchNorm1d(16), Tanh(), Linear(16, 2));
const [parameters, buffers] = [namedParameters(net), namedBuffers(net)];
const specs = { x: { shape: [8, 2], dtype: "f32" }, y: { shape: [8], dtype: "i32" } } as const;

/** Software makes shaders slowly, above all where other tests run beside it. */
const LIMIT_MS = 240_000;

type Options = StepOptions<typeof specs>;
const optionsFor = (more: Partial<Options> = {}): Options => ({
  parameters,
  buffers,
  batch: specs,
  loss: ({ x, y }) => {
    const loss = crossEntropy(net(x), y);
    return { loss, twice: loss.mul(2) };
  },
  optimizer: adamW(),
  clip: 1,
  average: 0.9,
  groups: [
    { match: /^3\.bias$/, freeze: true },
    { match: /^3\./, rate: 0.5, norm: "head" },
  ],
  ...more,
});

const batch = (step: number): Feeds => ({
  x: array(Array.from({ length: 8 }, (_, i) => [Math.sin(step + 3 * i), Math.cos(step * i)])),
  y: array(
    Array.from({ length: 8 }, (_, i) => (i + step) % 2),
    "i32",
  ),
});

const fresh = (): StartValues => {
  const all = initialValues({ ...parameters, ...buffers }, 0);
  const pick = (names: object) => Object.fromEntries(Object.keys(names).map((name) => [name, all[name]])) as Feeds;
  return { weights: pick(parameters), buffers: pick(buffers) };
};

/** Held until the end, so that equal steps are compiled once. */
const held: Pick<Stepper, "release">[] = [];
afterAll(async () => {
  for (const step of held) await step.release();
});

/** Losses and all values after steps `from` to `to`. */
async function trained(device: Device, from: number, to: number, start = fresh(), more: Partial<Options> = {}) {
  const step = await createStep(optionsFor(more), start, { device, threads: 1 });
  held.push(step);
  const results = [];
  for (let at = from; at <= to; at++) {
    const batches = Array.from({ length: more.accumulate ?? 1 }, (_, part) => batch(10 * at + part));
    results.push(await step.run(batches, { step: at, lr: 0.05, seed: 0 }));
  }
  await step.download();
  const { weights, slots, averages } = step;
  return { results, weights, slots, averages, buffers: step.buffers };
}

/** Every number of both, within 1e-4. */
function expectClose(found: Feeds, expected: Feeds): void {
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [name, { data }] of Object.entries(expected))
    for (const [i, value] of [...data].entries()) {
      const got = Number(found[name]?.data[i]);
      expect(Math.abs(got - Number(value)), `${name}[${i}]: ${got}, ${value}`).toBeLessThan(1e-4);
    }
}

describe.each(devices.filter((device) => device === "webgpu"))("%s", { timeout: LIMIT_MS }, (device) => {
  test.each([1, 2])("six steps are those of the cpu, gradients of %i batches", async (accumulate) => {
    const [here, there] = [
      await trained("cpu", 1, 6, fresh(), { accumulate }),
      await trained(device, 1, 6, fresh(), { accumulate }),
    ];
    for (const [i, { loss, gradNorm, terms, norms }] of here.results.entries()) {
      expect(there.results[i]?.loss).toBeCloseTo(loss, 4);
      expect(there.results[i]?.gradNorm).toBeCloseTo(gradNorm, 4);
      expect(there.results[i]?.terms.twice).toBeCloseTo(terms.twice ?? 0, 4);
      expect(there.results[i]?.norms.head).toBeCloseTo(norms.head ?? 0, 4);
    }
    for (const kind of ["weights", "slots", "averages", "buffers"] as const) expectClose(there[kind], here[kind]);
  });

  test("a resumed training has the same bits", async () => {
    const whole = await trained(device, 1, 4);
    const { weights, slots, averages, buffers } = await trained(device, 1, 2);
    const { results, ...rest } = await trained(device, 3, 4, { weights, slots, averages, buffers });
    expect(results).toEqual(whole.results.slice(2));
    for (const kind of ["weights", "slots", "averages", "buffers"] as const) expect(rest[kind]).toEqual(whole[kind]);
  });

  test("a step whose numbers are not finite changes nothing", async () => {
    const step = await createStep(optionsFor(), fresh(), { device, threads: 1 });
    await step.run([batch(1)], { step: 1, lr: 0.05, seed: 0 });
    await step.download();
    const before = structuredClone([step.weights, step.slots, step.averages, step.buffers]);
    const huge = { ...batch(2), x: array(Array.from({ length: 8 }, (_, i) => [3e38, i % 2 ? 3e38 : -3e38])) };
    const { loss, gradNorm } = await step.run([huge], { step: 2, lr: 0.05, seed: 0 });
    expect(Number.isFinite(loss) && Number.isFinite(gradNorm)).toBe(false);
    await step.download();
    expect([step.weights, step.slots, step.averages, step.buffers]).toEqual(before);
    await step.release(); // after which the values can still be read
    expect(step.weights).toEqual(before[0]);
  });

  test("fit evaluates and hands over what is on the device", async () => {
    const x = Array.from({ length: 32 }, (_, i) => [Math.sin(i), Math.cos(i)]);
    const data = {
      x: array(x),
      y: array(
        x.map(([a = 0]) => (a > 0 ? 1 : 0)),
        "i32",
      ),
    };
    const loss = ({ x, y }: { readonly x: Tensor; readonly y: Tensor }) => crossEntropy(net(x), y);
    const options = { loss, epochs: 4, lr: 0.05, batch: 8, threads: 1, validation: data };
    const [here, there] = [
      await trainOwn(net, data, { ...options, device: "cpu" }),
      await trainOwn(net, data, { ...options, device }),
    ];
    expect(there.scores?.loss).toBeCloseTo(here.scores?.loss ?? 0, 3);
    expect(there.values["0.weight"]?.data.length).toBe(32);
    await Promise.all([here.release(), there.release()]);
  });
});
