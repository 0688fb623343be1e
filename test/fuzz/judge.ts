/** Runs programs in child processes, so that a crash is a verdict like any other. */
import { fileURLToPath } from "node:url";
import { Child, Died } from "./child.ts";
import { compare, type Reference, type Verdict } from "./compare.ts";
import type { Float, Outcome } from "./evaluate.ts";
import { type Program, python } from "./program.ts";
import type { Request } from "./worker.ts";

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const LIMIT_MS = 60_000;

/** One way to tell whether a program is right; `ways` are its names. */
export interface Judge {
  readonly ways: readonly string[];
  judge(program: Program, way: string): Promise<Verdict>;
  stop(): void;
}

/** The answer, or what the process died of. */
async function answerOf<T extends { kind: string }>(child: Child, question: unknown) {
  try {
    return await child.ask<T>(question);
  } catch (error) {
    if (error instanceof Died) return { kind: error.kind, message: error.message };
    throw error;
  }
}

const worker = () =>
  new Child([process.execPath, path("../../node_modules/unrun/dist/cli.mjs"), path("worker.ts")], LIMIT_MS);

/** Against itself: see oracles.ts. */
export function ownJudge(): Judge {
  const descent = worker();
  return {
    ways: ["own"],
    judge: (program) => answerOf<Verdict>(descent, { program, how: "own" } satisfies Request),
    stop: () => descent.stop(),
  };
}

/** Against PyTorch's float64. A difference is looked at again with more simulated rounding before it counts. */
export function torchJudge(interpreter: string): Judge {
  const descent = worker();
  const torch = new Child([interpreter, path("reference.py")], LIMIT_MS);
  let last: { readonly text: string; readonly reference: Reference } | undefined;

  const reference = async ({ leaves, calls, results, order }: Program, runs: number): Promise<Reference> => {
    const question = { code: python(calls, { watched: true }).join("\n"), leaves, results, order, runs };
    const text = JSON.stringify(question);
    if (last?.text !== text) last = { text, reference: (await answerOf<Reference>(torch, question)) as Reference };
    return last.reference;
  };
  return {
    ways: ["f64", "f32"],
    async judge(program, way) {
      const float = way as Float;
      const got = (await answerOf<Outcome>(descent, { program, how: float } satisfies Request)) as Outcome;
      const verdict = compare(got, await reference(program, 2), float);
      return verdict.kind === "different" ? compare(got, await reference(program, 12), float) : verdict;
    },
    stop() {
      descent.stop();
      torch.stop();
    },
  };
}
