/**
 * Plain JavaScript: every function that trains, measures, opens, predicts and keeps, with each argument and each option
 * in turn replaced by what it does not take. It may take it all the same; if not, it says so in one line and in an
 * error of its own, and it never goes on for ever.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listed } from "../../src/data/index.ts";
import { loadArchitecture } from "../../src/models/index.ts";
import { Linear, meanSquaredError } from "../../src/nn/index.ts";
import { adam } from "../../src/optim/index.ts";
import { array } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { exportForward, exportTraining } from "../../src/tasks/export.ts";
import { loadTask } from "../../src/tasks/index.ts";
import { loadModel, open } from "../../src/tasks/open.ts";
import { resume, train } from "../../src/tasks/train.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import { type Fitted, fit as fitOwn } from "../../src/train/index.ts";
import { workIn } from "../cli/support.ts";
import { type Call, fault, parts, junk as usual } from "../support/junk.ts";
import { memory } from "../support/runs.ts";

/** A call for each of `options`, which is replaced, and one for all of them. */
function each(name: string, call: (options: never) => unknown, options: Record<string, unknown>): Call[] {
  const one = (key: string): Call => [
    `${name}, ${key}`,
    (value: never) => call({ ...options, [key]: value } as never),
    options[key],
  ];
  return [[name, call, options], ...Object.keys(options).map(one)];
}

const text = "a cat sat. a dog ran. ".repeat(12);
const rows = Array.from({ length: 8 }, (_, i) => ({ text: i % 2 ? "a bad day" : "a good night", label: i % 2 }));
const { signal } = new AbortController();
const config = { embedding_dim: 2, hidden_size: 2 };
const common = { config, steps: 1, batch: 2, accumulate: 1, lr: 0.01, warmup: 0, schedule: "cosine", optimizer: "sgd" };
const training = {
  ...common,
  ...{ weightDecay: 0, beta1: 0.9, beta2: 0.99, momentum: 0, clip: 1, average: 0.5, freeze: "decoder" },
  ...{ patience: 2, seed: 0, evalEvery: 1, saveEvery: 1, threads: 1, device: "cpu", signal },
  ...{ onNote: () => undefined, onProgress: () => undefined, dataDir: "." },
};
const language = {
  ...training,
  ...{ task: "language", data: { name: "text", text }, val: { name: "val", text } },
  ...{ context: 4, tokenizer: "char", vocab: undefined, from: undefined, store: "nowhere/x" },
};
const reviews = { name: "reviews", rows };
const labels = { text: "text", label: "label", header: "auto", length: 8, holdout: 0.5, tokenizer: "words", vocab: 20 };
const classify = { ...common, threads: 1, task: "classify", data: reviews, val: reviews, ...labels };

const sentences = { name: "a.conll", text: "Ada B-PER\ncame O\n\nBob B-PER\n" };
const columns = {
  word: 1,
  tag: 2,
  scheme: "auto",
  tags: "BIO",
  vocab: 9,
  embeddings: undefined,
  length: 4,
  holdout: 0.5,
};
const tag = { ...common, threads: 1, task: "tag", data: sentences, val: sentences, ...columns };

const net = Linear(2, 1);
const [x, y] = [
  array([
    [1, 2],
    [3, 4],
    [5, 6],
  ]),
  array([[1], [2], [3]]),
];
const row = (data: number[]) => ({ data: Float32Array.from(data), shape: [data.length], dtype: "f32" as const });
const data = { x, y };
const loss = (batch: Record<"x" | "y", Tensor>) => meanSquaredError(net(batch.x), batch.y);
const own = {
  ...{ loss, metrics: () => ({}), epochs: 1, batch: 2, keepLast: true, validation: data, evalEvery: 1, best: "loss" },
  ...{ better: "lower", patience: 1, optimizer: adam(), lr: 0.1, clip: 1, groups: [], average: 0.5, values: undefined },
  ...{ seed: 1, signal, device: "cpu", threads: 1, steps: undefined, collate: undefined },
};
const fitted = (await fitOwn(net, data, { loss, threads: 1 })) as Fitted;

const [saved, run] = [memory(), "run"];
let place: ReturnType<typeof workIn>;
beforeAll(async () => {
  place = workIn("junk");
  await train("rnn", { ...common, context: 4, threads: 1, data: language.data, store: run } as never);
});
afterAll(() => place.leave());

const kept = (options: object) => train("rnn", { ...options, store: memory() } as never);

const calls: readonly Call[] = [
  ["train", train, "rnn", { ...language, store: saved }],
  ...each("train for language", kept, language).filter(([name]) => !/, store$/.test(name)),
  ["train, store", (store: never) => train("rnn", { ...language, store } as never), "other"],
  ...each("train for classify", kept, classify),
  ...each("train for tag", kept, tag),
  [
    "predict of a sentence",
    async (one: never) => {
      for await (const _ of (await (await train("rnn", tag as never)).open()).predict([one]));
    },
    { words: ["Ada"] },
  ],
  ...each("train, data", (given) => kept({ ...language, data: given }), { name: "t", text }),
  ...each("train, rows", (given) => kept({ ...classify, data: given }), { name: "r", rows }),
  ["train, a row", (given: never) => kept({ ...classify, data: { name: "r", rows: [given, ...rows] } }), rows[0]],
  ["resume", resume, run, { data: language.data }],
  ...each("resume, options", (options) => resume(run, options), {
    ...{ data: language.data, val: undefined, steps: 3, signal, dataDir: ".", onProgress: undefined },
  }),
  ["evaluate", evaluate, run, { data: language.data }],
  ...each("evaluate, options", (options) => evaluate(run, options), {
    ...{ data: language.data, batch: 2, baselines: true, threads: 1, signal },
  }),
  ["open", async (where: never, options: never) => (await open(where, options)).release(), run, { threads: 1 }],
  ...each("open, options", async (options) => (await open(run, options)).release(), {
    ...{ task: "language", device: "cpu", threads: 1 },
  }),
  [
    "predict",
    async (inputs: never, options: never) => {
      for await (const _ of (await open(run)).predict(inputs, options));
    },
    ["a"],
    { tokens: 2 },
  ],
  [
    "predict of one",
    async (one: never) =>
      (await open(run))
        .predict([one], { tokens: 1 } as never)
        [Symbol.asyncIterator]()
        .next(),
    "a",
  ],
  ["loadModel", loadModel, run],
  ["exportForward", exportForward, run],
  ["exportTraining", exportTraining, run],
  ["loadArchitecture", loadArchitecture, "lstm"],
  ["loadTask", loadTask, "classify"],
  ["fit", fitOwn, net, data, { loss, threads: 1 }],
  ["fit with keys", fitOwn, net, data, { loss }],
  ...each("fit, options", (options) => fitOwn(net, data, options), own),
  ...each("fit, data", (columns) => fitOwn(net, columns, { loss } as never), data),
  ["fit, a batch", (batch: never) => fitOwn(net, [batch], { loss } as never), data],
  [
    "fit, an example",
    (one: never) => fitOwn(net, listed([one, { x: row([1, 2]), y: row([1]) }], "d"), { loss } as never),
    { x: row([1, 2]), y: row([1]) },
  ],
  ["fit, collated", (made: never) => fitOwn(net, listed([1], "d"), { loss, collate: () => made } as never), data],
  ["Fitted.predict", (columns: never) => fitted.predict(columns), { x }],
  ["Fitted.predict of x", (given: never) => fitted.predict({ x: given }), x],
  ["Fitted.evaluate", (columns: never) => fitted.evaluate(columns), data],
];

const junk: Readonly<Record<string, unknown>> = {
  ...usual,
  "0": 0,
  "an object of null": { a: null },
  "what throws when it is read": { at: 1, size: 3 },
};

const late = (): Promise<string> => new Promise((resolve) => setTimeout(() => resolve("does not end"), 8_000));

/** What came of a call: nothing wrong, or what was thrown. */
async function outcome(action: () => unknown): Promise<unknown> {
  try {
    const ended = await Promise.race([(async () => void (await action()))(), late()]);
    return ended;
  } catch (error) {
    return error;
  }
}

describe("with what it takes, nothing is wrong", () => {
  test.each(calls.map(parts))("%s", async (_, call, given) => {
    expect(await outcome(() => call(...(given as never[])))).toBeUndefined();
  });
});

describe.each(calls.map(parts))("%s", (_, call, given) => {
  test.each(given.map((_, i) => i))("argument %i", async (place) => {
    const faults: string[] = [];
    for (const [what, value] of Object.entries(junk)) {
      const mixed = given.map((own, i) => (i === place ? value : own));
      const wrong = fault(await outcome(() => call(...(mixed as never[]))), 600);
      if (wrong !== undefined) faults.push(`${what}: ${wrong}`);
    }
    expect(faults).toEqual([]);
  });
});
