/** Where examples come from: what is in memory, or a file or named set that Node reads. */
import { ConfigError, DataError, quoted, shown } from "../errors.ts";

/** A value of each named column. */
export type Row = Readonly<Record<string, unknown>>;

/** A text with a name and the ending of a file that would hold it. */
export interface Source {
  /** For messages and for the record of a run. */
  readonly name: string;
  /** `txt`, `csv`, `tsv`, `jsonl` or any other ending. */
  readonly format: string;
  text(): Promise<string>;
}

/** What people give: the name of a file or set (in Node), a text, rows, or a source of their own. */
export type DataGiven =
  | string
  | Source
  | { readonly name: string; readonly text: string }
  | { readonly name: string; readonly rows: readonly Row[] };

/** The ending of a file's name in lower case, `.gz` aside. */
export const formatOf = (name: string): string => /\.([a-z0-9]+)(\.gz)?$/i.exec(name)?.[1]?.toLowerCase() ?? "txt";

/** `given` as a source; `open` finds what is given by its name. Throws ConfigError on anything else. */
export function asSource(given: DataGiven, open: (name: string) => Source): Source {
  if (typeof given === "string") return open(given);
  if (typeof given !== "object" || given === null || typeof given.name !== "string")
    throw new ConfigError(
      `data: expected the name of a file or set, { name, text } or { name, rows }, got ${shown(given)}`,
    );
  const { name } = given;
  if ("rows" in given && !Array.isArray(given.rows))
    throw new ConfigError(`data ${quoted(name)}: expected rows to be a list of objects, got ${shown(given.rows)}`);
  if ("rows" in given) return { name, format: "jsonl", text: async () => lines(given.rows) };
  const { text: read } = given as Source;
  if (typeof read === "function")
    return {
      name,
      format: String((given as Source).format),
      text: async () => requireText(await read.call(given), name),
    };
  const { text } = given as { text: string };
  requireText(text, name);
  return { name, format: formatOf(name), text: async () => text };
}

function requireText(text: unknown, name: string): string {
  if (typeof text === "string") return text;
  throw new ConfigError(`data ${quoted(name)}: expected text, got ${shown(text)}; give a string`);
}

/** Rows as JSON Lines. Throws DataError on what JSON cannot spell. */
function lines(rows: readonly Row[]): string {
  try {
    return rows.map((row) => JSON.stringify(row)).join("\n");
  } catch (cause) {
    throw new DataError("data: expected rows of texts and numbers, got values that JSON cannot spell; convert them", {
      cause,
    });
  }
}
