/** A training that was killed and resumed ends byte for byte like one that was left alone. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtInText } from "../../src/stories/index.ts";
import { LASTING, logOf, table, trainKilled } from "./kill.ts";
import { buildCommand, start, workIn } from "./support.ts";

let place: ReturnType<typeof workIn>;
let command: Awaited<ReturnType<typeof buildCommand>>;
const model = "gpt --data text.txt --set n_embd=16 --set n_layer=1 --set n_head=2 --set resid_pdrop=0.1";
const steps = "--threads 1 --steps 60 --save-every 5 --eval-every 10";
/** A run of its own for each: a carried state in the second one, all else that a state holds in the third, with batches of several lengths. */
const RUNS = {
  language: `${model} --context 16 --batch 4 ${steps}`,
  along: `lstm --data text.txt --set hidden_size=8 --set embedding_dim=8 --set num_layers=2 --set dropout=0.1 --tbptt 16,24 --accumulate 2 --batch 4 ${steps}`,
  classify: `lstm --task classify --data table.csv --set hidden_size=8 --set embedding_dim=8 --set dropout=0.1 --average 0.9 --freeze ^embedding --accumulate 2 --batch 4 ${steps}`,
} as const;
type Name = keyof typeof RUNS;
const events: Record<Name, number> = { language: 0, along: 0, classify: 0 };
const trainOf = (name: Name): string[] => RUNS[name].split(" ");

beforeAll(async () => {
  command = await buildCommand();
  place = workIn("kill");
  writeFileSync("text.txt", builtInText(1, 5000));
  writeFileSync("table.csv", table(60));
  for (const name of ["language", "along", "classify"] as const) {
    const running = start(command.main, ["train", ...trainOf(name), "--out", name, "--json"], place.path);
    const { code, out, err } = await running.ended;
    expect(code, err).toBe(0);
    events[name] = out.split("\n").length - 1;
  }
});
afterAll(() => {
  place.leave();
  command.remove();
});

/** Expects the run in `folder` to be the one that was left alone. */
function expectWhole(folder: string, whole: Name): void {
  for (const file of LASTING)
    expect(readFileSync(join(folder, file)).equals(readFileSync(join(whole, file))), file).toBe(true);
  const names = readdirSync(folder, { recursive: true }).map(String);
  expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);
  expect(logOf(folder).at(-1)).toMatchObject({ event: "checkpoint", step: 60 });
}

test.each([
  ["language", 1],
  ["language", 2],
  ["classify", 3],
  ["classify", 4],
  ["along", 5],
] as const)("%s killed at random moments (seed %i)", async (name, seed) => {
  const killing = { main: command.main, cwd: place.path, train: trainOf(name), kills: 8, seed, events: events[name] };
  const { killed, folder } = await trainKilled(`killed-${seed}`, killing);
  expect(killed.length).toBeGreaterThan(3);
  expectWhole(folder, name);
});

test("stopped by Ctrl-C", async () => {
  const running = start(command.main, ["train", ...trainOf("language"), "--out", "stopped", "--json"], place.path);
  let sent = false; // a second one would end it at once
  running.process.stdout?.on("data", (data) => {
    if (!sent && /"step","step":2\d,/.test(String(data))) sent = running.process.kill("SIGINT");
  });
  const stopped = await running.ended;
  expect(stopped.code, stopped.err).toBe(130);
  expect(stopped.err).toMatch(
    /stopped after step \d+, which is saved; continue with:\n {2}.*train gpt --resume stopped\n$/,
  );
  expect((await start(command.main, ["train", "--resume", "stopped"], place.path).ended).code).toBe(0);
  expectWhole("stopped", "language");
});
