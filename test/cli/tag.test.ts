/** The task tag on the command line: from training to answers, for a file with columns, lines and records. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { contents, descent, workIn } from "./support.ts";

const SMALL =
  "--task tag --set hidden_size=12 --set embedding_dim=8 --set char_embedding_dim=4 --set char_channels=6 --set dropout=0.1 --batch 8 --lr 0.02 --threads 1 --quiet";
const people = ["Ada", "Alan", "Grace", "Kurt"];
const towns = ["Bern", "London", "Oslo", "Wien"];
const SENTENCES = people.flatMap((name) => towns.map((town) => `${name} B-PER\ncame O\nto O\n${town} B-LOC\n. O\n`));

let place: ReturnType<typeof workIn>;
beforeAll(async () => {
  place = workIn("cli-tag");
  writeFileSync("train.conll", SENTENCES.join("\n"));
  writeFileSync("dev.conll", SENTENCES.slice(0, 8).join("\r\n").replaceAll(" ", "\t"));
  const line = `train lstm ${SMALL} --data train.conll --val dev.conll --set crf=true --steps 60 --out run`;
  const { code, err } = await descent(line.split(" "));
  expect([code, err]).toEqual([0, ""]);
});
afterAll(() => place.leave());

const run = (line: string, input = "") => descent(line.split(" "), { input });

test("the run keeps words, characters and tags, and draws what was measured", () => {
  const [config, task] = ["config.json", "task.json"].map((name) => JSON.parse(readFileSync(`run/${name}`, "utf8")));
  expect(config).toMatchObject({
    crf: true,
    bidirectional: true,
    num_labels: 9,
    char_vocab_size: task.characters.length + 2,
  });
  expect(Object.values(config.id2label)).toEqual([
    "O",
    "B-LOC",
    "I-LOC",
    "E-LOC",
    "S-LOC",
    "B-PER",
    "I-PER",
    "E-PER",
    "S-PER",
  ]);
  for (const name of ["confusion.svg", "types.svg", "curves.svg"]) expect(existsSync(`run/${name}`), name).toBe(true);
});

describe("predict", () => {
  test("answers lines, blank ones among them, and records", async () => {
    const input = 'Grace came to Oslo.\n\n{"words": ["to", "Bern", "."]}\n{"text": "Ada, Alan came."}\n';
    const { code, out } = await run("predict run", input);
    expect(code).toBe(0);
    expect(out.split("\n").slice(0, 3)).toEqual(["[PER Grace] came to [LOC Oslo] .", "", "to [LOC Bern] ."]);
    expect(out.split("\n")).toHaveLength(5);
  });
  test("answers the sentences of a file in columns, with their tags or without", async () => {
    writeFileSync("words.conll", "Grace\ncame\n\nto\nOslo\n");
    expect((await run("predict run words.conll")).out).toBe("[PER Grace] came\nto [LOC Oslo]\n");
    const { out } = await run("predict run dev.conll --json --batch 3");
    const answers = out
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(answers).toHaveLength(8);
    expect(answers[1]).toEqual({
      words: ["Ada", "came", "to", "London", "."],
      entities: [
        { type: "PER", start: 0, end: 1, text: "Ada" },
        { type: "LOC", start: 3, end: 4, text: "London" },
      ],
    });
  });
  test("refuses what is no sentence, after what came before it", async () => {
    const { code, out, err } = await run("predict run --batch 1", 'Ada came\n{"words": 3}\n');
    expect([code, out]).toEqual([2, "[PER Ada] came\n"]);
    expect(err).toMatch(
      /^descent: standard input, line 2: sentence: expected a text, or a record with a text or a list of words, got \{"words":3\};[^\n]+\n$/,
    );
  });
});

describe("eval", () => {
  test("tells scores beside the most frequent tag of each word, and draws", async () => {
    const { code, out } = await run("eval run --data dev.conll --pictures drawn");
    expect(code).toBe(0);
    const [head, , names, own, baseline] = out.trimEnd().split("\n");
    expect(head).toBe("dev.conll, 8 examples");
    expect(names?.trim().split(/ +/)).toEqual(["loss", "f1", "precision", "recall", "accuracy"]);
    expect(own).toMatch(/^run +\d\.\d{4}( +1\.0000){4}$/);
    expect(baseline).toMatch(/^most frequent tag +-( +1\.0000){4}$/);
    expect(readFileSync("drawn/types.svg", "utf8")).toContain(">1.000, 8 entities<");
  });
  test("refuses a type that was not trained, by file and line", async () => {
    writeFileSync("org.conll", "x O\nUNO B-ORG\n");
    const { code, err } = await run("eval run --data org.conll");
    expect([code, err]).toEqual([
      2,
      'descent: conll org.conll, line 2: tag "B-ORG" is of none of the 2 types that were trained: LOC, PER; leave such sentences out, or train with them\n',
    ]);
  });
});

test("resumes to the end of a training that was never stopped", async () => {
  const line = `train gru ${SMALL} --data train.conll --eval-every 5 --steps 16 --set crf=true --out`.split(" ");
  await descent([...line, "whole"]);
  const onOut = (text: string, send: (name: "SIGINT") => void) => text.includes('"step","step":7,') && send("SIGINT");
  expect((await descent([...line, "halves", "--json"], { onOut })).code).toBe(130);
  expect((await run("train --resume halves --quiet")).code).toBe(0);
  const [a, b] = [contents("whole"), contents("halves")];
  for (const file of ["model.safetensors", "training-state.safetensors", "best/model.safetensors", "task.json"])
    expect(b.get(file) === a.get(file), file).toBe(true);
});

test("training goes on from word vectors of others", async () => {
  writeFileSync("vectors.txt", "ada 1 2 3\nunheard 4 5 6\noslo 7 8 9\n");
  const line = `train rnn --task tag --data train.conll --embeddings vectors.txt --lr 1e-9 --set hidden_size=4 --steps 1 --threads 1 --json --out vectors`;
  expect((await run(line)).code).toBe(0);
  const { embedding_dim, vocab_size } = JSON.parse(readFileSync("vectors/config.json", "utf8"));
  const { vocab } = JSON.parse(readFileSync("vectors/tokenizer.json", "utf8")).model;
  expect(embedding_dim).toBe(3);
  expect(Object.keys(vocab)).toHaveLength(vocab_size);
  expect(vocab).toHaveProperty("unheard"); // a word that only the vectors have
});
