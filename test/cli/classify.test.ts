/** A classifier from the command line: trained on every kind of table, measured, asked, stopped early, begun elsewhere. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { folder } from "../../src/checkpoint/node-run.ts";
import { contents, descent, workIn } from "./support.ts";

const GLAD = ["fine", "warm", "kind", "glad"].map((word) => [word, "good"] as const);
const GRIM = ["cold", "dull", "rude", "grim"].map((word) => [word, "bad"] as const);
const THINGS = ["day", "song", "film", "walk", "meal", "book"];
/** 48 texts, of which 24 are good: one word decides. Then twice as many good ones as bad ones. */
const ROWS = THINGS.flatMap((thing) =>
  [...GLAD, ...GRIM].map(([word, label]) => ({ text: `a ${word} ${thing}, they say`, label })),
);
const UNEVEN = ROWS.filter(({ label }, i) => label === "good" || i < ROWS.length / 2);
const csv = (rows: typeof ROWS) =>
  ["text,label", ...rows.map(({ text, label }) => `"${text}",${label}`), ""].join("\n");
const tsv = (rows: typeof ROWS) => rows.map(({ text, label }) => `${text}\t${label}\n`).join("");
const jsonl = (rows: typeof ROWS) => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

let place: ReturnType<typeof workIn>;
beforeAll(async () => {
  place = workIn("classify");
  writeFileSync("rows.csv", csv(ROWS));
  writeFileSync("rows.tsv", tsv(ROWS));
  writeFileSync("rows.jsonl", jsonl(ROWS));
  writeFileSync("uneven.tsv", tsv(UNEVEN));
  writeFileSync("named.csv", csv(ROWS).replace("text,label", "opinion,stars"));
  writeFileSync("ask.txt", "a fine day, they say\n\na grim song, they say\n");
  writeFileSync("ask.jsonl", jsonl(ROWS.slice(0, 8)));
  expect((await train("--data rows.tsv --val rows.csv --out run")).code).toBe(0);
});
afterAll(() => place.leave());

const SMALL = "--task classify --set hidden_size=8 --set embedding_dim=8 --lr 0.03 --batch 16 --threads 1";
const train = (line: string) => descent(`train lstm ${SMALL} --steps 40 --eval-every 20 ${line}`.split(" "));
const lines = <T = Record<string, unknown>>(out: string): T[] =>
  out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as T);
interface Answer {
  readonly text: string;
  readonly label: string;
  readonly probability: number;
  readonly labels: Record<string, number>;
}
interface Measured {
  readonly scores: Record<string, number>;
  readonly baselines: Record<string, Record<string, number>>;
  readonly [key: string]: unknown;
}
const measure = async (line: string) => {
  const { code, out, err } = await descent(["eval", ...line.split(" "), "--json"]);
  expect([code, err]).toEqual([0, ""]);
  return JSON.parse(out) as Measured;
};

describe("training", () => {
  test.each(["rows.tsv", "rows.csv", "rows.jsonl"])("on %s", async (file) => {
    const out = `of-${file}`;
    const { code, out: sample, err } = await train(`--data ${file} --out ${out}`);
    expect([code, sample]).toEqual([0, ""]);
    expect(err).toMatch(/^model lstm, [\d,]+ parameters · task classify · data rows\.\w+ · device cpu, 1 thread/);
    expect(err).toMatch(
      /^step 40\/40 · loss \d\.\d{4} · val loss \d\.\d{4}, accuracy [01]\.\d{4}, f1 [01]\.\d{4}.* texts\/s/m,
    );
    expect(err).toMatch(/; best accuracy [01]\.\d{4} at step [24]0; saved in of-rows/);
    expect(err).toContain(`descent predict ${out} INPUT.txt\n`);
    expect(err).not.toContain("descent generate");
    const files = ["config.json", "model.safetensors", "task.json", "tokenizer.json"];
    expect([...contents(out).keys()]).toEqual(
      [
        ...files,
        ...files.map((name) => `best/${name}`),
        "run.jsonl",
        "training-state.safetensors",
        "confusion.svg",
        "curves.svg",
      ].sort(),
    );
    expect(JSON.parse(readFileSync(`${out}/task.json`, "utf8"))).toMatchObject({ task: "classify" });
    expect(JSON.parse(readFileSync(`${out}/config.json`, "utf8"))).toMatchObject({
      ...{ model_type: "lstm", num_labels: 2, id2label: { 0: "bad", 1: "good" }, label2id: { bad: 0, good: 1 } },
    });
    expect((await measure(`${out} --data ${file} --no-baselines`)).scores.accuracy).toBe(1);
  });
  test("the same rows in another kind of file are the same training", () => {
    const [a, b] = [contents("of-rows.tsv"), contents("of-rows.jsonl")];
    expect(a.get("model.safetensors") === b.get("model.safetensors")).toBe(true);
    expect(a.get("tokenizer.json")).toBe(b.get("tokenizer.json"));
  });
  test("tells unit, task and scores as JSON", async () => {
    const { out, err } = await train("--data rows.tsv --val uneven.tsv --json --quiet --out json");
    expect(err).toBe("");
    const all = lines(out);
    expect(all[0]).toMatchObject({ event: "start", task: "classify", unit: "texts", data: "rows.tsv", steps: 40 });
    expect(all.filter(({ event }) => event === "evaluate").map(({ step }) => step)).toEqual([20, 40]);
    // 16 texts in a batch out of 48 are a third of a pass.
    expect(all.find(({ event, step }) => event === "step" && step === 6)?.epoch).toBe(2);
    const { scores } = await measure("json --data uneven.tsv --no-baselines");
    expect(all.at(-1)).toMatchObject({ event: "done", step: 40, run: "json" });
    const told = all.at(-1)?.scores as Record<string, number>;
    expect(Object.keys(told)).toEqual(["loss", "accuracy", "f1"]);
    for (const [name, value] of Object.entries(scores)) expect(told[name]).toBeCloseTo(value, 5);
  });
  test.each(["rnn", "gru", "gpt"])("of %s", async (model) => {
    const small =
      model === "gpt" ? "--set n_embd=16 --set n_layer=1 --set n_head=2 --length 16" : "--set hidden_size=8";
    const line = `train ${model} --task classify --data rows.csv ${small} --epochs 2 --batch 12 --threads 1 --json`;
    const { code, out } = await descent([...line.split(" "), "--out", model]);
    expect(code).toBe(0);
    // A tenth of 48 texts is measured only; two passes over the others, 12 at a time.
    const trained = ROWS.length - Math.round(ROWS.length / 10);
    expect(lines(out).at(-1)).toMatchObject({ event: "done", step: 2 * Math.ceil(trained / 12) });
  });
  test("resumes to the end of a training that was never stopped", async () => {
    const line = `train lstm ${SMALL} --data rows.tsv --set dropout=0.2 --eval-every 5 --steps 20 --quiet`.split(" ");
    await descent([...line, "--out", "whole"]);
    const onOut = (text: string, send: (name: "SIGINT") => void) => text.includes('"step","step":7,') && send("SIGINT");
    expect((await descent([...line, "--json", "--out", "halves"], { onOut })).code).toBe(130);
    expect((await descent("train --resume halves --task classify --data rows.tsv --quiet".split(" "))).code).toBe(0);
    const [a, b] = [contents("whole"), contents("halves")];
    for (const file of ["model.safetensors", "training-state.safetensors", "best/model.safetensors", "task.json"])
      expect(b.get(file) === a.get(file), file).toBe(true);
  });
  test("stops early where patience is at its end", async () => {
    // A rate of almost nothing: no evaluation is better than the first.
    const line = `train lstm ${SMALL} --data rows.tsv --lr 1e-9 --steps 50 --eval-every 3 --patience 2 --out`.split(
      " ",
    );
    const { code, out } = await descent([...line, "patient", "--json", "--quiet"]);
    expect(code).toBe(0);
    for (const live of [false, true]) {
      const told = await descent([...line, `patient-${live}`], { live });
      expect(told.code).toBe(0);
      expect(told.err).toContain("stopped early: no better accuracy in 2 evaluations\n9 steps in ");
    }
    const all = lines(out);
    expect(all.find(({ event }) => event === "stop")).toEqual({
      ...{ event: "stop", step: 9, reason: "no better accuracy in 2 evaluations" },
    });
    expect(all.at(-1)).toMatchObject({ event: "done", step: 9, best: { step: 3 } });
    const { step, settings } = JSON.parse((await descent(["info", "patient", "--json"])).out);
    expect([step, settings.steps]).toEqual([9, 50]);
  });
});

describe("eval", () => {
  test("tells scores, and what the commonest label and a bag of words reach", async () => {
    expect((await train("--data uneven.tsv --val rows.tsv --steps 120 --out uneven")).code).toBe(0);
    const found = await measure("uneven --data rows.jsonl");
    expect(found).toMatchObject({ run: "uneven", task: "classify", data: "rows.jsonl", examples: 48 });
    expect(found.scores).toMatchObject({ accuracy: 1, f1: 1 });
    expect(Object.keys(found.baselines)).toEqual(["majority label", "bag of words"]);
    // 24 of 36 texts are good: always "good" is right for 24 of 48, F1 is 2·24/(2·24 + 24) = 2/3 and 0.
    const majority = found.baselines["majority label"];
    expect(majority?.loss).toBeCloseTo(-(Math.log(2 / 3) + Math.log(1 / 3)) / 2, 10);
    expect(majority?.accuracy).toBe(0.5);
    expect(majority?.f1).toBeCloseTo(1 / 3, 10);
    expect(found.baselines["bag of words"]).toMatchObject({ accuracy: 1, f1: 1 });
  });
  test("writes a table for people", async () => {
    const { code, out, err } = await descent("eval uneven --data rows.csv".split(" "));
    expect([code, err]).toEqual([0, ""]);
    const [head, , names, ...rows] = out.trimEnd().split("\n");
    expect(head).toBe("rows.csv, 48 examples");
    expect(names?.trim().split(/ +/)).toEqual(["loss", "accuracy", "f1"]);
    expect(rows.map((row) => row.replace(/( +[\d.]+){3}$/, ""))).toEqual(["uneven", "majority label", "bag of words"]);
    expect(rows[1]).toMatch(/^majority label +0\.7520 +0\.5000 +0\.3333$/);
  });
  test("leaves baselines out with --no-baselines, and says why where there can be none", async () => {
    expect((await measure("uneven --data rows.csv --no-baselines")).baselines).toEqual({});
    expect((await descent("eval uneven --data rows.csv --no-baselines".split(" "))).out).not.toContain("majority");
    cpSync("uneven/best", "copied", { recursive: true });
    const copy = await measure("copied --data rows.csv");
    expect(copy).toMatchObject({ baselines: {}, note: expect.stringMatching(/^no baselines: /) });
    const said = await descent("eval copied --data rows.csv".split(" "));
    expect([said.code, said.err]).toEqual([0, `${copy.note}\n`]);
  });
  test("shows the same baselines for the best weights as for the last", async () => {
    const [last, best] = [await measure("uneven --data rows.csv"), await measure("uneven/best --data rows.csv")];
    expect(Object.keys(best.baselines)).toEqual(["majority label", "bag of words"]);
    expect(best.baselines).toEqual(last.baselines);
  });
  test("does not depend on how many texts go together", async () => {
    const [one, all] = [
      await measure("uneven --data rows.csv --no-baselines --batch 1"),
      await measure("uneven --data rows.csv --no-baselines --batch 48"),
    ];
    for (const [name, value] of Object.entries(one.scores)) expect(all.scores[name]).toBeCloseTo(value, 5);
  });
  test("of a language model: its perplexity beside that of frequencies", async () => {
    writeFileSync("ab.txt", "ab".repeat(500));
    const small = "--set hidden_size=4 --set embedding_dim=4 --context 8 --steps 2 --threads 1 --quiet";
    await descent(`train rnn --data ab.txt ${small} --out ab`.split(" "));
    const { scores, baselines } = await measure("ab --data ab.txt");
    expect(scores.perplexity).toBeCloseTo(Math.exp(scores.loss ?? 0), 10);
    // Two letters, as frequent as each other, up to the one more that is counted.
    expect(baselines["token frequencies"]?.perplexity).toBeCloseTo(2, 4);
  });
});

describe("predict", () => {
  const predict = (line: string, input?: string) =>
    descent(["predict", "run", ...line.split(" ").filter(Boolean)], input === undefined ? {} : { input });

  test("answers every line of standard input, and of files, in their order", async () => {
    const asked = readFileSync("ask.txt", "utf8");
    const ways = [
      await predict("", asked),
      await predict("-", asked.replaceAll("\n", "\r\n")),
      await predict("ask.txt"),
      await predict("--batch 1", asked.trimEnd()),
    ];
    for (const { code, out, err } of ways) {
      expect([code, err]).toEqual([0, ""]);
      expect(out).toMatch(/^good\t(0\.[5-9]\d{3}|1\.0000)\n\nbad\t(0\.[5-9]\d{3}|1\.0000)\n$/);
      expect(out).toBe(ways[0]?.out);
    }
    const both = await predict("- ask.txt", "a kind meal, they say\n");
    expect(both.out).toMatch(new RegExp(`^good\\t\\S+\\n${ways[0]?.out}$`));
  });
  test.each(["ask.txt", "ask.jsonl", "rows.csv"])("answers %s packed with gzip as it does without", async (file) => {
    writeFileSync(`${file}.gz`, gzipSync(readFileSync(file)));
    const packed = await predict(`${file}.gz`);
    expect([packed.code, packed.err]).toEqual([0, ""]);
    expect(packed.out).toBe((await predict(file)).out);
  });
  test("a damaged file packed with gzip is refused in one line", async () => {
    writeFileSync("cut.txt.gz", gzipSync(readFileSync("ask.txt")).subarray(0, 20));
    const { code, err } = await predict("cut.txt.gz");
    expect(code).toBe(2);
    expect(err).toMatch(/^descent: data cut\.txt\.gz: [^\n]+\n$/);
  });
  test.each(["rows.csv", "rows.tsv", "rows.jsonl"])("answers the rows of %s", async (file) => {
    const { code, out } = await predict(`${file} --json`);
    expect(code).toBe(0);
    const answers = lines<Answer>(out);
    expect(answers.map(({ text }) => text)).toEqual(ROWS.map(({ text }) => text));
    expect(answers.map(({ label }) => label)).toEqual(ROWS.map(({ label }) => label));
    for (const { label, labels, probability } of answers) expect(labels).toEqual({ [label]: probability });
  });
  test("names as many labels as are asked for; their probabilities sum to one", async () => {
    const { out } = await predict("ask.jsonl --json --top 9");
    for (const { label, probability, labels } of lines<Answer>(out)) {
      expect(Object.keys(labels).sort()).toEqual(["bad", "good"]);
      expect(labels[label]).toBe(probability);
      expect(probability).toBeGreaterThanOrEqual(0.5);
      expect((labels.good ?? 0) + (labels.bad ?? 0)).toBeCloseTo(1, 6);
    }
    expect((await predict("ask.txt --top 2")).out).toMatch(/^good\t\S+\tbad\t\S+\n\nbad\t\S+\tgood\t\S+\n$/);
  });
  test("agrees with eval about the loss", async () => {
    const answers = lines<Answer>((await predict("rows.csv --json --top 2")).out);
    const loss = answers.reduce((sum, { labels }, i) => sum - Math.log(labels[ROWS[i]?.label ?? ""] ?? 0), 0);
    const { scores } = await measure("run --data rows.csv --no-baselines");
    expect(loss / ROWS.length).toBeCloseTo(scores.loss ?? 0, 6);
  });
  test("answers nothing to nothing", async () => {
    expect(await predict("", "")).toEqual({ code: 0, out: "", err: "" });
    expect(await predict("", "\n \n")).toEqual({ code: 0, out: "\n\n", err: "" });
  });
  test("refuses what is no text, after what came before it", async () => {
    for (const [line, say] of [
      ["{oops", /standard input, line 2: expected a JSON object, got "\{oops"/],
      ['{"txt": "a fine day"}', /expected a string or a record with text.*got \{"txt":"a fine day"\}/],
    ] as const) {
      const { code, out, err } = await predict("--batch 1", `a fine day, they say\n${line}\n`);
      expect([code, out]).toEqual([2, expect.stringMatching(/^good\t\S+\n$/)]);
      expect(err).toMatch(/^descent: [^\n]+\n$/);
      expect(err).toMatch(say);
    }
  });
  test.each([
    ["by name", "named.csv", "--text opinion --label stars"],
    ["by number", "rows.csv", "--text 1 --label 2"],
    ["by number and without a header", "rows.tsv", "--text 1 --label 2"],
  ])("reads the columns that were named for the training, %s", async (way, file, columns) => {
    const out = `columns ${way}`;
    const line = `train lstm ${SMALL} --steps 2 --data ${file} ${columns} --quiet`;
    expect((await descent([...line.split(" "), "--out", out])).code).toBe(0);
    const { code, out: said, err } = await descent(["predict", out, file, "--json"]);
    expect([code, err]).toEqual([0, ""]);
    expect(lines<Answer>(said).map(({ text }) => text)).toEqual(ROWS.map(({ text }) => text));
  });
  test("of a language model continues each line", async () => {
    const { code, out } = await descent("predict ab --tokens 3 --json".split(" "), { input: "ab\nba\n" });
    expect(code).toBe(0);
    const answer = { text: expect.stringMatching(/^[ab]{3}$/), ids: expect.any(Array), reason: "length", seed: 0 };
    expect(lines(out)).toEqual([
      { prompt: "ab", ...answer },
      { prompt: "ba", ...answer },
    ]);
  });
});

describe("a training from another's weights", () => {
  const step = (out: string, wanted: number) =>
    lines(out).find(({ event, step }) => event === "step" && step === wanted);

  test("begins at the loss of the trained model", async () => {
    const { scores } = await measure("run --data rows.tsv --no-baselines");
    // One batch of all texts that are trained on.
    const line = "train lstm --task classify --from run --data rows.tsv --val rows.csv --batch 48 --steps 1 --json";
    const { code, out } = await descent([...line.split(" "), "--quiet", "--threads", "1", "--out", "again"]);
    expect(code).toBe(0);
    expect(step(out, 1)?.loss).toBeCloseTo(scores.loss ?? 0, 5);
    expect(scores.loss).toBeLessThan(0.3);
    expect(contents("again").get("tokenizer.json")).toBe(contents("run").get("tokenizer.json"));
    expect(contents("again").get("config.json")).toBe(contents("run").get("config.json"));
  });
  test("takes the best weights as well", async () => {
    const line = "train lstm --task classify --from run/best --data rows.tsv --steps 1 --quiet --threads 1 --out best";
    expect((await descent(line.split(" "))).code).toBe(0);
  });
  test("makes a classifier of a language model: only the head is new", async () => {
    writeFileSync(
      "text.txt",
      ROWS.map(({ text }) => text)
        .join("\n")
        .repeat(3),
    );
    const small = "--set hidden_size=8 --set embedding_dim=8 --threads 1 --quiet";
    expect((await descent(`train lstm --data text.txt ${small} --steps 5 --out words`.split(" "))).code).toBe(0);
    const line = "train lstm --task classify --from words --data rows.tsv --steps 3 --threads 1 --quiet";
    const frozen = ["--freeze", "^(embedding|lstm)\\."];
    expect((await descent([...line.split(" "), ...frozen, "--out", "head"])).code).toBe(0);
    const [before, after] = [await folder("words").loadWeights(), await folder("head").loadWeights()];
    const body = ["embedding.weight", ...["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map((n) => `lstm.${n}_l0`)];
    expect([...after.keys()].sort()).toEqual([...body, "classifier.bias", "classifier.weight"].sort());
    for (const name of body) expect(after.get(name), name).toEqual(before.get(name));
    expect(contents("head").get("tokenizer.json")).toBe(contents("words").get("tokenizer.json"));
    expect((await descent(["predict", "head", "ask.txt"])).out).toMatch(/^(good|bad)\t\S+\n\n(good|bad)\t\S+\n$/);
  });
  test("keeps the vocabulary that the language model learned, whatever the table holds", async () => {
    const line = "train lstm --task classify --from words --data rows.tsv --steps 1 --threads 1 --quiet --out kept";
    const { code, err } = await descent(line.split(" "));
    expect([code, err]).toEqual([0, ""]);
    expect(contents("kept").get("tokenizer.json")).toBe(contents("words").get("tokenizer.json"));
  });
});
