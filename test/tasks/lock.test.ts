/** One training at a time in a folder, from the reading of its state to its end. */
import { existsSync, readdirSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtInText } from "../../src/stories/index.ts";
import { resume, train } from "../../src/tasks/train.ts";
import { workIn } from "../cli/support.ts";

let place: ReturnType<typeof workIn>;
beforeAll(() => {
  place = workIn("lock");
});
afterAll(() => place.leave());

const data = { name: "text", text: builtInText(0, 6000) };
const tiny = { task: "language", data, context: 8, batch: 2, config: { hidden_size: 8, embedding_dim: 4 } } as const;

test("a run that is being trained is neither resumed nor begun again, and is free afterwards", async () => {
  const running = train("rnn", { ...tiny, steps: 20, store: "run" });
  for await (const event of running) {
    if (event.event !== "step" || event.step !== 3) continue;
    await expect(Promise.resolve(resume("run", { data }))).rejects.toThrow(/this process is training there already/);
    await expect(Promise.resolve(train("rnn", { ...tiny, steps: 2, store: "run" }))).rejects.toThrow(/there already/);
  }
  expect(readdirSync("run")).not.toContain("run.lock");
  expect((await resume("run", { data, steps: 22 })).step).toBe(22);
});

test("resuming where there is no run makes nothing", async () => {
  await expect(Promise.resolve(resume("nowhere", { data }))).rejects.toThrow(/no run there/);
  expect(existsSync("nowhere")).toBe(false);
});
