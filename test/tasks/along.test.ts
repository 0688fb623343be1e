/**
 * A text read along, with truncated back-propagation through time: every loss is that of the definition, written out
 * with the state as a number that comes in, and with cuts where they belong.
 */
import { describe, expect, test } from "vitest";
import { ConfigError, DataError } from "../../src/errors.ts";
import { gradient } from "../../src/graph/index.ts";
import { build, type CausalModel, loadArchitecture } from "../../src/models/index.ts";
import { crossEntropy, namedParameters } from "../../src/nn/index.ts";
import { compile, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { builtInText } from "../../src/stories/index.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { exportTraining } from "../../src/tasks/export.ts";
import { resume, type TrainOptions, train } from "../../src/tasks/train.ts";
import { input, type Tensor } from "../../src/tensor/index.ts";
import { trainChar } from "../../src/tokenizers/index.ts";
import { host, numbersOf } from "../support/numbers.ts";
import { bytes, listOf, memory } from "../support/runs.ts";

const text = builtInText(0, 2600);
const data = { name: "stories", text };
const config = { hidden_size: 6, embedding_dim: 4, num_layers: 2 };
const plain = { optimizer: "sgd", momentum: 0, weightDecay: 0, clip: 0, schedule: "constant", warmup: 0 } as const;
const [B, LR, STEPS] = [3, 0.5, 9];
const models = ["rnn", "lstm", "gru", "mingru", "minlstm"] as const;
const pairs = [
  { k1: 8, k2: 8 },
  { k1: 8, k2: 3 },
  { k1: 4, k2: 10 },
  { k1: 1, k2: 1 },
] as const;
type Pair = (typeof pairs)[number];

const tokenizer = trainChar(text);
const ids = tokenizer.encode(text.slice(0, Math.floor(text.length * 0.9)));

async function modelOf(name: string): Promise<{ model: CausalModel; weights: Record<string, HostTensor> }> {
  const architecture = await loadArchitecture(name);
  const given = architecture.configure({ ...config, vocab_size: tokenizer.vocabSize });
  const model = build(architecture, "causal", given);
  return { model, weights: initialValues(namedParameters(model.parts), 0) };
}

type State = Readonly<Record<string, Tensor>>;
const cut = (state: State): State =>
  Object.fromEntries(Object.entries(state).map(([name, tensor]) => [name, tensor.stopGradient()]));

/** `follow`, which every recurrent model has. */
function follow({ follow: own }: CausalModel, x: Tensor, state: State): { logits: Tensor; carried: State } {
  if (!own) throw new Error("the model carries no state");
  return own(x, state);
}

/** The loss of one window by the definition, and the state for the next one: windows of max(k1, k2) ids. */
function definition(model: CausalModel, x: Tensor, y: Tensor, state: State, { k1, k2 }: Pair, first: boolean) {
  const T = Math.max(k1, k2);
  const logits: Tensor[] = [];
  let [now, handed] = [state, state];
  for (let t = 0; t < T; t++) {
    if (k2 < k1 && t > 0 && t % k2 === 0) now = cut(now);
    const stepped = follow(model, x.slice(1, t, t + 1), now);
    logits.push(stepped.logits);
    now = stepped.carried;
    if (t + 1 === k1) handed = now;
  }
  const from = first ? 0 : T - k1;
  const [head, ...rest] = logits.slice(from) as [Tensor, ...Tensor[]];
  return { loss: crossEntropy(head.concat(rest, 1), y.slice(1, from, T)), handed };
}

/** Compiles the definition: ids, targets, state and weights -> loss, next state, gradients. */
async function defined(model: CausalModel, pair: Pair, first: boolean) {
  const T = Math.max(pair.k1, pair.k2);
  const [x, y] = [input("x", [B, T], "i32"), input("y", [B, T], "i32")];
  const state = Object.fromEntries(
    Object.entries(model.carried).map(([name, { shape }]) => [
      name,
      input(
        name,
        shape.map((dim) => (dim === "B" ? B : dim)),
      ),
    ]),
  );
  const weights = namedParameters(model.parts);
  const { loss, handed } = definition(model, x, y, state, pair, first);
  const slopes = gradient(loss, Object.values(weights));
  const named = Object.fromEntries(Object.keys(weights).map((name, i) => [`grad.${name}`, slopes[i] as Tensor]));
  const next = Object.fromEntries(Object.entries(handed).map(([name, tensor]) => [`next.${name}`, tensor]));
  const outputs: Record<string, Tensor> = { loss, ...next, ...named };
  return compile({ x, y, ...state, ...weights }, outputs, { threads: 1 });
}

/** Row b of window n holds the ids from b·(length of a stream) + n·k1 on. */
function windowOf(n: number, { k1, k2 }: Pair): [x: HostTensor, y: HostTensor] {
  const T = Math.max(k1, k2);
  const count = Math.floor((ids.length - T - 1) / k1) + 1;
  const length = Math.floor(count / B);
  const rows = (shift: number) =>
    Array.from({ length: B }, (_, b) => {
      const from = (b * length + (n % length)) * k1 + shift;
      return [...ids.subarray(from, from + T)];
    }).flat();
  return [host(rows(0), [B, T], "i32"), host(rows(1), [B, T], "i32")];
}

/** Losses of plain SGD by the definition, the state handed on from window to window as numbers. */
async function byDefinition(name: string, pair: Pair, steps: number, lr = LR): Promise<number[]> {
  const { model, weights } = await modelOf(name);
  const programs = [await defined(model, pair, true), await defined(model, pair, false)] as const;
  let state: Record<string, HostTensor> = Object.fromEntries(
    Object.entries(model.carried).map(([key, { shape }]) => {
      const sizes = shape.map((dim) => (dim === "B" ? B : Number(dim)));
      return [key, host(Array(sizes.reduce((a, b) => a * b, 1)).fill(0), sizes)];
    }),
  );
  const losses: number[] = [];
  for (let n = 0; n < steps; n++) {
    const [x, y] = windowOf(n, pair);
    const results = await programs[n === 0 ? 0 : 1].run({ x, y, ...state, ...weights });
    losses.push(Number(results.loss?.data[0]));
    for (const [key, { data }] of Object.entries(weights))
      for (let i = 0; i < data.length; i++) data[i] = Number(data[i]) - lr * Number(results[`grad.${key}`]?.data[i]);
    state = Object.fromEntries(
      Object.keys(state).map((key) => {
        const { data, shape } = results[`next.${key}`] as HostTensor;
        return [key, host(numbersOf(data), shape)];
      }),
    );
  }
  return losses;
}

const options = { data, config, batch: B, threads: 1, ...plain } as const;

describe.each(models)("%s", (name) => {
  test.each(pairs)("losses are those of the definition, %j", async (tbptt) => {
    const { losses } = await train(name, { ...options, tbptt, lr: LR, steps: STEPS });
    const expected = await byDefinition(name, tbptt, STEPS);
    for (const [i, loss] of expected.entries()) expect(losses[i], `step ${i + 1}`).toBeCloseTo(loss, 5);
  });

  test("window by window gives the losses of the streams read at once, to 1e-6", async () => {
    const k1 = 8;
    const length = Math.floor((Math.floor((ids.length - k1 - 1) / k1) + 1) / B);
    const { losses } = await train(name, { ...options, tbptt: k1, lr: 1e-30, steps: length });
    const { model, weights } = await modelOf(name);
    const [x, y] = [input("x", [B, "T"], "i32"), input("y", [B, "T"], "i32")];
    const program = await compile(
      { x, y, ...namedParameters(model.parts) },
      { each: crossEntropy(model.forward({ ids: x }).logits, y, { reduction: "none" }) },
      { threads: 1 },
    );
    const T = length * k1;
    const all = (shift: number) => {
      const rows = Array.from({ length: B }, (_, b) => [...ids.subarray(b * T + shift, (b + 1) * T + shift)]);
      return host(rows.flat(), [B, T], "i32");
    };
    const { each } = await program.run({ x: all(0), y: all(1), ...weights });
    const tokens = numbersOf(each?.data ?? new Float32Array());
    for (const [n, loss] of losses.entries()) {
      const own = tokens.filter((_, i) => Math.floor((i % T) / k1) === n);
      const mean = own.reduce((a, b) => a + b, 0) / own.length;
      expect(own).toHaveLength(B * k1);
      expect(Math.abs(loss - mean), `window ${n}`).toBeLessThan(1e-6);
    }
  });
});

test("when the streams are through, they begin again with a state of 0", async () => {
  const length = Math.floor((Math.floor((ids.length - 65) / 64) + 1) / B);
  const { losses } = await train("lstm", { ...options, tbptt: 64, lr: 1e-30, steps: 2 * length });
  expect(losses.slice(length)).toEqual(losses.slice(0, length));
  expect(losses[1]).not.toBe(losses[0]);
  const passes = await train("lstm", { ...options, tbptt: 64, lr: 1e-30, epochs: 2 });
  expect(passes.losses).toEqual(losses);
});

test("text, number and object say the same", async () => {
  const losses = async (tbptt: TrainOptions<"language">["tbptt"]) =>
    (await train("gru", { ...options, tbptt, lr: LR, steps: 3 })).losses;
  const expected = await losses({ k1: 8, k2: 8 });
  for (const given of [8, "8", "8,8", " 8 , 8 "]) expect(await losses(given)).toEqual(expected);
  expect(await losses("8,4")).toEqual(await losses({ k1: 8, k2: 4 }));
});

describe("validation", () => {
  test.each([
    { k1: 5, k2: 5 },
    { k1: 7, k2: 2 },
    { k1: 2, k2: 9 },
  ])("is that of 16 streams, each read at once from a state of 0, %j", async (tbptt) => {
    const T = Math.max(tbptt.k1, tbptt.k2);
    const store = memory();
    const { scores } = await train("lstm", { ...options, tbptt, lr: 1e-30, steps: 1, store });
    const rest = tokenizer.encode(text.slice(Math.floor(text.length * 0.9)));
    const count = Math.floor((rest.length - T - 1) / T) + 1;
    const length = Math.ceil(count / 16);
    const { model, weights } = await modelOf("lstm");
    const [x, y] = [input("x", [1, "T"], "i32"), input("y", [1, "T"], "i32")];
    const program = await compile(
      { x, y, ...namedParameters(model.parts) },
      { loss: crossEntropy(model.forward({ ids: x }).logits, y, { reduction: "sum" }) },
      { threads: 1 },
    );
    let sum = 0;
    for (let row = 0; row * length < count; row++) {
      const [from, to] = [row * length * T, Math.min((row + 1) * length, count) * T];
      const part = (shift: number) => host(rest.subarray(from + shift, to + shift), [1, to - from], "i32");
      sum += Number((await program.run({ x: part(0), y: part(1), ...weights })).loss?.data[0]);
    }
    expect(Math.abs((scores?.loss ?? Number.NaN) - sum / (count * T))).toBeLessThan(1e-6);
    const measured = await evaluate(store, { data: { name: "rest", text: tokenizer.decode(rest) }, batch: 2 });
    expect(measured.scores.loss).toBeCloseTo(scores?.loss ?? Number.NaN, 6);
  });

  test("one window, or fewer than there are streams", async () => {
    const val = { name: "short", text: text.slice(0, 9) };
    const { scores } = await train("gru", { ...options, val, tbptt: 8, lr: LR, steps: 1 });
    expect(scores?.loss).toBeGreaterThan(1);
  });
});

describe("a run", () => {
  const given = {
    ...options,
    config: { ...config, dropout: 0.2 },
    optimizer: "adamw",
    average: 0.9,
    lr: 0.01,
    steps: 11,
    evalEvery: 4,
  } as const;

  test.each([
    [{ tbptt: 8 }, 1],
    [{ tbptt: { k1: 8, k2: 3 } }, 4],
    [{ tbptt: { k1: 4, k2: 10 } }, 7],
    [{ tbptt: 200, batch: 2, accumulate: 3 }, 5],
  ] as const)("%j, interrupted after step %i and resumed, ends with the same bits", async (how, stop) => {
    const [whole, parted] = [memory(), memory()];
    const expected = await train("lstm", { ...given, ...how, store: whole });
    const run = train("lstm", { ...given, ...how, store: parted });
    for await (const event of run) if (event.event === "step" && event.step === stop) break;
    const rest = await resume(parted, { data });
    expect(rest.losses).toEqual(expected.losses.slice(stop));
    expect(rest.scores).toEqual(expected.scores);
    const [first, second] = [whole.states.at(-1), parted.states.at(-1)];
    expect(bytes(second)).toEqual(bytes(first));
    expect(Object.keys(second?.buffers ?? {})).toEqual(["carried.h", "carried.c", "carried.place"]);
  });

  test("keeps the model alone in its weights, generates, and is started from", async () => {
    const store = memory();
    const trained = await train("lstm", { ...given, tbptt: 8, store });
    expect([...(store.weights.get("last")?.keys() ?? [])].filter((name) => name.includes("carried"))).toEqual([]);
    expect(store.files["task.json"]).toMatchObject({ options: { tbptt: { k1: 8, k2: 8 } } });
    await using model = await trained.open();
    const answers = await listOf(model.predict(["The "], { tokens: 5 }));
    expect(answers).toMatchObject([{ ids: expect.any(Object), prompt: "The " }]);
    const tuned = await train("lstm", { ...given, data, from: store, tbptt: "4,8", steps: 2 });
    expect(tuned.step).toBe(2);
  });

  test("is exported with what it carries, unless several batches make a step", async () => {
    const store = memory();
    await train("gru", { ...given, tbptt: 8, store });
    const { inputs, outputs } = await exportTraining(store);
    expect(inputs.map(({ name }) => name)).toEqual(expect.arrayContaining(["starts", "carried.h", "carried.place"]));
    expect(outputs.map(({ name }) => name)).toEqual(expect.arrayContaining(["carried.h.next", "carried.place.next"]));
    const several = memory();
    await train("gru", { ...given, tbptt: 8, accumulate: 2, store: several });
    await expect(exportTraining(several)).rejects.toThrow(
      "export: a step of 2 batches that follow each other is no single graph; train with accumulate 1",
    );
  });
});

describe("bad values are refused in one line", () => {
  const refused = (name: string, more: object) =>
    Promise.resolve(train(name, { ...options, lr: LR, steps: 2, ...more }));
  test.each([
    0,
    -1,
    1.5,
    Number.NaN,
    "",
    "a",
    "8,",
    ",8",
    "8,0",
    "0,8",
    "1,2,3",
    "1e9",
    {},
    { k1: 8 },
    { k1: 8, k2: 0 },
    { k1: 8, k2: 8, k3: 8 },
    true,
    [8],
  ])("tbptt %j", async (tbptt) => {
    await expect(refused("lstm", { tbptt })).rejects.toThrow(ConfigError);
    await expect(refused("lstm", { tbptt })).rejects.toThrow(
      /^option: tbptt: expected tokens k1,k2, such as 64 or 32,64, whole numbers from 1 to 1000000, got .+$/,
    );
  });
  test("a model without a state", async () => {
    await expect(refused("gpt", { tbptt: 8, config: {} })).rejects.toThrow(
      "option: tbptt: it carries a recurrent state on, and this model has none; leave it out, or train a recurrent model",
    );
  });
  test("two lengths of a window", async () => {
    await expect(refused("lstm", { tbptt: "8,4", context: 16 })).rejects.toThrow(
      "option: context: tbptt says how long windows are, got 16 beside 8,4; leave one out",
    );
  });
  test("windows longer than the text, and more streams than windows", async () => {
    await expect(refused("lstm", { tbptt: 3000 })).rejects.toThrow(DataError);
    await expect(refused("lstm", { tbptt: 3000 })).rejects.toThrow(
      /^stories: expected at least 3001 ids in the train part for a tbptt of 3000, got \d+; use a longer text or a smaller tbptt$/,
    );
    await expect(refused("lstm", { tbptt: "8,3000" })).rejects.toThrow(DataError);
    await expect(refused("lstm", { tbptt: 200, batch: 12 })).rejects.toThrow(
      "batch: expected at most the 11 examples there are, got 12; make batches smaller",
    );
  });
});
