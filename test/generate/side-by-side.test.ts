/** Texts that are read side by side: alone, together, past the context, on every device that is always there. */
import { expect, test } from "vitest";
import { IdGenerator } from "../../src/generate/index.ts";
import { build, type CausalModel, loadArchitecture } from "../../src/models/index.ts";
import { namedParameters } from "../../src/nn/index.ts";
import { compile, type Device, type Feeds, initialValues } from "../../src/runtime/index.ts";
import { builtInText } from "../../src/stories/index.ts";
import { TextGenerator } from "../../src/tasks/language.ts";
import { train } from "../../src/tasks/train.ts";
import { input } from "../../src/tensor/index.ts";
import { host } from "../support/numbers.ts";
import { listOf } from "../support/runs.ts";

const CONTEXT = 8;

async function tiny(name: string): Promise<{ model: CausalModel; weights: Feeds }> {
  const architecture = await loadArchitecture(name);
  const sizes =
    name === "gpt"
      ? { n_positions: CONTEXT, n_embd: 8, n_layer: 2, n_head: 2, initializer_range: 0.5 }
      : { embedding_dim: 4, hidden_size: 8, num_layers: 2 };
  const model = build(architecture, "causal", architecture.configure({ vocab_size: 11, ...sizes }));
  return { model, weights: initialValues(namedParameters(model.parts), 1) };
}

const likeliest = (logits: ArrayLike<number>): number => {
  const values = Array.from(logits);
  return values.indexOf(Math.max(...values));
};

/** The likeliest id after `ids`, by one forward pass over all of them. */
async function after({ model, weights }: { model: CausalModel; weights: Feeds }, ids: readonly number[]) {
  const tokens = input("ids", [1, ids.length], "i32");
  const last = model.forward({ ids: tokens }).logits.slice(1, -1);
  const program = await compile({ ids: tokens, ...namedParameters(model.parts) }, { last }, { weights });
  const { last: logits } = await program.run({ ids: host(ids, [1, ids.length], "i32") });
  await program.release();
  return likeliest(logits.data as Float32Array);
}

/** Greedy ids, read side by side; rows end after their own number of tokens. */
async function greedy(
  { model, weights }: { model: CausalModel; weights: Feeds },
  prompts: readonly (readonly number[])[],
  counts: readonly number[],
  device?: Device,
): Promise<number[][]> {
  const generator = await IdGenerator.create(model, weights, { device, threads: 1 });
  const batch = generator.open(prompts.length);
  const texts = prompts.map(async (prompt, i) => {
    const { read, close } = batch.text(i);
    const ids: number[] = [];
    for (let fresh = Int32Array.from(prompt); ids.length < (counts[i] ?? 0); fresh = Int32Array.of(ids.at(-1) ?? 0))
      ids.push(likeliest(await read(fresh)));
    close();
    return ids;
  });
  const found = await Promise.all(texts);
  await batch.release();
  await generator.release();
  return found;
}

const PROMPTS = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [10, 0]];
const COUNTS = [12, 3, 20, 7];

test.each(["rnn", "lstm", "gru", "gpt"])("%s: each text is what it is alone", async (name) => {
  const fixture = await tiny(name);
  const together = await greedy(fixture, PROMPTS, COUNTS);
  for (const [i, prompt] of PROMPTS.entries())
    expect(together[i]).toEqual((await greedy(fixture, [prompt], [COUNTS[i] ?? 0]))[0]);
  expect(await greedy(fixture, PROMPTS, COUNTS, "wasm")).toEqual(together);
});

/** Where the positions end, the newer half of the text is read anew from position 0, in each text by itself. */
test("a transformer that is past its context has read the newer half again", async () => {
  const fixture = await tiny("gpt");
  const together = await greedy(fixture, PROMPTS, COUNTS);
  for (const [i, prompt] of PROMPTS.entries()) {
    const [text, seen] = [[...prompt], { from: 0 }];
    for (const id of together[i] ?? []) {
      if (text.length - seen.from > CONTEXT) seen.from = text.length - CONTEXT / 2;
      expect(await after(fixture, text.slice(seen.from))).toBe(id);
      text.push(id);
    }
  }
});

test("a prompt longer than the context is read from its end", async () => {
  const fixture = await tiny("gpt");
  const prompt = Array.from({ length: 3 * CONTEXT + 1 }, (_, i) => (i * 7) % 11);
  const [[first] = []] = await greedy(fixture, [prompt], [1]);
  expect(first).toBe(await after(fixture, prompt.slice(-CONTEXT)));
});

test("predictions of a batch are those of one text at a time, in their order", async () => {
  const data = { name: "text", text: builtInText(0, 6000) };
  const config = { n_embd: 16, n_layer: 2, n_head: 2 };
  const model = await (await train("gpt", { task: "language", data, config, context: 8, batch: 2, steps: 3 })).open();
  if (!(model instanceof TextGenerator)) throw new Error("the language task opens no TextGenerator");
  const prompts = ["The ", "A", "Once upon a time there was", "x", "The "];
  const chosen = { tokens: 12, temperature: 1, samples: 2, seed: 4, stop: ["e "] };
  const alone = await listOf(model.predict(prompts, { ...chosen, batch: 1 }));
  expect(alone.map(({ prompt, seed }) => [prompt, seed])).toEqual(
    prompts.flatMap((prompt) => [
      [prompt, 4],
      [prompt, 5],
    ]),
  );
  expect(await listOf(model.predict(prompts, { ...chosen, batch: 3 }))).toEqual(alone);
  await model.release();
});
