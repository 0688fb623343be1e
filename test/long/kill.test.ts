/** Fifty kills of every model, at random moments and in saves; the short version is test/cli/kill.test.ts. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtInText } from "../../src/stories/index.ts";
import { LASTING, logOf, table, trainKilled } from "../cli/kill.ts";
import { buildCommand, start, workIn } from "../cli/support.ts";

let place: ReturnType<typeof workIn>;
let command: Awaited<ReturnType<typeof buildCommand>>;
beforeAll(async () => {
  command = await buildCommand();
  place = workIn("kill-long");
  writeFileSync("text.txt", builtInText(1, 5000));
  writeFileSync("table.csv", table(300));
});
afterAll(() => {
  place.leave();
  command.remove();
});

const recurrent = "--set hidden_size=16 --set embedding_dim=16 --set num_layers=2 --set dropout=0.1";
const text = "--data text.txt --context 16";
const attention = "--set n_embd=16 --set n_layer=2 --set n_head=2 --set resid_pdrop=0.1 --set attn_pdrop=0.1";
const MODELS = {
  rnn: `${recurrent} ${text}`,
  lstm: `${recurrent} ${text} --accumulate 2`,
  gru: `${recurrent} ${text} --tokenizer bpe --vocab 300`,
  gpt: `${attention} ${text} --average 0.9 --freeze ^wte`,
};
const labels = "--task classify --data table.csv --average 0.9 --freeze ^(embedding|wte) --accumulate 2";
const RUNS: readonly (readonly [model: string, own: string])[] = [
  ...Object.entries(MODELS),
  ...Object.keys(MODELS).map((model) => [model, `${model === "gpt" ? attention : recurrent} ${labels}`] as const),
];
const common = "--batch 4 --threads 1 --steps 2000 --save-every 20 --eval-every 50";

test.each(RUNS)("%s %s", async (architecture, own) => {
  const model = own.includes("classify") ? `${architecture}-classes` : architecture;
  const train = [architecture, ...own.split(" "), ...common.split(" ")];
  const whole = ["train", ...train, "--out", `${model}-whole`, "--json"];
  const { code, out, err } = await start(command.main, whole, place.path).ended;
  expect(code, err).toBe(0);
  const events = out.split("\n").length / 10; // so that fifty kills come before the end
  const killing = { main: command.main, cwd: place.path, train, kills: 50, seed: 9, events };
  const { killed, folder } = await trainKilled(`${model}-killed`, killing);
  expect(killed.length).toBe(50);
  for (const file of LASTING)
    expect(readFileSync(join(folder, file)).equals(readFileSync(join(`${model}-whole`, file))), file).toBe(true);
  expect(logOf(folder).at(-1)).toMatchObject({ event: "checkpoint", step: 2000 });
});
