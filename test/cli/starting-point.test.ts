/** `descent train <folder>` starts from the run or checkpoint there: fine-tuning. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadModel } from "../../src/tasks/open.ts";
import { descent } from "./support.ts";

let place: string;
const at = (name: string) => join(place, name);
const config = (run: string) => JSON.parse(readFileSync(join(at(run), "config.json"), "utf8"));
const sizes = ["hidden_size=8", "intermediate_size=8", "num_hidden_layers=1", "num_attention_heads=2", "head_dim=6"];

beforeAll(async () => {
  place = mkdtempSync(join(tmpdir(), "descent-start-"));
  writeFileSync(at("text.txt"), "one two three four five six seven eight nine ten ".repeat(20));
  writeFileSync(at("table.csv"), "text,label\none two,a\nthree four,b\nfive six,a\nseven eight,b\n");
  const set = sizes.flatMap((size) => ["--set", size]);
  const data = ["--data", at("text.txt"), "--context", "8", "--batch", "2", "--steps", "2", "--quiet"];
  const { code, err } = await descent(["train", "llama", ...data, ...set, "--out", at("base")]);
  expect([code, err]).toEqual([0, ""]);
  const ids = { bos_token_id: 1, eos_token_id: 2, pad_token_id: 3 };
  writeFileSync(join(at("base"), "generation_config.json"), JSON.stringify(ids));
});
afterAll(() => rmSync(place, { recursive: true }));

test("the weights are those of the folder, with its sizes, tokens and ids with a meaning", async () => {
  const flags = ["--data", at("text.txt"), "--context", "8", "--batch", "2", "--steps", "1", "--lr", "1e-9", "--quiet"];
  const { code, err } = await descent(["train", at("base"), ...flags, "--out", at("tuned")]);
  expect([code, err]).toEqual([0, ""]);
  expect(config("tuned")).toMatchObject({ head_dim: 6, bos_token_id: 1, eos_token_id: [2], pad_token_id: 3 });
  const [before, after] = [await loadModel(at("base")), await loadModel(at("tuned"))];
  for (const [path, { data }] of Object.entries(before.values))
    for (const [i, value] of Array.from(data as Float32Array).entries())
      expect(after.values[path]?.data[i]).toBeCloseTo(value, 6);
});

test("for another task only its head is new", async () => {
  const data = [
    "--data",
    at("table.csv"),
    "--val",
    at("table.csv"),
    "--length",
    "8",
    "--steps",
    "1",
    "--lr",
    "1e-9",
    "--quiet",
  ];
  const { code, err } = await descent(["train", at("base"), "--task", "classify", ...data, "--out", at("classifier")]);
  expect([code, err]).toEqual([0, ""]);
  expect(config("classifier")).toMatchObject({ num_labels: 2, id2label: { 0: "a", 1: "b" }, pad_token_id: 3 });
  const { values } = await loadModel(at("classifier"));
  expect(values["score.weight"]?.shape).toEqual([2, 8]);
});

test("two places to start from are refused, and folders without a model", async () => {
  const twice = await descent(["train", at("base"), "--from", at("tuned")]);
  expect(twice).toMatchObject({ code: 2, out: "" });
  expect(twice.err).toMatch(/^descent: --from: .* is started from already/);
  const nowhere = await descent(["train", at("nowhere")]);
  expect(nowhere).toMatchObject({ code: 2, out: "" });
  expect(nowhere.err).toMatch(/model: expected one of rnn/);
});
