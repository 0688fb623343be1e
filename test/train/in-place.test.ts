/** A step in two parts, whose update writes over what it reads, against the step in one graph. */
import { describe, expect, test } from "vitest";
import type { Spec } from "../../src/graph/index.ts";
import { Linear, namedParameters } from "../../src/nn/index.ts";
import { simplifyNamed } from "../../src/onnx/index.ts";
import { adamW, type Optimizer, sgd } from "../../src/optim/index.ts";
import { initialValues, loadEngine } from "../../src/runtime/index.ts";
import { input, parameter, type Tensor } from "../../src/tensor/index.ts";
import { isLarge, PartedStep, tracing } from "../../src/train/accumulate.ts";
import { Graphs } from "../../src/train/graphs.ts";
import { replaceable } from "../../src/train/in-place.ts";
import { createStep, type StepOptions } from "../../src/train/index.ts";
import { planStep } from "../../src/train/plan.ts";
import { copyOf } from "../../src/train/start.ts";
import { WholeStep } from "../../src/train/step.ts";
import { host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { reordered } from "../tolerances.ts";

type Options = StepOptions<Record<"x", Spec>>;

const net = (optimizer: Optimizer, more: Partial<Options> = {}): Options => {
  const [a, b] = [Linear(3, 5), Linear(5, 2)];
  return {
    parameters: namedParameters({ a, b }),
    batch: { x: { shape: [4, 3], dtype: "f32" } },
    loss: ({ x }) => b(a(x).tanh()).pow(2).mean(),
    optimizer,
    ...more,
  };
};

async function both(options: Options) {
  const plan = planStep(options);
  const start = { weights: initialValues(options.parameters, 0) };
  const context = { engine: await loadEngine("cpu"), run: { device: "cpu" }, first: undefined } as const;
  const of = (parted: boolean) => ({ ...context, graphs: new Graphs(plan, tracing(plan, parted), {}) });
  return [new WholeStep(plan, copyOf(start), of(false)), new PartedStep(plan, copyOf(start), of(true))] as const;
}

/** s' = s + g and p' = p - lr (s + s'), which reads the old s when the new one may be written. */
const crossing: Optimizer = {
  slots: ["sum", "copy"],
  scalars: (_, lr) => ({ lr }),
  update: (p, gradient, { sum, copy }, { lr }) => {
    const [s, c, rate] = [sum, copy, lr] as [Tensor, Tensor, Tensor];
    return {
      parameter: p.sub(s.add(s.add(gradient)).mul(rate)),
      slots: { sum: s.add(gradient), copy: c.mul(0.5).add(s) },
    };
  },
};

describe("in two parts, a step gives the bits that it gives in one", () => {
  test.each([
    ["adamW, clipped and averaged", net(adamW(), { clip: 0.1, average: 0.9 })],
    [
      "momentum, a group at another rate",
      net(sgd({ momentum: 0.9 }), { groups: [{ match: /^a/, rate: 0.5, norm: "a" }] }),
    ],
    ["an optimizer that reads old values late", net(crossing)],
  ] as const)("%s", async (_, options) => {
    const [whole, parted] = await both(options);
    for (let i = 1; i <= 4; i++) {
      const [batch, at] = [{ x: uniform(i, [4, 3], -1, 1, "f32") }, { step: i, lr: 0.1, seed: 0 }];
      expect(await parted.run([batch], at)).toEqual(await whole.run([batch], at));
    }
    for (const part of ["weights", "slots", "averages"] as const) expect(parted[part]).toEqual(whole[part]);
  });

  test("and changes nothing where it is not finite", async () => {
    const [, parted] = await both(net(adamW(), { average: 0.9 }));
    const run = (value: number, step: number) =>
      parted.run([{ x: host(Array(12).fill(value), [4, 3]) }], { step, lr: 0.1, seed: 0 });
    await run(0.5, 1);
    const numbers = () =>
      [parted.weights, parted.slots, parted.averages]
        .flatMap((values) => Object.values(values))
        .map(({ data }) => numbersOf(data));
    const before = numbers();
    expect(await run(Number.POSITIVE_INFINITY, 2)).toMatchObject({ loss: expect.any(Number), gradNorm: Number.NaN });
    expect(numbers()).toEqual(before);
  });
});

describe("a result may take the place of an input", () => {
  const [p, g, w] = [input("p", [3]), input("g", [3]), input("w", [3, 3])];
  const may = (outputs: Readonly<Record<string, Tensor>>) => [...replaceable({ p, w }, simplifyNamed(outputs))];
  test.each([
    ["that only it reads", { "p.next": p.mul(0.9).add(g) }, ["p"]],
    ["that its own operands read", { "p.next": p.sub(p.tanh().mul(g)) }, ["p"]],
    ["unless something else reads it", { "p.next": p.add(g), other: p.exp() }, []],
    ["unless something else reads a view of it", { "p.next": p.add(g), other: p.reshape([3, 1]).exp() }, []],
    ["unless its last operation is a product", { "w.next": w.matmul(w) }, []],
    ["unless it is the input itself", { "p.next": p }, []],
  ] as const)("%s", (_, outputs, expected) => expect(may(outputs)).toEqual(expected));
});

test("steps that change more than 64 MiB are made in two parts", () => {
  const zero = (out: Float32Array | Float64Array) => void out.fill(0);
  const large = (optimizer: Optimizer, average?: number) => {
    const w = parameter([2 ** 11, 2 ** 11 + 1], zero); // a little more than 16 MiB
    return isLarge(planStep({ parameters: { w }, batch: {}, loss: () => w.sum(), optimizer, average }));
  };
  expect([large(sgd()), large(sgd({ momentum: 0.9 })), large(adamW()), large(adamW(), 0.9)]).toEqual([
    false,
    false,
    false,
    true,
  ]);
});

test.each([1, 3])(
  "WebAssembly, which gives tensors of its own, takes the same steps: %i micro-batches",
  async (accumulate) => {
    const options = net(adamW(), { clip: 0.1, average: 0.9, accumulate });
    const start = { weights: initialValues(options.parameters, 0) };
    const [native, web] = [
      await createStep(options, start, { device: "cpu" }),
      await createStep(options, start, { device: "wasm", threads: 1 }),
    ];
    for (let step = 1; step <= 3; step++) {
      const batches = Array.from({ length: accumulate }, (_, i) => ({
        x: uniform(10 * step + i, [4, 3], -1, 1, "f32"),
      }));
      for (const made of [native, web]) await made.run(batches, { step, lr: 0.01, seed: 0 });
    }
    for (const part of ["weights", "slots", "averages"] as const)
      for (const [name, value] of Object.entries(native[part])) requireClose(name, web[part][name], value, reordered);
  },
);

test("parameters of both types are updated together, one of them in a piece of its own", async () => {
  const zero = (out: Float32Array | Float64Array) => void out.fill(0);
  const [big, small] = [parameter([2 ** 11, 2 ** 11], zero), parameter([1], zero, "f64")];
  const options: Options = {
    parameters: { big, small },
    batch: { x: { shape: [], dtype: "f32" } },
    loss: ({ x }) => big.mean().mul(x).cast("f64").add(small.mul(3).sum()),
    optimizer: sgd(),
    clip: 1.5,
  };
  const start = { weights: initialValues(options.parameters, 0) };
  const plan = planStep(options);
  const graphs = new Graphs(plan, tracing(plan, true), {});
  const context = { engine: await loadEngine("cpu"), run: { device: "cpu" }, graphs, first: undefined } as const;
  const step = new PartedStep(plan, copyOf(start), context);
  const { gradNorm } = await step.run([{ x: host([2 ** 11], []) }], { step: 1, lr: 1, seed: 0 });
  expect(gradNorm).toBeCloseTo(Math.sqrt(10), 6); // ∂/∂big is 2⁻¹¹ at each of 2²² places, whose norm is 1
  const factor = 1.5 / Math.sqrt(10);
  expect(Number(step.weights.small?.data[0])).toBeCloseTo(-3 * factor, 5);
  expect(Number(step.weights.big?.data[7])).toBeCloseTo(-(2 ** -11) * factor, 9);
});
