/** Four thousand random programs checked against themselves; the short version is test/fuzz/fuzz.test.ts. */
import { expect, test } from "vitest";
import { generate } from "../fuzz/generate.ts";
import { ownJudge } from "../fuzz/judge.ts";
import { asTypeScript } from "../fuzz/program.ts";

const PROGRAMS = 2000;

test.each([11, 12])("seed %i: simplified or not, optimised or not, gradients against differences", async (seed) => {
  const judge = ownJudge();
  const found: string[] = [];
  let same = 0;
  for (let index = 0; index < PROGRAMS; index++) {
    const program = generate(seed, index);
    const { kind, message } = await judge.judge(program, "own");
    if (kind === "same") same++;
    else if (kind !== "refused") found.push(`program ${index}, ${kind}: ${message}\n${asTypeScript(program, "f64")}`);
  }
  judge.stop();
  expect(found).toEqual([]);
  expect(same).toBeGreaterThan(0.9 * PROGRAMS);
});
