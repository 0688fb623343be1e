/** What the parity of checkpoints does not show of encoders: old names, padding, segments, refusals. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { fromFile, readSafetensors, reconcile } from "../../src/checkpoint/index.ts";
import { ConfigError } from "../../src/errors.ts";
import { build, type Heads, loadArchitecture } from "../../src/models/index.ts";
import { namedParameters } from "../../src/nn/index.ts";
import { compile, type Feeds, type HostTensor, initialValues } from "../../src/runtime/index.ts";
import { train } from "../../src/tasks/train.ts";
import { input } from "../../src/tensor/index.ts";
import { host, requireClose } from "../support/numbers.ts";
import { memory } from "../support/runs.ts";
import { model as tolerance } from "../tolerances.ts";

const types = ["bert", "roberta", "distilbert", "modernbert"] as const;
const tiny = {
  bert: { vocab_size: 23, hidden_size: 6, intermediate_size: 9, num_hidden_layers: 2, num_attention_heads: 2 },
  roberta: { vocab_size: 23, hidden_size: 6, intermediate_size: 9, num_hidden_layers: 2, num_attention_heads: 2 },
  modernbert: {
    ...{ vocab_size: 23, hidden_size: 8, intermediate_size: 9, num_hidden_layers: 2, num_attention_heads: 2 },
    ...{ local_attention: 4, classifier_pooling: "mean" },
  },
  distilbert: { vocab_size: 23, dim: 6, hidden_dim: 9, n_layers: 2, n_heads: 2 },
};

/** Runs a head with random weights on rows of any lengths. */
async function answers<H extends keyof Heads>(type: keyof typeof tiny, head: H, feeds: Feeds, parts?: Feeds) {
  const architecture = await loadArchitecture(type);
  const model = build(
    architecture,
    head,
    architecture.configure({ ...tiny[type], num_labels: 3, initializer_range: 0.5 }),
  );
  const given = Object.fromEntries(
    Object.entries(feeds).map(([name, { shape }]) => [
      name,
      input(name, shape.length === 1 ? ["B"] : ["B", "T"], "i32"),
    ]),
  );
  const parameters = namedParameters(model.parts);
  const forward = model.forward as (inputs: typeof given) => Readonly<Record<string, (typeof given)[string]>>;
  await using program = await compile({ ...given, ...parameters }, { ...forward(given) }, { threads: 1 });
  const found = await program.run({ ...feeds, ...initialValues(parameters, 3), ...parts });
  return Object.fromEntries(
    Object.entries(found).map(([name, value]) => [name, { ...value, data: value.data.slice() }]),
  );
}

const ids = (...rows: readonly (readonly number[])[]): HostTensor =>
  host(rows.flat(), [rows.length, rows[0]?.length ?? 0], "i32");
const lengths = (...values: readonly number[]): HostTensor => host(values, [values.length], "i32");

describe.each(types)("%s", (type) => {
  test.each(["classes", "sentence"] as const)("%s: padding changes nothing, whatever stands there", async (head) => {
    const alone = await answers(type, head, { ids: ids([5, 9, 7]), lengths: lengths(3) });
    const beside = { ids: ids([5, 9, 7, 0, 0, 0], [5, 9, 7, 22, 1, 8]), lengths: lengths(3, 3) };
    const padded = await answers(type, head, beside);
    for (const [name, { data, shape }] of Object.entries(alone)) {
      const twice = host([...data, ...data].map(Number), [2, ...shape.slice(1)]);
      requireClose(name, padded[name] as HostTensor, twice, tolerance.step);
    }
  });

  test("every token sees those after it", async () => {
    const first = async (last: number) =>
      (await answers(type, "masked", { ids: ids([5, 9, last]), lengths: lengths(3) })).logits?.data.slice(0, 23);
    expect(await first(7)).not.toEqual(await first(8));
  });

  test("segments count where they are told apart", async () => {
    const spans = (second: number) =>
      answers(type, "spans", { ids: ids([5, 9, 7]), lengths: lengths(3), segments: ids([0, second, second]) });
    if (type === "bert") expect(await spans(1)).not.toEqual(await spans(0));
    else expect(await spans(0)).toHaveProperty("start");
  });
});

test("norms with gamma and beta, as before BERT was ported, are the same weights", async () => {
  const place = fileURLToPath(new URL("../fixtures/checkpoints/bert-masked", import.meta.url));
  const architecture = await loadArchitecture("bert");
  const config = architecture.read(JSON.parse(readFileSync(`${place}/config.json`, "utf8")));
  const { tensors } = readSafetensors(readFileSync(`${place}/model.safetensors`));
  const parameters = namedParameters(build(architecture, "masked", config).parts);
  const old = new Map(
    [...tensors].map(([name, tensor]) => [
      name.replace(/LayerNorm\.weight$/, "LayerNorm.gamma").replace(/LayerNorm\.bias$/, "LayerNorm.beta"),
      tensor,
    ]),
  );
  expect([...old.keys()].filter((name) => name.endsWith(".gamma")).length).toBeGreaterThan(2);
  expect(fromFile(old, parameters, architecture.files, "bert")).toEqual(
    fromFile(tensors, parameters, architecture.files, "bert"),
  );
});

test("a body without prefix or head is found, and the parts of other heads are passed over", async () => {
  const place = fileURLToPath(new URL("../fixtures/checkpoints/bert-masked", import.meta.url));
  const architecture = await loadArchitecture("bert");
  const config = architecture.read(JSON.parse(readFileSync(`${place}/config.json`, "utf8")));
  const { tensors } = readSafetensors(readFileSync(`${place}/model.safetensors`));
  const bare = new Map([...tensors].map(([name, tensor]) => [name.replace(/^bert\./, ""), tensor]));
  const parameters = namedParameters(build(architecture, "sentence", config).parts);
  const found = reconcile(bare, parameters, architecture.files);
  expect([found.complaints, found.surplus]).toEqual([[], []]);
  expect(Object.keys(found.values)).toEqual(Object.keys(parameters));
});

test("a new RoBERTa has places for as many tokens as its task reads, and those before the first", async () => {
  const data = { name: "rows", rows: ["a", "b", "a", "b"].map((text) => ({ text, label: text })) };
  const { num_attention_heads, hidden_size, intermediate_size } = tiny.roberta;
  const config = { num_attention_heads, hidden_size, intermediate_size, num_hidden_layers: 1 };
  const store = memory();
  await train("roberta", { task: "classify", data, config, length: 9, steps: 1, batch: 2, threads: 1, store });
  expect(store.files["config.json"]?.max_position_embeddings).toBe(11);
});

describe("ModernBERT", () => {
  const read = async (more: object) => (await loadArchitecture("modernbert")).read({ ...tiny.modernbert, ...more });
  test("version 5 spells bases of both kinds of blocks differently", async () => {
    const rope_parameters = {
      full_attention: { rope_type: "default", rope_theta: 300 },
      sliding_attention: { rope_type: "default", rope_theta: 20 },
    };
    expect(await read({ rope_parameters })).toEqual(await read({ global_rope_theta: 300, local_rope_theta: 20 }));
    const stretched = { full_attention: { rope_type: "linear", factor: 2, rope_theta: 300 } };
    await expect(read({ rope_parameters: stretched })).rejects.toThrow(/turns by plain angles only/);
  });

  test("a local block sees half of local_attention to either side, every third block all", async () => {
    const logits = async (last: number, more: object) => {
      const architecture = await loadArchitecture("modernbert");
      const config = architecture.configure({ ...tiny.modernbert, num_hidden_layers: 1, ...more });
      const model = build(architecture, "masked", config);
      const given = { ids: input("ids", ["B", "T"], "i32"), lengths: input("lengths", ["B"], "i32") };
      const parameters = namedParameters(model.parts);
      await using program = await compile({ ...given, ...parameters }, { ...model.forward(given) }, { threads: 1 });
      const feeds = { ids: ids([5, 9, 7, last]), lengths: lengths(4) };
      const found = await program.run({ ...feeds, ...initialValues(parameters, 3) });
      return [0, 1].map((t) => String(found.logits?.data.slice(t * 23, (t + 1) * 23)));
    };
    const local = { layer_types: ["sliding_attention"] };
    const [a, b] = [await logits(8, local), await logits(10, local)];
    expect([a[0] === b[0], a[1] === b[1]]).toEqual([true, false]); // places 0 and 3 are 3 apart, 1 and 3 are 2
    expect((await logits(8, {}))[0]).not.toBe((await logits(10, {}))[0]);
  });
});

describe("refused", () => {
  const read = async (type: string, more: object) => (await loadArchitecture(type)).read({ ...tiny.bert, ...more });
  test.each([
    ["positions by distance", { position_embedding_type: "relative_key" }, /position_embedding_type "relative_key"/],
    ["a decoder", { is_decoder: true }, /is_decoder true changes the mathematics/],
    ["a head that is not tied", { tie_word_embeddings: false }, /tie_word_embeddings false/],
  ])("%s", async (_, more, message) => {
    const error = await read("bert", more).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(ConfigError);
    expect((error as Error).message).toMatch(message);
  });

  test("heads that do not divide the width", async () => {
    const architecture = await loadArchitecture("bert");
    const config = architecture.configure({ ...tiny.bert, num_attention_heads: 4 });
    expect(() => build(architecture, "masked", config)).toThrow(
      /num_attention_heads: expected a divisor of hidden_size 6, got 4/,
    );
  });
});
