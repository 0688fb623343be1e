/** When a text ends, why, and what is shown of it. */
import { describe, expect, test } from "vitest";
import { CheckpointError, ConfigError } from "../../src/errors.ts";
import { type GenerateOptions, generateSettings, spell, writing } from "../../src/generate/index.ts";
import { build, loadArchitecture } from "../../src/models/index.ts";
import { namedParameters } from "../../src/nn/index.ts";
import { initialValues } from "../../src/runtime/index.ts";
import { endIds } from "../../src/tasks/end.ts";
import { type Continuation, TextGenerator } from "../../src/tasks/language.ts";
import { charTokenizer, readTokenizer, trainBpe, trainChar } from "../../src/tokenizers/index.ts";
import fixture from "../fixtures/tokenizers.json" with { type: "json" };
import { fault, junk } from "../support/junk.ts";
import { listOf } from "../support/runs.ts";

/** A model that says `ids` one after the other, whatever it reads. */
function saying(ids: ArrayLike<number>, vocabulary: number) {
  let at = -1;
  return async () => {
    at++;
    return Float32Array.from({ length: vocabulary }, (_, id) => (id === ids[at] ? 50 : 0));
  };
}

/** All pieces, and what is returned at the end. */
async function all<T, R>(source: AsyncGenerator<T, R>): Promise<{ pieces: T[]; result: R }> {
  const pieces: T[] = [];
  for (;;) {
    const { done, value } = await source.next();
    if (done) return { pieces, result: value };
    pieces.push(value);
  }
}

const letters = trainChar("abcdef\n.");
/** What becomes of a text that the model says. */
async function said(text: string, options: GenerateOptions = {}, tokenizer = letters) {
  const ids = tokenizer.encode(text);
  const settings = generateSettings({ tokens: ids.length, temperature: 0, ...options });
  const source = writing(saying(ids, tokenizer.vocabSize), Int32Array.of(0), settings);
  return all(spell(source, tokenizer, [settings.stop ?? []].flat()));
}

test("after as many tokens as were asked for", async () => {
  expect((await said("abc", { tokens: 2 })).result).toEqual({
    text: "ab",
    ids: [...letters.encode("ab")],
    reason: "length",
  });
  expect((await said("abc", { tokens: 0 })).result).toEqual({ text: "", ids: [], reason: "length" });
});

test("at an id that ends the text, which is not shown; not before there are enough", async () => {
  const end = [letters.encode("d")[0] ?? 0];
  expect((await said("abdc", { end })).result).toMatchObject({ text: "ab", reason: "end" });
  expect((await said("abdc", { end: [] })).result).toMatchObject({ text: "abdc", reason: "length" });
  const longer = await said("abdcd", { end, minNewTokens: 3 }); // the likeliest of the others: the first
  expect(longer.result).toMatchObject({ text: `ab${letters.decode([0])}c`, reason: "end" });
});

test("before a stop text, of which nothing is shown", async () => {
  const { pieces, result } = await said("ab.\n\nabc", { stop: ["\n\n", "zz"] });
  expect(pieces).toEqual(["a", "b", "."]);
  expect(result).toEqual({ text: "ab.", ids: [...letters.encode("ab.\n\n")], reason: "stop" });
  expect((await said("ab\n", { stop: "\n\n" })).result).toMatchObject({ text: "ab\n", reason: "length" });
  expect((await said("abcabc", { stop: "bc" })).result.text).toBe("a");
});

test("a stop text across tokens of several characters", async () => {
  const pairs = await trainBpe("stop here stop here stop there", { vocabSize: 270 });
  const { result } = await said("here stop there", { stop: "p th" }, pairs);
  expect(result).toMatchObject({ text: "here sto", reason: "stop" });
});

test("when the signal is raised, with what there is", async () => {
  const abort = new AbortController();
  const read = saying(letters.encode("abcabc"), letters.vocabSize);
  const settings = generateSettings({ temperature: 0, signal: abort.signal });
  const source = writing(
    async () => {
      const logits = await read();
      if (logits[letters.encode("c")[0] ?? 0] === 50) abort.abort();
      return logits;
    },
    Int32Array.of(0),
    settings,
  );
  expect((await all(spell(source, letters))).result).toMatchObject({ text: "abc", reason: "aborted" });
  const ended = generateSettings({ signal: AbortSignal.abort() });
  expect((await all(writing(read, Int32Array.of(0), ended))).result).toBe("aborted");
});

describe("what a model's files say of its end", () => {
  const wordpiece = readTokenizer(fixture.wordpiece.json);
  test("the generation's configuration before the model's, one id or several", () => {
    const files = { "generation_config.json": { eos_token_id: [5, 7] }, "config.json": { eos_token_id: 2 } };
    expect(endIds(files, letters)).toEqual([5, 7]);
    expect(endIds({ ...files, "generation_config.json": { eos_token_id: null } }, letters)).toEqual([2]);
    expect(endIds({ "config.json": {} }, letters)).toEqual([]);
  });
  test("a known token of a foreign tokenizer, not a text that happens to be spelled so", async () => {
    const { json } = fixture.wordpiece;
    const id = Object.keys(json.model.vocab).length;
    const foreign = await readTokenizer({ ...json, added_tokens: [{ id, content: "</s>", special: true }] });
    expect(endIds({}, foreign)).toEqual([id]);
    expect(endIds({}, await wordpiece)).toEqual([]);
    expect(endIds({}, { ...charTokenizer(["a"]), idOf: () => 0 })).toEqual([]);
  });
  test("something else is an error", () => {
    for (const odd of ["</s>", -1, 1.5, [1, "2"], {}])
      expect(() => endIds({ "config.json": { eos_token_id: odd } }, letters)).toThrow(CheckpointError);
  });
});

/** A model of random weights with these letters. */
async function opened(end: readonly number[] = []): Promise<TextGenerator> {
  const rnn = await loadArchitecture("rnn");
  const sizes = { vocab_size: letters.vocabSize, hidden_size: 4, embedding_dim: 4 };
  const model = build(rnn, "causal", rnn.configure(sizes));
  return TextGenerator.open(letters, model, initialValues(namedParameters(model.parts), 1), { threads: 1 }, { end });
}

test("several samples have consecutive seeds, each the same as alone", async () => {
  await using model = await opened();
  const options = { tokens: 12, temperature: 1 };
  const answers = (await listOf(model.predict(["a", "b"], { ...options, seed: 4, samples: 3 }))) as Continuation[];
  expect(answers.map(({ prompt, seed }) => [prompt, seed])).toEqual(
    ["a", "b"].flatMap((prompt) => [4, 5, 6].map((seed) => [prompt, seed])),
  );
  expect(new Set(answers.map(({ text }) => text)).size).toBeGreaterThan(3);
  for (const { prompt, seed, text, ids } of answers) {
    const { pieces, result } = await all(model.generate(prompt, { ...options, seed }));
    expect(result).toEqual({ prompt, seed, text, ids, reason: "length" });
    expect(pieces.join("")).toBe(text);
    expect(letters.decode(ids)).toBe(text);
  }
});

test("the model's own end is taken unless another is given", async () => {
  await using model = await opened([0, 1, 2, 3, 4, 5, 6, 7]);
  expect((await all(model.generate("a"))).result).toMatchObject({ text: "", ids: [], reason: "end" });
  expect((await all(model.generate("a", { tokens: 3, end: [] }))).result).toMatchObject({ reason: "length" });
  const all_ = model.generate("a", { tokens: 3, suppress: [0, 1, 2, 3, 4, 5, 6, 7] });
  await expect(all_.next()).rejects.toThrow(
    new ConfigError("sample: every id is forbidden at token 1; expected one that is not, allow some"),
  );
});

test("a prompt that is left after the signal is not continued", async () => {
  await using model = await opened();
  const answers = await listOf(model.predict(["a", "b"], { signal: AbortSignal.abort(), batch: 1 }));
  expect(answers).toMatchObject([{ prompt: "a", reason: "aborted" }]);
});

const OPTIONS: Readonly<Record<keyof GenerateOptions, unknown>> = {
  tokens: 1,
  temperature: 1,
  topK: 1,
  topP: 1,
  minP: 1,
  typicalP: 1,
  repetitionPenalty: 1,
  presencePenalty: 1,
  frequencyPenalty: 1,
  noRepeatNgram: 1,
  minNewTokens: 1,
  logitBias: { 1: 1 },
  suppress: [1],
  badWords: [[1]],
  processors: [() => undefined],
  end: [1],
  stop: "a",
  seed: 1,
  vocabulary: 4,
  beams: 2,
  lengthPenalty: 1,
  earlyStopping: true,
  logprobs: 1,
  signal: new AbortController().signal,
};

describe("options that are not what they should be are refused in one line", () => {
  test.each(Object.keys(OPTIONS))("%s", (key) => {
    expect(() => generateSettings({ [key]: OPTIONS[key as keyof GenerateOptions] })).not.toThrow();
    let refused = 0;
    for (const value of [...Object.values(junk), Number.NEGATIVE_INFINITY, 1e300, "1"]) {
      try {
        generateSettings({ [key]: value } as GenerateOptions);
      } catch (error) {
        refused++;
        expect(fault(error, 600)).toBeUndefined();
        expect(error).toBeInstanceOf(ConfigError);
        expect((error as Error).message).toContain(`generate: ${key}: expected `);
      }
    }
    expect(refused).toBeGreaterThan(12);
  });
  test("all of them at once, and one that is unknown", () => {
    for (const value of Object.values(junk).filter((one) => typeof one !== "object" && one !== undefined))
      expect(() => generateSettings(value as GenerateOptions)).toThrow(ConfigError);
    expect(() => generateSettings({ top_k: 5 } as GenerateOptions)).toThrow(
      /unknown key "top_k" \(did you mean "topK"\?\)/,
    );
    expect(() => generateSettings({ eos_token_id: 5 } as GenerateOptions)).toThrow(/did you mean "end"/);
  });
  test("samples", async () => {
    await using model = await opened();
    for (const samples of [0, -1, 1.5, "2", Number.NaN, 1e7])
      await expect(listOf(model.predict(["a"], { samples }))).rejects.toThrow(
        /^option: samples: expected a whole number/,
      );
    await expect(listOf(model.predict(["a"], { samples: 2, seed: Number.MAX_SAFE_INTEGER }))).rejects.toThrow(
      /^option: seed: expected room for 2 seeds/,
    );
  });
});
