/** Autoencoders of texts: they learn, padding changes nothing, they resume exactly, scores are what one counts, bad data is refused. */
import { beforeAll, describe, expect, test } from "vitest";
import { listed } from "../../src/data/index.ts";
import { CheckpointError, ConfigError, DataError, TokenizerError } from "../../src/errors.ts";
import type { HostTensor } from "../../src/runtime/index.ts";
import { RowProgram } from "../../src/tasks/batched.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { describe as describeRun, open, weightsOf } from "../../src/tasks/open.ts";
import type { ReconstructedText, TextAutoencoder } from "../../src/tasks/reconstruct-text/autoencoder.ts";
import { countedBaselines, NGrams, sparsely } from "../../src/tasks/reconstruct-text/baselines.ts";
import { batchSpecs, collate, textNats } from "../../src/tasks/reconstruct-text/batch.ts";
import { readTexts } from "../../src/tasks/reconstruct-text/lines.ts";
import { resume, type TrainOptions, train } from "../../src/tasks/train.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import { bytes, listOf, type Memory, memory } from "../support/runs.ts";

const SYLLABLES = ["ka", "mo", "ri", "ta", "ve", "lu", "si", "no", "be", "du"];
const words = SYLLABLES.flatMap((a) => SYLLABLES.flatMap((b) => SYLLABLES.map((c) => a + b + c)));
const data = { name: "words", text: `${words.filter((_, i) => i % 8 !== 0).join("\n")}\n` };
const unseen = words.filter((_, i) => i % 8 === 0);
const val = { name: "unseen", text: unseen.join("\r\n") };

const options = { task: "reconstruct-text", data, val, threads: 1, batch: 63, lr: 0.01 } as const;
const sizes = { embedding_dim: 12, hidden_size: 48, latent: 8 };
const trainOn = (name: string, more: Partial<TrainOptions<"reconstruct-text">> = {}) =>
  train(name, { ...options, config: sizes, steps: 200, ...more });

describe("a model of made-up words", () => {
  const store: Memory = memory();
  let model: TextAutoencoder;
  beforeAll(async () => {
    const config = { ...sizes, word_dropout: 0.5 };
    const history = await trainOn("gru", { store, config, steps: 800, lr: 0.02, beta: 0.3, freeBits: 0 });
    model = await history.open();
  }, 120_000);
  const first = async (text: unknown, given = {}) =>
    (await listOf(model.predict([text], given)))[0] as ReconstructedText;

  test("restores words that it has not seen; its scores are those of the bound", async () => {
    const { scores, baselines } = await evaluate(store, { data: val, batch: 10 });
    const { elbo = 0, reconstruction = 0, kl = 0, perplexity, nll, exact, active, loss } = scores;
    expect(exact).toBeGreaterThan(0.8);
    expect(active).toBe(8);
    expect(elbo).toBeCloseTo(-reconstruction - kl, 9);
    expect(perplexity).toBeCloseTo(Math.exp(-elbo / 7), 9); // six letters and the end
    expect(loss).toBeCloseTo(reconstruction + 0.3 * kl, 9);
    expect(nll).toBeGreaterThan(Math.log(1000) - 0.5); // all 1000 words are as likely
    expect(nll).toBeLessThan(-elbo);
    expect(baselines).toEqual({});
    const again = await evaluate(store, { data: val, baselines: false, batch: 3 });
    for (const [name, score] of Object.entries(again.scores)) expect(score).toBeCloseTo(scores[name] ?? Number.NaN, 4);
  });

  test("answers are in the order of the inputs, alone as beside others, and after reopening", async () => {
    const inputs = ["kamori", "", "v", { text: " tavelu " }, "kamorikamori"];
    const together = await listOf(model.predict(inputs));
    expect(together.map(({ text }) => text)).toEqual(["kamori", "", "v", "tavelu", "kamorikamori"]);
    expect(together[0]?.reconstruction).toBe("kamori");
    const again = await open(store, { task: "reconstruct-text", threads: 1 });
    for (const [i, text] of inputs.entries()) {
      const [alone] = await listOf(again.predict([text], { batch: 1 }));
      const beside = together[i];
      expect(alone?.reconstruction).toBe(beside?.reconstruction);
      for (const key of ["nats", "rate"] as const) expect(alone?.[key]).toBeCloseTo(Number(beside?.[key]), 4);
      for (const [l, value] of (alone?.code ?? []).entries()) expect(value).toBeCloseTo(beside?.code[l] ?? 9, 4);
    }
    const codes = await listOf(model.embed(inputs, { batch: 2 }));
    expect(codes.map(({ text }) => text)).toEqual(together.map(({ text }) => text));
    for (const [i, { code }] of codes.entries())
      for (const [l, value] of code.entries()) expect(value).toBeCloseTo(together[i]?.code[l] ?? 9, 4);
    await again.release();
  });

  test("an answer says whether it is the text, what it costs, and is a line", async () => {
    const answer = await first("kamori");
    expect(answer).toMatchObject({ text: "kamori", reconstruction: "kamori", exact: true, cut: false });
    expect(answer.nats).toBeGreaterThan(0);
    expect(answer.rate).toBeGreaterThan(0);
    expect(answer.code).toHaveLength(8);
    expect(model.line(answer)).toBe("kamori");
    expect((await first("ka".repeat(40))).cut).toBe(true);
    expect((await first("kamori", { maxLength: 2 })).reconstruction.length).toBeLessThanOrEqual(2);
  });

  test("samples are functions of the seed: the same whatever their number, and others with another seed", async () => {
    const five = await model.sample({ n: 5, seed: 7 });
    expect(await model.sample({ n: 3, seed: 7 })).toEqual(five.slice(0, 3));
    expect(await model.sample({ n: 5, seed: 8 })).not.toEqual(five);
    expect(new Set(await model.sample({ n: 5, temperature: 0 })).size).toBe(1);
    const drawn = await model.sample({ n: 70, seed: 7, tokenTemperature: 1 });
    expect(await model.sample({ n: 66, seed: 7, tokenTemperature: 1 })).toEqual(drawn.slice(0, 66));
    expect(drawn).not.toEqual(await model.sample({ n: 70, seed: 7 }));
    const words = await model.sample({ n: 100 });
    const good = words.filter((text) => /^((ka|mo|ri|ta|ve|lu|si|no|be|du){3})$/.test(text));
    expect(good.length).toBeGreaterThan(60);
  });

  test("what is drawn of one code is a function of the seed", async () => {
    const given = { tokenTemperature: 2, seed: 3 };
    const one = await first("kamori", given);
    expect(await first("kamori", given)).toEqual(one);
    const others = await Promise.all(
      [4, 5, 6].map(async (seed) => (await first("kamori", { ...given, seed })).reconstruction),
    );
    expect(others.some((text) => text !== one.reconstruction)).toBe(true);
  });

  test.each(["linear", "spherical"] as const)("a %s walk begins and ends with the reconstructions", async (how) => {
    const [a, b] = ["kamori", "velulu"];
    const walk = await model.interpolate(a, { text: b }, { steps: 5, how });
    expect(walk).toHaveLength(5);
    expect([walk[0], walk[4]]).toEqual([(await first(a)).reconstruction, (await first(b)).reconstruction]);
    expect(await model.interpolate(a, a, { steps: 3, how })).toEqual(Array(3).fill((await first(a)).reconstruction));
  });

  test("one dimension after the other, around 0 or around a text", async () => {
    const rows = await model.traverse("kamori", { steps: 3, from: -2, to: 2, dimensions: [0, 3] });
    expect(rows.map((row) => row.length)).toEqual([3, 3]);
    const { code } = await first("kamori");
    const moved = Float32Array.from(code, (value, l) => (l === 3 ? 2 : value));
    expect(rows[1]?.[2]).toBe((await model.decode([moved]))[0]);
    const around = await model.traverse(undefined, { steps: 3 });
    expect(new Set(around.map((row) => row[1]))).toEqual(new Set(await model.sample({ n: 1, temperature: 0 })));
    await expect(model.traverse("kamori", { dimensions: [8] })).rejects.toThrow(
      new ConfigError("traverse: expected dimensions from 0 to 7, got 8; leave it out"),
    );
  });

  test("codes as they are", async () => {
    const { code, reconstruction } = await first("kamori");
    expect(await model.decode([Float32Array.from(code)])).toEqual([reconstruction]);
    await expect(model.decode([new Float32Array(3)])).rejects.toThrow(
      new ConfigError("decode: expected codes of 8 numbers, got 3; give as many"),
    );
    expect(await model.decode([])).toEqual([]);
  });

  test.each([5, null, {}, [], { text: 5 }])("%j has no text", async (given) => {
    await expect(first(given)).rejects.toThrow(DataError);
    await expect(first(given)).rejects.toThrow(/^text: expected a text, or a record with text, got /);
  });
  test("letters and options that nobody knows", async () => {
    await expect(first("xyz")).rejects.toThrow(TokenizerError);
    await expect(first("ka", { beams: 3 })).rejects.toThrow('option: unknown key "beams" (did you mean "beam"?)');
    await expect(model.sample({ n: 0 })).rejects.toThrow(/^sample: n: expected a whole number from 1/);
    await expect(model.interpolate("ka", "mo", { steps: 1 })).rejects.toThrow(ConfigError);
    await expect(Promise.resolve(trainOn("gru", { steps: 1, annealSteps: 3 }))).rejects.toThrow("nothing rises");
    for (const watched of [{ signal: AbortSignal.abort() }]) {
      await expect(first("ka", watched)).rejects.toThrow(/abort/i);
      await expect(model.sample(watched)).rejects.toThrow(/abort/i);
      await expect(model.importance(["ka"], 2, watched)).rejects.toThrow(/abort/i);
    }
  });

  test("fine-tuning keeps the vocabulary", async () => {
    const further = memory();
    await trainOn("gru", { from: store, store: further, steps: 1, config: {} });
    expect(further.files["tokenizer.json"]).toEqual(store.files["tokenizer.json"]);
  });
});

test("the likelihood by importance sampling is the integral over codes", async () => {
  const store = memory();
  const config = { ...sizes, latent: 1 };
  const model = await (await trainOn("gru", { store, config, steps: 60 })).open();
  const described = await describeRun(store);
  const program = await RowProgram.create(
    model.model.parts,
    { ...batchSpecs, codes: { shape: ["B", 1], dtype: "f32" } },
    (batch) => ({ nats: textNats(model.model, batch.codes as Tensor, batch as never) }),
    { weights: await weightsOf(store, described), threads: 1 },
  );
  const [text, step] = ["kamori", 0.02];
  const grid = Array.from({ length: 601 }, (_, i) => (i - 300) * step);
  const ids = model.lines.ids(text);
  const codes: HostTensor = { data: Float32Array.from(grid), shape: [grid.length, 1], dtype: "f32" };
  const { nats } = await program.run({
    ...collate(
      grid.map(() => ({ ids })),
      model.lines.boundary,
    ),
    codes,
  });
  const density = grid.map((z, i) => Math.exp(-Number(nats?.data[i]) - (z * z) / 2) / Math.sqrt(2 * Math.PI));
  const exact = -Math.log(step * density.reduce((a, b) => a + b, 0));
  const [estimated = 0] = await model.importance([text], 4000);
  expect(estimated).toBeCloseTo(exact, 2);
  const { nats: given, rate } = (await listOf(model.predict([text])))[0] as ReconstructedText;
  expect(given + rate).toBeGreaterThan(exact - 1);
  await program.release();
});

test.each([
  ["rnn", {}],
  ["lstm", { bidirectional: false, num_layers: 2 }],
  ["mingru", {}],
  ["minlstm", { pooling: "max" }],
] as const)("%s learns too (%j)", async (name, config) => {
  const history = await trainOn(name, { config: { ...sizes, ...config }, steps: 60, freeBits: 0.5 });
  expect(history.losses[0]).toBeGreaterThan(7 * 2); // ln 13 = 2.56 is a guess, seven times
  expect(history.scores?.reconstruction).toBeLessThan(12);
});

test("interrupted and resumed, annealing, dropout and all, it ends with the same bits", async () => {
  const config = { ...sizes, dropout: 0.3, word_dropout: 0.3 };
  const given = { config, steps: 8, evalEvery: 3, anneal: "cyclical", annealSteps: 5, beta: 0.5 } as const;
  const [whole, parted] = [memory(), memory()];
  await trainOn("gru", { ...given, store: whole });
  for await (const event of trainOn("gru", { ...given, store: parted }))
    if (event.event === "step" && event.step === 5) break;
  expect(await resume(parted, { data, val })).toMatchObject({ step: 8, firstStep: 6 });
  expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  const other = { ...data, text: data.text.slice(7) };
  await expect(Promise.resolve(resume(parted, { data: other, val, steps: 20 }))).rejects.toThrow(CheckpointError);
});

test("the weight of the rate rises as it is said to", async () => {
  const seen: Record<string, number[]> = {};
  for (const anneal of ["none", "linear", "cyclical"] as const) {
    const rise = anneal === "none" ? {} : { annealSteps: 4 };
    const run = trainOn("gru", { steps: 8, anneal, ...rise, beta: 2, freeBits: 0, lr: 1e-9 });
    for await (const event of run)
      if (event.event === "step") {
        const { reconstruction = 0, kl = 0 } = event.terms ?? {};
        seen[anneal] = [...(seen[anneal] ?? []), (event.loss - reconstruction) / kl];
      }
  }
  const close = (got: number[] | undefined, expected: readonly number[]) =>
    expected.map((value, i) => expect(got?.[i]).toBeCloseTo(value, 2));
  close(seen.none, Array(8).fill(2));
  close(seen.linear, [0.5, 1, 1.5, 2, 2, 2, 2, 2]);
  close(seen.cyclical, [1, 2, 2, 2, 1, 2, 2, 2]);
});

describe("n-grams", () => {
  test("one token gives way to equal chances, as Witten and Bell have it", () => {
    const counted = new NGrams(1, 2); // ids 0 and 1, and the end
    counted.add(Int32Array.of(0, 0, 1));
    counted.add(Int32Array.of(0));
    // 6 tokens, 3 kinds: p(0) = (3 + 3/3)/9, p(1) = (1 + 1)/9, p(end) = (2 + 1)/9
    expect(counted.nats(Int32Array.of(1))).toBeCloseTo(-Math.log(2 / 9) - Math.log(3 / 9), 12);
    expect(counted.nats(Int32Array.of())).toBeCloseTo(-Math.log(3 / 9), 12);
  });
  test("two tokens give way to one; contexts that were never seen too", () => {
    const counted = new NGrams(2, 2);
    counted.add(Int32Array.of(0, 0, 1));
    const [p0, pEnd] = [(2 + 1) / 7, (1 + 1) / 7]; // 4 tokens, 3 kinds
    // after the beginning: 0 once, one kind; after 0: 0 and 1 once each, two kinds
    expect(counted.nats(Int32Array.of(0))).toBeCloseTo(-Math.log((1 + p0) / 2) - Math.log((2 * pEnd) / 4), 12);
  });
  test.each([1, 2, 3, 5])(
    "probabilities of all texts of up to nine tokens are nearly 1 together (order %i)",
    (order) => {
      const counted = new NGrams(order, 2);
      for (const text of [[0], [1, 0], [0, 1], [], [1]]) counted.add(Int32Array.from(text));
      const texts = Array.from({ length: 10 }, (_, length) =>
        Array.from({ length: 2 ** length }, (_, n) => Int32Array.from({ length }, (_, i) => (n >> i) & 1)),
      );
      const total = texts.flat().reduce((sum, ids) => sum + Math.exp(-counted.nats(ids)), 0);
      expect(total).toBeLessThan(1);
      expect(total).toBeGreaterThan(0.97);
    },
  );
});

test("counting is scored as the bound is: on texts it learns from, and on others", () => {
  const examples = (...texts: number[][]) =>
    listed(
      texts.map((ids) => ({ ids: Int32Array.from(ids), text: ids.join("") })),
      "",
    );
  const counted = countedBaselines(examples([0, 1], [0]), examples([0], []), 2, {});
  expect(Object.keys(counted)).toEqual(["token frequencies", "pairs of tokens", "four tokens"]);
  // 5 tokens, 3 kinds: p(0) = 3/8, p(end) = 3/8; texts "0 end" and "end"
  const nats = -3 * Math.log(3 / 8);
  const { elbo, nll, perplexity } = counted["token frequencies"] ?? {};
  expect([elbo, nll, perplexity]).toEqual([
    expect.closeTo(-nats / 2, 12),
    expect.closeTo(nats / 2, 12),
    expect.closeTo(8 / 3, 12),
  ]);
});

test("of many texts every n-th is counted", () => {
  const examples = Array.from({ length: 10 }, (_, i) => ({ ids: Int32Array.of(i), text: String(i) })); // 2 tokens each
  const kept = (most: number) => [...sparsely(listed(examples, ""), most, {})].map(({ text }) => text).join("");
  expect([kept(20), kept(19), kept(7), kept(1)]).toEqual(["0123456789", "02468", "0369", "0"]);
  expect(() => [...sparsely(listed(examples, ""), 20, { signal: AbortSignal.abort() })]).toThrow(/abort/i);
});

describe("texts", () => {
  const learn = (text: string, more: object = {}) =>
    Promise.resolve(
      train("gru", { ...options, data: { name: "a", text }, val: undefined, config: sizes, steps: 1, ...more }),
    );
  const source = (text: string) => ({ name: "a", format: "txt", text: async () => text });

  test("lines without the space around them, a byte order mark and blank ones; or their sentences", async () => {
    const text = "\ufeffAh. Oh!  \r\n\n  So it is, Mr. Fox?\n";
    expect(await readTexts(source(text), { by: "line" })).toEqual(["Ah. Oh!", "So it is, Mr. Fox?"]);
    expect((await readTexts(source(text), { by: "sentence" })).slice(0, 2)).toEqual(["Ah.", "Oh!"]);
    await expect(readTexts(source("\n \n"), { by: "line" })).rejects.toThrow(
      new DataError("a: expected a text in each line, got blank lines alone; write one in each"),
    );
  });

  test("one line is enough where there is validation data, and not where there is none", async () => {
    await learn("ab", { val: { name: "b", text: "a" } });
    await expect(learn("ab")).rejects.toThrow("data a: expected at least 2 texts, got 1; give validation data");
  });

  test("longer texts are left out of training, and cut where they are measured", async () => {
    const text = `ab\nb\n${"ab".repeat(20)}`;
    const run = learn(text, { val: { name: "b", text }, length: 8, steps: undefined, epochs: 1, batch: 1 });
    expect((await run).step).toBe(2);
    await expect(learn("ab".repeat(20), { length: 8 })).rejects.toThrow(
      "data a: expected texts of at most 8 tokens, got none in 1; raise the length",
    );
  });

  test("words are lower case, and unknown ones are never written; byte pairs spell what was never seen", async () => {
    const lines = "A fox ran.\nThe fox sat.\nA dog sat.\nThe dog ran!\n".repeat(4);
    const spoken = await (
      await learn(lines, { tokenizer: "words", val: { name: "b", text: lines }, steps: 60 })
    ).open();
    const [answer] = await listOf(spoken.predict(["a zebra ran ."]));
    expect(answer?.reconstruction).not.toContain("UNK");
    expect((answer as ReconstructedText).reconstruction).toMatch(/^[a-z .!]+$/);
    const pairs = await (await learn(lines, { tokenizer: "bpe", vocab: 270 })).open();
    expect(await listOf(pairs.predict(["你好"]))).toHaveLength(1);
    await expect(learn(lines, { vocab: 300 })).rejects.toThrow(/^option: vocab: the characters/);
  });

  test("models that do not fit", async () => {
    await expect(learn("ab\nb", { config: { ...sizes, vocab_size: 2 } })).rejects.toThrow(ConfigError);
    await expect(Promise.resolve(train("gpt", { ...options, steps: 1 }))).rejects.toThrow(
      /^task reconstruct-text: gpt2? cannot do it, as it has no head "latentText"/,
    );
    await expect(learn("ab\nb", { beta: -1 })).rejects.toThrow(/beta: expected a number from 0/);
  });
});
