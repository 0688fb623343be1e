/** Classification of texts: it learns, padding changes nothing, it resumes exactly, and its scores are what one counts. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Row } from "../../src/data/index.ts";
import { CheckpointError, ConfigError, DataError } from "../../src/errors.ts";
import { type HostTensor, stream } from "../../src/runtime/index.ts";
import { classScorer } from "../../src/tasks/classify/scores.ts";
import { type Classification, Classifier, classify } from "../../src/tasks/classify.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { loadModel, open } from "../../src/tasks/open.ts";
import { resume, type TrainOptions, train } from "../../src/tasks/train.ts";
import { workIn } from "../cli/support.ts";
import { host } from "../support/numbers.ts";
import { bytes, listOf, type Memory, memory } from "../support/runs.ts";
import { model as tolerance } from "../tolerances.ts";

const filler = ["the", "film", "of", "last", "year", "and", "its", "music"];
const words = { good: ["fine", "lovely", "bright"], bad: ["dull", "poor", "grey"] } as const;

/** Texts of 1 to 12 words, one of which tells the label. */
function rows(count: number, site: string): { text: string; label: "good" | "bad" }[] {
  return Array.from({ length: count }, (_, i) => {
    const draw = stream(5, i, site);
    const [length = 0, at = 0, word = 0, side = 0, ...rest] = draw.integers(16, 1000);
    const label = side % 2 ? "good" : "bad";
    const text = rest.slice(0, length % 12).map((k) => filler[k % filler.length] ?? "");
    text.splice(at % (text.length + 1), 0, words[label][word % 3] ?? "");
    return { text: text.join(" "), label };
  });
}
const [learned, unseen] = [rows(240, "train"), rows(40, "test")];
const data = { name: "made up", rows: learned };
const val = { name: "unseen", rows: unseen };

const sizes = {
  rnn: { embedding_dim: 8, hidden_size: 16, pooling: "max" },
  lstm: { embedding_dim: 8, hidden_size: 16 },
  gru: { embedding_dim: 8, hidden_size: 16, bidirectional: true, num_layers: 2, pooling: "mean" },
  gpt: { n_embd: 16, n_head: 2, n_layer: 1 },
} as const;
const names = Object.keys(sizes) as (keyof typeof sizes)[];

const options = { task: "classify", data, val, batch: 16, lr: 0.02, threads: 1, length: 12 } as const;
const trainOn = (name: keyof typeof sizes, more: Partial<TrainOptions<"classify">> = {}) =>
  train(name, { ...options, config: sizes[name], steps: 200, ...more });

describe.each(names)("%s", (name) => {
  const store: Memory = memory();
  let classifier: Classifier;

  test("learns to tell the labels of texts it has not seen", async () => {
    const history = await trainOn(name, { store });
    const mean = (losses: readonly number[]) => losses.reduce((a, b) => a + b, 0) / losses.length;
    expect(history.losses[0]).toBeGreaterThan(0.5); // ln 2 = 0.69 is a guess
    expect(mean(history.losses.slice(-10))).toBeLessThan(0.05);
    expect(history.scores).toMatchObject({ accuracy: 1, f1: 1 });
    expect(history.scores?.loss).toBeLessThan(0.1);
    expect(history.best?.score).toBe(1);
    classifier = await history.open();
  }, 120_000);

  test("opened from where it was kept, it answers as it did", async () => {
    const again = await open(store, { task: "classify", threads: 1 });
    const inputs = unseen.map(({ text }) => text);
    const answers = await listOf(again.predict(inputs, { top: 2 }));
    expect(answers.map(({ label }) => label)).toEqual(unseen.map(({ label }) => label));
    expect(answers.map(({ text }) => text)).toEqual(inputs);
    expect(answers).toEqual(await listOf(classifier.predict(inputs, { top: 2 })));
    for (const { label, probability, labels } of answers) {
      expect(labels[label]).toBe(probability);
      expect(Object.values(labels).reduce((a, b) => a + b, 0)).toBeCloseTo(1, 12);
    }
    await again.release();
  });

  test("a text alone and beside a longer one has the same answer", async () => {
    const long = "the film of last year and its music the film of last";
    const both = async (text: string, batch: number) => {
      const answers = await listOf(classifier.predict([text, long, `${long} dull`], { top: 2, batch }));
      return answers.map(({ labels }) => [labels.good, labels.bad].map(Number));
    };
    for (const text of ["fine", "dull the film", "", "unheard of"]) {
      const [alone, beside] = [await both(text, 1), await both(text, 3)];
      for (const [i, row] of alone.entries())
        for (const [k, value] of row.entries())
          expect(Math.abs(value - Number(beside[i]?.[k]))).toBeLessThanOrEqual(tolerance.step.absolute);
    }
  });
});

test("interrupted and resumed, dropout and all, it ends with the same bits", async () => {
  const given = { config: { ...sizes.gru, dropout: 0.3 }, steps: 12, evalEvery: 5, average: 0.9 };
  const [whole, parted] = [memory(), memory()];
  await trainOn("gru", { ...given, store: whole });
  for await (const event of trainOn("gru", { ...given, store: parted }))
    if (event.event === "step" && event.step === 7) break;
  expect(await resume(parted, { data, val })).toMatchObject({ step: 12, firstStep: 8 });
  expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  expect(parted.weights).toEqual(whole.weights);
  const other = { name: "other", rows: learned.slice(1) };
  await expect(Promise.resolve(resume(parted, { data: other, val, steps: 20 }))).rejects.toThrow(CheckpointError);
});

test("a pass leaves no example out, also where the last batch has fewer", async () => {
  const epochs: (number | undefined)[] = [];
  const run = train("rnn", { ...options, val: undefined, holdout: 0.25, epochs: 2, batch: 170, config: sizes.rnn });
  for await (const event of run) if (event.event === "step") epochs.push(event.epoch);
  expect(epochs).toEqual([0.5, 1, 1.5, 2]); // 180 examples in batches of 170 and 10
});

test("epochs pass over all examples; what is not validation is trained on", async () => {
  const epochs: (number | undefined)[] = [];
  const run = train("rnn", { ...options, val: undefined, holdout: 0.25, epochs: 2, batch: 9, config: sizes.rnn });
  for await (const event of run) if (event.event === "step") epochs.push(event.epoch);
  expect(epochs).toHaveLength(40); // 240 · 0.75 = 180 examples in batches of 9
  expect(epochs.at(-1)).toBe(2);
});

describe("scores", () => {
  /** Logits whose softmax is sure of `answers`. */
  const sure = (answers: readonly number[], K: number) =>
    host(
      answers.flatMap((answer) => Array.from({ length: K }, (_, k) => (k === answer ? 50 : 0))),
      [answers.length, K],
    );

  test("are a hand count: 3 labels, 6 texts, the last label never right", () => {
    const scorer = classScorer(Array.from({ length: 3 }, (_, k) => String(k)));
    const labels = [0, 0, 0, 1, 1, 2];
    const examples = labels.map((label) => ({ ids: Int32Array.of(), label }));
    scorer.add(examples.slice(0, 4), { logits: sure([0, 0, 1, 1], 3) });
    scorer.add(examples.slice(4), { logits: sure([1, 0], 3) });
    const { accuracy, f1, loss } = scorer.scores();
    expect(accuracy).toBeCloseTo(4 / 6, 12);
    // F1: label 0 has 2 right, 1 wrongly taken, 1 missed; label 1 2, 1, 0; label 2 none.
    expect(f1).toBeCloseTo((4 / 6 + 4 / 5 + 0) / 3, 12);
    expect(loss).toBeCloseTo((2 * 50) / 6, 6);
  });

  test("of a model that knows nothing the loss is ln K", () => {
    const scorer = classScorer(Array.from({ length: 4 }, (_, k) => String(k)));
    scorer.add([{ ids: Int32Array.of(), label: 3 }], { logits: host([7, 7, 7, 7], [1, 4]) });
    expect(scorer.scores()).toEqual({ loss: Math.log(4), accuracy: 0, f1: 0 });
  });
});

describe("evaluate", () => {
  let place: ReturnType<typeof workIn>;
  const csv = (list: readonly { text: string; label: string }[]) =>
    `text,label\n${list.map(({ text, label }) => `"${text}",${label}`).join("\n")}\n`;
  // More bad than good, and a few that are labelled against their word, so that nothing is 1.
  const trained = [...learned, ...learned.filter(({ label }) => label === "bad")];
  const tested = [
    ...unseen,
    ...unseen.slice(0, 7).map(({ text, label }) => ({ text, label: label === "bad" ? "good" : "bad" })),
  ];
  beforeAll(async () => {
    place = workIn("classify");
    writeFileSync("train.csv", csv(trained));
    writeFileSync("test.csv", csv(tested));
    await trainOn("gru", { data: "train.csv", val: "test.csv", store: "run", steps: 60 });
  });
  afterAll(() => place.leave());
  const share = (list: readonly { label: string }[], label: string) =>
    list.filter((row) => row.label === label).length / list.length;

  test("accuracy, F1 and loss are what one counts from the predictions", async () => {
    const { scores, ...rest } = await evaluate("run", { data: "test.csv", baselines: false, batch: 5 });
    expect(rest).toMatchObject({ task: "classify", data: "test.csv", examples: 47, baselines: {}, note: undefined });
    expect(rest.pictures.confusion).toMatch(/^<svg [\s\S]*>bad<[\s\S]*<\/svg>\n$/);
    const model = await open("run", { task: "classify" });
    const answers = await listOf(
      model.predict(
        tested.map(({ text }) => text),
        { top: 2 },
      ),
    );
    const right = answers.filter(({ label }, i) => label === tested[i]?.label).length;
    const f1 = (["good", "bad"] as const).map((name) => {
      const hits = answers.filter(({ label }, i) => label === name && tested[i]?.label === name).length;
      const [said, are] = [answers, tested].map((list) => list.filter(({ label }) => label === name).length);
      return (2 * hits) / (Number(said) + Number(are));
    });
    expect(right).toBeLessThan(tested.length);
    expect(scores.accuracy).toBeCloseTo(right / tested.length, 12);
    expect(scores.f1).toBeCloseTo((Number(f1[0]) + Number(f1[1])) / 2, 12);
    const losses = answers.map(({ labels }, i) => -Math.log(labels[tested[i]?.label ?? ""] ?? 0));
    expect(scores.loss).toBeCloseTo(losses.reduce((a, b) => a + b, 0) / losses.length, 5);
  });

  test("the majority label by its formula; a bag of words tells these labels", async () => {
    const { baselines, note } = await evaluate("run", { data: "test.csv" });
    expect(note).toBe(undefined);
    expect(Object.keys(baselines)).toEqual(["majority label", "bag of words"]);
    const [bad, good] = [share(tested, "bad"), share(tested, "good")];
    expect(share(trained, "bad")).toBeGreaterThan(0.5);
    expect(baselines["majority label"]?.accuracy).toBeCloseTo(bad, 12);
    expect(baselines["majority label"]?.f1).toBeCloseTo((2 * bad) / (1 + bad) / 2, 12);
    const loss = -bad * Math.log(share(trained, "bad")) - good * Math.log(share(trained, "good"));
    expect(baselines["majority label"]?.loss).toBeCloseTo(loss, 12);
    // All but the seven against their word could be right.
    expect(baselines["bag of words"]?.accuracy).toBeGreaterThan(0.8);
    expect(baselines["bag of words"]?.accuracy).toBeLessThanOrEqual(40 / 47);
  });

  test("labels that were not trained are refused, and named", async () => {
    const odd = { name: "odd.csv", text: 'text,label\n"fine",good\n"so so",maybe\n' };
    await expect(evaluate("run", { data: odd })).rejects.toThrow(
      new DataError('table odd.csv, line 3: label "maybe" is none of the 2 that were trained: bad, good'),
    );
    await expect(Promise.resolve(trainOn("gru", { val: odd }))).rejects.toThrow('label "maybe" is none of the 2');
  });

  test("without the training data there are no baselines, and it says why", async () => {
    const store = memory();
    await trainOn("rnn", { store, steps: 1 });
    const { baselines, note, examples } = await evaluate(store, { data: val });
    expect([baselines, examples]).toEqual([{}, 40]);
    expect(note).toMatch(/^no baselines: the training data cannot be read \(.*made up/);
    writeFileSync("made up", csv(learned.slice(1)));
    expect((await evaluate(store, { data: val })).note).toMatch(/^no baselines: /);
  });

  test("a line names the likeliest label first, also where labels are numbers", async () => {
    const classifier = await open("run", { task: "classify" });
    const labels = { "0": 0.1, "1": 0.7, "2": 0.2 };
    expect(classifier.line({ text: "", label: "1", probability: 0.7, labels })).toBe("1\t0.7000\t2\t0.2000\t0\t0.1000");
  });

  test("a run for one task is not opened as another", async () => {
    await expect(open("run", { task: "language" })).rejects.toThrow(
      new CheckpointError("open: expected a run for task language, got one for classify; open it as that"),
    );
    expect(await open("run", { task: "classify" })).toBeInstanceOf(Classifier);
  });
});

describe("what it learns of its data", () => {
  const learn = (given: readonly Row[], more: object = {}) => {
    const source = {
      name: "rows",
      format: "jsonl",
      text: async () => given.map((row) => JSON.stringify(row)).join("\n"),
    };
    return classify.learn(source, classify.options.parse(more), {});
  };
  const learnTable = async (text: string, more: object = {}) => {
    const source = { name: "rows.csv", format: "csv", text: async () => text };
    const { files } = await classify.learn(source, classify.options.parse(more), {});
    return Object.values(files["config.json"]?.id2label as object);
  };
  const labelsOf = async (labels: readonly unknown[]) =>
    Object.values(
      ((await learn(labels.map((label) => ({ text: "x", label })))).files["config.json"]?.id2label ?? {}) as object,
    );

  test("labels are in the order of their names, numbers by size", async () => {
    expect(await labelsOf(["b", "a", "b", "C"])).toEqual(["C", "a", "b"]);
    expect(await labelsOf([10, 9, 2, 10])).toEqual(["2", "9", "10"]);
    expect(await labelsOf([true, false])).toEqual(["false", "true"]);
    expect(await labelsOf(["10", "9", "x"])).toEqual(["10", "9", "x"]);
  });

  test("columns by their usual names, by name, by number", async () => {
    const table = [
      { id: 1, review: "lovely", stars: 5, sentiment: "good" },
      { id: 2, review: "dull", stars: 1, sentiment: "bad" },
    ];
    const found = async (more: object) => (await learn(table, more)).files["config.json"]?.label2id;
    expect(await found({})).toEqual({ bad: 0, good: 1 });
    expect(await found({ label: "stars" })).toEqual({ 1: 0, 5: 1 });
    expect(await found({ label: "3", text: "2" })).toEqual({ 1: 0, 5: 1 });
    await expect(found({ label: "strs" })).rejects.toThrow('expected a column "strs" (did you mean "stars"?)');
    await expect(found({ label: "review" })).rejects.toThrow(
      "expected a column of text and one of labels, got review for both",
    );
  });

  test("the configuration follows: vocabulary, labels, positions", async () => {
    const { config, files } = await learn(learned, { length: 12 });
    expect(config).toMatchObject({ n_positions: 12, num_labels: 2 });
    const tokenized = files["tokenizer.json"];
    const reopened = await classify.reopen(files, classify.options.parse({ length: 12 }));
    expect(reopened.config).toEqual(config);
    expect(reopened.files["tokenizer.json"]).toEqual(tokenized);
  });

  test.each(["words", "bpe", "char"] as const)("tokens: %s", async (tokenizer) => {
    const store = memory();
    const more = tokenizer === "bpe" ? { vocab: 280 } : {};
    await trainOn("rnn", { tokenizer, steps: 2, length: 40, store, ...more });
    const model = await open(store, { task: "classify" });
    expect(await listOf(model.predict(["the film"]))).toHaveLength(1);
  });

  test("what cannot be learned from is refused", async () => {
    const one = { text: "x", label: "good" };
    await expect(learn([one, one])).rejects.toThrow('expected at least two different labels, got "good" only');
    await expect(learn([one, { text: null, label: "bad" }])).rejects.toThrow(
      new DataError("table rows, line 2: expected text or a number in column text, got null; leave the row out"),
    );
    await expect(learn([one, { label: "bad" }])).rejects.toThrow(
      "table rows, line 2: expected text or a number in column text, got nothing",
    );
    await expect(learn([one, { text: "y", label: "bad" }], { tokenizer: "char", vocab: 9 })).rejects.toThrow(
      ConfigError,
    );
  });

  test("a first row that may name the columns is not taken for an example", async () => {
    const text = `utterance,intent\n${"play a song,music\nwill it rain,weather\n".repeat(4)}`;
    const learned = (given: object) => learnTable(text, given);
    await expect(learned({})).rejects.toThrow(
      'table rows.csv: cannot tell whether the first row, with "utterance" and "intent", names the columns',
    );
    expect(await learned({ text: "utterance", label: "intent" })).toEqual(["music", "weather"]);
    expect(await learned({ header: "no" })).toEqual(["intent", "music", "weather"]);
    expect(await learnTable(text.slice(17))).toEqual(["music", "weather"]);
  });

  test("labels that are missing, and columns that hold none, are refused", async () => {
    const numbers = `text,label\n${"a,1\nb,NaN\nc,2\n".repeat(3)}`;
    await expect(learnTable(numbers)).rejects.toThrow(
      'table rows.csv, line 3: expected a number as label as in other rows, got "NaN"',
    );
    expect(await learnTable(numbers.replaceAll(/,\d/g, ",x"))).toEqual(["NaN", "x"]);
    const numbered = Array.from({ length: 1001 }, (_, i) => `text ${i},id ${i}`).join("\n");
    await expect(learnTable(`text,label\n${numbered}`)).rejects.toThrow(
      "expected labels that occur again, got 1001 different ones in 1001 rows; name the column of labels",
    );
  });

  test("as many labels as there are words cost no more than their number", async () => {
    const K = 60_000;
    const scorer = classScorer(Array.from({ length: K }, (_, k) => String(k)));
    const one = new Float32Array(K).fill(-50);
    one[K - 1] = 50;
    scorer.add([{ ids: new Int32Array(), label: K - 1 }], { logits: { data: one, shape: [1, K], dtype: "f32" } });
    expect(scorer.scores()).toMatchObject({ accuracy: 1, f1: 1 / K });
    expect(scorer.pictures?.()).toEqual({});
  });

  test("a model that is too small for the data is refused", async () => {
    const refused = (config: object, say: string) =>
      expect(
        Promise.resolve(train("gpt", { ...options, steps: 1, config: { ...sizes.gpt, ...config } })),
      ).rejects.toThrow(say);
    await refused({ n_positions: 5 }, "5");
    await refused({ num_labels: 3 }, "3");
    await refused({ vocab_size: 4 }, "vocab_size: expected at least the tokenizer's");
  });
});

describe("answers", () => {
  let model: Classifier;
  beforeAll(async () => {
    model = await (await trainOn("rnn", { steps: 1 })).open();
  });
  const first = async (input: unknown, given = {}) =>
    (await listOf(model.predict([input], given)))[0] as Classification;

  test("to a text, or a record with a column of text", async () => {
    const { text: _, ...answer } = await first("fine");
    for (const record of [{ text: "fine" }, { review: "fine", id: 3 }, { 1: "fine", 2: "x" }])
      expect(await first(record)).toEqual({ text: "fine", ...answer });
  });

  test("the likeliest label, or several with their probabilities, as a line", async () => {
    const { label, labels, probability } = await first("fine");
    expect(labels).toEqual({ [label]: probability });
    expect(model.line(await first("fine"))).toBe(`${label}\t${probability.toFixed(4)}`);
    const all = await first("fine", { top: 5 });
    const other = label === "good" ? "bad" : "good";
    expect(Object.keys(all.labels)).toEqual([label, other]);
    expect(model.line(all)).toBe(`${label}\t${probability.toFixed(4)}\t${other}\t${(1 - probability).toFixed(4)}`);
  });

  test("come in the order of the inputs, as inputs come", async () => {
    const seen: string[] = [];
    async function* texts() {
      for (const text of ["fine", "dull", "grey"]) {
        seen.push(`in ${text}`);
        yield text;
      }
    }
    for await (const { text } of model.predict(texts(), { batch: 1 })) seen.push(`out ${text}`);
    expect(seen).toEqual(["in fine", "out fine", "in dull", "out dull", "in grey", "out grey"]);
  });

  test("stop when told to", async () => {
    const signal = AbortSignal.abort();
    await expect(listOf(model.predict(["fine"], { signal }))).rejects.toThrow(/abort/i);
  });

  test.each([5, null, undefined, {}, [], { other: "x" }, { text: [5] }])("%j has no text", async (input) => {
    await expect(first(input)).rejects.toThrow(DataError);
    await expect(first(input)).rejects.toThrow(
      /^text: expected a string or a record with text, sentence, review, got /,
    );
  });

  test("options that nobody knows are refused", async () => {
    await expect(first("fine", { topp: 1 })).rejects.toThrow('option: unknown key "topp" (did you mean "top"?)');
    await expect(first("fine", { top: 0 })).rejects.toThrow(
      "option: top: expected a whole number from 1 to 1000, got 0",
    );
  });
});

describe("spelling", () => {
  /** Made-up words of which only the ending tells the label; those of `unheard` are not in `heard`. */
  const stems = (site: string, count: number): string[] =>
    Array.from({ length: count }, (_, i) =>
      Array.from(stream(5, i, site).integers(5, 12), (k) => "bcdgklmoprtu"[k]).join(""),
    );
  const told = (list: readonly string[]) =>
    list.map((stem, i) => ({ text: `The ${stem}${i % 2 ? "ful" : "less"} film`, label: i % 2 ? "good" : "bad" }));
  const [heard, unheard] = [told(stems("heard", 240)), told(stems("unheard", 60))];
  const given = {
    ...options,
    data: { name: "heard", rows: heard },
    val: { name: "unheard", rows: unheard },
    config: { ...sizes.gru, num_layers: 1, char_embedding_dim: 8, char_channels: 16 },
    steps: 150,
    spelling: true,
  } as const;
  const store: Memory = memory();

  test("tells the labels of words that training never had, which tokens alone cannot", async () => {
    const history = await train("gru", { ...given, store });
    expect(history.scores?.accuracy).toBeGreaterThan(0.95);
    const { char_embedding_dim, char_channels, ...rest } = given.config;
    const blind = await train("gru", { ...given, config: rest, spelling: false });
    expect(blind.scores?.accuracy).toBe(0.5); // half of them are good
  }, 120_000);

  test("is kept: opened again, texts have the scores that were measured, alone and beside longer ones", async () => {
    expect(store.files["task.json"]).toMatchObject({ characters: "Tbcdefghiklmoprstu" });
    await using model = await open(store, { task: "classify", threads: 1 });
    const texts = unheard.map(({ text }) => text);
    const answers = await listOf(model.predict(texts));
    const right = answers.filter(({ label }, i) => label === unheard[i]?.label).length;
    const { scores } = await evaluate(store, { data: given.val, baselines: false });
    expect(right / unheard.length).toBe(scores.accuracy);
    const [alone] = await listOf(model.predict(["a tedious Zebraless film"], { batch: 1 }));
    const [beside] = await listOf(model.predict(["a tedious Zebraless film", `${texts.join(" ")}`], { batch: 2 }));
    expect(beside?.label).toBe("bad");
    expect(beside?.probability).toBeCloseTo(alone?.probability ?? 0, 6);
    expect(await listOf(model.predict([""]))).toHaveLength(1);
  });

  test("interrupted and resumed it ends with the same bits", async () => {
    const short = { ...given, steps: 8, evalEvery: 3, config: { ...given.config, word_dropout: 0.2 } };
    const [whole, parted] = [memory(), memory()];
    await train("gru", { ...short, store: whole });
    for await (const event of train("gru", { ...short, store: parted }))
      if (event.event === "step" && event.step === 5) break;
    await resume(parted, { data: short.data, val: short.val });
    expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  });

  test.each([
    ["gru", { tokenizer: "char" }, /^spelling: expected tokens that are words, got char; leave it out, or tokenizer$/],
    ["gpt", { config: sizes.gpt }, /^spelling: expected a model that reads characters, got one of tokens alone/],
    [
      "gru",
      { config: { ...given.config, char_embedding_dim: 0 } },
      /^spelling: expected a model that reads characters/,
    ],
    [
      "gru",
      { spelling: false, config: { ...given.config, char_vocab_size: 30 } },
      /^char_embedding_dim: characters are/,
    ],
    [
      "gru",
      { config: { ...given.config, char_vocab_size: 3 } },
      /^char_vocab_size: expected at least the 20 of the data/,
    ],
  ] as const)("%s with %j is refused", async (name, more, message) => {
    const run = async () => train(name, { ...given, ...more } as TrainOptions<"classify">);
    await expect(run()).rejects.toThrow(ConfigError);
    await expect(run()).rejects.toThrow(message);
  });
});

describe("attention pooling", () => {
  const config = { ...sizes.gru, pooling: "attention" };

  test("learns, and says which words counted: those that tell the label", async () => {
    const history = await train("gru", { ...options, config, steps: 200 });
    expect(history.scores).toMatchObject({ accuracy: 1 });
    await using model = await history.open();
    const [answer] = await listOf(model.predict(["the film of last year and its music Dull unseenword"]));
    const weights = answer?.attention ?? [];
    expect(weights.map(([token]) => token).join(" ")).toBe("the film of last year and its music dull [UNK]");
    expect(weights.reduce((sum, [, weight]) => sum + weight, 0)).toBeCloseTo(1, 5);
    expect(model.picture(answer as Classification)).toMatch(/^<svg.*dull.*<\/svg>\n$/s);
    const [empty] = await listOf(model.predict([""]));
    expect(empty?.attention).toEqual([]);
  }, 120_000);

  test("another pooling has neither weights nor a picture", async () => {
    await using model = await (await trainOn("gru", { steps: 1 })).open();
    const [answer] = await listOf(model.predict(["the film"]));
    expect(answer).not.toHaveProperty("attention");
    expect(model.picture(answer as Classification)).toBeUndefined();
  });
});

describe("word vectors", () => {
  const lines = ["dull 1 2 3", "Fine -1 -2 -3", "tedious 1.5 2.5 3.5", "rare 9 9 9"];
  const rest = { ...options, data, val, steps: 1, optimizer: "sgd", lr: 1e-30, embeddings: "vectors.txt" } as const;
  let place: ReturnType<typeof workIn>;
  beforeAll(() => {
    place = workIn("vectors");
    writeFileSync("vectors.txt", lines.join("\n"));
  });
  afterAll(() => place.leave());

  const table = async (more: Partial<TrainOptions<"classify">> = {}) => {
    const store = memory();
    await train("gru", { ...rest, config: { hidden_size: 4 }, store, ...more });
    const { problem, values } = await loadModel(store);
    const vocabulary = problem.files["tokenizer.json"] as { model: { vocab: Record<string, number> } };
    const { data, shape } = values["embedding.weight"] as HostTensor;
    const width = shape[1] ?? 0;
    const row = (word: string) => {
      const id = vocabulary.model.vocab[word];
      return id === undefined ? undefined : [...(data as Float32Array).slice(id * width, (id + 1) * width)];
    };
    return { width, row };
  };

  test("words start from them, words that training does not have as well; others start as they did", async () => {
    const { width, row } = await table();
    const without = await table({ embeddings: undefined, config: { hidden_size: 4, embedding_dim: 3 } });
    expect(width).toBe(3);
    expect([row("dull"), row("fine"), row("tedious")]).toEqual([
      [1, 2, 3],
      [-1, -2, -3],
      [1.5, 2.5, 3.5],
    ]);
    expect(row("lovely")).toEqual(without.row("lovely"));
    expect(without.row("tedious")).toBeUndefined();
  });

  test("the vocabulary holds as many words as asked for, the training's first", async () => {
    const { row } = await table({ vocab: 16 }); // 14 words of the training and the unknown one
    expect(row("tedious")).toEqual([1.5, 2.5, 3.5]);
    expect(row("rare")).toBeUndefined();
  });

  test.each([
    [{ tokenizer: "char" }, "option: embeddings: vectors are of words, not of char; leave tokenizer out"],
    [
      { config: { embedding_dim: 8 } },
      "embeddings: expected vectors as wide as the model's embedding, 8, got 3; leave embedding_dim out",
    ],
    [{ embeddings: "none.txt" }, /^data none\.txt: no such file or folder \(ENOENT\)$/],
  ] as const)("%j is refused", async (more, message) => {
    await expect(table(more)).rejects.toThrow(message);
  });
});
