/** Transcription of made-up speech, in which letters are tones: it learns, resumes exactly, and says what it cannot read. */
import { describe, expect, test } from "vitest";
import type { DataGiven } from "../../src/data/index.ts";
import { CheckpointError, ConfigError, DataError } from "../../src/errors.ts";
import { openSource } from "../../src/files/index.ts";
import { stream } from "../../src/runtime/index.ts";
import { evaluate } from "../../src/tasks/evaluate.ts";
import { exportForward } from "../../src/tasks/export.ts";
import { open } from "../../src/tasks/open.ts";
import { resume, type TrainOptions, train } from "../../src/tasks/train.ts";
import { Transcriber, type Transcription } from "../../src/tasks/transcribe/transcriber.ts";
import { transcribe } from "../../src/tasks/transcribe.ts";
import { bytes, listOf, memory } from "../support/runs.ts";
import { wav } from "../support/wav.ts";

const RATE = 4000;
const TONES: Record<string, number> = { a: 300, b: 700, c: 1300, d: 1800 };

/** Each letter a tone of 50 to 80 ms, a little silence around each; a space is a longer one. */
function speak(text: string, seed: number): number[] {
  const draw = stream(seed, 0, text).fillUniform(new Float64Array(text.length + 2));
  const hush = (n: number) =>
    stream(seed, n, "hush")
      .fillNormal(new Float64Array(n))
      .map((x) => x * 1e-3);
  return [...text].flatMap((letter, i) => {
    const n = Math.round(RATE * (0.05 + 0.03 * (draw[i] ?? 0)));
    const tone = TONES[letter];
    if (tone === undefined) return [...hush(200)];
    const sound = Array.from(
      { length: n },
      (_, t) => 0.3 * Math.sin((2 * Math.PI * tone * t) / RATE + (draw.at(-1) ?? 0)),
    );
    return [...hush(120), ...sound, ...hush(60)];
  });
}

/** Texts of one to four letters. */
const texts = (count: number, site: string): string[] =>
  Array.from({ length: count }, (_, i) => {
    const [n = 0, ...letters] = stream(3, i, site).integers(5, 4);
    return letters
      .slice(0, n + 1)
      .map((k) => "abcd"[k])
      .join("");
  });

const sound = (name: string, text: string, seed: number) => ({ name, bytes: wav(speak(text, seed), { rate: RATE }) });
/** Recordings with their texts beside them. */
const folder = (name: string, all: readonly string[]): DataGiven => ({
  name,
  files: all.flatMap((text, i) => [sound(`${i}.wav`, text, i), { name: `${i}.txt`, text: `${text.toUpperCase()} \n` }]),
});

const [learned, unseen] = [texts(120, "train"), texts(24, "test")];
const [data, val] = [folder("spoken", learned), folder("unheard", unseen)];
const options = { task: "transcribe", data, val, batch: 16, threads: 1, mels: 12, mask: 0 } as const;
const SMALL = { hidden_size: 16, num_layers: 1, dropout: 0 };
const trainOn = (name: string, more: Partial<TrainOptions<"transcribe">> = {}) =>
  train(name, { ...options, config: SMALL, steps: 150, lr: 0.02, ...more });

describe.each(["rnn", "lstm", "gru"])("%s", (name) => {
  const store = memory();

  test("learns to write down what it has not heard", async () => {
    const history = await trainOn(name, { store, steps: name === "rnn" ? 300 : 150 });
    expect(history.losses[0]).toBeGreaterThan(3);
    expect(history.scores?.cer).toBeLessThan(0.05);
    expect(history.scores?.accuracy).toBeGreaterThan(0.85);
    expect(store.files["task.json"]).toMatchObject({ task: "transcribe", learned: { rate: RATE } });
    expect(store.files["config.json"]).toMatchObject({ num_labels: 5, input_size: 24, bidirectional: true });
    expect(Object.values(store.files["config.json"]?.id2label as object)).toEqual(["", "a", "b", "c", "d"]);
  }, 120_000);

  test("opened from where it was kept, it says what was said and when", async () => {
    const model = await open(store, { task: "transcribe", threads: 1 });
    expect(model).toBeInstanceOf(Transcriber);
    const [answer] = (await listOf(model.predict([sound("x.wav", "ad", 1)]))) as [Transcription];
    expect(answer).toMatchObject({ file: "x.wav", transcript: "ad" });
    expect(answer.confidence).toBeGreaterThan(0.5);
    expect(answer.confidence).toBeLessThanOrEqual(1);
    expect(answer.characters.map(({ character }) => character)).toEqual(["a", "d"]);
    const [a, d] = answer.characters;
    expect(a?.start).toBeLessThan(Number(d?.start));
    expect(d?.end).toBeLessThanOrEqual(answer.seconds + 1e-9);
    expect(Math.min(Number(a?.probability), Number(d?.probability))).toBeGreaterThan(0.5);
    expect(model.line(answer)).toBe(`ad\t${answer.confidence.toFixed(4)}`);
    expect(model.picture?.(answer)).toMatch(/^<svg [\s\S]*<title>x\.wav: ad<\/title>[\s\S]*<\/svg>\n$/);
    await model.release();
  });
});

describe("what does not change a result", () => {
  const store = memory();
  const heard = unseen.slice(0, 6).map((text, i) => sound(`${i}.wav`, text, i));
  const open1 = () => open(store, { task: "transcribe", threads: 1 });
  test("longer recordings beside it", async () => {
    await trainOn("lstm", { store, steps: 60 });
    const model = await open1();
    const long = sound("long.wav", "abcdabcdabcd", 3);
    const alone = (await listOf(model.predict(heard, { batch: 1 }))) as Transcription[];
    const beside = (await listOf(model.predict([...heard, long], { batch: 7 }))) as Transcription[];
    for (const [i, { confidence, characters, transcript }] of alone.entries()) {
      expect(beside[i]?.transcript).toBe(transcript);
      expect(Math.abs(Number(beside[i]?.confidence) - confidence)).toBeLessThan(2e-5);
      expect(beside[i]?.characters.map(({ start, end }) => [start, end])).toEqual(
        characters.map(({ start, end }) => [start, end]),
      );
    }
    await model.release();
  }, 60_000);
  test("how it is given: bytes, samples, a Source, a file at another rate", async () => {
    const model = await open1();
    const samples = Float32Array.from(speak("bca", 5));
    const given = wav([...samples], { rate: RATE, bits: 32, tag: 3 });
    const inputs = [
      { samples, rate: RATE },
      { name: "a.wav", bytes: given },
      { name: "a.wav", format: "wav", bytes: async () => given, text: async () => "" },
    ];
    const answers = (await listOf(model.predict(inputs))) as Transcription[];
    for (const { transcript, characters } of answers)
      expect({ transcript, characters }).toEqual({
        transcript: answers[0]?.transcript,
        characters: answers[0]?.characters,
      });
    const stereo = wav(
      [...samples].flatMap((x) => [x, x]),
      { rate: RATE, channels: 2, bits: 24 },
    );
    const [other] = (await listOf(model.predict([{ name: "s.wav", bytes: stereo }]))) as [Transcription];
    expect(other.transcript).toBe(answers[0]?.transcript);
    await model.release();
  });
  test("how loud it is", async () => {
    const model = await open1();
    const samples = Float32Array.from(speak("bca", 5));
    const inputs = [1, 0.25, 2 ** -9].map((gain) => ({ samples: samples.map((x) => x * gain), rate: RATE }));
    const answers = (await listOf(model.predict(inputs, { batch: 1 }))) as Transcription[];
    for (const { confidence } of answers) expect(confidence).toBe(answers[0]?.confidence); // powers of 2 round nothing
    const [silence] = (await listOf(
      model.predict([{ samples: new Float32Array(900), rate: RATE }]),
    )) as Transcription[];
    expect(Number.isFinite(silence?.confidence)).toBe(true);
    await model.release();
  });
  test("a wide beam is at least as sure as the likeliest path", async () => {
    const model = await open1();
    const [greedy, beam] = await Promise.all(
      [1, 64].map(async (width) => (await listOf(model.predict(heard, { beam: width }))) as Transcription[]),
    );
    for (const [i, { confidence }] of (greedy ?? []).entries())
      expect(Number(beam?.[i]?.confidence)).toBeGreaterThanOrEqual(confidence - 1e-12);
    await model.release();
  });
});

test("interrupted and resumed, masks and strings and all, it ends with the same bits", async () => {
  const given = {
    config: { ...SMALL, dropout: 0.2 },
    steps: 8,
    evalEvery: 4,
    mask: 0.3,
    join: "1-3",
    strings: 2,
    stack: 1,
  };
  const [whole, parted] = [memory(), memory()];
  await trainOn("gru", { ...given, store: whole });
  for await (const event of trainOn("gru", { ...given, store: parted }))
    if (event.event === "step" && event.step === 5) break;
  expect(await resume(parted, { data, val })).toMatchObject({ step: 8, firstStep: 6 });
  expect(bytes(parted.states.at(-1))).toEqual(bytes(whole.states.at(-1)));
  expect(parted.weights).toEqual(whole.weights);
  const other = folder("spoken", learned.slice(1));
  await expect(Promise.resolve(resume(parted, { data: other, val, steps: 20 }))).rejects.toThrow(CheckpointError);
}, 60_000);

describe("scores", () => {
  test("are what one counts from the predictions; baselines by their formula", async () => {
    const store = memory();
    await trainOn("gru", { store, steps: 40 });
    const { scores, examples } = await evaluate(store, { data: val, baselines: false });
    const model = await open(store, { task: "transcribe" });
    const answers = (await listOf(
      model.predict(unseen.map((text, i) => sound(`${i}.wav`, text, i))),
    )) as Transcription[];
    const right = answers.filter(({ transcript }, i) => transcript === unseen[i]).length;
    expect([examples, scores.accuracy, scores.wer]).toEqual([24, right / 24, 1 - right / 24]); // one word each
    expect(scores.cer).toBeLessThanOrEqual(1);
    expect(scores.loss).toBeGreaterThan(0);
    await model.release();
  }, 60_000);

  test("a character that was never trained is an error, in a transcript that is measured", async () => {
    const store = memory();
    await trainOn("gru", { store, steps: 1 });
    const odd = { name: "odd", files: [sound("0.wav", "ab", 0), { name: "0.txt", text: "äb" }] };
    const { scores } = await evaluate(store, { data: odd, baselines: false });
    expect(scores.accuracy).toBe(0);
    expect(Number.isFinite(scores.loss)).toBe(true);
  });
});

test("an exported model is one ONNX graph from features to logits", async () => {
  const store = memory();
  await trainOn("lstm", { store, steps: 1 });
  expect((await exportForward(store)).bytes.length).toBeGreaterThan(1000);
});

/** Recordings called as those of the Free Spoken Digit Dataset are. */
const digits = (indices: readonly number[], speakers = ["ann", "bob"]): DataGiven => ({
  name: "digits",
  files: speakers.flatMap((speaker) =>
    indices.flatMap((i) => ["0", "7"].map((digit) => sound(`${digit}_${speaker}_${i}.wav`, "abcdabcdabcdabcd", i))),
  ),
});

describe("spoken digits by their names", () => {
  const start = async (given: DataGiven, more: Partial<TrainOptions<"transcribe">> = {}) => {
    const store = memory();
    await trainOn("gru", { data: given, val: undefined, store, steps: 1, stack: 1, ...more });
    return store;
  };
  test("recordings 0 to 4 are measured, and eval measures the same", async () => {
    const given = digits([0, 4, 5, 9, 11]);
    const store = await start(given);
    expect(Object.values(store.files["config.json"]?.id2label as object).join("")).toBe("enorsvz");
    expect((await evaluate(store, { data: given })).examples).toBe(8);
    expect((await evaluate(store, { data: digits([7, 8]) })).examples).toBe(8); // none of them was to be held out: all
  });
  test("a speaker is set aside", async () => {
    const given = digits([0, 1, 5], ["ann", "bob", "eve"]);
    const store = await start(given, { speakerHoldout: "eve" });
    expect((await evaluate(store, { data: given })).examples).toBe(6);
    await expect(start(val, { speakerHoldout: "eve" })).rejects.toThrow(
      "option: speakerHoldout: expected data that names its speakers, got none; give a column speaker",
    );
    await expect(start(given, { speakerHoldout: "eva" })).rejects.toThrow(
      'option: speakerHoldout: expected one of several speakers, "ann", "bob", "eve", got "eva" (did you mean "eve"?); name one of them',
    );
  });
  test("the real set, where DESCENT_DATA holds it: 1,000 or more to learn from, a fifth of that to measure", async ({
    skip,
  }) => {
    const dataDir = process.env.DESCENT_DATA;
    if (!dataDir) return skip("set DESCENT_DATA to a folder with fsdd/recordings");
    const source = openSource("fsdd", { dataDir });
    const problem = await transcribe.learn(source, transcribe.options.parse({}), {});
    const { train, validation } = await problem.split(source, undefined, 0);
    expect(validation.size % 50).toBe(0); // 5 of each of 10 digits by each speaker
    expect(train.size).toBeGreaterThanOrEqual(4 * validation.size);
    expect(problem.config).toMatchObject({ num_labels: 16, input_size: 80 });
  });
  test("baselines: the most frequent transcript, and none", async () => {
    const given = digits([0, 5, 6]);
    const [store, rest] = [await start(given), { data: given }];
    store.states.at(-1); // the run's data is in memory, which eval cannot read again
    expect((await evaluate(store, rest)).note).toMatch(/^no baselines: /);
  });
});

describe("strings of several recordings", () => {
  test.each(["0", "3-1", "one", "1-", "", "1-2-3"])("join %j is refused", async (join) => {
    await expect(Promise.resolve(trainOn("gru", { join, steps: 1 }))).rejects.toThrow(ConfigError);
  });
  test("learns strings of one speaker and writes the spaces", async () => {
    const store = memory();
    const history = await trainOn("gru", { store, join: "1-2", steps: 2 });
    expect(Object.values(store.files["config.json"]?.id2label as object)).toEqual(["", " ", "a", "b", "c", "d"]);
    expect(history.scores?.wer).toBeGreaterThan(0);
  });
});

describe("data that cannot be learned from", () => {
  const good = sound("a.wav", "ab", 1);
  const table = (rows: string, ...files: { name: string; bytes: Uint8Array }[]): DataGiven => ({
    name: "list",
    files: [{ name: "list.csv", text: rows }, ...files],
  });
  const bad: [string, DataGiven, RegExp][] = [
    [
      "a folder without sounds",
      { name: "empty", files: [{ name: "a.txt", text: "x" }] },
      /data empty: expected recordings, got no \.wav among 1 files/,
    ],
    [
      "a sound without a text",
      { name: "alone", files: [good] },
      /data a\.wav: expected its transcript in a\.txt or in a table/,
    ],
    [
      "an empty text",
      { name: "f", files: [good, { name: "a.txt", text: " \n" }] },
      /data a\.txt: expected a transcript, got an empty text/,
    ],
    [
      "a file that is not there",
      table("path,transcript\na.wav,ab\nb.wav,ba\n", good),
      /table list\.csv, line 3: .*b\.wav/,
    ],
    [
      "an empty transcript",
      table("path,transcript\na.wav,\n", good),
      /table list\.csv, line 2: expected a transcript in column transcript, got nothing/,
    ],
    [
      "an empty path",
      table("path,transcript\n,ab\n", good),
      /table list\.csv, line 2: expected the path of a recording/,
    ],
    [
      "a sound of 0 samples",
      table("path,transcript\na.wav,ab\nz.wav,a\n", good, { name: "z.wav", bytes: wav([]) }),
      /table list\.csv, line 3: wav z\.wav: expected sound, got 0 samples/,
    ],
    [
      "1 Hz",
      table("path,transcript\nz.wav,a\n", { name: "z.wav", bytes: wav([0, 1], { rate: 1 }) }),
      /wav z\.wav: expected 1000 to 768000 samples a second, got 1/,
    ],
    [
      "a cut file",
      table("path,transcript\nz.wav,a\n", { name: "z.wav", bytes: good.bytes.slice(0, 900) }),
      /line 2: wav z\.wav: .*the file is cut off/,
    ],
    [
      "no WAV",
      table("path,transcript\nz.wav,a\n", { name: "z.wav", bytes: new TextEncoder().encode("hello") }),
      /line 2: wav z\.wav: expected a WAV file, got "hell"/,
    ],
    ["one recording", table("path,transcript\na.wav,ab\n", good), /data list: expected at least 2 recordings, got 1/],
    [
      "two tables",
      { name: "two", files: [good, { name: "a.csv", text: "" }, { name: "b.tsv", text: "" }] },
      /data two: expected one table, got a\.csv and b\.tsv/,
    ],
    ["a text", { name: "a.txt", text: "hello" }, /data a\.txt: expected a folder of recordings, or a table/],
    [
      "rows alone",
      { name: "rows.csv", text: "path,transcript\na.wav,b" },
      /table rows\.csv: expected a file or folder/,
    ],
    ["a column that is not there", table("sound,words\na.wav,ab\n", good), /table list\.csv, line 1: data sound: /],
  ];
  test.each(bad)("%s", async (_, given, message) => {
    const run = Promise.resolve(trainOn("gru", { data: given, val: undefined, steps: 1 }));
    await expect(run).rejects.toThrow(DataError);
    await expect(Promise.resolve(trainOn("gru", { data: given, val: undefined, steps: 1 }))).rejects.toThrow(message);
  });
  test("more letters than there are steps", async () => {
    const given = table("path,transcript\na.wav,aabbccddaabbccdd\nb.wav,ab\n", good, sound("b.wav", "ab", 2));
    await expect(Promise.resolve(trainOn("gru", { data: given, val, steps: 1 }))).rejects.toThrow(
      /^data a\.wav: expected 24 steps or more for "aabbccddaabbccdd", got \d+; lower stack or hop, or correct the transcript$/,
    );
  });
  test("a table names its recordings, at any rate, with columns of other names", async () => {
    const rows = ["clip,words", ...learned.slice(0, 20).map((text, i) => `${i}.wav,${text}`)].join("\n");
    const given = table(rows, ...learned.slice(0, 20).map((text, i) => sound(`${i}.wav`, text, i)));
    const history = await trainOn("gru", {
      data: given,
      val: undefined,
      path: "clip",
      text: "words",
      rate: 8000,
      steps: 1,
    });
    expect(history.step).toBe(1);
  });
});

describe("predictions that cannot be made", () => {
  test("name what was wrong", async () => {
    const model = await (await trainOn("gru", { steps: 1 })).open();
    const first = (input: unknown, given = {}) => listOf(model.predict([input], given));
    await expect(first(5)).rejects.toThrow(
      /^sound 1: expected the name of a WAV file, \{ name, bytes \} or \{ samples, rate \}, got 5/,
    );
    await expect(first({ name: "z.wav", bytes: wav([]) })).rejects.toThrow(
      /^wav z\.wav: expected sound, got 0 samples/,
    );
    await expect(first({ name: "z.wav", bytes: wav([0.5]) }, { beam: 0 })).rejects.toThrow(ConfigError);
    await expect(first({ name: "z.wav", bytes: wav([0.5]) }, { signal: AbortSignal.abort() })).rejects.toThrow(
      /abort/i,
    );
    const [tiny] = (await first({ name: "z.wav", bytes: wav([0.5]) })) as [Transcription];
    expect(tiny.seconds).toBe(1 / 8000);
    await model.release();
  });
});
