/** Beam search of causal models, and log p of what they generate: by enumeration, alone, beside others, past the context. */
import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.ts";
import { type Chosen, type GenerateOptions, IdGenerator } from "../../src/generate/index.ts";
import { build, loadArchitecture } from "../../src/models/index.ts";
import { namedParameters } from "../../src/nn/index.ts";
import { initialValues } from "../../src/runtime/index.ts";
import { type Continuation, TextGenerator } from "../../src/tasks/language.ts";
import { trainChar } from "../../src/tokenizers/index.ts";
import { listOf } from "../support/runs.ts";

const letters = trainChar("abcdef");
const CONTEXT = 8;

/** Models whose past is a state, and whose past is a cache. */
async function tiny(name: string) {
  const architecture = await loadArchitecture(name);
  const sizes =
    name === "gpt"
      ? { n_positions: CONTEXT, n_embd: 8, n_layer: 2, n_head: 2, initializer_range: 0.5 }
      : { embedding_dim: 4, hidden_size: 8, num_layers: 2 };
  const model = build(architecture, "causal", architecture.configure({ vocab_size: 6, ...sizes }));
  return { model, weights: initialValues(namedParameters(model.parts), 1) };
}

async function choices(generator: IdGenerator, prompt: Int32Array, options: GenerateOptions): Promise<Chosen[]> {
  return listOf(generator.choices(prompt, options)) as Promise<Chosen[]>;
}

/** Every text of 3 ids: with its ids the only ones that are allowed at each place, log p of all of them. */
async function likeliest(generator: IdGenerator, prompt: Int32Array) {
  const texts = Array.from({ length: 6 ** 3 }, (_, n) => [Math.floor(n / 36), Math.floor(n / 6) % 6, n % 6]);
  const side = generator.open(texts.length);
  const read = (ids: readonly Int32Array[]) => Promise.all(ids.map((one, i) => side.text(i).read(one)));
  const sums = texts.map(() => 0);
  let logits = await read(texts.map(() => prompt));
  for (let at = 0; at < 3; at++) {
    for (const [i, row] of logits.entries()) {
      const total = Math.log(row.reduce((sum, logit) => sum + Math.exp(logit), 0));
      sums[i] = (sums[i] ?? 0) + (row[texts[i]?.[at] ?? 0] ?? 0) - total;
    }
    if (at < 2) logits = await read(texts.map((ids) => Int32Array.of(ids[at] ?? 0)));
  }
  await side.release();
  const best = sums.indexOf(Math.max(...sums));
  return { ids: texts[best], logProbability: sums[best] ?? 0 };
}

describe.each(["gpt", "lstm", "mingru"])("%s", (name) => {
  test("beams that are wide enough find the likeliest of all texts", async () => {
    const { model, weights } = await tiny(name);
    await using generator = await IdGenerator.create(model, weights);
    for (const prompt of [Int32Array.of(2), Int32Array.of(0, 5, 1)]) {
      const wanted = await likeliest(generator, prompt);
      const found = await choices(generator, prompt, { beams: 36, tokens: 3, lengthPenalty: 0, logprobs: 0 });
      expect(found.map(({ id }) => id)).toEqual(wanted.ids);
      const sum = found.reduce((total, { logprob = Number.NaN }) => total + logprob, 0);
      expect(sum).toBeCloseTo(wanted.logProbability, 5);
    }
  });

  test("each prompt of a batch gives the text that it gives alone, past the context too", async () => {
    const { model, weights } = await tiny(name);
    await using texts = TextGenerator.open(letters, model, weights, {});
    const options = { beams: 3, tokens: 12, end: [4] };
    const together = (await listOf(texts.predict(["a", "fed", "cab"], options))) as Continuation[];
    for (const { prompt, ids, reason } of together) {
      const [alone] = (await listOf(texts.predict([prompt], options))) as Continuation[];
      expect(alone).toMatchObject({ prompt, ids, reason });
    }
  });
});

test("log p of what is drawn, and of what is likeliest, is that of the distribution that is drawn from", async () => {
  const { model, weights } = await tiny("gpt");
  await using generator = await IdGenerator.create(model, weights);
  const prompt = Int32Array.of(1, 2);
  for (const options of [{ temperature: 0.7 }, { temperature: 1, topK: 3 }, { temperature: 2, minP: 0.4 }])
    for (const { id, logprob = Number.NaN, top = [] } of await choices(generator, prompt, {
      ...options,
      tokens: 5,
      logprobs: 6,
    })) {
      expect(top.reduce((sum, one) => sum + Math.exp(one.logprob), 0)).toBeCloseTo(1, 12);
      expect(top.map((one) => one.logprob)).toEqual(top.map((one) => one.logprob).sort((a, b) => b - a));
      expect(top.find((one) => one.id === id)?.logprob).toBe(logprob);
    }
  for (const { id, top = [] } of await choices(generator, prompt, { temperature: 0, tokens: 5, logprobs: 2 })) {
    expect(top.length).toBe(2); // nothing is drawn: the model's own distribution
    expect(top[0]?.id).toBe(id);
  }
});

test("an answer has log p of each of its ids where it is asked for, and else none", async () => {
  const { model, weights } = await tiny("gpt");
  await using texts = TextGenerator.open(letters, model, weights, {});
  const [plain] = (await listOf(texts.predict(["a"], { tokens: 4 }))) as Continuation[];
  expect(plain).not.toHaveProperty("logprobs");
  for (const beams of [1, 2]) {
    const [answer] = (await listOf(texts.predict(["a"], { tokens: 4, logprobs: 1, beams }))) as Continuation[];
    expect(answer?.logprobs?.map(({ id }) => id)).toEqual(answer?.ids);
  }
});

test("a text that stops early keeps no other one waiting", async () => {
  const { model, weights } = await tiny("gpt");
  await using texts = TextGenerator.open(letters, model, weights, {});
  const options = { tokens: 6, temperature: 1, stop: ["a", "b", "c"], samples: 4 };
  const answers = (await listOf(texts.predict(["a", "f"], options))) as Continuation[];
  expect(answers.length).toBe(8);
  expect(new Set(answers.map(({ ids }) => ids.length)).size).toBeGreaterThan(1);
});

test("a search that is ended by its signal has found nothing", async () => {
  const { model, weights } = await tiny("gpt");
  await using texts = TextGenerator.open(letters, model, weights, {});
  const [answer] = (await listOf(texts.predict(["a"], { beams: 2, signal: AbortSignal.abort() }))) as Continuation[];
  expect(answer).toMatchObject({ ids: [], reason: "aborted" });
});

test("a search refuses what is for draws, no prompt, and that every id is forbidden", async () => {
  const { model, weights } = await tiny("gpt");
  await using texts = TextGenerator.open(letters, model, weights, {});
  const refused = (options: GenerateOptions & { samples?: number }, prompt = "a") =>
    expect(listOf(texts.predict([prompt], { beams: 2, ...options }))).rejects;
  await refused({ topK: 3 }).toThrow(
    new ConfigError("beams: a search draws nothing, got topK 3 beside 2 beams; leave one out"),
  );
  await refused({ samples: 2 }).toThrow(/got samples 2 beside 2 beams/);
  await refused({ suppress: [0, 1, 2, 3, 4, 5] }).toThrow(/^beams: every id is forbidden/);
  await expect(texts.generate("", { beams: 2 }).next()).rejects.toThrow(/^prompt: expected at least one token/);
});
