/** Trainings from the weights of another: what must be there, what may be new, and what stays as it was. */
import { beforeAll, expect, test } from "vitest";
import { fromStored, type StoredTensor } from "../../src/checkpoint/index.ts";
import { CheckpointError } from "../../src/errors.ts";
import { planNew } from "../../src/tasks/new-plan.ts";
import { type TrainOptions, train } from "../../src/tasks/train.ts";
import { type Memory, memory } from "../support/runs.ts";

const rowsOf = (labels: readonly string[]) =>
  Array.from({ length: 24 }, (_, i) => ({ text: `w${i % 5} w${i % 7}`, label: labels[i % labels.length] ?? "" }));
const data = { name: "two", rows: rowsOf(["yes", "no"]) };
const three = { name: "three", rows: rowsOf(["a", "b", "c"]) };
const sizes = {
  lstm: { config: { embedding_dim: 4, hidden_size: 4 }, inner: "lstm.weight_hh_l0", outer: "lstm.weight_hh_l1" },
  gpt: {
    config: { n_embd: 4, n_head: 2, n_layer: 1 },
    inner: "transformer.h.0.attn.c_attn.weight",
    outer: "transformer.h.1.attn.c_attn.weight",
  },
} as const;
const names = ["lstm", "gpt"] as const;
type Name = (typeof names)[number];
const options = { task: "classify", data, steps: 2, batch: 4, threads: 1, length: 8 } as const;
const bases = new Map<Name, Memory>();

/** What a model called `name` was trained to, with its weights changed by `change`. */
function base(name: Name, change?: (weights: Map<string, unknown>) => void): Memory {
  const store = bases.get(name);
  if (!store) throw new Error("no base");
  const weights = new Map(store.weights.get("last"));
  change?.(weights);
  return { ...store, loadWeights: async () => weights };
}

const trainFrom = (name: Name, from: Memory, more: Partial<TrainOptions<"classify">> = {}) =>
  train(name, { ...options, from, ...more });

beforeAll(async () => {
  for (const name of names) {
    const store = memory();
    await train(name, { ...options, config: sizes[name].config, store });
    bases.set(name, store);
  }
});

test.each(names)("%s: a part that is missing, renamed or too much is named", async (name) => {
  const { inner, outer } = sizes[name];
  const bare = inner.replace("transformer.", "");
  const rename = (weights: Map<string, unknown>) => {
    weights.set(`other.${bare}`, weights.get(inner));
    weights.delete(inner);
  };
  const attempts: [RegExp, (weights: Map<string, unknown>) => void][] = [
    [new RegExp(`missing ${bare}`), (weights) => weights.delete(inner)],
    [new RegExp(`missing ${bare} \\(did you mean "other.${bare}"`), rename],
    [new RegExp(`unexpected "${outer}"`), (weights) => weights.set(outer, weights.get(inner))],
  ];
  for (const [message, change] of attempts) {
    const training = Promise.resolve(trainFrom(name, base(name, change)));
    await expect(training).rejects.toThrow(CheckpointError);
    await expect(training).rejects.toThrow(message);
  }
  const deeper = { config: name === "gpt" ? { n_layer: 2 } : { num_layers: 2 } };
  const training = Promise.resolve(trainFrom(name, base(name), deeper));
  await expect(training).rejects.toThrow(new RegExp(`missing ${outer.replace("transformer.", "")}`));
});

test.each(names)("%s: other labels get a new head, and what is frozen stays", async (name) => {
  const store = memory();
  const freeze = "^(embedding|lstm|wte|wpe|h|ln_f)\\.";
  await trainFrom(name, base(name), { data: three, freeze, store });
  const [before, after] = [bases.get(name)?.weights.get("last"), store.weights.get("last")];
  const heads = /^(classifier|score)\./;
  expect([...(after?.keys() ?? [])].sort()).toEqual([...(before?.keys() ?? [])].sort());
  for (const [tensor, value] of after ?? [])
    if (heads.test(tensor)) expect(value.shape[0]).toBe(3);
    else expect(value, tensor).toEqual(before?.get(tensor));
  expect(store.files["config.json"]?.id2label).toEqual({ 0: "a", 1: "b", 2: "c" });
});

test("the same labels keep the order that they had", async () => {
  const from = base("lstm");
  const turned = { "config.json": { ...from.files["config.json"], id2label: { 0: "yes", 1: "no" } } };
  const store = memory();
  const loadFile = async (name: string) => ({ ...from.files, ...turned })[name];
  await trainFrom("lstm", { ...from, loadFile }, { store });
  expect(from.files["config.json"]?.id2label).toEqual({ 0: "no", 1: "yes" });
  expect(store.files["config.json"]?.id2label).toEqual({ 0: "yes", 1: "no" });
});

test("of a head for other labels what fits is kept: BERT's pooler", async () => {
  const sizes = { hidden_size: 8, intermediate_size: 8, num_hidden_layers: 1, num_attention_heads: 2 };
  const store = memory();
  await train("bert", { ...options, config: sizes, store });
  const { start } = await planNew("bert", { ...options, data: three, from: store });
  const { weights } = start();
  const before = store.weights.get("last")?.get("bert.pooler.dense.weight") as StoredTensor;
  expect(weights["pooler.dense.weight"]).toEqual(fromStored("pooler", before));
  expect(weights["classifier.weight"]?.shape).toEqual([3, 8]);
});
