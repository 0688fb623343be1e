/** Translation: it learns, padding changes nothing, it resumes exactly, its scores are what one counts, bad data is refused. */
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { readParallel } from "../../src/data/index.ts";
import { CheckpointError, ConfigError, DataError } from "../../src/errors.ts";
import { bleu } from "../../src/metrics/bleu.ts";
import { stream } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { open } from "../../src/tasks/open.ts";
import { resume, type TrainOptions, train } from "../../src/tasks/train.ts";
import { joinedWords } from "../../src/tasks/translate/languages.ts";
import type { Translation, Translator } from "../../src/tasks/translate/translator.ts";
import { bytes, listOf, type Memory, memory } from "../support/runs.ts";

const NUMBERS = ["one", "two", "three", "four", "five", "six", "seven"];
const ZAHLEN = ["eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben"];

/** Lists of 1 to 5 numbers, in the other language in the opposite order. */
function pairs(count: number, site: string) {
  const rows = Array.from({ length: count }, (_, i) => {
    const [length = 0, ...rest] = stream(3, i, site).integers(6, 1000);
    return rest.slice(0, 1 + (length % 5)).map((k) => k % NUMBERS.length);
  });
  return {
    source: rows.map((row) => row.map((k) => ZAHLEN[k]).join(" ")),
    target: rows.map((row) =>
      row
        .map((k) => NUMBERS[k])
        .reverse()
        .join(" "),
    ),
  };
}
const [learned, unseen] = [pairs(400, "train"), pairs(40, "test")];
const file = (name: string, lines: readonly string[]) => ({ name, text: `${lines.join("\n")}\n` });
const data = [file("train.de", learned.source), file("train.en", learned.target)];
const val = [file("test.de", unseen.source), file("test.en", unseen.target)];

const options = { task: "translate", data, val, tokenizer: "words", batch: 40, lr: 0.01, threads: 1 } as const;
const sizes = { embedding_dim: 16, hidden_size: 32 };
const trainOn = (name: string, more: Partial<TrainOptions<"translate">> = {}) =>
  train(name, { ...options, config: sizes, steps: 150, ...more });

const kinds = {
  "gru, general": ["gru", {}],
  "lstm, additive, input feeding": ["lstm", { attention: "additive", input_feeding: true }],
  "rnn, dot, one direction": ["rnn", { attention: "dot", bidirectional: false, input_feeding: true }],
} as const;

describe.each(Object.entries(kinds))("%s", (_, [name, config]) => {
  const store: Memory = memory();
  let translator: Translator;

  test("learns to translate what it has not seen", async () => {
    const history = await trainOn(name, { store, config: { ...sizes, ...config }, steps: 300 });
    expect(history.losses[0]).toBeGreaterThan(1.5); // ln 9 = 2.2 is a guess
    expect(history.scores?.loss).toBeLessThan(0.3);
    expect(history.scores?.perplexity).toBeCloseTo(Math.exp(Number(history.scores?.loss)), 9);
    translator = await history.open();
    const { scores, pictures, baselines } = await evaluate(store, { data: val });
    expect(scores.loss).toBeCloseTo(Number(history.scores?.loss), 5);
    expect(scores.bleu).toBeGreaterThan(60);
    expect(pictures["bleu-by-length"]).toMatch(/^<svg [\s\S]*>1-5<[\s\S]* n = 40</);
    expect(baselines).toEqual({});
  }, 180_000);

  test("answers are in the order of the inputs, alone as beside others, and after reopening", async () => {
    const inputs = ["eins zwei drei", "", "vier", "  ", "sieben sechs fünf vier drei"];
    const together = await listOf(translator.predict(inputs));
    expect(together.map(({ text }) => text)).toEqual(["eins zwei drei", "", "vier", "", "sieben sechs fünf vier drei"]);
    expect([together[1]?.translation, together[3]?.translation]).toEqual(["", ""]);
    const again = await open(store, { task: "translate", threads: 1 });
    for (const [i, text] of inputs.entries()) {
      const [alone] = await listOf(again.predict([text], { batch: 1 }));
      expect(alone?.translation).toBe(together[i]?.translation);
      expect(alone?.score).toBeCloseTo(Number(together[i]?.score), 4);
    }
    await again.release();
  });

  test("an answer has tokens, a score, and attention of each token over the source", async () => {
    const [answer] = (await listOf(translator.predict(["eins zwei drei"]))) as [Translation];
    const { tokens, sourceTokens, attention, score, translation, cut } = answer;
    expect([sourceTokens, cut]).toEqual([["eins", "zwei", "drei"], false]);
    expect(tokens.join(" ")).toBe(translation);
    expect(score).toBeLessThan(0);
    expect(attention).toHaveLength(tokens.length + 1);
    for (const row of attention ?? []) expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 3);
    expect(translator.line(answer)).toBe(translation);
    expect(translator.picture(answer)).toMatch(/^<svg [\s\S]*>drei<[\s\S]*>\(end\)</);
  });
});

describe("a small run", () => {
  const store: Memory = memory();
  let translator: Translator;
  beforeAll(async () => {
    translator = await (await trainOn("gru", { store, steps: 40 })).open();
  });
  const first = async (input: unknown, given = {}) =>
    (await listOf(translator.predict([input], given)))[0] as Translation;

  test("BLEU is that of greedy translations, loss and perplexity are per token", async () => {
    const { scores, baselines } = await evaluate(store, { data: val, baselines: false, batch: 7 });
    const answers = await listOf(translator.predict(unseen.source, { beam: 1 }));
    const greedy = answers.map(({ translation }) => translation);
    expect(scores.bleu).toBeCloseTo(bleu({ lowercase: true }).of(greedy, unseen.target), 9);
    expect(scores.perplexity).toBeCloseTo(Math.exp(Number(scores.loss)), 9);
    expect(baselines).toEqual({});
  });

  test("a wider beam finds what is likelier, its score is log P over the penalty", async () => {
    const [narrow, wide] = [
      await first("eins zwei drei vier", { beam: 1, lengthPenalty: 0 }),
      await first("eins zwei drei vier", { beam: 50, lengthPenalty: 0 }),
    ];
    expect(wide.score).toBeGreaterThanOrEqual(narrow.score - 1e-6);
    const mean = await first("eins zwei drei vier", { beam: 1, normalize: "mean" });
    expect(mean.tokens).toEqual(narrow.tokens);
    expect(mean.score * (mean.tokens.length + 1)).toBeCloseTo(narrow.score, 5);
  });

  test("no longer than it may be; a long sentence is cut, and says so; unknown words are never said", async () => {
    expect((await first("eins zwei drei", { maxLength: 2, beam: 3 })).tokens.length).toBeLessThanOrEqual(2);
    const long = await first("eins ".repeat(500));
    expect([long.cut, long.sourceTokens.length]).toEqual([true, 64]);
    const strange = await first("γειά σου Κόσμε 你好");
    expect(strange.sourceTokens).toEqual(["[UNK]", "[UNK]", "[UNK]", "[UNK]"]);
    expect(strange.tokens).not.toContain("[UNK]");
  });

  test.each([5, null, {}, [], { text: 5 }])("%j has no sentence", async (input) => {
    await expect(first(input)).rejects.toThrow(DataError);
    await expect(first(input)).rejects.toThrow(/^sentence: expected a text, or a record with text or source, got /);
  });
  test("records, and options that nobody knows", async () => {
    for (const input of [{ text: "eins" }, { source: "eins" }]) expect(await first(input)).toEqual(await first("eins"));
    await expect(first("eins", { beams: 3 })).rejects.toThrow('option: unknown key "beams" (did you mean "beam"?)');
    await expect(first("eins", { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });

  test("what an attention-free model says nothing of is not drawn", async () => {
    const plain = await (await trainOn("gru", { steps: 1, config: { ...sizes, attention: "none" } })).open();
    const [answer] = (await listOf(plain.predict(["eins"]))) as [Translation];
    expect([answer.attention, plain.picture(answer)]).toEqual([undefined, undefined]);
  });

  test("a run without its source's tokenizer is refused", async () => {
    const { "source_tokenizer.json": _, ...files } = store.files;
    const broken = { ...store, files, loadFile: async (name: string) => files[name] };
    await expect(open(broken)).rejects.toThrow(
      new CheckpointError("source_tokenizer.json: expected one beside config.json, got none; copy it there"),
    );
  });

  test("fine-tuning keeps both vocabularies", async () => {
    const further = memory();
    await trainOn("gru", { from: store, store: further, steps: 1, tokenizer: undefined, config: {} });
    for (const name of ["tokenizer.json", "source_tokenizer.json"])
      expect(further.files[name]).toEqual(store.files[name]);
  });
});

test("interrupted and resumed, dropout and scheduled sampling and all, it ends with the same bits", async () => {
  const config = { ...sizes, dropout: 0.3, scheduled_sampling: 0.3, input_feeding: true };
  const given = { config, steps: 8, evalEvery: 3, smoothing: 0.1 };
  const [whole, parted] = [memory(), memory()];
  await trainOn("gru", { ...given, store: whole });
  for await (const event of trainOn("gru", { ...given, store: parted }))
    if (event.event === "step" && event.step === 5) break;
  expect(await resume(parted, { data, val })).toMatchObject({ step: 8, firstStep: 6 });
  expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  const other = [file("train.de", learned.source.slice(1)), file("train.en", learned.target.slice(1))];
  await expect(Promise.resolve(resume(parted, { data: other, val, steps: 20 }))).rejects.toThrow(CheckpointError);
});

test("byte pairs keep case, and spell what was never seen", async () => {
  const upper = (lines: readonly string[]) => lines.map((line) => `${line.charAt(0).toUpperCase()}${line.slice(1)}.`);
  const given = [file("a", upper(learned.source)), file("b", upper(learned.target))];
  const store = memory();
  const more = { tokenizer: "bpe", vocab: 300, data: given, val: undefined, steps: 2 } as const;
  const model = await (await trainOn("gru", { ...more, store })).open();
  const [answer] = (await listOf(model.predict(["Großmutter 你好"]))) as [Translation];
  expect(answer.sourceTokens.length).toBeGreaterThan(5);
  const lower = memory();
  await trainOn("gru", { ...more, lowercase: true, store: lower });
  const vocabulary = (kept: Memory) => JSON.stringify(kept.files["tokenizer.json"]);
  expect(vocabulary(store)).toMatch(/"[^"]*Seven[^"]*"/);
  expect(vocabulary(lower)).not.toMatch(/"[^"]*S[a-z]+[^"]*":/);
});

test("words as people write them", () => {
  expect(joinedWords("a man , in a t - shirt ( red ) , isn ' t there .")).toBe(
    "a man, in a t-shirt (red), isn't there.",
  );
  expect(joinedWords("wow ! ! yes")).toBe("wow!! yes");
});

describe("parallel text", () => {
  const both = (source: string | Uint8Array, target: string | Uint8Array) => {
    const part = (name: string, given: string | Uint8Array) =>
      typeof given === "string" ? { name, text: given } : { name, bytes: given };
    return [part("a.de", source), part("a.en", target)];
  };
  const learn = (given: TrainOptions["data"], more: object = {}) =>
    Promise.resolve(train("gru", { ...options, data: given, config: sizes, steps: 1, ...more }));

  test("line ends, a byte order mark and compression are no part of it; pairs with a blank side are left out", async () => {
    const store = memory();
    const zipped = new Uint8Array(gzipSync("one\r\n\r\nthree\r\nfour"));
    await learn(both("\ufeffeins\nzwei\ndrei\n  \n", zipped), { store });
    expect(
      Object.keys((store.files["source_tokenizer.json"] as never as { model: { vocab: object } }).model.vocab),
    ).toEqual(["[UNK]", "drei", "eins"]);
  });

  test.each([
    [
      "files of different length",
      "a\nb\nc\n",
      "x\ny\n",
      "parallel text: expected as many lines in a.en as in a.de, got 2 and 3;",
    ],
    [
      "an empty file",
      "",
      "",
      "parallel text a.de + a.en: expected pairs of sentences, got 0 lines of which one side is blank",
    ],
    ["blank lines alone", "a\n\n", "\nx\n", "parallel text a.de + a.en: expected pairs of sentences, got 2 lines"],
  ])("%s", async (_, source, target, say) => {
    await expect(learn(both(source, target))).rejects.toThrow(DataError);
    await expect(learn(both(source, target))).rejects.toThrow(say);
  });

  test("one pair is enough where there is validation data, and not where there is none", async () => {
    await learn(both("eins", "one"));
    await expect(learn(both("eins", "one"), { val: undefined })).rejects.toThrow(
      "parallel text a.de + a.en: expected at least 2 pairs, got 1; give validation data",
    );
  });

  test("longer pairs are left out of training, and cut where they are measured", async () => {
    const long = "eins ".repeat(40).trim();
    const given = both(`eins\nzwei\n${long}`, "one\ntwo\none");
    const run = train("gru", { ...options, data: given, val: given, config: sizes, length: 8, epochs: 1, batch: 1 });
    expect((await run).step).toBe(2);
    await expect(learn(both(long, "one"), { length: 8 })).rejects.toThrow(
      "parallel text a.de + a.en: expected pairs of at most 8 tokens, got none in 1; raise the length",
    );
  });

  test("one file is not enough", async () => {
    await expect(learn({ name: "a", text: "x" })).rejects.toThrow(
      "data: task translate learns from a list of source and target, got one; give [source, target]",
    );
    const alone = { name: "a", format: "txt", text: async () => "x" };
    await expect(readParallel(alone)).rejects.toThrow(DataError);
  });

  test("models that do not fit", async () => {
    await expect(learn(data, { config: { ...sizes, target_vocab_size: 4 } })).rejects.toThrow(ConfigError);
    await expect(learn(data, { config: { ...sizes, vocab_size: 4 } })).rejects.toThrow(
      /^vocab_size: expected at least/,
    );
    await expect(Promise.resolve(train("gpt", { ...options, steps: 1 }))).rejects.toThrow(
      /^task translate: gpt2? cannot do it, as it has no head "encoderDecoder"/,
    );
  });
});
