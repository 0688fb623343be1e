/** Choosing ids and writing text. */
import { expect, test } from "vitest";
import { builtInText, prepareText } from "../../src/data/index.ts";
import { ConfigError } from "../../src/errors.ts";
import { type SampleOptions, sample, Writer } from "../../src/generate/index.ts";
import { loadArchitecture } from "../../src/models/index.ts";
import { namedParameters } from "../../src/nn/index.ts";
import { initialValues } from "../../src/runtime/index.ts";
import { modelOf, trainLanguageModel } from "../../src/tasks/language.ts";

const logits = Float32Array.of(1, 3, 2, -1);
const draws = (options: SampleOptions, count = 4000): number[] => {
  const seen = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const id = sample(logits, options, i);
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

test("the same seed writes the same, another seed does not", () => {
  const text = (seed: number) =>
    Array.from({ length: 50 }, (_, i) => sample(logits, { temperature: 1, seed }, i)).join("");
  expect(text(1)).toBe(text(1));
  expect(text(1)).not.toBe(text(2));
});

test.each(["rnn", "lstm", "gru", "gpt"])(
  "%s goes on writing past its context, and repeats itself for a seed",
  async (name) => {
    const architecture = await loadArchitecture(name);
    const sizes =
      name === "gpt"
        ? { n_positions: 8, n_embd: 8, n_layer: 2, n_head: 2 }
        : { embedding_dim: 4, hidden_size: 8, num_layers: 2 };
    const model = architecture.build(architecture.configure({ vocab_size: 11, ...sizes }));
    const writer = await Writer.create(model, initialValues(namedParameters(model.parts), 1));
    const write = async () => {
      const ids: number[] = [];
      for await (const id of writer.ids(Int32Array.of(1, 2, 3), { tokens: 30, temperature: 1, seed: 5 })) ids.push(id);
      return ids;
    };
    const first = await write();
    expect(first).toHaveLength(30);
    expect(await write()).toEqual(first);
    expect(first.every((id) => id >= 0 && id < 11)).toBe(true);
  },
);

test("options out of range and an empty prompt are refused", async () => {
  const architecture = await loadArchitecture("rnn");
  const model = architecture.build(architecture.configure({ vocab_size: 5, hidden_size: 4, embedding_dim: 4 }));
  const writer = await Writer.create(model, initialValues(namedParameters(model.parts), 0));
  const next = (prompt: Int32Array, options: object) => writer.ids(prompt, options).next();
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

test("pieces of text join to what the ids say, and stop when told to", async () => {
  const data = await prepareText(builtInText(0, 8000), { tokenizer: "bpe", vocabSize: 300 });
  const { model } = await trainLanguageModel("gru", {
    data,
    steps: 3,
    context: 8,
    batch: 2,
    config: { hidden_size: 16, embedding_dim: 8 },
  });
  let whole = "";
  for await (const piece of model.generate("The ", { tokens: 40, temperature: 2, seed: 3 })) whole += piece;
  expect(whole.length).toBeGreaterThan(0);
  const abort = new AbortController();
  let pieces = 0;
  for await (const _ of model.generate("The ", { tokens: 1000, signal: abort.signal }))
    if (++pieces === 5) abort.abort();
  expect(pieces).toBeLessThan(8);
});

test("foreign configurations are read, and refused where they change the mathematics", async () => {
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
  expect((await modelOf(hf)).model.context).toBe(4);
  await expect(modelOf({ ...hf, scale_attn_weights: false })).rejects.toThrow(
    /scale_attn_weights false changes the mathematics/,
  );
  await expect(modelOf({ model_type: "gru", vocab_size: 5, bidirectional: true })).rejects.toThrow(ConfigError);
});

test("a model with more rows than its tokenizer has tokens writes tokens only; spoilt weights are told", async () => {
  const data = await prepareText(builtInText(0, 4000));
  const config = { hidden_size: 8, embedding_dim: 4, vocab_size: data.tokenizer.vocabSize + 500 };
  const { model } = await trainLanguageModel("rnn", { data, config, steps: 1, context: 8, batch: 2 });
  let text = "";
  for await (const piece of model.generate("The ", { tokens: 50, temperature: 5 })) text += piece;
  expect(text).toHaveLength(50);
  expect(() => sample(Float32Array.of(Number.NaN, 1), {}, 0)).toThrow(/logits that are not finite/);
});
