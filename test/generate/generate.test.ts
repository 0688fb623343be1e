/** Choosing ids and generating text. */
import { expect, test } from "vitest";
import { CheckpointError, ConfigError, DataError, TokenizerError } from "../../src/errors.ts";
import { generateSettings, IdGenerator, type SampleOptions, sampler } from "../../src/generate/index.ts";
import { build, type CausalModel, loadArchitecture } from "../../src/models/index.ts";
import { namedParameters } from "../../src/nn/index.ts";
import { initialValues } from "../../src/runtime/index.ts";
import { builtInText } from "../../src/stories/index.ts";
import { TextGenerator } from "../../src/tasks/language.ts";
import { type TrainOptions, train } from "../../src/tasks/train.ts";
import { type Tokenizer, trainChar } from "../../src/tokenizers/index.ts";
import { listOf } from "../support/runs.ts";

/** The id after `position` ids. */
const sample = (logits: ArrayLike<number>, options: SampleOptions, position: number): number =>
  sampler(generateSettings(options))(logits, { ids: [], promptLength: 0, step: position });

const logits = Float32Array.of(1, 3, 2, -1);
const draws = (options: SampleOptions, count = 4000): number[] => {
  const seen = [0, 0, 0, 0];
  const choose = sampler(generateSettings(options));
  for (let step = 0; step < count; step++) {
    const id = choose(logits, { ids: [], promptLength: 0, step });
    seen[id] = (seen[id] ?? 0) + 1;
  }
  return seen;
};

test("temperature 0 takes the likeliest, the first of equals", () => {
  expect(sample(logits, { temperature: 0 }, 5)).toBe(1);
  expect(sample([2, 2, 1], { temperature: 0 }, 0)).toBe(0);
});

test("samples follow the softmax (χ² below the 99.9 % point of 3 degrees of freedom, 16.27)", () => {
  const weights = [...logits].map(Math.exp);
  const total = weights.reduce((a, b) => a + b, 0);
  const seen = draws({ temperature: 1, seed: 11 });
  const chi = seen.reduce(
    (sum, n, i) => sum + (n - (4000 * (weights[i] ?? 0)) / total) ** 2 / ((4000 * (weights[i] ?? 0)) / total),
    0,
  );
  expect(chi).toBeLessThan(16.27);
});

test("top-k and top-p leave out the unlikely", () => {
  expect(draws({ temperature: 1, topK: 2 }).filter((n) => n > 0)).toHaveLength(2);
  // Probabilities 0.66, 0.24, 0.09, 0.01: the first two reach 0.9 only together with the third.
  expect(draws({ temperature: 1, topP: 0.5 })).toEqual([0, 4000, 0, 0]);
  expect(draws({ temperature: 1, topP: 0.8 }).filter((n) => n > 0)).toHaveLength(2);
});

test("the same seed generates the same, another seed does not", () => {
  const text = (seed: number) =>
    Array.from({ length: 50 }, (_, i) => sample(logits, { temperature: 1, seed }, i)).join("");
  expect(text(1)).toBe(text(1));
  expect(text(1)).not.toBe(text(2));
});

test.each(["rnn", "lstm", "gru", "gpt"])(
  "%s continues past its context, and repeats itself for a seed",
  async (name) => {
    const architecture = await loadArchitecture(name);
    const sizes =
      name === "gpt"
        ? { n_positions: 8, n_embd: 8, n_layer: 2, n_head: 2 }
        : { embedding_dim: 4, hidden_size: 8, num_layers: 2 };
    const model = build(architecture, "causal", architecture.configure({ vocab_size: 11, ...sizes }));
    const generator = await IdGenerator.create(model, initialValues(namedParameters(model.parts), 1));
    const write = async () => {
      const ids: number[] = [];
      for await (const id of generator.ids(Int32Array.of(1, 2, 3), { tokens: 30, temperature: 1, seed: 5 }))
        ids.push(id);
      return ids;
    };
    const first = await write();
    expect(first).toHaveLength(30);
    expect(await write()).toEqual(first);
    expect(first.every((id) => id >= 0 && id < 11)).toBe(true);
  },
);

/** A model of five numbers in and out of every step. */
async function tinyRNN(vocab_size: number): Promise<CausalModel> {
  const rnn = await loadArchitecture("rnn");
  return build(rnn, "causal", rnn.configure({ vocab_size, hidden_size: 4, embedding_dim: 4 }));
}

test("options out of range and an empty prompt are refused", async () => {
  const model = await tinyRNN(5);
  const generator = await IdGenerator.create(model, initialValues(namedParameters(model.parts), 0));
  const next = (prompt: Int32Array, options: object) => generator.ids(prompt, options).next();
  for (const options of [
    { temperature: -1 },
    { temperature: Number.NaN },
    { topK: 0 },
    { topK: 1.5 },
    { topP: 0 },
    { topP: 2 },
    { tokens: -1 },
    { seed: 0.5 },
  ])
    await expect(next(Int32Array.of(1), options)).rejects.toThrow(ConfigError);
  await expect(next(Int32Array.of(), {})).rejects.toThrow(/prompt: expected at least one token/);
});

/** A model trained for a few steps, ready to continue text. */
async function trained(name: string, text: string, options: Partial<TrainOptions<"language">>): Promise<TextGenerator> {
  const data = { name: "text", text };
  const predictor = await (await train(name, { task: "language", data, context: 8, batch: 2, ...options })).open();
  if (!(predictor instanceof TextGenerator)) throw new Error("the language task opens no TextGenerator");
  return predictor;
}

test("pieces of text join to what the ids say, and stop when told to", async () => {
  const config = { hidden_size: 16, embedding_dim: 8 };
  const options = { steps: 3, tokenizer: "bpe", vocab: 300, config } as const;
  const model = await trained("gru", builtInText(0, 8000), options);
  const written = { tokens: 40, temperature: 2, seed: 3 };
  let whole = "";
  for await (const piece of model.generate("The ", written)) whole += piece;
  expect(whole.length).toBeGreaterThan(0);
  const answers = await listOf(model.predict(["The ", { prompt: "The " }, { text: "The " }], written));
  expect(answers).toMatchObject(answers.map(() => ({ prompt: "The ", text: whole, reason: "length", seed: 3 })));
  expect(answers.map(({ ids }) => model.tokenizer.decode(ids))).toEqual(answers.map(() => whole));
  expect(answers.map((answer) => model.line(answer))).toEqual(answers.map(() => `The ${whole}`));
  const abort = new AbortController();
  let pieces = 0;
  for await (const _ of model.generate("The ", { tokens: 1000, signal: abort.signal }))
    if (++pieces === 5) abort.abort();
  expect(pieces).toBeLessThan(8);
  await model.release();
});

/** A tokenizer of the ids 0, 1, 2, which are the bytes of "é" and an "a". */
const bytes: Tokenizer = {
  kind: "bpe",
  vocabSize: 3,
  idOf: () => undefined,
  encode: (text) => Int32Array.from(text.includes("a") ? [2] : [0, 1]),
  decode(ids) {
    const letters = [0xc3, 0xa9, 0x61];
    return new TextDecoder().decode(Uint8Array.from(ids, (id) => letters[id] ?? 0));
  },
  toJSON: () => ({}),
};

test("a character comes when it is whole, and what is left of one at the end", async () => {
  const model = await tinyRNN(3);
  const weights = initialValues(namedParameters(model.parts), 1);
  const generator = TextGenerator.open(bytes, model, weights, { threads: 1 });
  const ids: number[] = [];
  const written = { tokens: 60, temperature: 1, seed: 4 };
  const plain = await IdGenerator.create(model, weights);
  for await (const id of plain.ids(Int32Array.of(2), written)) ids.push(id);
  const pieces: string[] = [];
  for await (const piece of generator.generate("a", written)) pieces.push(piece);
  expect(pieces.join("")).toBe(bytes.decode(ids));
  expect(pieces).toContain("é");
});

test("what cannot be continued is refused", async () => {
  const model = await tinyRNN(5);
  const weights = initialValues(namedParameters(model.parts), 0);
  const generator = TextGenerator.open(trainChar("abcde"), model, weights, {});
  const first = (input: unknown, options = {}) => listOf(generator.predict([input], options));
  for (const input of ["", 5, null, {}, { prompt: "" }, { title: "a" }])
    await expect(first(input)).rejects.toThrow(DataError);
  await expect(first({ title: "a" })).rejects.toThrow(
    'prompt: expected some text, or { "prompt": text }, got {"title":"a"}; give at least one character',
  );
  await expect(first("abz")).rejects.toThrow(TokenizerError);
  await expect(first("a", { max_length: 5 })).rejects.toThrow(/^option: unknown key "max_length"/);
  await expect(first("a", { temperature: -1 })).rejects.toThrow(
    "option: temperature: expected a number from 0 to 100, got -1",
  );
  expect(() => TextGenerator.open(trainChar("abcdef"), model, weights, {})).toThrow(
    new CheckpointError("tokenizer.json has 6 tokens, more than the model's 5; one of the two is another model's"),
  );
});

test("foreign configurations are read, and refused where they change the mathematics", async () => {
  const [gpt, gru] = [await loadArchitecture("gpt2"), await loadArchitecture("gru")];
  const hf = {
    model_type: "gpt2",
    vocab_size: 5,
    n_positions: 4,
    n_embd: 4,
    n_layer: 1,
    n_head: 2,
    n_ctx: 4,
    n_inner: null,
  };
  expect(build(gpt, "causal", gpt.read(hf)).context).toBe(4);
  expect(gpt.read({ ...hf, id2label: { 0: "a", 1: "b", 2: "c" } })).toMatchObject({ num_labels: 3 });
  expect(() => gpt.read({ ...hf, num_labels: 2, id2label: { 0: "a", 1: "b", 2: "c" } })).toThrow(
    "config: num_labels is 2 and, spelled differently, 3; remove one of them",
  );
  for (const odd of [{ scale_attn_weights: false }, { n_inner: 16 }, { tie_word_embeddings: false }]) {
    const [[key, value] = []] = Object.entries(odd);
    expect(() => gpt.read({ ...hf, ...odd })).toThrow(`config: ${key} ${value} changes the mathematics`);
  }
  expect(() => gpt.read({ ...hf, activation_function: "relu" })).toThrow(
    'gpt2 config: activation_function: expected one of gelu_new, gelu, got "relu"',
  );
  expect(() => build(gru, "causal", gru.read({ model_type: "gru", vocab_size: 5, bidirectional: true }))).toThrow(
    ConfigError,
  );
  expect(() => gru.read({ model_type: "gru", vocab_size: 5, nonlinearity: "relu" })).toThrow(ConfigError);
});

test("a model with more rows than its tokenizer has tokens generates tokens only; weights that are not finite are an error", async () => {
  const text = builtInText(0, 4000);
  const vocab_size = trainChar(text).vocabSize + 500;
  const model = await trained("rnn", text, { config: { hidden_size: 8, embedding_dim: 4, vocab_size }, steps: 1 });
  let written = "";
  for await (const piece of model.generate("The ", { tokens: 50, temperature: 5 })) written += piece;
  expect(written).toHaveLength(50);
  expect(() => sample(Float32Array.of(Number.NaN, 1), {}, 0)).toThrow(/logits that are not finite/);
});
