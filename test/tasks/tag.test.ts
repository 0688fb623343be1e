/** Named entities: it learns, padding changes nothing, it resumes exactly, and its scores are what one counts. */
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigError, DataError } from "../../src/errors.ts";
import { entityScores } from "../../src/metrics/index.ts";
import { loadArchitecture } from "../../src/models/index.ts";
import { stream } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { exportForward, exportTraining } from "../../src/tasks/export.ts";
import { open } from "../../src/tasks/open.ts";
import { TagSet } from "../../src/tasks/tag/scores.ts";
import { Spelling, wordsOf } from "../../src/tasks/tag/words.ts";
import { type Tagged, Tagger } from "../../src/tasks/tag.ts";
import { resume, type TrainOptions, train } from "../../src/tasks/train.ts";
import { UNKNOWN, wordTokenizer } from "../../src/tokenizers/index.ts";
import { workIn } from "../cli/support.ts";
import { bytes, listOf, type Memory, memory } from "../support/runs.ts";

const filler = ["the", "train", "was", "late", "again", "and", "nobody", "knew", "why", "today", ",", "."];
const first = ["Ada", "Grace", "Alan", "Kurt"];
const last = ["Lovelace", "Hopper", "Turing", "Goedel"];
const towns = ["London", "Vienna", "Oslo", "Bern"];

interface Told {
  readonly words: readonly string[];
  readonly tags: readonly string[];
}

/** Sentences of 1 to 14 words with up to two entities: a person of one or two words after "met", a place after "in". */
function sentences(count: number, site: string): Told[] {
  return Array.from({ length: count }, (_, i) => {
    const draw = stream(5, i, site);
    const [length = 0, what = 0, a = 0, b = 0, c = 0, ...rest] = draw.integers(20, 1000);
    const plain = (n: number, from: number): Told => ({
      words: Array.from({ length: n }, (_, k) => filler[(rest[from + k] ?? 0) % filler.length] ?? ""),
      tags: Array<string>(n).fill("O"),
    });
    const person = a % 2 ? [first[b % 4] ?? "", last[c % 4] ?? ""] : [first[b % 4] ?? ""];
    const parts: Told[] = [plain(1 + (length % 4), 0)];
    if (what % 3 > 0)
      parts.push({ words: ["met", ...person], tags: ["O", "B-PER", ...person.slice(1).map(() => "I-PER")] });
    if (what % 3 === 2) parts.push({ words: ["in", towns[b % 4] ?? ""], tags: ["O", "B-LOC"] }, plain(length % 3, 5));
    return { words: parts.flatMap(({ words }) => words), tags: parts.flatMap(({ tags }) => tags) };
  });
}
const conll = (list: readonly Told[]) =>
  list.map(({ words, tags }) => words.map((word, i) => `${word}\t${tags[i]}\n`).join("")).join("\n");
const [learned, unseen] = [sentences(160, "train"), sentences(40, "test")];
const data = { name: "made up", text: conll(learned) };
const val = { name: "unseen", text: conll(unseen) };

const small = { embedding_dim: 8, hidden_size: 12, char_embedding_dim: 4, char_channels: 6, dropout: 0.1 };
const configs = {
  rnn: { ...small, crf: true },
  lstm: small,
  gru: { ...small, crf: true, num_layers: 2, char_embedding_dim: 0, word_dropout: 0 },
  mingru: { ...small, crf: true },
} as const;
const names = Object.keys(configs) as (keyof typeof configs)[];
const options = { task: "tag", data, val, batch: 16, lr: 0.02, threads: 1 } as const;
const trainOn = (name: keyof typeof configs, more: Partial<TrainOptions<"tag">> = {}) =>
  train(name, { ...options, config: configs[name], steps: 150, ...more });

describe.each(names)("%s", (name) => {
  const store: Memory = memory();
  let tagger: Tagger;
  test("finds all entities of sentences that it has not seen", async () => {
    const history = await trainOn(name, { store });
    expect(history.scores).toMatchObject({ f1: 1, precision: 1, recall: 1, accuracy: 1 });
    expect(history.losses[0]).toBeGreaterThan(1); // of 9 tags, ln 9 = 2.2 is a guess
    expect(history.scores?.loss).toBeLessThan(0.05);
    tagger = await history.open();
    expect(tagger).toBeInstanceOf(Tagger);
  }, 120_000);

  test("opened from where it was kept, it answers as it did, and a text as its words", async () => {
    const again = await open(store, { task: "tag", threads: 1 });
    const found = await listOf(again.predict(unseen));
    expect(found.map(({ words }) => words)).toEqual(unseen.map(({ words }) => words));
    expect(found).toEqual(await listOf(tagger.predict(unseen, { batch: 1 })));
    expect(found).toEqual(await listOf(tagger.predict(unseen.map(({ words }) => words.join(" ")))));
    const [one] = await listOf(again.predict(["the train met Ada Lovelace in Oslo, today."]));
    expect(one).toEqual({
      words: ["the", "train", "met", "Ada", "Lovelace", "in", "Oslo", ",", "today", "."],
      entities: [
        { type: "PER", start: 3, end: 5, text: "Ada Lovelace" },
        { type: "LOC", start: 6, end: 7, text: "Oslo" },
      ],
    });
    expect(again.line(one as Tagged)).toBe("the train met [PER Ada Lovelace] in [LOC Oslo] , today .");
    await again.release();
  });

  test("nothing, one word, and a word nobody has seen have answers; ten thousand words are read in pieces", async () => {
    const long = Array.from({ length: 500 }, (_, i) => unseen[i % unseen.length]?.words ?? []).flat();
    const words = [...long, ...long, ...long].slice(0, 10_000);
    const given = ["", { words: [] }, { words: ["Ada"] }, "Ωμέγα", { words }, { text: "in Oslo" }];
    const found = await listOf(tagger.predict(given, { batch: 3 }));
    expect(found.map((answer) => answer.words.length)).toEqual([0, 0, 1, 1, words.length, 2]);
    expect(found[0]).toEqual({ words: [], entities: [] });
    expect(found[4]?.entities.length).toBeGreaterThan(1000);
    expect(found.map((answer) => tagger.line(answer))[0]).toBe("");
  }, 60_000);
});

test("interrupted and resumed, dropout and all, it ends with the same bits", async () => {
  const given = { config: configs.rnn, steps: 12, evalEvery: 5, average: 0.9 };
  const [whole, parted] = [memory(), memory()];
  await trainOn("rnn", { ...given, store: whole });
  for await (const event of trainOn("rnn", { ...given, store: parted }))
    if (event.event === "step" && event.step === 7) break;
  expect(await resume(parted, { data, val })).toMatchObject({ step: 12, firstStep: 8 });
  expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  expect(parted.weights).toEqual(whole.weights);
});

describe("a run", () => {
  let place: ReturnType<typeof workIn>;
  // A tenth of the entities is labelled against what the words say, so that nothing is 1.
  const tested = [
    ...unseen,
    ...unseen.slice(0, 9).map(({ words }) => ({ words, tags: words.map((_, i) => (i ? "O" : "I-LOC")) })),
  ];
  beforeAll(async () => {
    place = workIn("tag");
    writeFileSync("train.conll", conll(learned));
    writeFileSync("test.conll", conll(tested));
    await trainOn("lstm", {
      data: "train.conll",
      val: "test.conll",
      store: "run",
      steps: 100,
      config: { ...small, crf: true },
    });
  });
  afterAll(() => place.leave());

  test("its scores are what one counts from the predictions, whatever the batch", async () => {
    const { scores, pictures, examples } = await evaluate("run", { data: "test.conll", baselines: false, batch: 7 });
    const alone = await evaluate("run", { data: "test.conll", baselines: false, batch: 1 });
    for (const [name, value] of Object.entries(scores)) expect(alone.scores[name]).toBeCloseTo(value, 5);
    expect(examples).toBe(49);
    const tagger = await open("run", { task: "tag", threads: 1 });
    const answers = await listOf(tagger.predict(tested));
    const tagged = answers.map(({ words, entities }) => {
      const tags = words.map(() => "O");
      for (const { type, start, end } of entities)
        for (let i = start; i < end; i++) tags[i] = `${i === start ? "B" : "I"}-${type}`;
      return tags;
    });
    const { precision, recall, f1 } = entityScores().of(
      tagged,
      tested.map(({ tags }) => tags),
    );
    expect(f1).toBeLessThan(1);
    expect(scores).toMatchObject({ precision, recall, f1 });
    expect(Object.keys(pictures).sort()).toEqual(["confusion", "types"]);
    expect(pictures.types).toMatch(/^<svg [\s\S]*>PER<[\s\S]*<\/svg>\n$/);
    await tagger.release();
  });

  test("the most frequent tag of each word, by hand", async () => {
    const few = {
      name: "few",
      text: "Ada\tB-PER\nmet\tO\n\nAda\tB-PER\n\nAda\tO\n\nOslo\tB-LOC\n\nOslo\tB-LOC\nFjord\tI-LOC\n",
    };
    writeFileSync("few.conll", few.text);
    await trainOn("lstm", { data: "few.conll", val: "few.conll", store: "few", steps: 1 });
    const asked = { name: "asked", text: "Ada\tB-PER\nBob\tB-PER\n\nOslo\tB-LOC\nFjord\tO\n\nFjord\tI-LOC\n" };
    const { baselines, note } = await evaluate("few", { data: asked });
    expect(note).toBe(undefined);
    // In BIOES: Ada is S-PER twice and O once, Oslo S-LOC and B-LOC once each (S before B? the first of equals in B, I, E, S: B-LOC), Fjord E-LOC.
    const scores = baselines["most frequent tag"];
    // Predicted: Ada PER; Oslo Fjord LOC as one; Fjord LOC. Right: Ada, and Fjord alone. There are 4: Ada, Bob, Oslo, Fjord.
    expect(scores).toMatchObject({ precision: 2 / 3, recall: 2 / 4 });
    expect(scores?.f1).toBeCloseTo((2 * 2) / (3 + 4), 12);
    expect(scores?.accuracy).toBeCloseTo(1 / 5, 12); // Ada; of the others Bob is O, Oslo B for S, Fjord E for O, and E for S
  });

  test("is exported with the scores of its CRF, whole and as a step", async () => {
    const forward = await exportForward("run");
    const outputs = ["logits", "transitions", "start_transitions", "end_transitions"];
    expect(forward.outputs.map(({ name }) => name).sort()).toEqual([...outputs].sort());
    expect(forward.inputs.map(({ name }) => name).sort()).toEqual(["characters", "ids", "lengths", "shapes"]);
    expect((await exportTraining("run")).bytes.length).toBeGreaterThan(1000);
  });

  test("training goes on from its weights, with its words and characters", async () => {
    const store = memory();
    await trainOn("lstm", { data: val, from: "run", config: {}, steps: 1, store });
    const other = await trainOn("lstm", {
      data: { name: "o", text: "Zoë\tB-ORG\nin\tO\n" },
      val,
      from: "run",
      config: {},
      steps: 1,
    }).then(
      () => "trained",
      (error: unknown) => (error as Error).message,
    );
    expect(other).toContain("of none of the 1 types that were trained: ORG");
    expect(store.files["task.json"]?.characters).toBe(
      [...new Set(learned.flatMap(({ words }) => words.flatMap((word) => [...word])))].sort().join(""),
    );
  });
});

test("starts from a classifier of words, and not from a model of characters", async () => {
  const rows = learned.map(({ words }) => ({ text: words.join(" "), label: words.length % 2 }));
  const sizes = { embedding_dim: 8, hidden_size: 12 };
  const base = memory();
  await train("gru", { task: "classify", data: { name: "r", rows }, config: sizes, steps: 1, threads: 1, store: base });
  const store = memory();
  const plain = { char_embedding_dim: 0, bidirectional: false };
  await train("gru", { ...options, from: base, config: plain, steps: 1, lr: 1e-9, store });
  expect(store.files["tokenizer.json"]).toEqual(base.files["tokenizer.json"]);
  const [before, after] = [base, store].map(({ weights }) => weights.get("last")?.get("gru.weight_hh_l0"));
  expect(after?.shape).toEqual(before?.shape);
  const letters = memory();
  await train("gru", { data, config: sizes, steps: 1, threads: 1, context: 8, tokenizer: "char", store: letters });
  const attempt = Promise.resolve(train("gru", { ...options, from: letters, config: plain, steps: 1 }));
  await expect(attempt).rejects.toThrow(/^from: expected a checkpoint whose tokens are words, got char; [^\n]+$/);
});

describe("words of a running text", () => {
  const known = new Set(["inc.", "yahoo!"]);
  const split = (text: string) => wordsOf(text, (word) => known.has(word.toLowerCase()));
  test.each([
    ["Ada came.", ["Ada", "came", "."]],
    ['"Ada," he said: (yes!)', ['"', "Ada", ",", '"', "he", "said", ":", "(", "yes", "!", ")"]],
    ["Apple Inc. and Yahoo! pay", ["Apple", "Inc.", "and", "Yahoo!", "pay"]],
    ["Apple Inc.", ["Apple", "Inc."]],
    ["in the U.S. by J. Smith", ["in", "the", "U.S.", "by", "J.", "Smith"]],
    ["John's don't we'll", ["John", "'s", "do", "n't", "we", "'ll"]],
    ["wait... what?!", ["wait", "...", "what", "?", "!"]],
    ["1,999.50 Anglo-Saxon @ada #tag", ["1,999.50", "Anglo-Saxon", "@ada", "#tag"]],
    ["  ", []],
    ["' n't 's .", ["'", "n't", "'s", "."]],
    ["...", ["..."]],
  ])("%s", (text, words) => expect(split(text)).toEqual(words));
  test("nothing of the text is lost, whatever it is", () => {
    const letters = [..."aB.,'\"()!?-s9 \t…’nt"];
    for (let seed = 0; seed < 300; seed++) {
      const text = [...stream(seed, 0, "text").integers(12, letters.length)].map((k) => letters[k]).join("");
      expect(split(text).join("")).toBe(text.replace(/\s/gu, ""));
    }
  });
});

describe("words as numbers", () => {
  const spelling = new Spelling(wordTokenizer([UNKNOWN, "ada", "met"]), "Ade");
  test("ids ignore case, characters do not; 1 is one that is unknown, 0 none", () => {
    const { ids, characters } = spelling.of(["Ada", "ADA", "x"]);
    expect([...ids]).toEqual([1, 1, 0]);
    expect([...characters.slice(0, 4)]).toEqual([2, 3, 2 + 0, 0].map((_, i) => [2, 3, 1, 0][i]));
    expect(spelling.count).toBe(5);
  });
  test("shapes", () => {
    const words = ["london", "NATO", "London", "1,999", "B52", "iPhone", "...", "東京"];
    expect([...spelling.of(words).shapes]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
  test("a word longer than is looked at, letters of two units, and none at all", () => {
    expect(spelling.of(["A".repeat(99)]).characters).toHaveLength(20);
    expect([...spelling.of(["😀A"]).characters.slice(0, 3)]).toEqual([1, 2, 0]);
    expect(spelling.of([]).ids).toHaveLength(0);
  });
});

test("the best tags of one sentence: scores of a CRF change them, and forbid nothing that is legal", () => {
  const set = new TagSet("BIO", ["O", "B-X", "I-X"]);
  const logits = Float32Array.of(0, 1, 2, 0, 1, 2); // I-X twice would be best, and is illegal
  expect(set.names(set.best(logits, 2, {}))).toEqual(["B-X", "I-X"]);
  const scores = (data: number[], shape: number[]) => ({ data: Float32Array.from(data), shape, dtype: "f32" as const });
  const chain = {
    transitions: scores([0, 0, 0, 0, 0, -9, 0, 0, 0], [3, 3]),
    start_transitions: scores([0, 0, 0], [3]),
    end_transitions: scores([0, 0, 0], [3]),
  };
  expect(set.names(set.best(logits, 2, chain))).toEqual(["B-X", "B-X"]);
  expect(set.best(logits, 0, chain)).toHaveLength(0);
});

describe("what cannot be learned or measured is refused in one line", () => {
  const start = (text: string, more: object = {}) =>
    Promise.resolve(
      train("lstm", {
        ...options,
        val: undefined,
        config: configs.lstm,
        steps: 1,
        data: { name: "a.conll", text },
        ...more,
      }),
    );
  const good = "Ada B-PER\ncame O\n\nup O\n";
  test.each([
    ["blank", "\n\n", {}, DataError, "expected sentences, got none"],
    ["O alone", "Ada O\n\ncame O\n", {}, DataError, "expected entities to learn from, got only words with tag O"],
    [
      "one sentence, and none to measure",
      "Ada B-PER\n",
      {},
      DataError,
      "expected at least 2 sentences, got 1; give validation data",
    ],
    [
      "a type that is only measured",
      good,
      { val: { name: "b.conll", text: "x O\n\nOslo B-LOC\n" } },
      DataError,
      'conll b.conll, line 3: tag "B-LOC" is of none of the 1 types that were trained: PER;',
    ],
    [
      "illegal in the scheme that was named",
      "Ada I-PER\n",
      { scheme: "BIO" },
      DataError,
      'conll a.conll, line 1: expected tags that are legal in BIO, got "I-PER" at the beginning of the sentence',
    ],
    [
      "an end that is missing",
      "Ada B-PER\n",
      { scheme: "BIOES" },
      DataError,
      'line 1: expected tags that are legal in BIOES, got the end of the sentence after "B-PER"',
    ],
    [
      "another number of tags",
      good,
      { config: { num_labels: 4 } },
      ConfigError,
      "num_labels: expected the 5 tags of the data, got 4",
    ],
    [
      "too few characters",
      good,
      { config: { char_vocab_size: 3 } },
      ConfigError,
      "char_vocab_size: expected at least the",
    ],
  ])("%s", async (_, text, more, kind, message) => {
    const training = start(text, more);
    await expect(training).rejects.toThrow(kind);
    await expect(training).rejects.toThrow(message);
    await expect(training).rejects.toThrow(/^[^\n]+$/);
  });
  test("one sentence of one word is enough where there is another to measure", async () => {
    const history = await start("Ada B-PER\n", { val: { name: "b", text: "Ada B-PER\n" } });
    expect(history.step).toBe(1);
  });
  test("IOB1, BIO and BIOES of the same entities are the same training", async () => {
    const spelled = [
      "Ada B-PER\nL. I-PER\n\nx O\nAda B-PER",
      "Ada I-PER\nL. I-PER\n\nx O\nAda I-PER",
      "Ada B-PER\nL. E-PER\n\nx O\nAda S-PER",
    ];
    const runs = await Promise.all(
      spelled.map(async (text) => {
        const store = memory();
        await start(text, { store, val: { name: "v", text } });
        return [...(store.weights.get("last")?.values() ?? [])];
      }),
    );
    expect(runs[1]).toEqual(runs[0]);
    expect(runs[2]).toEqual(runs[0]);
  });
  test("predictions say what they take", async () => {
    const history = await trainOn("lstm", { steps: 1 });
    const tagger = await history.open();
    for (const odd of [3, null, {}, { words: "Ada" }, { words: [""] }, { words: [3] }])
      await expect(listOf(tagger.predict([odd]))).rejects.toThrow(
        /^sentence: expected a text, or a record[^\n]+; [^\n]+$/,
      );
    await tagger.release();
  });
  test("a tagger that reads characters needs their number; a transformer has no such head", async () => {
    const { heads, configure } = await loadArchitecture("lstm");
    const sizes = { vocab_size: 3, num_labels: 3, char_embedding_dim: 4 };
    expect(() => heads.tags?.(configure(sizes))).toThrow(
      new ConfigError(
        "config: char_vocab_size: a model that reads characters needs the number of them, got nothing; give char_vocab_size",
      ),
    );
    const attempt = Promise.resolve(train("gpt", { ...options, steps: 1 }));
    await expect(attempt).rejects.toThrow(
      'task tag: gpt2 cannot do it, as it has no head "tags"; choose rnn, lstm, gru',
    );
  });
});
