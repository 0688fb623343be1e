/** `descent predict`: an answer for every line or row that comes in, as it comes. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { files } from "#files";
import type { Json } from "../checkpoint/index.ts";
import { reason } from "../checkpoint/node-files.ts";
import { folder } from "../checkpoint/node-run.ts";
import { formatOf, parseRow, readTable } from "../data/index.ts";
import { DataError } from "../errors.ts";
import { describe, open } from "../tasks/open.ts";
import { flagsOf } from "./flags.ts";
import type { Interruption } from "./interruption.ts";
import { emit, type IO } from "./io.ts";

export interface PredictFlags {
  readonly json?: true | undefined;
  readonly [option: string]: unknown;
}

/** A line that holds a JSON object is a record, any other is text. */
const inputOf = (line: string, place: string): unknown => (line.startsWith("{") ? parseRow(line, place) : line);

async function* linesOf(stream: NodeJS.ReadableStream, name: string): AsyncGenerator<unknown> {
  let number = 0;
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim()) yield inputOf(line, `${name}, line ${number}`);
  }
}

async function requireFile(name: string): Promise<void> {
  const found = await stat(name).catch((cause: unknown) => {
    throw new DataError(`input ${name}: ${reason(cause)}; name a file, or - for standard input`, { cause });
  });
  if (found.isDirectory()) throw new DataError(`input ${name}: expected a file, got a folder; name a file inside it`);
}

/** Rows of tables, lines of everything else; `-` is standard input. `text` is the column that the run was trained on. */
async function* inputsOf(
  names: readonly string[],
  stdin: NodeJS.ReadableStream,
  { text }: Json,
): AsyncGenerator<unknown> {
  for (const name of names) {
    if (name === "-") yield* linesOf(stdin, "standard input");
    else if (/^(csv|tsv)$/.test(formatOf(name)))
      yield* (await readTable(files.source(name), typeof text === "string" ? [text] : [])).rows;
    else {
      await requireFile(name);
      yield* linesOf(createReadStream(name), name);
    }
  }
}

export async function predict(
  run: string,
  inputs: readonly string[],
  flags: PredictFlags,
  io: IO,
  stop: Interruption,
): Promise<void> {
  const store = folder(run);
  const { task, options: trained } = await describe(store);
  const predictor = await open(store);
  const signal = AbortSignal.any([stop.signal, io.closed]);
  const options = { ...flagsOf(task.prediction, flags), signal };
  try {
    for await (const answer of predictor.predict(
      inputsOf(inputs.length ? inputs : ["-"], io.stdin, trained),
      options,
    )) {
      if (signal.aborted) break;
      if (flags.json) emit(io, answer as object);
      else io.out(`${predictor.line(answer)}\n`);
    }
  } finally {
    await predictor.release();
  }
}
