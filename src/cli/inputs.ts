/** What commands are given to answer: lines, rows and sentences of files, or files as they are. */
import { stat } from "node:fs/promises";
import { createInterface } from "node:readline";
import { buffer, text } from "node:stream/consumers";
import { files } from "#files";
import type { Json } from "../checkpoint/index.ts";
import { exists, reason } from "../checkpoint/node-files.ts";
import { formatOf, type Header, linesOf, parseRow, readTable, readWords, type Source } from "../data/index.ts";
import { DataError } from "../errors.ts";
import { InputError } from "../tasks/batched.ts";

/** Where records came from. */
const places = new WeakMap<object, string>();

/** A line that holds a JSON object is a record, any other is text. */
function inputOf(line: string, place: string): unknown {
  if (!line.startsWith("{")) return line;
  const record = parseRow(line, place);
  places.set(record, place);
  return record;
}

/** `error` with the place of the record that it is about. */
export function placed(error: unknown): unknown {
  const input = error instanceof InputError ? error.input : undefined;
  const place = typeof input === "object" && input !== null ? places.get(input) : undefined;
  return place === undefined ? error : new DataError(`${place}: ${(error as Error).message}`, { cause: error });
}

/** Counts blank lines, which have no answer but an empty line in its place: line for line, answers stay beside inputs. */
export class BlankLines {
  readonly #before: number[] = [];
  #open = 0;
  add(): void {
    this.#open++;
  }
  /** An input comes, whose answer is to stand below the blank lines so far. */
  input(): void {
    this.#before.push(this.#open);
    this.#open = 0;
  }
  /** What stands above the next answer. */
  above(): string {
    return "\n".repeat(this.#before.shift() ?? 0);
  }
  /** What stands below the last answer. */
  below(): string {
    return "\n".repeat(this.#open);
  }
}

async function* inputsIn(lines: AsyncIterable<string>, name: string, blank: BlankLines): AsyncGenerator<unknown> {
  let number = 0;
  for await (const line of lines) {
    number++;
    if (!line.trim()) blank.add();
    else {
      blank.input();
      yield inputOf(line, `${name}, line ${number}`);
    }
  }
}

/** The rows of a table, read as the run read its own. */
async function* rowsOf(name: string, { text, header }: Json, blank: BlankLines): AsyncGenerator<unknown> {
  const { rows } = await readTable(files.source(name), typeof text === "string" ? [text] : [], header as Header);
  for (const row of rows) {
    blank.input();
    yield row;
  }
}

/** The sentences of a file in columns: their words. */
async function* sentencesOf(name: string, { word }: Json, blank: BlankLines): AsyncGenerator<unknown> {
  for (const words of await readWords(files.source(name), { word: typeof word === "number" ? word : undefined })) {
    blank.input();
    yield { words };
  }
}

async function requireFile(name: string): Promise<void> {
  const found = await stat(name).catch((cause: unknown) => {
    throw new DataError(`input ${name}: ${reason(cause)}; name a file, or - for standard input`, { cause });
  });
  if (found.isDirectory()) throw new DataError(`input ${name}: expected a file, got a folder; name a file inside it`);
}

/** All of standard input, as one file. */
export const standardInput = (stdin: NodeJS.ReadableStream): Source => ({
  ...{ name: "standard input", format: "txt" },
  text: () => text(stdin),
  bytes: () => buffer(stdin),
});

/** The file called `name`. Throws DataError where there is none, or a folder. */
export async function fileOf(name: string): Promise<Source> {
  await requireFile(name);
  return files.source(name);
}

/** Files, as `find` finds them by their names; `-` is standard input. */
export async function* filesOf(
  names: readonly string[],
  stdin: NodeJS.ReadableStream,
  find: (name: string) => Promise<Source>,
): AsyncGenerator<Source> {
  for (const name of names) yield name === "-" ? standardInput(stdin) : await find(name);
}

/** Whether an argument is a text itself: it has a space in it, and no file is called so. */
const isText = async (name: string): Promise<boolean> => /\s/.test(name) && !(await exists(name));

/**
 * Rows of tables, sentences of columns, lines of everything else; `-` is standard input, and what is no file but has a space in it
 * is a text. `trained` are the options of the run.
 */
export async function* inputsOf(
  names: readonly string[],
  stdin: NodeJS.ReadableStream,
  trained: Json,
  blank: BlankLines,
): AsyncGenerator<unknown> {
  for (const name of names) {
    if (name === "-")
      yield* inputsIn(createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY }), "standard input", blank);
    else if (await isText(name)) {
      blank.input();
      yield inputOf(name, "argument");
    } else if (/^(csv|tsv)$/.test(formatOf(name))) yield* rowsOf(name, trained, blank);
    else if (formatOf(name) === "conll") yield* sentencesOf(name, trained, blank);
    else {
      await requireFile(name);
      yield* inputsIn(linesOf(files.source(name)), name, blank);
    }
  }
}
