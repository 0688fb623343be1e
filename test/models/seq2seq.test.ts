/** What the parity of checkpoints does not show of encoder-decoders: buckets, refusals, files without a head, folders that are opened. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { fromFile, readSafetensors, reconcile, toFile } from "../../src/checkpoint/index.ts";
import { CheckpointError, ConfigError } from "../../src/errors.ts";
import { SequenceWriter } from "../../src/generate/index.ts";
import { build, loadArchitecture } from "../../src/models/index.ts";
import { bucketOf } from "../../src/models/seq2seq/buckets.ts";
import { namedParameters, namedState } from "../../src/nn/index.ts";
import { initialValues } from "../../src/runtime/index.ts";
import { open } from "../../src/tasks/open.ts";
import { train } from "../../src/tasks/train.ts";
import { readTokenizer } from "../../src/tokenizers/index.ts";
import { listOf, type Memory, memory } from "../support/runs.ts";

const at = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
const json = (name: string) => JSON.parse(readFileSync(at(name), "utf8"));

describe("buckets", () => {
  const ranges = { count: 32, most: 128 };

  test("single distances first, then ranges up to 16, 32, 64 and 128", () => {
    const both = [0, -1, -7, -8, -11, -12, -15, -16, -31, -32, -63, -64, -127, -128, -1000];
    expect(both.map((distance) => bucketOf(distance, { ...ranges, both: true }))).toEqual([
      ...[0, 1, 7, 8, 8, 9, 9, 10, 11, 12, 13, 14, 15, 15, 15],
    ]);
    for (const distance of [1, 8, 40, 128])
      expect(bucketOf(distance, { ...ranges, both: true })).toBe(16 + bucketOf(-distance, { ...ranges, both: true }));
  });

  test("of keys behind the query alone: all 32 for one direction", () => {
    const found = [5, 0, -1, -15, -16, -127, -128].map((distance) => bucketOf(distance, { ...ranges, both: false }));
    expect(found).toEqual([0, 0, 1, 15, 16, 31, 31]);
  });
});

const published = (config: object) => ({ ...json("checkpoints/t5-encoderDecoder/config.json"), ...config });

describe("t5", () => {
  test("a config of the first version, which leaves out what is as in T5-small", async () => {
    const config = (await loadArchitecture("t5")).read({ vocab_size: 32_128, d_model: 768, num_heads: 12 });
    expect(config).toMatchObject({ num_layers: 6, d_ff: 2048, feed_forward_proj: "relu", tie_word_embeddings: true });
    expect(config).toMatchObject({ relative_attention_num_buckets: 32, relative_attention_max_distance: 128 });
  });

  test.each([
    [{ feed_forward_proj: "gated-gelo" }, /feed_forward_proj: .*gated-gelu/],
    [
      { relative_attention_max_distance: 16, relative_attention_num_buckets: 32 },
      /relative_attention_max_distance: expected more/,
    ],
    [{ is_encoder_decoder: false }, /is_encoder_decoder false changes the mathematics/],
    [{ d_model: 0 }, /d_model: expected a whole number from 1/],
  ])("refuses %j", async (keys, message) => {
    const { read } = await loadArchitecture("t5");
    expect(() => read(published(keys))).toThrow(ConfigError);
    expect(() => read(published(keys))).toThrow(message);
  });

  test("a head that is said to be its own and is not in the file is the embedding; one that has no other must be there", async () => {
    const { read, files, ...architecture } = await loadArchitecture("t5");
    const config = read(published({ scale_decoder_outputs: false }));
    const parameters = namedParameters(build({ read, files, ...architecture }, "encoderDecoder", config).parts);
    const { tensors } = readSafetensors(readFileSync(at("checkpoints/t5-encoderDecoder/model.safetensors")));
    const values = fromFile(tensors, parameters, files, "t5");
    expect(values["lm_head.weight"]).toEqual(values["shared.weight"]);
    const less = new Map([...tensors].filter(([name]) => name !== "shared.weight"));
    expect(reconcile(less, parameters, files).complaints).toEqual(["missing shared.weight", "missing lm_head.weight"]);
  });
});

describe("marian", () => {
  const read = async (keys: object) =>
    (await loadArchitecture("marian")).read({ ...json("checkpoints/marian-encoderDecoder/config.json"), ...keys });

  test.each([
    [
      { d_model: 10, decoder_attention_heads: 3, encoder_attention_heads: 1 },
      /decoder_attention_heads: expected a divisor of d_model/,
    ],
    [{ tie_word_embeddings: false }, /tie_word_embeddings false changes the mathematics/],
    [{ activation_function: "swich" }, /activation_function: .*did you mean "swish"/],
  ])("refuses %j", async (keys, message) => {
    await expect(read(keys)).rejects.toThrow(ConfigError);
    await expect(read(keys)).rejects.toThrow(message);
  });

  test("the token that bad_words_ids forbids is never written, however likely it is", async () => {
    const marian = await loadArchitecture("marian");
    const sizes = { vocab_size: 512, d_model: 8, encoder_layers: 1, decoder_layers: 1, max_position_embeddings: 16 };
    const config = { ...sizes, encoder_attention_heads: 2, decoder_attention_heads: 2, pad_token_id: 511 };
    const state = namedState(build(marian, "encoderDecoder", marian.configure(config)).parts);
    const values = initialValues(state, 5);
    (values.final_logits_bias?.data as Float32Array)[511] = 100;
    const store = memory();
    const told = { decoder_start_token_id: 511, eos_token_id: 1, bad_words_ids: [[511]] };
    await store.create({
      "config.json": {
        model_type: "marian",
        ...config,
        scale_embedding: true,
        encoder_ffn_dim: 512,
        decoder_ffn_dim: 512,
        ...told,
      },
      "tokenizer.json": tokenizer,
    });
    await store.saveWeights("last", toFile(values, marian.files));
    await using translator = await open(store, { task: "translate", threads: 1 });
    const [answer] = await listOf(
      translator.predict(["a house, and a very small and old one it is"], { beam: 1, maxLength: 4 }),
    );
    expect(answer?.tokens).toHaveLength(4);
    expect([answer?.sourceTokens.length, answer?.cut]).toEqual([16, true]);
    expect(answer?.tokens.join("")).not.toBe("");
  });
});

const tokenizer = json("texts/t5.tokenizer.json");
const ids = { decoder_start_token_id: 0, eos_token_id: 1, pad_token_id: 0 };
const tiny = { vocab_size: 512, d_model: 8, d_kv: 4, d_ff: 9, num_layers: 1, num_heads: 2 };

/** A folder as it is published, with random weights. */
async function folder(files: Readonly<Record<string, object>> = {}): Promise<Memory> {
  const t5 = await loadArchitecture("t5");
  const parameters = namedParameters(build(t5, "encoderDecoder", t5.configure(tiny)).parts);
  const store = memory();
  await store.create({
    "config.json": {
      model_type: "t5",
      architectures: ["T5ForConditionalGeneration"],
      ...tiny,
      ...ids,
      feed_forward_proj: "gated-gelu",
    },
    "tokenizer.json": tokenizer,
    ...files,
  } as Memory["files"]);
  await store.saveWeights("last", toFile(initialValues(parameters, 5), t5.files));
  return store;
}

describe("a folder as it is published", () => {
  test("opens for translation: its tokenizer's ids with </s>, the start that its config names", async () => {
    const store = await folder();
    await using translator = await open(store, { task: "translate", threads: 1 });
    const texts = ["a house", "it is a very small one, and old"];
    const answers = await listOf(translator.predict(texts, { beam: 1, maxLength: 9 }));
    const t5 = await loadArchitecture("t5");
    const model = build(t5, "encoderDecoder", t5.configure(tiny));
    const reader = await readTokenizer(tokenizer);
    const values = fromFile(await store.loadWeights(), namedParameters(model.parts), t5.files, "t5");
    await using writer = await SequenceWriter.create(model, values, { threads: 1 });
    for (const [i, text] of texts.entries()) {
      const source = Int32Array.from([...reader.encode(text), 1]);
      const settings = { beam: 1, end: [1], longest: [9], normalize: () => 1 };
      const [[best] = []] = await writer.write([source], 0, settings);
      expect(answers[i]?.translation).toBe(reader.decode(best?.ids ?? []).trim());
      expect(answers[i]?.sourceTokens).toHaveLength(source.length);
      expect(answers[i]?.score).toBeCloseTo(Number(best?.logProbability) / ((5 + 9) / 6), 4);
    }
  });

  test("a source that is too long keeps its end", async () => {
    await using translator = await open(await folder(), { task: "translate", threads: 1 });
    const [answer] = await listOf(translator.predict(["house ".repeat(600)], { beam: 1, maxLength: 1 }));
    expect([answer?.cut, answer?.sourceTokens.length]).toEqual([true, 512]);
  });

  test.each([
    [
      { ...ids, decoder_start_token_id: undefined },
      "config.json: decoder_start_token_id: expected the id that a target begins after, got none; add it",
    ],
    [
      { ...ids, decoder_start_token_id: 900 },
      "config.json: expected decoder_start_token_id and eos_token_id below 512, the model's tokens, got 900; correct them",
    ],
    [{ ...ids, vocab_size: 100 }, "weights: the file does not fit"],
  ])("says what is wrong with %j", async (keys, message) => {
    const store = await folder({
      "config.json": { model_type: "t5", ...tiny, feed_forward_proj: "gated-gelu", ...keys },
    });
    const opened = open(store, { task: "translate" });
    await expect(opened).rejects.toThrow(CheckpointError);
    await expect(opened).rejects.toThrow(message);
  });

  test("is trained on, with its own tokenizer and its own ids for beginning and end", async () => {
    const [from, store] = [await folder(), memory()];
    const lines = ["a house", "a small house", "it is old", "it is small"];
    const data = [
      { name: "a.txt", text: lines.join("\n") },
      { name: "b.txt", text: lines.toReversed().join("\n") },
    ];
    const config = { dropout_rate: 0 };
    const { losses } = await train("t5", {
      task: "translate",
      from,
      store,
      data,
      config,
      steps: 40,
      lr: 0.02,
      threads: 1,
    });
    expect(losses.at(-1)).toBeLessThan(Number(losses[0]) - 1);
    expect(store.files["config.json"]).toMatchObject({ ...tiny, ...ids });
    expect(Object.keys(store.files)).not.toContain("source_tokenizer.json");
    expect(store.files["config.json"]).not.toHaveProperty("bad_words_ids"); // transformers refuses an empty list
    await using translator = await open(store, { task: "translate", threads: 1 });
    const [answer] = await listOf(translator.predict(["a house"], { beam: 1, maxLength: 3 }));
    expect(answer?.sourceTokens.at(-1)).toBe("");
  });
});
