/** Plain JavaScript: the training step, the loop, runs, fitted models, and where programs run. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Linear, meanSquaredError, namedParameters } from "../../src/nn/index.ts";
import { adam, constantRate } from "../../src/optim/index.ts";
import { array, compile, engineFiles, initialValues, run } from "../../src/runtime/index.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { createStep, type Fitted, loop, Run, fit as train } from "../../src/train/index.ts";
import { workIn } from "../cli/support.ts";
import { also, type Call, each, refuseJunk } from "../support/junk.ts";

// profiles go here
let place: ReturnType<typeof workIn>;
beforeAll(() => {
  place = workIn("junk-train");
});
afterAll(() => place.leave());

const net = Linear(2, 1);
const parameters = namedParameters(net);
const values = initialValues(parameters, 1);
const [x, y] = [
  array([
    [1, 2],
    [3, 4],
  ]),
  array([[1], [2]]),
];
const batch = { x: { shape: ["B", 2], dtype: "f32" }, y: { shape: ["B", 1], dtype: "f32" } } as const;
type Batch = Record<"x" | "y", Tensor>;
const loss = (given: Batch) => meanSquaredError(net(given.x), given.y);
const options = { parameters, batch, loss, optimizer: adam() };
const start = { weights: values };
const one = { threads: 1 };
const none = "an object without a prototype";
const threads = also(1, "nothing");
const device = also("cpu", "nothing");
const profile = also(undefined, "nothing", "an empty text", "text");
const step = await createStep(options, start, one);
const best = { score: 1, step: 0 };
const data = { x, y };
const fitted = (await train(net, data, { loss, threads: 1 })) as Fitted;
const rate = also(constantRate(0.1), "a function");
const { signal } = new AbortController();

/** Makes a step and gives its memory back. */
const made = async (...given: unknown[]) =>
  (await (createStep as (...all: unknown[]) => ReturnType<typeof createStep>)(...given)).release();
/** A loop to its end. */
async function looped(stepper: never, given: never): Promise<void> {
  for await (const _ of loop(stepper, given));
}
const plain = { steps: 1, seed: 1, schedule: constantRate(0.1), batches: () => [data] };
const counting = async function* () {
  yield 1;
};
const compiled = async (given: never) => (await compile({ x: px }, { z: px.mul(3) }, given)).release();
const px = input("x", [2, 2]);
const computed = (given: never) => run({ z: px.mul(2) }, { x }, given);
const spec = { ...batch.x, shape: also(batch.x.shape, "a list of texts") };
const good = {};

const calls: readonly Call[] = [
  ["createStep", made, options, start, also(one, "nothing", none), also({ B: 2 }, "nothing", none)],
  ...each("createStep", (given) => made(given, start, one, { B: 2 }), {
    ...{ parameters, batch, loss, optimizer: adam(), frozen: also(undefined, "nothing", none) },
    ...{ buffers: also(undefined, "nothing", none), clip: also(1, "nothing", "1.5", "2 ** 40") },
    ...{ accumulate: also(1, "nothing", "2 ** 40"), groups: also([{ match: /weight/ }], "nothing", "an empty list") },
    ...{ average: also(0.5, "nothing", "0") },
  }),
  ...each(
    "createStep, a spec",
    (given) => made({ ...options, batch: { ...batch, x: given } }, start, one, { B: 2 }),
    spec,
  ),
  [
    "createStep, a parameter",
    (weight: never) => made({ ...options, parameters: { ...parameters, weight } }, start, one),
    net.weight,
  ],
  ...each("createStep, a group", (given) => made({ ...options, groups: [given] }, start, one), {
    ...{ match: /weight/, rate: also(1, "nothing", "1.5", "0", "2 ** 40"), decay: also(true, "nothing", "true") },
    ...{ freeze: also(false, "nothing", "true"), norm: also("w", "nothing", "an empty text", "text") },
  }),
  ...each("createStep, the optimizer", (given) => made({ ...options, optimizer: given }, start, one, { B: 2 }), {
    ...adam(),
  }),
  ...each("createStep, the start", (given) => made(options, given, one), {
    ...{ weights: values, buffers: also({}, "nothing", none), frozen: also({}, "nothing", none) },
    ...{ slots: also(undefined, "nothing"), averages: also(undefined, "nothing", none) },
  }),
  [
    "createStep, a start value",
    (weight: never) => made(options, { weights: { ...values, weight } }, one),
    values.weight,
  ],
  ["createStep, a start that is made", (given: never) => made(options, () => given, one), start],
  ...each("createStep, where", (given) => made(options, start, given), { device, threads, profile }),
  ["createStep, a size", (B: never) => made(options, start, one, { B }), also(2, "nothing")],
  ["Stepper.run", (batches: never, at: never) => step.run(batches, at), [data], { step: 1, lr: 0.1, seed: 1 }],
  ["Stepper.run, a batch", (given: never) => step.run([given], { step: 1, lr: 0.1, seed: 1 }), data],
  ["Stepper.run, a feed", (given: never) => step.run([{ x, y: given }], { step: 1, lr: 0.1, seed: 1 }), y],
  ...each("Stepper.run", (at) => step.run([data], at), {
    ...{ step: also(1, "2 ** 40"), lr: also(0.1, "1.5", "0", "2 ** 40"), seed: also(1, "0", "2 ** 40") },
  }),
  ["Stepper.prepare", (sizes: never) => step.prepare(sizes), { B: 2 }],
  ["Stepper.prepare, a size", (B: never) => step.prepare({ B }), 2],
  ["loop", looped, step, plain],
  ...each("loop", (given) => looped(step as never, given), {
    ...{ steps: also(1, "0"), from: also(0, "nothing", "0"), seed: also(1, "0", "2 ** 40"), schedule: rate },
    ...{
      batches: () => [data],
      count: also(() => 1, "nothing", "a function"),
      epoch: also(() => 1, "nothing", "a function"),
    },
    ...{ keep: also(() => 1, "nothing", "a function"), where: also("x", "nothing", "an empty text", "text") },
    ...{ signal: also(signal, "nothing"), evaluate: also(undefined, "nothing"), save: also(undefined, "nothing") },
    best: also(best, "nothing"),
  }),
  ...each("loop, evaluate", (given) => looped(step as never, { ...plain, evaluate: given } as never), {
    ...{
      every: 1,
      run: async () => ({ loss: 1 }),
      best: "loss",
      better: "lower",
      patience: also(1, "nothing"),
    },
  }),
  ...each("loop, save", (given) => looped(step as never, { ...plain, save: given } as never), {
    ...{ every: 1, run: also(async () => undefined, "a function") },
  }),
  [
    "loop, batches",
    (given: never) => looped(step as never, { ...plain, batches: () => given } as never),
    also([data], "nothing"),
  ],
  [
    "loop, a rate",
    (given: never) => looped(step as never, { ...plain, schedule: () => given } as never),
    also(0.1, "1.5", "0", "2 ** 40"),
  ],
  [
    "Run",
    (events: never, stop: never) => new Run(events, stop),
    counting(),
    also(() => undefined, "nothing", "a function"),
  ],
  ["Fitted.predict", (given: never) => fitted.predict(given), { x }],
  ["Fitted.predict of x", (given: never) => fitted.predict({ x: given }), x],
  ["Fitted.evaluate", (given: never) => fitted.evaluate(given), data],
  ["Fitted.evaluate of x", (given: never) => fitted.evaluate({ x: given, y }), x],
  ["fit, values", (given: never) => train(net, data, { loss, values: given, ...one }), also(values, "nothing", none)],
  ["fit, a value", (weight: never) => train(net, data, { loss, values: { weight }, ...one }), values.weight],
  ["engineFiles", engineFiles, also("/engine/", "text")],
  ["compile", compiled, also(one, "nothing", none)],
  ...each("compile", compiled, { device, threads, profile }),
  ["run", computed, also(one, "nothing", none)],
  ...each("run", computed, { device, threads, profile }),
];

// a loss that is none
const losing: Call = [
  "createStep, a loss",
  (given: never) =>
    made({ ...options, loss: (b: Batch) => (given === (good as never) ? loss(b) : given) }, start, one, { B: 2 }),
  good,
];
refuseJunk([...calls, losing]);

test("a value to start from that the model does not have is named", async () => {
  const start = async (from: object) => train(net, data, { loss, values: from as never, ...one });
  await expect(start({ wieght: values.weight })).rejects.toThrow(
    'fit: values: the model has no "wieght" (did you mean "weight"?); it has weight, bias',
  );
});
