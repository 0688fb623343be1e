/** A training that was killed and resumed ends byte for byte like one that was left alone. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtInText } from "../../src/stories/index.ts";
import { LASTING, logOf, trainKilled } from "./kill.ts";
import { buildCommand, start, workIn } from "./support.ts";

let place: ReturnType<typeof workIn>;
let command: Awaited<ReturnType<typeof buildCommand>>;
const model = "gpt --data text.txt --set n_embd=16 --set n_layer=1 --set n_head=2 --set resid_pdrop=0.1";
const train = `${model} --context 16 --batch 4 --threads 1 --steps 60 --save-every 5 --eval-every 10`.split(" ");
let events = 0;

beforeAll(async () => {
  command = await buildCommand();
  place = workIn("kill");
  writeFileSync("text.txt", builtInText(1, 5000));
  const running = start(command.main, ["train", ...train, "--out", "whole", "--json"], place.path);
  const { code, out } = await running.ended;
  expect(code).toBe(0);
  events = out.split("\n").length - 1;
});
afterAll(() => {
  place.leave();
  command.remove();
});

/** Expects the run in `folder` to be the one that was left alone. */
function expectWhole(folder: string): void {
  for (const file of LASTING)
    expect(readFileSync(join(folder, file)).equals(readFileSync(join("whole", file))), file).toBe(true);
  const names = readdirSync(folder, { recursive: true }).map(String);
  expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);
  expect(logOf(folder).at(-1)).toMatchObject({ event: "checkpoint", step: 60 });
}

test.each([1, 2])("killed at random moments (seed %i)", async (seed) => {
  const { killed, folder } = await trainKilled(`killed-${seed}`, {
    ...{ main: command.main, cwd: place.path, train, kills: 8, seed, events },
  });
  expect(killed.length).toBeGreaterThan(3);
  expectWhole(folder);
});

test("stopped by Ctrl-C", async () => {
  const running = start(command.main, ["train", ...train, "--out", "stopped", "--json"], place.path);
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
  expectWhole("stopped");
});
