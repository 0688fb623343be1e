/** `descent eval`: scores of a run on data, beside those of naive baselines. */
import { makeOutput } from "../checkpoint/node-files.ts";
import { folder, writePictures } from "../checkpoint/node-run.ts";
import { ConfigError } from "../errors.ts";
import { type Evaluated, evaluate as measure } from "../tasks/evaluate.ts";
import { describe } from "../tasks/open.ts";
import type { Scores } from "../train/index.ts";
import { type DeviceFlags, place } from "./device.ts";
import { grouped } from "./format.ts";
import type { Interruption } from "./interruption.ts";
import { emit, type IO } from "./io.ts";
import { dataFlags, dataGiven } from "./sources.ts";

export interface EvaluateFlags extends DeviceFlags {
  readonly data?: string | undefined;
  readonly [part: string]: unknown;
  readonly dataDir?: string | undefined;
  readonly batch?: number | undefined;
  readonly baselines?: boolean | undefined;
  /** Folder for pictures. */
  readonly pictures?: string | undefined;
  readonly json?: true | undefined;
}

/** Least width of a column. */
const CELL = 12;

/** Rows of names and scores under the scores' names. */
function scoreTable(rows: readonly (readonly [string, Scores])[]): string {
  const names = [...new Set(rows.flatMap(([, scores]) => Object.keys(scores)))];
  const width = Math.max(...rows.map(([name]) => name.length));
  const line = (name: string, cells: readonly string[]) =>
    `${name.padEnd(width)}${cells.map((cell, i) => cell.padStart(Math.max(CELL, 2 + (names[i]?.length ?? 0)))).join("")}\n`;
  const numbers = (scores: Scores) => names.map((name) => scores[name]?.toFixed(4) ?? "-");
  return line("", names) + rows.map(([name, scores]) => line(name, numbers(scores))).join("");
}

const report = (run: string, { data, examples, scores, baselines }: Evaluated): string =>
  `${data}, ${grouped(examples)} examples\n\n${scoreTable([[run, scores], ...Object.entries(baselines)])}`;

export async function evaluate(run: string, flags: EvaluateFlags, io: IO, stop: Interruption): Promise<void> {
  const { json, pictures: drawn, device, threads, dataDir, batch, baselines } = flags;
  const store = folder(run);
  const { task } = await describe(store);
  const data = dataGiven(task, flags);
  if (data === undefined)
    throw new ConfigError(`--data: expected what to measure on, got nothing; name a file: ${dataFlags(task)}`);
  if (drawn !== undefined) await makeOutput("pictures", drawn); // before anything is computed
  const measured = await measure(store, {
    ...{ data, dataDir, batch, baselines },
    ...(await place({ device, threads }, io)),
    signal: stop.signal,
  });
  const { pictures, ...found } = measured;
  if (drawn !== undefined) await writePictures(drawn, pictures);
  if (json) emit(io, { run, ...found });
  else io.out(report(run, measured));
  if (drawn !== undefined && Object.keys(pictures).length === 0)
    io.err("--pictures: nothing was drawn, as there are no pictures of these scores\n");
  if (found.note && !json) io.err(`${found.note}\n`);
}
