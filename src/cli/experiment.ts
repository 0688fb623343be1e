/** `descent experiment`: a claim about models, measured. */
import type { Json } from "../checkpoint/index.ts";
import { makeOutput, safeJoin, writeAtomic } from "../checkpoint/node-files.ts";
import { experimentNames, type Findings, loadExperiment, type Result, runExperiment } from "../experiments/index.ts";
import { digits } from "../pictures/index.ts";
import { flagsOf } from "./flags.ts";
import { table } from "./format.ts";
import type { Interruption } from "./interruption.ts";
import { emit, type IO } from "./io.ts";
import { createNotes } from "./notes.ts";

export interface ExperimentFlags {
  readonly out?: string | undefined;
  readonly threads?: number | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
  readonly [option: string]: unknown;
}

const cell = (value: string | number | undefined): string =>
  typeof value === "number" ? digits(value) : (value ?? "");

/** Rows under the names of their columns. */
function printed(rows: readonly Result[]): string {
  const names = Object.keys(rows[0] ?? {});
  const lines = [names, ...rows.map((row) => names.map((name) => cell(row[name])))];
  const widths = names.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines
    .map(
      (line) =>
        `${line
          .map((text, i) => text.padEnd(widths[i] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

/** All experiments with their questions. */
async function list(): Promise<string> {
  const all = await Promise.all(experimentNames().map(loadExperiment));
  return table(all.map(({ name, about }) => [name, about] as const));
}

/** Writes the numbers as JSON and the picture beside them. */
async function keep(folder: string, name: string, options: Json, { picture, ...found }: Findings): Promise<void> {
  const text = `${JSON.stringify({ experiment: name, options, ...found }, null, 2)}\n`;
  await makeOutput("experiment", folder);
  for (const [ending, content] of [
    ["json", text],
    ["svg", picture],
  ] as const)
    await writeAtomic(safeJoin(folder, `${name}.${ending}`), [new TextEncoder().encode(content)]);
}

export async function experiment(
  name: string | undefined,
  flags: ExperimentFlags,
  io: IO,
  stop: Interruption,
): Promise<void> {
  if (name === undefined) return io.out(await list());
  const { options: schema } = await loadExperiment(name);
  const { out = "experiments", threads, json, quiet } = flags;
  const options = flagsOf(schema, flags);
  const notes = createNotes(io, quiet === true);
  try {
    const found = await runExperiment(name, {
      ...options,
      ...{ signal: stop.signal, threads, onNote: (note: string) => notes.show(note) },
    });
    notes.clear();
    const all = schema.parse(options) as Json;
    await keep(out, name, all, found);
    const { picture: _, values: __, ...shown } = found;
    if (json) return emit(io, { experiment: name, options: all, ...shown });
    io.out(`${printed(found.table)}\n${found.summary}\n${out}/${name}.json and .svg\n`);
  } finally {
    notes.clear();
  }
}
