/**
 * What every device must give: values and gradients of every row of the table of operations. The same file runs in Node
 * (`conformance.test.ts`) and in a page (`test/browser/entry.ts`).
 */
import { ops } from "../../src/graph/index.ts";
import type { Device } from "../../src/runtime/index.ts";
import { type Case, fromSample } from "./case.ts";
import { fixtureSamples } from "./fixture.ts";
import { gapOf } from "./gaps.ts";
import { rowSamples } from "./rows.ts";
import { recurrenceSamples, scanSamples } from "./scans.ts";
import { programCases } from "./symbols.ts";

const numerical: readonly Case[] = [
  ...[...fixtureSamples, ...rowSamples, ...scanSamples, ...recurrenceSamples].map(fromSample),
  ...programCases,
];

/** Rows that no case is for. */
const uncovered = (): string[] => {
  const covered = new Set<string>(numerical.map(({ covers }) => covers));
  return Object.keys(ops).filter((name) => !covered.has(name));
};

const complete: Case = {
  name: "every row of the table of operations has a case",
  covers: "input",
  async run() {
    const missing = uncovered();
    if (missing.length > 0) throw new Error(`no case for ${missing.join(", ")}`);
  },
};

export const suite: readonly Case[] = [complete, ...numerical];

/** Runs one case. Where the table of gaps says that the device cannot do it, throws if it can after all. */
export async function runCase(item: Case, device: Device): Promise<void> {
  const gap = gapOf(item, device);
  if (!gap) return item.run(device);
  const done = await item.run(device).then(
    () => true,
    () => false,
  );
  if (done) throw new Error(`${device} can do this now: take "${gap.reason}" out of gaps.ts`);
}
