/** The process in which Descent runs programs: one JSON line in, one out. A crash of the engine ends only this process. */
import { createInterface } from "node:readline";
import { evaluate, type Float } from "./evaluate.ts";
import { check } from "./oracles.ts";
import type { Program } from "./program.ts";

export interface Request {
  readonly program: Program;
  /** The float type to run in, or `own` for the checks that need no other library. */
  readonly how: Float | "own";
}

for await (const line of createInterface({ input: process.stdin })) {
  const { program, how } = JSON.parse(line) as Request;
  const answer = how === "own" ? await check(program) : await evaluate(program, how);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
