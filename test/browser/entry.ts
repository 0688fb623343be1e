/** What the page offers to `run.mjs`: the conformance suite on one device. */
import { engineFiles } from "../../src/runtime/index.ts";
import "../../src/runtime/webgpu.ts";
import { runCase, suite } from "../conformance/suite.ts";

engineFiles("/engine/");

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly error?: string;
}

/** Longest that one case may take, in milliseconds: software WebGPU compiles shaders slowly. */
const LIMIT = 60_000;

const message = (error: unknown) => (error instanceof Error ? `${error.name}: ${error.message}` : String(error));

async function runSuite(device: "wasm" | "webgpu"): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const item of suite) {
    console.debug(`case ${item.name}`); // so that a page that hangs can be told where
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`took longer than ${LIMIT / 1000} s`)), LIMIT);
    });
    try {
      await Promise.race([runCase(item, device), late]);
      outcomes.push({ name: item.name, ok: true });
    } catch (error) {
      outcomes.push({ name: item.name, ok: false, error: message(error) });
    } finally {
      clearTimeout(timer);
    }
  }
  return outcomes;
}

Object.assign(globalThis, { runSuite });
