/** A translator from the command line: trained on two files, measured, asked, drawn, exported, resumed. */
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contents, descent, workIn } from "./support.ts";

const WORDS = { eins: "one", zwei: "two", drei: "three", vier: "four" } as const;
const german = Object.keys(WORDS) as (keyof typeof WORDS)[];
const LISTS = german.flatMap((a) => german.flatMap((b) => german.map((c) => [a, b, c])));
const [source, target] = [
  LISTS.map((list) => list.join(" ")),
  LISTS.map((list) => list.map((word) => WORDS[word]).join(" ")),
];

let place: ReturnType<typeof workIn>;
const SMALL =
  "--task translate --tokenizer words --set hidden_size=24 --set embedding_dim=12 --lr 0.02 --batch 16 --threads 1";
const train = (line: string) => descent(`train gru ${SMALL} ${line}`.split(" "));
beforeAll(async () => {
  place = workIn("translate");
  writeFileSync("a.de", `${source.join("\n")}\n`);
  writeFileSync("a.en", `${target.join("\r\n")}\r\n`);
  writeFileSync("b.de.gz", gzipSync(`${source.slice(0, 20).join("\n")}\n`));
  writeFileSync("b.en.gz", gzipSync(`${target.slice(0, 20).join("\n")}\n`));
  writeFileSync("short.en", "one\n");
  const files = "--source a.de --target a.en --val-source b.de.gz --val-target b.en.gz";
  expect((await train(`${files} --epochs 25 --out run`)).code).toBe(0);
}, 120_000);
afterAll(() => place.leave());

test("the run keeps both tokenizers, and names the command that comes next", () => {
  const files = ["config.json", "model.safetensors", "source_tokenizer.json", "task.json", "tokenizer.json"];
  expect([...contents("run").keys()]).toEqual(
    expect.arrayContaining([...files, ...files.map((name) => `best/${name}`)]),
  );
  expect(JSON.parse(readFileSync("run/config.json", "utf8"))).toMatchObject({
    ...{ model_type: "gru", vocab_size: 5, target_vocab_size: 6, bidirectional: true, eos_token_id: 5 },
  });
});

test("eval: BLEU next to that of the source, and drawn", async () => {
  const { code, out } = await descent("eval run --source b.de.gz --target b.en.gz --json --pictures drawn".split(" "));
  expect(code).toBe(0);
  const { scores, baselines } = JSON.parse(out) as {
    scores: Record<string, number>;
    baselines: Record<string, Record<string, number>>;
  };
  expect(Object.keys(scores)).toEqual(["loss", "perplexity", "bleu"]);
  expect(baselines).toEqual({ "copy of the source": { bleu: 0 } });
  expect(readFileSync("drawn/bleu-by-length.svg", "utf8")).toMatch(/^<svg/);
  const shown = await descent("eval run --source b.de.gz --target b.en.gz --no-baselines".split(" "));
  expect(shown.out).toMatch(/^b\.de\.gz \+ b\.en\.gz, 20 examples\n\n +loss +perplexity +bleu\nrun /);
});

test("predict: line by line, blank ones in their place, JSON with attention, and a picture of each", async () => {
  const input = "eins zwei drei\n\nvier vier eins\n";
  const { out, code } = await descent("predict run --pictures drawn".split(" "), { input });
  expect([code, out.split("\n").map((line) => line.split(" ").length)]).toEqual([0, [3, 1, 3, 1]]);
  expect(readFileSync("drawn/2.svg", "utf8")).toMatch(/>vier</);
  const json = await descent("predict run --json --beam 2".split(" "), { input: '{"text":"eins zwei"}\n' });
  const answer = JSON.parse(json.out) as { attention: number[][]; tokens: string[] };
  expect(answer).toMatchObject({ text: "eins zwei", sourceTokens: ["eins", "zwei"], cut: false });
  expect(answer.attention).toHaveLength(answer.tokens.length + 1);
});

test("info, and export to ONNX", async () => {
  expect((await descent(["info", "run"])).out).toMatch(/translate/);
  expect((await descent("export run --to onnx --out forward.onnx".split(" "))).code).toBe(0);
  expect((await descent("export run --to onnx --what train --out step.onnx".split(" "))).code).toBe(0);
  expect((await descent("generate run".split(" "))).err).toMatch(/^descent: generate run: the run was not/);
});

test("resumed, it goes on where it stopped", async () => {
  const files = "--source a.de --target a.en --schedule constant --warmup 0";
  expect((await train(`${files} --steps 6 --quiet --out whole`)).code).toBe(0);
  expect((await train(`${files} --steps 3 --quiet --out parts`)).code).toBe(0);
  expect((await descent("train --resume parts --steps 6 --quiet".split(" "))).code).toBe(0);
  const weights = (run: string) => contents(run).get("model.safetensors");
  expect(weights("parts") === weights("whole")).toBe(true);
});

describe("what is missing or does not fit is one line", () => {
  test.each([
    [
      "--source a.de",
      /^descent: --target: task translate needs --source and --target together, got none; name a file$/m,
    ],
    ["--data a.de", /^descent: --data: task translate learns from several files; give --source and --target instead$/m],
    ["--source a.de --target short.en", /expected as many lines in short\.en as in a\.de, got 1 and 64/],
    ["--source a.de --target nowhere.en", /nowhere\.en: no such file/],
    ["", /--data: task translate needs data to learn from, got none; name a file: --source FILE --target FILE/],
    [
      "--source a.de --target a.en --set attention=dot",
      /^descent: config: attention: dot compares vectors of one width/m,
    ],
    [
      "--source a.de --target a.en --set attention=soft",
      /attention: expected one of general, additive, dot, none, got "soft"/,
    ],
  ])("%s", async (line, say) => {
    const { code, err } = await train(`${line} --steps 1 --out no`.trim().replaceAll("  ", " "));
    expect(code).not.toBe(0);
    expect(err).toMatch(say);
  });
});
