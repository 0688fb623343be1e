/** Classifiers of padded sequences against PyTorch's and transformers' numbers: `test/fixtures/classes.py`. */
import { beforeAll, describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { gradient, sortNodes } from "../../src/graph/index.ts";
import { build, CHARACTERS, loadArchitecture, spelledInputs } from "../../src/models/index.ts";
import { atLast, crossEntropy, maxOf, meanOf, namedParameters, traceTraining } from "../../src/nn/index.ts";
import { compile, type Feeds, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { input, inputsOf, type Tensor } from "../../src/tensor/index.ts";
import { classesNames, type Fixture, loadClasses } from "../support/fixtures.ts";
import { evaluate, host, numbersOf, requireClose, uniform } from "../support/numbers.ts";
import { exact, model as tolerance } from "../tolerances.ts";

/** Runs `forward` on a batch of any size. */
async function logitsOf(
  { model, parameters, weights }: Fixture<"classes">,
  feeds: Record<"ids" | "lengths", HostTensor>,
) {
  const given = { ids: input("ids", ["B", "T"], "i32"), lengths: input("lengths", ["B"], "i32") };
  const program = await compile({ ...given, ...parameters }, { ...model.forward(given) }, { threads: 1 });
  const { logits } = await program.run({ ...feeds, ...weights });
  if (!logits) throw new Error("the program gave no logits");
  return { ...logits, data: logits.data.slice() };
}

describe.each(classesNames)("%s", (name) => {
  let fixture: Fixture<"classes">;
  let ids: HostTensor;
  let lengths: HostTensor;
  beforeAll(async () => {
    fixture = await loadClasses(name);
    [ids, lengths] = [fixture.expected("ids"), fixture.expected("lengths")];
  });

  test("names and shapes are the file's", () => {
    const ours = Object.entries(fixture.parameters).map(([path, { shape }]) => [fixture.fileName(path), shape]);
    const theirs = [...fixture.file].map(([key, { shape }]) => [key, shape]);
    expect(Object.fromEntries(ours)).toEqual(Object.fromEntries(theirs));
  });

  test("logits", async () =>
    requireClose("logits", await logitsOf(fixture, { ids, lengths }), fixture.expected("logits"), tolerance.logits));

  test("loss and gradients of every parameter", async () => {
    const { model, parameters, weights, expected, fileName } = fixture;
    const [B = 0, T = 0] = ids.shape;
    const given = { ids: input("ids", [B, T], "i32"), lengths: input("lengths", [B], "i32") };
    const labels = input("labels", [B], "i32");
    const loss = crossEntropy(model.forward(given).logits, labels);
    const gradients = gradient(loss, Object.values(parameters));
    const outputs = Object.fromEntries(
      Object.keys(parameters).map((path, i) => [`grad.${path}`, gradients[i] as Tensor]),
    ) as Record<string, Tensor>;
    const program = await compile({ ...given, labels, ...parameters }, { loss, ...outputs } as Record<string, Tensor>, {
      threads: 1,
    });
    const results = await program.run({ ids, lengths, labels: expected("labels"), ...weights });
    requireClose("loss", results.loss, expected("loss"), tolerance.logits);
    for (const path of Object.keys(parameters)) {
      const wanted = expected(`grad.${fileName(path)}`);
      const scale = Math.max(...numbersOf(wanted.data).map(Math.abs), 1e-6);
      requireClose(path, results[`grad.${path}`], wanted, { absolute: tolerance.gradient * scale, relative: 0 });
    }
  });

  test("what stands after the end of a row, and how far it is padded, changes nothing", async () => {
    const [B = 0, T = 0] = ids.shape;
    const wide = new Int32Array(B * (T + 1)).fill(12);
    for (let b = 0; b < B; b++) {
      const length = Number(lengths.data[b]);
      wide.set((ids.data as Int32Array).subarray(b * T, b * T + length), b * (T + 1));
    }
    const padded = await logitsOf(fixture, { ids: host(wide, [B, T + 1], "i32"), lengths });
    requireClose("logits", padded, fixture.expected("logits"), tolerance.logits);
    for (let b = 0; b < B; b++) {
      const length = Number(lengths.data[b]);
      const row = host((ids.data as Int32Array).subarray(b * T, b * T + length), [1, length], "i32");
      const alone = await logitsOf(fixture, { ids: row, lengths: host([length], [1], "i32") });
      const [K = 0] = fixture.expected("logits").shape.slice(1);
      const wanted = numbersOf(fixture.expected("logits").data).slice(b * K, (b + 1) * K);
      requireClose(`row ${b}`, alone, host(wanted, [1, K]), tolerance.logits);
    }
  });
});

describe("from hidden states to one vector a row", () => {
  // Two rows of lengths 2 and 0, three positions of width 2.
  const x = host([1, -2, 3, -4, 99, 99, 99, 99, 99, 99, 99, 99], [2, 3, 2]);
  const lengths = host([2, 0], [2], "i32");
  const of = async (pool: (x: Tensor, lengths: Tensor) => Tensor) => {
    const [result] = await evaluate([x, lengths], ([x, lengths]) => [pool(x as Tensor, lengths as Tensor)]);
    return numbersOf(result?.data ?? new Float32Array());
  };

  test.each(["i32", "i64"] as const)("a length above T, %s, is T", async (dtype) => {
    for (const pool of [atLast, meanOf, maxOf]) {
      const [long, whole] = await evaluate(
        [x, host([9, 4], [2], dtype), host([3, 3], [2], dtype)],
        ([x, long, whole]) => [pool(x as Tensor, long as Tensor), pool(x as Tensor, whole as Tensor)],
      );
      requireClose("rows", long, whole as HostTensor, exact);
    }
  });

  test("the last one", async () => expect(await of(atLast)).toEqual([3, -4, 0, 0]));
  test("their mean", async () => expect(await of(meanOf)).toEqual([2, -3, 0, 0]));
  test("the largest", async () => expect(await of(maxOf)).toEqual([3, -2, 0, 0]));
});

test("a classifier needs the number of its classes; a language model may not read backwards", async () => {
  const [gru, gpt] = [await loadArchitecture("gru"), await loadArchitecture("gpt")];
  for (const architecture of [gru, gpt])
    expect(() => build(architecture, "classes", architecture.configure({ vocab_size: 5 }))).toThrow(
      new ConfigError("config: num_labels: a classifier needs the number of its classes, got nothing; give num_labels"),
    );
  expect(() => build(gru, "causal", gru.configure({ vocab_size: 5, bidirectional: true }))).toThrow(
    /^config: bidirectional: a language model may not see what comes next/,
  );
  expect(() => build(gru, "image" as never, gru.configure({ vocab_size: 5 }))).toThrow(
    /^model: gru has no head "image", only causal and classes and .*; choose another model$/,
  );
});

test("a recurrent model of tokens says that the number of them is missing", async () => {
  const { heads, configure } = await loadArchitecture("lstm");
  const missing = new ConfigError(
    "config: vocab_size: a model of tokens needs the number of them, got nothing; give vocab_size",
  );
  expect(() => heads.causal?.(configure({}))).toThrow(missing);
  expect(() => heads.classes?.(configure({ num_labels: 2 }))).toThrow(missing);
});

/** Logits of a small classifier of two texts, outside training, or in it with uniform numbers for what it draws. */
async function small(name: string, config: object, ids: readonly number[], given: Feeds = {}, drawn?: HostTensor) {
  const architecture = await loadArchitecture(name);
  const base = { vocab_size: 7, embedding_dim: 3, hidden_size: 4, num_labels: 2, bidirectional: true };
  const model = build(architecture, "classes", architecture.configure({ ...base, ...config }));
  const weights = namedParameters(model.parts);
  const fed = { ids: input("ids", [2, 4], "i32"), lengths: input("lengths", [2], "i32") };
  const { logits } = drawn ? traceTraining(() => model.forward(fed)).result : model.forward(fed);
  const noise = sortNodes([logits]).flatMap(({ op, outputs: [u] }) => (op === "noise" && u ? [u] : []));
  const inputs = { ...fed, ...weights, ...Object.fromEntries(noise.map((u) => ["drawn", u])) };
  const program = await compile(inputs, { logits }, { threads: 1 });
  const results = await program.run({
    ids: host(ids, [2, 4], "i32"),
    lengths: host([4, 2], [2], "i32"),
    ...initialValues(weights, 3),
    ...given,
    ...(drawn && noise.length > 0 && { drawn }),
  });
  const copy = { ...results.logits, data: results.logits.data.slice() };
  await program.release();
  return copy;
}

describe("word dropout", () => {
  const ids = [1, 2, 3, 4, 5, 6, 0, 0];
  const drawn = host([0.29, 0.3, 0.9, 0, 0.5, 0.1, 0.7, 0.2], [2, 4]);
  const without = [0, 2, 3, 0, 5, 0, 0, 0]; // where less than 0.3 was drawn

  test.each(["rnn", "lstm", "gru", "mingru", "minlstm"])(
    "of %s: a word that is drawn is an unknown one",
    async (name) => {
      const trained = await small(name, { word_dropout: 0.3 }, ids, {}, drawn);
      requireClose("logits", trained, await small(name, {}, without), tolerance.step);
    },
  );

  test("is none outside training, nor where it is 0", async () => {
    const plain = await small("gru", {}, ids);
    requireClose("outside", await small("gru", { word_dropout: 0.3 }, ids), plain, exact);
    requireClose("of 0", await small("gru", { word_dropout: 0 }, ids, {}, drawn), plain, tolerance.step);
  });
});

test("mean and largest side by side: a linear layer of both is the sum of one of each", async () => {
  const ids = [1, 2, 3, 4, 5, 6, 0, 0];
  const [mean, largest] = [uniform(1, [2, 8]), uniform(2, [2, 8])].map(({ data }) => numbersOf(data));
  const rows = (values: readonly number[] = [], k: number) => values.slice(k * 8, (k + 1) * 8);
  const both = [0, 1].flatMap((k) => [...rows(mean, k), ...rows(largest, k)]);
  const bias = host([0.5, -1], [2]);
  const of = async (pooling: string, weight: readonly number[] = [], own = bias) =>
    small("lstm", { pooling }, ids, {
      "classifier.weight": host(weight, [2, weight.length / 2]),
      "classifier.bias": own,
    });
  const [together, first, second] = [
    await of("mean-max", both),
    await of("mean", mean),
    await of("max", largest, host([0, 0], [2])),
  ];
  const sum = numbersOf(first.data).map((value, i) => value + Number(second.data[i]));
  requireClose("logits", together, host(sum, [2, 2]), tolerance.logits);
});

describe("spelling", () => {
  const config = {
    vocab_size: 7,
    embedding_dim: 3,
    hidden_size: 4,
    num_labels: 2,
    bidirectional: true,
    char_vocab_size: 9,
    char_embedding_dim: 5,
    char_channels: 6,
  };
  const letters = (words: readonly (readonly number[])[]) =>
    host(
      words.flatMap((word) => Array.from({ length: CHARACTERS }, (_, i) => word[i] ?? 0)),
      [words.length, 1, CHARACTERS],
      "i32",
    );
  const feeds = {
    ids: host([3, 0, 0], [3, 1], "i32"),
    lengths: host([1, 1, 1], [3], "i32"),
    characters: letters([[2, 3, 4], [5, 6], [8]]),
    shapes: host([0, 2, 7], [3, 1], "i32"),
  };
  const made = async (name: string, head: "classes" | "tags", fed: Feeds = feeds) => {
    const architecture = await loadArchitecture(name);
    const model = build(architecture, head, architecture.configure(config));
    expect([model.characters, Object.keys(model.inputs).sort()]).toEqual([9, Object.keys(spelledInputs).sort()]);
    const [weights, given] = [namedParameters(model.parts), inputsOf(spelledInputs)];
    const { logits } = model.forward(given as Parameters<typeof model.forward>[0]);
    const program = await compile({ ...given, ...weights }, { logits: logits as Tensor }, { threads: 1 });
    const results = await program.run({ ...fed, ...initialValues(weights, 3) });
    const [copy, names] = [results.logits.data.slice(), Object.keys(weights)];
    await program.release();
    return { logits: host(numbersOf(copy), [3, 2]), names };
  };

  test.each(["rnn", "lstm", "gru", "mingru", "minlstm"])(
    "of %s: a text of one word has the scores that a tagger with the same weights gives the word",
    async (name) => {
      const [text, word] = [await made(name, "classes"), await made(name, "tags")];
      expect(text.names).toEqual(word.names);
      requireClose("logits", text.logits, word.logits, tolerance.logits);
      expect(numbersOf(text.logits.data).slice(2, 4)).not.toEqual(numbersOf(text.logits.data).slice(4)); // both unknown
    },
  );
});
