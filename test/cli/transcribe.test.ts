/** Transcription from the command line: trained on a folder and on a table, measured, asked, drawn. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wav } from "../support/wav.ts";
import { descent, workIn } from "./support.ts";

const RATE = 4000;
/** A low tone says "lo", a high one "hi"; both are half as long as the silence around them. */
const tone = (word: string, i: number) =>
  Array.from({ length: 400 + 20 * (i % 5) }, (_, t) =>
    t < 100 || t > 300 ? 0 : 0.4 * Math.sin((2 * Math.PI * (word === "lo" ? 300 : 1400) * t) / RATE + i),
  );
const WORDS = Array.from({ length: 24 }, (_, i) => (i % 2 ? "hi" : "lo"));

let place: ReturnType<typeof workIn>;
beforeAll(async () => {
  place = workIn("transcribe");
  mkdirSync("sounds");
  mkdirSync("list");
  mkdirSync("broken");
  for (const [i, word] of WORDS.entries()) {
    writeFileSync(`sounds/${i}.wav`, wav(tone(word, i), { rate: RATE }));
    writeFileSync(`sounds/${i}.txt`, `${word}\n`);
  }
  const rows = WORDS.map((word, i) => `../sounds/${i}.wav,${word},${i < 12 ? "ann" : "bob"}\n`);
  writeFileSync("list/list.csv", `path,transcript,speaker\n${rows.join("")}`);
  writeFileSync("list/lost.csv", `path,transcript\n../sounds/0.wav,lo\n../sounds/nowhere.wav,hi\n`);
  writeFileSync("broken/a.wav", wav(tone("lo", 1), { rate: RATE }).slice(0, 200));
  writeFileSync("empty.wav", wav([], { rate: RATE }));
  writeFileSync("text.wav", "no sound at all");
  const { code, err } = await train("--data sounds --val list/list.csv --out run");
  expect([code, err]).toEqual([0, expect.stringContaining("descent predict run FILE\n")]);
});
afterAll(() => place.leave());

const SMALL =
  "--task transcribe --set hidden_size=12 --set num_layers=1 --set dropout=0 --mels 8 --mask 0 --batch 8 --threads 1";
const train = (line: string) => descent(`train gru ${SMALL} --steps 60 --lr 0.03 ${line}`.split(" "));

describe("a trained model", () => {
  test("writes one line for each file, in their order", async () => {
    const { code, out, err } = await descent("predict run sounds/3.wav sounds/8.wav --threads 1".split(" "));
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^hi\t[01]\.\d{4}\nlo\t[01]\.\d{4}\n$/);
  });
  test("says when, in JSON, and draws it", async () => {
    const { out } = await descent("predict run sounds/3.wav --json --beam 4 --pictures drawn".split(" "));
    const { file, transcript, characters } = JSON.parse(out);
    expect([file, transcript]).toEqual(["sounds/3.wav", "hi"]);
    expect(characters.map(({ character }: { character: string }) => character)).toEqual(["h", "i"]);
    expect(readFileSync("drawn/1.svg", "utf8")).toContain("<title>sounds/3.wav: hi</title>");
  });
  test("is measured beside baselines", async () => {
    const { code, out } = await descent("eval run --data sounds --json".split(" "));
    const { scores, baselines, examples } = JSON.parse(out);
    expect([code, examples, scores.wer, scores.accuracy]).toEqual([0, 24, 0, 1]);
    expect(baselines).toEqual({
      "most frequent transcript": { cer: 0.5, wer: 0.5, accuracy: 0.5 },
      "nothing said": { cer: 1, wer: 1, accuracy: 0 },
    });
  });
  test("is described and exported", async () => {
    expect((await descent(["info", "run"])).out).toContain("transcribe");
    expect((await descent("export run --to onnx --out run.onnx".split(" "))).code).toBe(0);
    expect(readFileSync("run.onnx").length).toBeGreaterThan(1000);
  });
});

test("a table with speakers, one of whom is only measured, and strings of their words", async () => {
  const { code, err } = await train("--data list/list.csv --speaker-holdout bob --join 1-2 --strings 2 --out strings");
  expect([code, err]).toEqual([0, expect.stringContaining("cer ")]);
  expect(JSON.parse(readFileSync("strings/task.json", "utf8"))).toMatchObject({
    options: { speakerHoldout: "bob", join: "1-2", strings: 2 },
    learned: { rate: RATE, norm: { mean: expect.any(Array) } },
  });
});

describe("what cannot be read is named", () => {
  const cases: [string, RegExp][] = [
    [
      "train gru --task transcribe --data list/lost.csv",
      /^descent: table list\/lost\.csv, line 3: .*nowhere\.wav: no such file/,
    ],
    [
      "train gru --task transcribe --data broken",
      /^descent: data broken\/a\.wav: expected its transcript in broken\/a\.txt/,
    ],
    [
      "train gru --task transcribe --data nowhere",
      /^descent: data nowhere: expected a folder of recordings, or a table/,
    ],
    [
      "train gru --task transcribe --data list",
      /^descent: data list: expected one table, got list\/list\.csv and list\/lost\.csv; name the one that is meant/,
    ],
    ["predict run empty.wav", /^descent: wav empty\.wav: expected sound, got 0 samples/],
    ["predict run text.wav", /^descent: wav text\.wav: expected a WAV file, got "no s"/],
    [
      "predict run broken/a.wav",
      /^descent: wav broken\/a\.wav: expected \d+ bytes of samples, got \d+; the file is cut off/,
    ],
    ["predict run nowhere.wav", /^descent: input nowhere\.wav: no such file/],
    [
      "train gpt --task transcribe --data sounds",
      /^descent: task transcribe: gpt2? cannot do it, as it has no head "frames"/,
    ],
  ];
  test.each(cases)("%s", async (line, message) => {
    const { code, err } = await descent(line.split(" "));
    expect(code).not.toBe(0);
    expect(err).toMatch(message);
  });
});
