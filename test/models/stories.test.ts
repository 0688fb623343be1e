/** A trained Llama in Hugging Face's layout, where DESCENT_DATA holds it, against what the program it comes with wrote. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { folder } from "../../src/checkpoint/node-run.ts";
import { IdGenerator } from "../../src/generate/index.ts";
import type { CausalModel } from "../../src/models/index.ts";
import { namedParameters } from "../../src/nn/index.ts";
import { compile } from "../../src/runtime/index.ts";
import { TextGenerator } from "../../src/tasks/language.ts";
import { describe as described, loadModel, open, weightsOf } from "../../src/tasks/open.ts";
import { input } from "../../src/tensor/index.ts";
import { descent } from "../cli/support.ts";
import { host } from "../support/numbers.ts";

const data = process.env.DESCENT_DATA;
const place = `${data}/checkpoints/stories260K`;

interface Expected {
  readonly greedy_ids: readonly number[];
  readonly text: string;
}

describe.skipIf(!data)("stories260K (set DESCENT_DATA to a folder with checkpoints/stories260K)", () => {
  const expected = (): Expected => JSON.parse(readFileSync(`${place}/expected_greedy.json`, "utf8"));

  test("200 of 200 ids with the cache, from weights that stay in the file", async () => {
    const store = folder(place);
    const found = await described(store);
    await using generator = await IdGenerator.create(found.model as CausalModel, await weightsOf(store, found));
    const ids = [1];
    for await (const id of generator.ids(Int32Array.of(1), { tokens: 199, temperature: 0 })) ids.push(id);
    expect(ids).toEqual(expected().greedy_ids);
  });

  test("and without it: the likeliest after each of them, all at once", async () => {
    const { model, values } = await loadModel(place);
    const { greedy_ids: ids } = expected();
    const tokens = input("ids", [1, "T"], "i32");
    const likeliest = (model as CausalModel).forward({ ids: tokens }).logits.argMax(-1);
    await using program = await compile({ ids: tokens, ...namedParameters(model.parts) }, { likeliest });
    const given = host(ids.slice(0, -1), [1, ids.length - 1], "i32");
    const { likeliest: found } = await program.run({ ids: given, ...values });
    expect(Array.from(found?.data ?? [], Number)).toEqual(ids.slice(1));
  });

  test("the command writes its text, which begins with no prompt", async () => {
    const { code, out } = await descent(["generate", place, "--temperature", "0", "--tokens", "199"]);
    expect(code).toBe(0);
    expect(out.length).toBeGreaterThan(400);
    expect(expected().text.startsWith(out.slice(0, -1))).toBe(true);
  });

  test("a prompt is continued with the space that its next word begins with; text and ids go back and forth", async () => {
    await using model = await open(place, { task: "language" });
    expect(model).toBeInstanceOf(TextGenerator);
    const { tokenizer } = model as TextGenerator;
    const { greedy_ids: ids, text } = expected();
    const beginning = tokenizer.decode(ids);
    expect(text.startsWith(beginning)).toBe(true);
    expect([...tokenizer.encode(beginning, { specialTokens: true })]).toEqual(ids);
    const source = (model as TextGenerator).generate("Once upon a time, there was a little", {
      temperature: 0,
      tokens: 30,
    });
    let continued = "";
    for await (const piece of source) continued += piece;
    expect(continued).toMatch(/^ girl named Lily\. She loved to play/);
  });
});
