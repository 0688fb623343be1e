/** What the parity of checkpoints does not show of decoders: spellings, defaults, refusals, long prompts, training. */
import { describe, expect, test } from "vitest";
import { CheckpointError, ConfigError } from "../../src/errors.ts";
import { IdGenerator } from "../../src/generate/index.ts";
import { build, loadArchitecture } from "../../src/models/index.ts";
import { namedParameters, traceTraining } from "../../src/nn/index.ts";
import { compile, initialValues } from "../../src/runtime/index.ts";
import { train } from "../../src/tasks/train.ts";
import { input } from "../../src/tensor/index.ts";
import { host, numbersOf, requireClose } from "../support/numbers.ts";
import { model as tolerance } from "../tolerances.ts";

const tiny = {
  vocab_size: 11,
  hidden_size: 8,
  intermediate_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  initializer_range: 0.3,
};

const read = async (published: Readonly<Record<string, unknown>>) =>
  (await loadArchitecture(String(published.model_type))).read(published);

describe("configurations", () => {
  const scaling = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };

  test("version 5 spells what version 4 spells", async () => {
    const base = { model_type: "llama", ...tiny };
    const former = await read({ ...base, rope_theta: 500, rope_scaling: scaling, torch_dtype: "bfloat16" });
    expect(await read({ ...base, rope_parameters: { rope_theta: 500, ...scaling }, dtype: "bfloat16" })).toEqual(
      former,
    );
    expect(former).toMatchObject({ rope_theta: 500, rope_scaling: scaling });
    const plain = await read({ ...base, rope_parameters: { rope_theta: 500, rope_type: "default" } });
    expect(plain).toMatchObject({ rope_theta: 500, rope_scaling: null });
  });

  test("of Gemma for both kinds of blocks, of Phi with its part of a head", async () => {
    const gemma = { model_type: "gemma3_text", ...tiny };
    const parameters = {
      full_attention: { rope_type: "linear", factor: 8, rope_theta: 300 },
      sliding_attention: { rope_type: "default", rope_theta: 20 },
    };
    const former = { rope_theta: 300, rope_local_base_freq: 20, rope_scaling: { rope_type: "linear", factor: 8 } };
    expect(await read({ ...gemma, rope_parameters: parameters })).toEqual(await read({ ...gemma, ...former }));
    const phi = await read({
      model_type: "phi3",
      ...tiny,
      rope_parameters: { rope_theta: 10, partial_rotary_factor: 0.5 },
    });
    expect(phi).toMatchObject({ rope_theta: 10, partial_rotary_factor: 0.5, original_max_position_embeddings: 4096 });
  });

  test("what a published file leaves out is transformers' default, and null where nothing is meant", async () => {
    const bare = { ...tiny, num_key_value_heads: null, head_dim: null };
    expect(await read({ model_type: "llama", ...bare })).toMatchObject({
      tie_word_embeddings: false,
      max_position_embeddings: 2048,
      rms_norm_eps: 1e-6,
      hidden_act: "silu",
    });
    expect(await read({ model_type: "llama", ...bare })).not.toHaveProperty("head_dim");
    expect(await read({ model_type: "mistral", ...bare })).toMatchObject({ sliding_window: 4096 });
    expect(await read({ model_type: "mistral", ...bare, sliding_window: null })).toMatchObject({
      sliding_window: null,
    });
    expect(await read({ model_type: "qwen3", ...tiny })).toMatchObject({ head_dim: 128, use_sliding_window: false });
    expect(await read({ model_type: "mixtral", ...bare })).toMatchObject({
      rope_theta: 1e6,
      output_router_logits: false,
    });
  });

  test.each([
    [
      "two spellings disagree",
      { rope_theta: 10, rope_parameters: { rope_theta: 20 } },
      /rope_theta is 10 and, spelled differently, 20/,
    ],
    ["an unknown kind", { rope_scaling: { rope_type: "spiral", factor: 2 } }, /rope_scaling: .* linear, dynamic, yarn/],
    ["a kind without its numbers", { rope_scaling: { rope_type: "yarn", factor: "x" } }, /rope_scaling/],
    ["a width that is none", { hidden_size: "64" }, /hidden_size: .*whole number/],
    ["an activation that is none", { hidden_act: "swish2" }, /hidden_act/],
  ])("%s", async (_, more, message) => {
    await expect(read({ model_type: "llama", ...tiny, ...more })).rejects.toThrow(ConfigError);
    await expect(read({ model_type: "llama", ...tiny, ...more })).rejects.toThrow(message);
  });

  test.each([
    [
      "heads do not divide the width",
      "llama",
      { num_attention_heads: 3 },
      /num_attention_heads: expected a divisor of hidden_size 8/,
    ],
    [
      "heads of keys do not divide heads",
      "llama",
      { num_attention_heads: 4, num_key_value_heads: 3 },
      /num_key_value_heads: expected a divisor/,
    ],
    ["heads of an odd width", "llama", { head_dim: 5 }, /even width/],
    ["kinds for other blocks", "qwen2", { layer_types: ["full_attention"] }, /layer_types: expected one for each of 2/],
    [
      "longrope for other heads",
      "phi3",
      { rope_scaling: { type: "su", short_factor: [1], long_factor: [1] } },
      /expected 2 factors/,
    ],
  ])("%s", async (_, name, more, message) => {
    const architecture = await loadArchitecture(name);
    const make = () =>
      build(architecture, "causal", architecture.configure({ ...tiny, ...more })).forward({
        ids: input("ids", [1, 3], "i32"),
      });
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(message);
  });

  test("more experts than there are, a cap of attention", async () => {
    await expect(
      read({ model_type: "mixtral", ...tiny, num_local_experts: 2, num_experts_per_tok: 3 }),
    ).rejects.toThrow(/num_experts_per_tok: expected at most num_local_experts, got 3/);
    await expect(read({ model_type: "gemma3_text", ...tiny, attn_logit_softcapping: 50 })).rejects.toThrow(
      /attn_logit_softcapping/,
    );
  });
});

/** A model with its initial values. */
async function made(name: string, more: Readonly<Record<string, unknown>> = {}) {
  const architecture = await loadArchitecture(name);
  const model = build(architecture, "causal", architecture.configure({ ...tiny, ...more }));
  return { model, values: initialValues(namedParameters(model.parts), 3) };
}

describe("prompts longer than a piece", () => {
  const factors = (value: number) => Array<number>(2).fill(value);
  test.each([
    ["llama", { max_position_embeddings: 400 }],
    ["llama", { max_position_embeddings: 270, rope_scaling: { rope_type: "dynamic", factor: 2 } }],
    [
      "phi3",
      {
        max_position_embeddings: 400,
        original_max_position_embeddings: 280,
        rope_scaling: { rope_type: "longrope", short_factor: factors(1), long_factor: factors(3) },
      },
    ],
  ] as const)("%s reads 300 ids in pieces as it reads them at once %#", async (name, more) => {
    const { model, values } = await made(name, more);
    const ids = Int32Array.from({ length: 300 }, (_, i) => (i * 7 + (i % 13)) % 11);
    const given = input("ids", [1, 300], "i32");
    const whole = await compile(
      { ids: given, ...namedParameters(model.parts) },
      model.forward({ ids: given }) as never,
    );
    const { logits } = await whole.run({ ids: host(ids, [1, 300], "i32"), ...values });
    await using generator = await IdGenerator.create(model, values);
    await using side = generator.open(1);
    const last = await side.text(0).read(ids);
    const wanted = numbersOf(logits?.data ?? new Float32Array()).slice(-11);
    requireClose("logits", host(last, [11]), host(wanted, [11]), { absolute: 2e-5, relative: 0 });
    await whole.release();
  });
});

test("a router that has no preference costs as many as each token is sent to", async () => {
  const { model, values } = await made("mixtral", {
    num_local_experts: 4,
    num_experts_per_tok: 2,
    router_aux_loss_coef: 0.5,
  });
  const ids = input("ids", [2, 5], "i32");
  expect(model.forward({ ids })).not.toHaveProperty("balance"); // outside training
  const { balance } = traceTraining(() => model.forward({ ids })).result;
  if (!balance) throw new Error("no balance");
  const still = Object.fromEntries(
    Object.entries(values).map(([path, value]) => [
      path,
      path.endsWith("gate.weight") ? host(new Float32Array(32), [4, 8]) : value,
    ]),
  );
  const program = await compile({ ids, ...namedParameters(model.parts) }, { balance });
  const found = await program.run({ ids: host([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [2, 5], "i32"), ...still });
  expect(Number(found.balance?.data[0])).toBeCloseTo(0.5 * 2, 6); // E·Σ fₑ/E with Σ fₑ = 2
  await program.release();
});

test.each(["gpt_neo", "llama", "mistral", "mixtral", "qwen2", "qwen3", "phi3", "gemma3_text"])(
  "%s learns",
  async (name) => {
    const text = "one two three four five six seven eight nine ten ".repeat(40);
    const { vocab_size: _, ...sizes } = { ...tiny, hidden_size: 16 };
    const config = name === "gpt_neo" ? { hidden_size: 16, num_heads: 2 } : { ...sizes, initializer_range: 0.1 };
    const losses: number[] = [];
    const training = train(name, {
      task: "language",
      data: { name: "numbers", text },
      context: 16,
      steps: 40,
      lr: 0.02,
      config,
    });
    for await (const event of training) if (event.event === "step") losses.push(event.loss);
    const model = await (await training).open();
    let said = "";
    for await (const piece of model.generate("one ", { tokens: 8, temperature: 0 })) said += piece;
    await model.release();
    expect(losses[0]).toBeGreaterThan(2);
    expect(losses.at(-1)).toBeLessThan(1.6); // frequencies of letters alone give 2.8
    expect(said).toHaveLength(8);
  },
);

test("what reads 4 ids at once and one after the other is the same, with windows and caps", async () => {
  const { model, values } = await made("gemma3_text", {
    sliding_window: 2,
    final_logit_softcapping: 3,
    sliding_window_pattern: 2,
  });
  const ids = input("ids", [1, 4], "i32");
  const program = await compile({ ids, ...namedParameters(model.parts) }, model.forward({ ids }) as never);
  const { logits } = await program.run({ ids: host([3, 1, 4, 1], [1, 4], "i32"), ...values });
  await program.release();
  await using generator = await IdGenerator.create(model, values);
  await using side = generator.open(1);
  const text = side.text(0);
  const all: number[] = [];
  for (const id of [3, 1, 4, 1]) all.push(...(await text.read(Int32Array.of(id))));
  requireClose("logits", host(all, [1, 4, 11]), logits ?? host([], [0]), tolerance.step);
  expect(Math.max(...all.map(Math.abs))).toBeLessThan(3);
});

test("a tokenizer with more tokens than the model, and a beginning that is none of them", async () => {
  const { TextGenerator } = await import("../../src/tasks/language.ts");
  const { trainChar } = await import("../../src/tokenizers/index.ts");
  const { model, values } = await made("llama");
  const many = trainChar("abcdefghijklmnop");
  expect(() => TextGenerator.open(many, model, values, {})).toThrow(CheckpointError);
  expect(() => TextGenerator.open(many, model, values, {})).toThrow(
    /tokenizer\.json has 16 tokens, more than the model's 11/,
  );
  const few = trainChar("abc");
  expect(() => TextGenerator.open(few, model, values, {}, { begin: 11 })).toThrow(
    /bos_token_id 11 is none of the model's 11/,
  );
  await using generator = TextGenerator.open(few, model, values, {}, { begin: 2 });
  const { value } = await generator.generate("", { tokens: 1 }).next();
  expect(typeof value).toBe("string");
  await using without = TextGenerator.open(few, model, values, {});
  await expect(without.generate("").next()).rejects.toThrow(/prompt: expected at least one token/);
});

test("a published classifier opens as one, and its probabilities are those of its logits", async () => {
  const { cpSync, mkdtempSync, rmSync, writeFileSync } = await import("node:fs");
  const { tmpdir } = await import("node:os");
  const { join } = await import("node:path");
  const { Classifier } = await import("../../src/tasks/classify.ts");
  const { open } = await import("../../src/tasks/open.ts");
  const { charTokenizer } = await import("../../src/tokenizers/index.ts");
  const place = mkdtempSync(join(tmpdir(), "descent-classifier-"));
  try {
    cpSync(new URL("../fixtures/checkpoints/qwen2-classes", import.meta.url), place, { recursive: true });
    const tokens = (count: number) => Array.from({ length: count }, (_, i) => String.fromCodePoint(0x4e00 + i));
    const write = (count: number) =>
      writeFileSync(join(place, "tokenizer.json"), JSON.stringify(charTokenizer(tokens(count)).toJSON()));
    const { openCheckpoint } = await import("../parity/compare.ts");
    const { expected } = await openCheckpoint(place, "classes");
    const [ids, logits] = [
      numbersOf(expected("ids").data).slice(0, 29),
      numbersOf(expected("logits").data).slice(0, 4),
    ];
    write(Math.max(...ids) + 1);
    const answers: unknown[] = [];
    await using model = await open(place);
    expect(model).toBeInstanceOf(Classifier);
    const text = ids.map((id) => tokens(id + 1).at(-1)).join("");
    for await (const answer of model.predict([text], { top: 4 })) answers.push(answer);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const { labels } = answers[0] as { labels: Record<string, number> };
    for (const [i, logit] of logits.entries()) expect(labels[`LABEL_${i}`]).toBeCloseTo(Math.exp(logit) / total, 5);
    write(500);
    await expect(open(place)).rejects.toThrow(/tokenizer\.json has 500 tokens, more than the model's/);
  } finally {
    rmSync(place, { recursive: true });
  }
});
