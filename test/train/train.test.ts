/** The loop and the step: order of events, interruption, values that are not finite, accumulation, exact resumption. */
import { expect, test } from "vitest";
import type { SavedState, Store } from "../../src/checkpoint/index.ts";
import { builtInText, prepareText } from "../../src/data/index.ts";
import { NonFiniteError } from "../../src/errors.ts";
import type { Spec } from "../../src/graph/index.ts";
import { Linear, meanSquaredError, namedParameters } from "../../src/nn/index.ts";
import { constantRate, sgd } from "../../src/optim/index.ts";
import { initialValues, stream } from "../../src/runtime/index.ts";
import { resumeLanguageModel, trainLanguageModel } from "../../src/tasks/language.ts";
import { createStep, type StepOptions, type TrainingEvent, train } from "../../src/train/index.ts";
import { reordered } from "../tolerances.ts";

const text = builtInText(0, 6000);
const tiny = { config: { n_layer: 1, n_head: 2, n_embd: 8, attn_pdrop: 0.1, resid_pdrop: 0.1 }, context: 8, batch: 4 };

/** A store in memory. */
function memory(): Store & { states: SavedState[]; logged: object[] } {
  const states: SavedState[] = [];
  const logged: object[] = [];
  let description = { config: {}, tokenizer: {} };
  const copy = (values: SavedState["parameters"]) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { ...value, data: value.data.slice() }]));
  return {
    where: "memory",
    states,
    logged,
    create: async (config, tokenizer) => {
      description = { config, tokenizer };
    },
    saveState: async ({ parameters: values, slots, trainer }) => {
      states.push({ parameters: copy(values), slots: copy(slots), trainer: JSON.parse(JSON.stringify(trainer)) });
    },
    saveWeights: async () => undefined,
    log: async (event) => {
      logged.push(event);
    },
    loadState: async () => states.at(-1) ?? Promise.reject(new Error("nothing saved")),
    loadDescription: async () => description,
    loadWeights: async () => new Map(),
  };
}

const bytes = (state: SavedState | undefined) =>
  Object.entries({ ...state?.parameters, ...state?.slots }).map(([name, { data }]) => [
    name,
    Buffer.from(data.buffer).toString("base64"),
  ]);

test("a training can be iterated over and awaited, and is the same both ways", async () => {
  const data = await prepareText(text);
  const make = () => trainLanguageModel("gpt", { data, ...tiny, steps: 6, evalEvery: 3, threads: 1 });
  const events: TrainingEvent[] = [];
  const iterated = make();
  for await (const event of iterated) events.push(event);
  const [first, second] = [await iterated, await make()];
  expect(events.map(({ event }) => event)).toEqual([
    "start",
    "step",
    "step",
    "step",
    "evaluate",
    "step",
    "step",
    "step",
    "evaluate",
  ]);
  expect(first.losses).toEqual(second.losses);
  expect(first.valLoss).toBe(second.valLoss);
  expect(first.losses).toHaveLength(6);
});

test("a training whose events are left has no history, and says how to get one", async () => {
  const data = await prepareText(text);
  const run = trainLanguageModel("gpt", { data, ...tiny, steps: 6 });
  for await (const event of run) if (event.event === "step") break;
  await expect(Promise.resolve(run)).rejects.toThrow(/left before the end; use an AbortSignal/);
});

test("an aborted training finishes its step, saves, and says so", async () => {
  const data = await prepareText(text);
  const abort = new AbortController();
  const store = memory();
  const run = trainLanguageModel("rnn", {
    data,
    steps: 50,
    context: 8,
    batch: 2,
    config: { hidden_size: 8, embedding_dim: 4 },
    store,
    signal: abort.signal,
  });
  for await (const event of run) if (event.event === "step" && event.step === 3) abort.abort();
  const history = await run;
  expect(history).toMatchObject({ step: 3, interrupted: true });
  expect(store.states.at(-1)?.trainer).toMatchObject({ step: 3 });
  expect(store.logged.at(-1)).toMatchObject({ event: "interrupted", step: 3 });
});

test.each([1, 4, 9])("interrupted after step %i and resumed, it ends with the same bits", async (stop) => {
  const data = await prepareText(text);
  const whole = memory();
  const options = { data, ...tiny, steps: 10, evalEvery: 4, threads: 1, seed: 7 };
  await trainLanguageModel("gpt", { ...options, store: whole });
  const parted = memory();
  const abort = new AbortController();
  const first = trainLanguageModel("gpt", { ...options, store: parted, signal: abort.signal });
  for await (const event of first) if (event.event === "step" && event.step === stop) abort.abort();
  await resumeLanguageModel({ store: parted, data: (tokenizer) => prepareText(text, { tokenizer }) });
  expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  expect(parted.states.at(-1)?.trainer).toEqual(whole.states.at(-1)?.trainer);
});

test("resuming on another text, or as another model, is refused", async () => {
  const store = memory();
  await trainLanguageModel("gpt", { data: await prepareText(text), ...tiny, steps: 2, store });
  const other = (tokenizer: Parameters<typeof prepareText>[1]) => prepareText(`${text.slice(1)}.`, tokenizer);
  await expect(resumeLanguageModel({ store, data: (tokenizer) => other({ tokenizer }) })).rejects.toThrow(
    /not the one it was trained on/,
  );
  await expect(
    resumeLanguageModel({ store, model: "lstm", data: (tokenizer) => other({ tokenizer }) }),
  ).rejects.toThrow(/the run trains gpt2, got model lstm/);
});

/** A linear fit of y = 2x - 1 in one dimension. */
function lineFit(accumulate: number, batch: number): StepOptions<Record<"x" | "y", Spec>> {
  const layer = Linear(1, 1);
  const column = { shape: [batch, 1], dtype: "f32" } as const;
  return {
    parameters: namedParameters(layer),
    batch: { x: column, y: column },
    loss: ({ x, y }) => meanSquaredError(layer(x), y),
    optimizer: sgd({ momentum: 0.9 }),
    clip: 0.5,
    accumulate,
  };
}

const points = (step: number, from: number, count: number) => {
  const x = new Float32Array(count);
  stream(3, step, "points").fillUniform(x, from);
  const column = (data: Float32Array) => ({ data, shape: [count, 1], dtype: "f32" as const });
  return { x: column(x), y: column(x.map((value) => 2 * value - 1)) };
};

const apart = (a: number, b: number): boolean =>
  Math.abs(a - b) > reordered.absolute + reordered.relative * Math.abs(a);

test("four micro-batches are one batch of all of them", async () => {
  const [one, four] = [lineFit(1, 8), lineFit(4, 2)];
  const whole = await createStep(one, { parameters: initialValues(one.parameters, 0) });
  const parted = await createStep(four, { parameters: initialValues(four.parameters, 0) });
  for (let step = 1; step <= 5; step++) {
    const at = { step, lr: 0.1, seed: 0 };
    const a = await whole.run([points(step, 0, 8)], at);
    const b = await parted.run(
      [0, 2, 4, 6].map((from) => points(step, from, 2)),
      at,
    );
    expect(apart(a.loss, b.loss)).toBe(false);
    expect(apart(a.gradNorm, b.gradNorm)).toBe(false);
  }
  for (const [name, { data }] of Object.entries(whole.parameters))
    expect(apart(Number(data[0]), Number(parted.parameters[name]?.data[0]))).toBe(false);
});

test("a step that cannot fit into memory is refused before anything is made", async () => {
  const data = await prepareText(text);
  const store = memory();
  const run = trainLanguageModel("gpt", {
    data,
    ...tiny,
    batch: 65536,
    accumulate: 1,
    config: { n_embd: 4096, n_head: 2 },
    store,
  });
  await expect(Promise.resolve(run)).rejects.toThrow(
    /a step needs about \d+ GB of memory, there are [\d.]+ GB; lower batch/,
  );
  expect(store.states).toEqual([]);
});

test("a linear fit finds the line", async () => {
  const options = lineFit(1, 16);
  const step = await createStep(options, { parameters: initialValues(options.parameters, 0) });
  const batches = (at: number) => [points(at, 0, 16)];
  await train(step, { steps: 400, seed: 0, schedule: constantRate(0.05), batches, tokensPerStep: 16 });
  const { weight, bias } = step.parameters;
  expect(Number(weight?.data[0])).toBeCloseTo(2, 3);
  expect(Number(bias?.data[0])).toBeCloseTo(-1, 3);
});

test("a value that is not finite stops the training, names the step, and changes nothing", async () => {
  const options = { ...lineFit(1, 4), clip: undefined };
  const step = await createStep(options, { parameters: initialValues(options.parameters, 0) });
  const bad = (at: number) => {
    const batch = points(at, 0, 4);
    if (at === 3) batch.x.data[1] = Number.NaN;
    return [batch];
  };
  const saved: number[] = [];
  const save = { every: 100, run: async (_: "last" | "best", at: number) => void saved.push(at) };
  const schedule = constantRate(0.1);
  const error = await Promise.resolve(
    train(step, { steps: 9, seed: 0, schedule, batches: bad, tokensPerStep: 4, save, where: "here" }),
  ).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(NonFiniteError);
  expect(error).toMatchObject({ step: 3, value: Number.NaN });
  expect(String(error)).toMatch(/the loss is NaN at step 3; the last good checkpoint is step 0 in here/);
  expect(saved).toEqual([]);
  expect(Number.isFinite(Number(step.parameters.weight?.data[0]))).toBe(true);
});

test("weights that are spoilt never replace a checkpoint", async () => {
  const options = { ...lineFit(1, 4), optimizer: sgd(), clip: undefined };
  const step = await createStep(options, { parameters: initialValues(options.parameters, 0) });
  const saved: number[] = [];
  const save = { every: 1, run: async (_: "last" | "best", at: number) => void saved.push(at) };
  const schedule = (at: number) => (at < 3 ? 0.1 : 1e39); // beyond what float32 holds
  const batches = (at: number) => [points(at, 0, 4)];
  const run = train(step, { steps: 9, seed: 0, schedule, batches, tokensPerStep: 4, save, where: "here" });
  await expect(Promise.resolve(run)).rejects.toThrow(
    /holds .* after step 3; the last good checkpoint is step 2 in here/,
  );
  expect(saved).toEqual([1, 2]);
});

test("a validation loss that is no number is never the best", async () => {
  const options = lineFit(1, 4);
  const step = await createStep(options, { parameters: initialValues(options.parameters, 0) });
  const losses = [Number.NaN, 2, 3, 1];
  const evaluate = { every: 1, run: async () => losses.shift() ?? 9 };
  const batches = (at: number) => [points(at, 0, 4)];
  const history = await train(step, {
    steps: 4,
    seed: 0,
    schedule: constantRate(0.1),
    batches,
    tokensPerStep: 4,
    evaluate,
  });
  expect(history).toMatchObject({ bestValLoss: 1, valLoss: 1 });
});

test("a step takes as many batches as it accumulates, and values for every parameter", async () => {
  const options = lineFit(2, 4);
  const start = { parameters: initialValues(options.parameters, 0) };
  const step = await createStep(options, start);
  const at = { step: 1, lr: 0.1, seed: 0 };
  await expect(step.run([points(1, 0, 4)], at)).rejects.toThrow(
    /expected a list of 2 batch\(es\), as accumulate says, got 1/,
  );
  await expect(createStep(options, { parameters: { wieght: start.parameters.weight as never } })).rejects.toThrow(
    /parameters "weight" starts at f32\[1, 1\], got nothing \(did you mean "wieght"\?\)/,
  );
  const { x } = points(1, 0, 4);
  const pair = [points(1, 0, 4), points(1, 4, 4)];
  await expect(step.run(pair, { ...at, step: 0 })).rejects.toThrow(/step: expected a whole number from 1 on, got 0/);
  await expect(step.run(pair, { ...at, lr: Number.NaN })).rejects.toThrow(
    /lr: expected a finite number from 0 on, got NaN/,
  );
  await expect(step.run([{ x }, { x }], at)).rejects.toThrow(/input "y" expects f32\[4, 1\], got nothing/);
});
