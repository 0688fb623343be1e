/** Plain JavaScript: architectures, tasks, models and predictors, and what is asked of a run. */
import { afterAll, beforeAll } from "vitest";
import { z } from "zod";
import { NonFiniteError, nearest, ShapeError } from "../../src/errors.ts";
import { addModel, architecture, loadArchitecture } from "../../src/models/index.ts";
import { constantInit, Linear, namedParameters, normalInit, uniformInit } from "../../src/nn/index.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { addTask, loadTask } from "../../src/tasks/index.ts";
import type { TextGenerator } from "../../src/tasks/language.ts";
import { open } from "../../src/tasks/open.ts";
import { train } from "../../src/tasks/train.ts";
import { input, parameter } from "../../src/tensor/index.ts";
import { workIn } from "../cli/support.ts";
import { also, type Call, each, more, refuseJunk } from "../support/junk.ts";

const text = "a cat sat. a dog ran. ".repeat(12);
const small = { config: { embedding_dim: 2, hidden_size: 2 }, steps: 1, batch: 2, threads: 1, context: 4 };
let place: ReturnType<typeof workIn>;
let generator: TextGenerator;
beforeAll(async () => {
  place = workIn("junk-models");
  const data = { name: "text", text };
  await train("rnn", { ...small, data, store: "run" } as never);
  await train("gpt", {
    task: "classify",
    data: { name: "rows", rows },
    config: { n_embd: 4, n_layer: 1, n_head: 1 },
    steps: 1,
    batch: 2,
    threads: 1,
    store: "classes",
  } as never);
  generator = (await open("run", { threads: 1 })) as TextGenerator;
});
afterAll(() => place.leave());
const rows = Array.from({ length: 8 }, (_, i) => ({ text: i % 2 ? "a bad day" : "a good night", label: i % 2 }));

const rnn = await loadArchitecture("rnn");
const gpt = await loadArchitecture("gpt");
const config = rnn.configure({ vocab_size: 5, embedding_dim: 2, hidden_size: 2 });
const causal = rnn.heads.causal?.(config);
const classes = rnn.heads.classes?.({ ...config, num_labels: 2, id2label: { 0: "a", 1: "b" } });
const none = "an object without a prototype";
const records = [
  "an object",
  none,
  "a host tensor without numbers",
  "an object of null",
  "what says it is a list",
  "a tensor",
];
const statement = {
  modelType: also("junk", "text"),
  about: also("a test", "an empty text", "text"),
  config: z.strictObject({ width: z.int().default(1) }),
  fixed: also({}, "nothing", ...records),
  spellings: also({}, "nothing", none),
  files: also({}, "nothing", ...records),
  heads: also({ causal: () => causal }, none),
};
const whole = { modelType: "junk", about: "a test", config: statement.config };
const made = architecture({
  modelType: "made",
  about: "a test",
  config: z.strictObject({ width: z.int().default(1) }),
  heads: { causal: () => causal as never },
});
const language = await loadTask("language");
const lists = ["an empty list", "a list of null", "a list of lists", "a list of texts", "a list of numbers"];
const parts = [
  ...records.filter((name) => name !== "a tensor"),
  ...lists,
  "a function",
  "a date",
  "a typed array",
  "a set",
];
const ids = input("ids", ["B", "T"], "i32");
const sizes = { signal: also(new AbortController().signal, "nothing") };
async function generated(prompt: never, options: never): Promise<void> {
  for await (const _ of generator.generate(prompt, options));
}
async function predicted(options: never): Promise<void> {
  for await (const _ of generator.predict(["a"], options));
}

const lengths = input("lengths", ["B"], "i32");
const piece = { ids, lengths, past: input("past", ["B"], "i32") };
const calls: readonly Call[] = [
  ...each("architecture", architecture, statement),
  ["architecture", architecture, { ...whole, fixed: {}, spellings: {}, files: {}, heads: { causal: () => causal } }],
  [
    "a head's maker",
    (given: never) => architecture({ ...whole, heads: { causal: given } } as never),
    also(() => causal, "a function"),
  ],
  ["Architecture.configure", made.configure, also({ width: 2 }, none)],
  ["Architecture.configure of rnn", rnn.configure, also({ vocab_size: 5 }, none)],
  ["Architecture.read", made.read, also({ width: 2 }, ...records)],
  ...each("Architecture.read of gpt", gpt.read, {
    ...{
      vocab_size: 5,
      n_positions: also(8, "nothing"),
      n_embd: also(4, "nothing"),
      n_layer: also(1, "nothing"),
      n_head: also(1, "nothing"),
    },
    ...{ activation_function: also("gelu_new", "nothing") },
  }),
  ["addModel", addModel, made],
  ...each("addModel", addModel, {
    ...made,
    modelType: also("made", "text"),
    about: also("a test", "an empty text", "text"),
    configure: also(made.configure, "a function"),
    read: also(made.read, "a function"),
    files: also({}, ...records),
    heads: also(made.heads, none),
  }),
  ["addTask", addTask, language],
  ...each("addTask", addTask, {
    name: also("junk-task", "text"),
    about: also("a test", "an empty text", "text"),
    head: also("causal", "text"),
    options: language.options,
    prediction: language.prediction,
    unit: also("tokens", "an empty text", "text"),
    scores: { loss: "lower" },
    best: "loss",
    learn: also(language.learn, "a function"),
    reopen: also(language.reopen, "a function"),
  }),
  ["Model.forward", (given: never) => causal?.forward(given), { ids }],
  ["Model.forward of ids", (given: never) => causal?.forward({ ids: given }), also(ids, "a tensor")],
  [
    "Model.forward of lengths",
    (given: never) => classes?.forward({ ids, lengths: given }),
    input("lengths", ["B"], "i32"),
  ],
  [
    "CausalModel.step",
    (piece: never, carried: never) => causal?.step(piece, carried),
    piece,
    { h: input("h", [1, "B", 2]) },
  ],
  [
    "CausalModel.follow",
    (given: never, carried: never) => causal?.follow?.(given, carried),
    ids,
    { h: input("h", [1, "B", 2]) },
  ],
  ["TextGenerator.generate", generated, "a", also({ tokens: 1 }, "nothing", none)],
  ...each("TextGenerator.generate", (options) => generated("a" as never, options), {
    ...{
      tokens: also(1, "nothing", "0"),
      vocabulary: also(3, "nothing"),
      temperature: also(1, "nothing", "0", "1.5"),
      topK: also(1, "nothing"),
    },
    ...{ topP: also(0.5, "nothing"), seed: also(1, "nothing", "0", "2 ** 40"), ...sizes },
  }),
  ...each("TextGenerator.predict", predicted, {
    ...{
      tokens: also(1, "nothing"),
      temperature: also(1, "nothing", "0", "1.5"),
      topK: also(1, "nothing"),
      topP: also(0.5, "nothing"),
    },
    ...{ seed: also(1, "nothing", "0", "2 ** 40"), ...sizes, onProgress: also(() => 1, "nothing", "a function") },
  }),
  ["TextGenerator.line", (answer: never) => generator.line(answer), { prompt: "a", text: "b" }],
  ...each("evaluate", (options) => evaluate("run", options), {
    ...{
      data: { name: "text", text },
      batch: also(2, "nothing"),
      baselines: also(true, "nothing", "true"),
      threads: also(1, "nothing"),
    },
    ...{
      device: also("cpu", "nothing"),
      dataDir: also(".", "nothing", "an empty text", "text"),
      onProgress: also(() => 1, "nothing", "a function"),
      ...sizes,
    },
  }),
  ...each("open", async (options) => (await open("run", options)).release(), {
    task: also("language", "nothing"),
    device: also("cpu", "nothing"),
    threads: also(1, "nothing"),
  }),
  ["namedParameters", namedParameters, also(Linear(1, 1), ...parts)],
  ["constantInit", constantInit, also(1, "-7", "1.5", "0", "2 ** 40")],
  ["uniformInit", uniformInit, also(1, "-7", "1.5", "0", "2 ** 40")],
  ["normalInit", normalInit, also(1, "-7", "1.5", "0", "2 ** 40")],
  ["a parameter's sizes", (init: never) => parameter([2], init), also(uniformInit(1), "a function")],
  ["nearest", nearest, also("lss", ...Object.keys(more)), also(["loss"], ...lists, "a set", "a typed array")],
  ["ShapeError", (message: never) => new ShapeError(message), also("m", ...Object.keys(more))],
  ["NonFiniteError", (message: never) => new NonFiniteError(message, 1, Number.NaN), also("m", ...Object.keys(more))],
];

refuseJunk(calls);
