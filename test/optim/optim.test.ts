/** Optimizers and learning rates against torch.optim: `test/fixtures/optim.json`. */
import { describe, expect, test } from "vitest";
import type { Named } from "../../src/onnx/index.ts";
import {
  adam,
  adamW,
  clipByNorm,
  constantRate,
  cosineDecay,
  globalNorm,
  linearDecay,
  type Optimizer,
  type Schedule,
  sgd,
  warmUp,
} from "../../src/optim/index.ts";
import { compile, type HostTensor } from "../../src/runtime/index.ts";
import { input } from "../../src/tensor/index.ts";
import fixture from "../fixtures/optim.json" with { type: "json" };
import { evaluate, host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { exact, optimizer as tolerance } from "../tolerances.ts";

/** torch's options, all kinds together. */
interface Options {
  readonly lr: number;
  readonly betas?: readonly [number, number];
  readonly eps?: number;
  readonly weight_decay?: number;
  readonly momentum?: number;
  readonly nesterov?: boolean;
  readonly dampening?: number;
}
interface Line {
  readonly optimizer: string;
  readonly options: Options;
  readonly after: Readonly<Record<string, number[]>>;
}

const adamOptions = ({ betas, eps, weight_decay }: Options) => ({
  ...(betas ? { betas } : {}),
  ...(eps === undefined ? {} : { epsilon: eps }),
  weightDecay: weight_decay ?? 0,
});

const make: Readonly<Record<string, (options: Options) => Optimizer>> = {
  sgd: ({ momentum = 0, nesterov = false, weight_decay = 0 }) => sgd({ momentum, nesterov, weightDecay: weight_decay }),
  adam: (options) => adam(adamOptions(options)),
  adamw: (options) => adamW(adamOptions(options)),
};

/** Applies the update to a vector, step by step, in float32. */
async function updater(optimizer: Optimizer, decay: boolean) {
  const [p, g] = [input("p", [5]), input("g", [5])];
  const scalars = Object.fromEntries(Object.keys(optimizer.scalars(1, 1)).map((name) => [name, input(name, [])]));
  const slots = Object.fromEntries(optimizer.slots.map((name) => [name, input(name, [5])]));
  const next = optimizer.update(p, g, slots, scalars, decay);
  const nextSlots = Object.fromEntries(Object.entries(next.slots).map(([name, tensor]) => [`next.${name}`, tensor]));
  const outputs: Named = { next: next.parameter, ...nextSlots };
  const program = await compile({ p, g, ...scalars, ...slots }, outputs, { threads: 1 });
  let state = Object.fromEntries(optimizer.slots.map((name) => [name, host([0, 0, 0, 0, 0], [5])]));
  let value = host(fixture.start, [5]);
  return async (gradient: readonly number[], step: number, lr: number): Promise<HostTensor> => {
    const given = Object.entries(optimizer.scalars(step, lr)).map(([name, scalar]) => [name, host([scalar], [])]);
    const results = await program.run({ p: value, g: host(gradient, [5]), ...Object.fromEntries(given), ...state });
    state = Object.fromEntries(optimizer.slots.map((name) => [name, results[`next.${name}`] ?? value]));
    value = results.next ?? value;
    return value;
  };
}

const lines = fixture.optimizers as unknown as readonly Line[];
/** torch's dampening, which scales what momentum adds, is not offered here. */
const offered = lines.filter(({ options }) => !options.dampening);

describe("updates", () => {
  test("one case of the fixture is not offered", () => expect(lines.length - offered.length).toBe(1));

  test.each(offered.map((line) => [`${line.optimizer} ${JSON.stringify(line.options)}`, line] as const))(
    "%s",
    async (_, { optimizer, options, after }) => {
      const update = await updater(make[optimizer]?.(options) ?? sgd(), true);
      for (const [i, gradient] of fixture.gradients.entries()) {
        const value = await update(gradient, i + 1, options.lr);
        const expected = after[i + 1];
        if (expected) requireClose(`step ${i + 1}`, value, host(expected, [5]), tolerance);
      }
    },
  );

  test.each([
    ["adamW", adamW({ weightDecay: 0.1 }), adamW({ weightDecay: 0 })],
    ["sgd", sgd({ weightDecay: 0.1 }), sgd()],
  ] as const)("%s: a parameter that does not decay is as without decay", async (_, decaying, plain) => {
    const [a, b] = [await updater(decaying, false), await updater(plain, true)];
    for (const [i, gradient] of fixture.gradients.slice(0, 5).entries())
      requireClose("parameter", await a(gradient, i + 1, 0.1), await b(gradient, i + 1, 0.1), exact);
  });

  test("adamW decays by 0.01 unless told otherwise", async () => {
    const [a, b] = [await updater(adamW(), true), await updater(adamW({ weightDecay: 0.01 }), true)];
    requireClose("parameter", await a(fixture.start, 1, 0.1), await b(fixture.start, 1, 0.1), exact);
  });
});

interface ScheduleLine {
  readonly schedule: string;
  readonly options: { readonly warmup: number; readonly total: number; readonly minimum: number };
  readonly factors: readonly number[];
}

/** torch counts steps from 0, the loop here from 1; factors are of a learning rate of 1. */
const schedules: Readonly<Record<string, (options: ScheduleLine["options"]) => Schedule>> = {
  warmupCosine: ({ warmup, total, minimum }) =>
    warmUp(warmup, cosineDecay(1, { from: warmup, to: total, least: minimum })),
  warmupLinear: ({ warmup, total, minimum }) =>
    warmUp(warmup, linearDecay(1, { from: warmup, to: total, least: minimum })),
};

describe("schedules", () => {
  const all = fixture.schedules as readonly ScheduleLine[];
  test.each(all.map((line) => [`${line.schedule} ${JSON.stringify(line.options)}`, line] as const))(
    "%s",
    (_, { schedule, options, factors }) => {
      const rate = schedules[schedule]?.(options);
      for (const [step, factor] of factors.entries()) expect(rate?.(step), `step ${step}`).toBeCloseTo(factor, 12);
    },
  );

  test("a constant rate", () => expect([1, 2, 1000].map(constantRate(0.1))).toEqual([0.1, 0.1, 0.1]));
});

describe("clipping", () => {
  const values = [uniform(1, [2, 3], -1, 1, "f32"), uniform(2, [4], -1, 1, "f32"), uniform(3, [], -1, 1, "f32")];
  const norm = Math.hypot(...values.flatMap(({ data }) => numbersOf(data)));

  test("the norm is that of all gradients together", async () => {
    const [got] = await evaluate(values, (gradients) => [globalNorm(gradients)]);
    requireClose("norm", got, host([norm], []), tolerance);
  });

  test.each([norm / 2, norm * 2])("to %d", async (limit) => {
    const results = await evaluate(values, (gradients) => clipByNorm(gradients, globalNorm(gradients), limit));
    const factor = Math.min(1, limit / (norm + 1e-6));
    for (const [i, { data, shape }] of values.entries())
      requireClose(
        `gradient ${i}`,
        results[i],
        host(
          numbersOf(data).map((value) => value * factor),
          shape,
        ),
        tolerance,
      );
  });

  test("the norm counts 1e-6 more than it is", async () => {
    const results = await evaluate([host([3e-6, 4e-6], [2])], (gradients) =>
      clipByNorm(gradients, globalNorm(gradients), 1e-6),
    );
    requireClose("gradient", results[0], host([3e-6 / 6, 4e-6 / 6], [2]), { ...tolerance, absolute: 0 });
  });

  test("gradients of zero stay zero", async () => {
    const results = await evaluate([host([0, 0], [2])], (gradients) => clipByNorm(gradients, globalNorm(gradients), 1));
    requireClose("gradient", results[0], host([0, 0], [2]), exact);
  });
});
