/**
 * The fuzzer: random programs of 3 to 15 operations.
 *
 *   npm run fuzz -- --python VENV [--seed 1] [--programs 2000] [--first 0] [--shrink 20] [--without row,row]
 *
 * Compares results, gradients and second derivatives in float64 and float32 with PyTorch's float64, and prints what
 * differs as a small program in both languages. A refusal (DescentError) where PyTorch has numbers is counted apart.
 * Without --python, programs are checked against themselves (oracles.ts). Programs that hold a row named by --without are
 * passed over, so that a known fault does not hide others.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Verdict } from "./compare.ts";
import { generate } from "./generate.ts";
import { type Judge, ownJudge, torchJudge } from "./judge.ts";
import { allCalls, asPython, asTypeScript, type Program } from "./program.ts";
import { shrink } from "./shrink.ts";
import { valuesOf } from "./values.ts";

const { values: given } = parseArgs({
  options: {
    python: { type: "string" },
    seed: { type: "string", default: "1" },
    programs: { type: "string", default: "2000" },
    first: { type: "string", default: "0" },
    shrink: { type: "string", default: "20" },
    without: { type: "string", default: "" },
  },
});

function whole(option: "seed" | "programs" | "first" | "shrink"): number {
  const value = Number(given[option]);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new Error(`--${option}: expected a whole number, got ${given[option]}`);
}

function interpreter(venv: string): string {
  const path = join(venv, "bin", "python");
  if (existsSync(path)) return path;
  throw new Error(`--python: expected a virtual environment with torch in it, got ${venv}`);
}

const faults: ReadonlySet<string> = new Set(["different", "error", "crash", "hang"]);

/** Of one kind, and about results both or about derivatives both. */
const alike = (a: Verdict, b: Verdict): boolean =>
  a.kind === b.kind && (a.kind !== "different" || a.message.startsWith("value") === b.message.startsWith("value"));

/** The smallest program found that shows the same, in both languages. */
async function report(judge: Judge, program: Program, way: string, verdict: Verdict): Promise<string> {
  const small = await shrink(program, {
    faulty: async (candidate) => alike(await judge.judge(candidate, way), verdict),
    describe: valuesOf,
  });
  const { message } = await judge.judge(small, way);
  const float = way === "f32" ? "f32" : "f64";
  return [message || verdict.message, asTypeScript(small, float), "", asPython(small, float), ""].join("\n");
}

/** Messages without numbers and names, so that like ones are counted together. */
const pattern = (message: string): string =>
  message
    .replace(/"[^"]*"/g, '""')
    .replace(/-?\d+(\.\d+)?/g, "n")
    .replace(/\[(n(, )?)*\]/g, "[n]")
    .slice(0, 110);

async function main(judge: Judge): Promise<number> {
  const [seed, first, programs] = [whole("seed"), whole("first"), whole("programs")];
  const without = new Set(given.without.split(","));
  const counts = new Map<string, number>();
  const count = (key: string, by = 1) => counts.set(key, (counts.get(key) ?? 0) + by);
  let [shrinks, wrong] = [whole("shrink"), 0];
  for (let index = first; index < first + programs; index++) {
    if (index > first && index % 500 === 0) console.error(`${index - first} programs, ${wrong} differences`);
    const program = generate(seed, index);
    const known = allCalls(program.calls).some(({ op }) => without.has(op));
    if (known) count("passed over");
    for (const way of known ? [] : judge.ways) {
      const verdict = await judge.judge(program, way);
      count(`${way} ${verdict.kind}`);
      if (verdict.kind === "refused" || (verdict.kind === "unknown" && verdict.message !== ""))
        count(`${way} ${verdict.kind}: ${pattern(verdict.message)}`);
      for (const [what, n] of Object.entries(verdict.compared ?? {})) count(`${way} tensors: ${what}`, n);
      if (!faults.has(verdict.kind)) continue;
      wrong++;
      console.log(`--- seed ${seed}, program ${index}, ${way}: ${verdict.kind}: ${verdict.message}`);
      if (shrinks-- > 0) console.log(await report(judge, program, way, verdict));
    }
  }
  console.log(`${programs} programs from ${first} of seed ${seed}`);
  for (const [key, n] of [...counts].sort()) console.log(`${String(n).padStart(7)}  ${key}`);
  return wrong > 0 ? 1 : 0;
}

let judge: Judge | undefined;
try {
  judge = given.python === undefined ? ownJudge() : torchJudge(interpreter(given.python));
  process.exitCode = await main(judge);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  judge?.stop(); // children keep this process alive
}
