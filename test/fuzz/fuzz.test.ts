/** Random programs checked against themselves: `npm run fuzz` compares them with PyTorch, test/long/ takes many more. */
import { expect, test } from "vitest";
import { DescentError } from "../../src/errors.ts";
import { ops, sortNodes } from "../../src/graph/index.ts";
import { graphOf } from "./evaluate.ts";
import { generate, rowNames } from "./generate.ts";
import { check } from "./oracles.ts";
import { allCalls, asPython, asTypeScript, namesIn, type Program, readsOf } from "./program.ts";

const SEED = 5;
const programs = Array.from({ length: 60 }, (_, index) => generate(SEED, index));

test("sixty programs: simplified or not, optimised or not, gradients against differences", async () => {
  let same = 0;
  for (const [index, program] of programs.entries()) {
    const { kind, message } = await check(program);
    if (kind === "same") same++;
    else if (kind !== "refused") expect.fail(`program ${index}, ${kind}: ${message}\n${asTypeScript(program, "f64")}`);
  }
  expect(same).toBeGreaterThan(50);
});

test("a program is a pure function of seed and number", () => {
  expect(generate(SEED, 7)).toEqual(programs[7]);
  expect(generate(SEED + 1, 7)).not.toEqual(programs[7]);
});

/** What only simplification records, and leaves of other kinds. */
const elsewhere = ["gemm", "parameter", "noise", "buffer"];

test("five hundred programs hold every row of the fuzzer and of the table of operations", () => {
  const many = Array.from({ length: 500 }, (_, index) => generate(SEED, index));
  const drawn = new Set(many.flatMap(({ calls }) => allCalls(calls)).map(({ op }) => op));
  expect(rowNames.filter((name) => !drawn.has(name))).toEqual([]);
  const recorded = new Set(many.flatMap(operations));
  expect(Object.keys(ops).filter((name) => !recorded.has(name) && !elsewhere.includes(name))).toEqual([]);
});

/** The operations of a program's own graph; none where it is refused. */
function operations(program: Program): string[] {
  try {
    return sortNodes(Object.values(graphOf({ ...program, order: 0 }, "f32").outputs)).map(({ op }) => op);
  } catch (error) {
    if (error instanceof DescentError) return [];
    throw error;
  }
}

test("a printed program reads only what stands above", () => {
  for (const program of programs) {
    expect(asPython(program, "f64")).toContain(program.results[0]);
    const known = new Set(program.leaves.map(({ name }) => name));
    for (const call of program.calls) {
      for (const name of readsOf(call)) expect(known).toContain(name);
      for (const name of namesIn(call.outputs)) known.add(name);
    }
  }
});
