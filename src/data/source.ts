/** Where examples come from: what is in memory, or a file or named set that Node reads. */
import { ConfigError, DataError, quoted, shown } from "../errors.ts";
import { decodeText } from "./decode.ts";
import { gunzipped } from "./gzip.ts";

/** A value of each named column. */
export type Row = Readonly<Record<string, unknown>>;

/** A file, or what could be one: a name, and the ending of a file that would hold it. */
export interface Source {
  /** For messages and for the record of a run. */
  readonly name: string;
  /** `txt`, `csv`, `tsv`, `jsonl`, `wav` or any other ending. */
  readonly format: string;
  text(): Promise<string>;
  /** What is no text; unpacked where it is gzipped. Default: the text as UTF-8. */
  bytes?(): Promise<Uint8Array>;
  /** The text line by line, where it may be too long for one string. Default: the text divided. */
  lines?(): AsyncIterable<string>;
  /** The files in it and in folders inside it, in order of their names; undefined where it is no folder. */
  files?(): Promise<readonly Source[] | undefined>;
  /** Where it is in the folder whose files it is among, parts with / between; default its name. */
  readonly path?: string;
  /** The file that is called `path` as seen from this one. */
  beside?(path: string): Source;
  /** Files that belong together, where it is several: of a translation the sentences and what they mean. */
  readonly parts?: readonly Source[];
}

/**
 * What people give: the name of a file, folder or set (in Node), a text, bytes, rows, a folder in memory, a source of
 * their own, or a list of these that belong together.
 */
export type DataGiven = OneGiven | readonly OneGiven[];

type OneGiven =
  | string
  | Source
  | { readonly name: string; readonly text: string }
  | { readonly name: string; readonly bytes: Uint8Array }
  | { readonly name: string; readonly rows: readonly Row[] }
  | { readonly name: string; readonly files: readonly OneGiven[] };

/** The ending of a file's name in lower case, `.gz` aside. */
export const formatOf = (name: string): string => /\.([a-z0-9]+)(\.gz)?$/i.exec(name)?.[1]?.toLowerCase() ?? "txt";

type Open = (name: string) => Source;

/** `given` as a source; `open` finds what is given by its name. Throws ConfigError on anything else. */
export function asSource(given: DataGiven, open: Open): Source {
  if (Array.isArray(given) && given.length > 0) return together(given.map((part: OneGiven) => asSource(part, open)));
  if (typeof given === "string") return open(given);
  if (typeof given !== "object" || given === null || typeof (given as Source).name !== "string")
    throw new ConfigError(
      `data: expected the name of a file or set, { name, text } or { name, rows }, got ${shown(given)}`,
    );
  return inMemory(given as Exclude<OneGiven, string>, open);
}

function inMemory(given: Exclude<OneGiven, string>, open: Open): Source {
  const { name } = given;
  if ("rows" in given) {
    if (!Array.isArray(given.rows))
      throw new ConfigError(`data ${quoted(name)}: expected rows to be a list of objects, got ${shown(given.rows)}`);
    return { name, format: "jsonl", text: async () => lines(given.rows) };
  }
  if ("files" in given && Array.isArray(given.files)) return inFolder(name, given.files, open);
  if ("bytes" in given && given.bytes instanceof Uint8Array) return ofBytes(name, given.bytes);
  const { text } = given as { text: unknown };
  if (typeof text === "function") return ownSource(given as Source);
  const whole = requireText(text, name);
  return { name, format: formatOf(name), text: async () => whole };
}

/** What somebody else wrote: its text is looked at when it comes. */
const ownSource = (given: Source): Source => ({
  ...given,
  format: String(given.format),
  text: async () => requireText(await given.text.call(given), given.name),
  ...(given.bytes && { bytes: () => given.bytes?.call(given) as Promise<Uint8Array> }),
  ...(given.files && { files: async () => given.files?.call(given) }),
  ...(given.lines && { lines: () => given.lines?.call(given) as AsyncIterable<string> }),
  ...(given.beside && { beside: (path: string) => given.beside?.call(given, path) as Source }),
});

function ofBytes(name: string, bytes: Uint8Array): Source {
  const unpacked = () => gunzipped(bytes, name);
  return { name, format: formatOf(name), text: async () => decodeText(await unpacked(), name), bytes: unpacked };
}

const notAFile = (name: string, what: string, code?: string): never => {
  const cause = code && Object.assign(new Error(what), { code });
  throw new DataError(`data ${name}: expected a file, got ${what}; name a file`, { cause });
};

/** What the system says of a file that is not there. */
const ABSENT = "ENOENT";

/** Whether an error says that a file is not there, as opposed to one that cannot be read. */
export const isAbsent = (error: unknown): boolean =>
  error instanceof Error && (("code" in error && error.code === ABSENT) || isAbsent(error.cause));

/** A folder in memory, whose files see each other. */
function inFolder(name: string, given: readonly OneGiven[], open: Open): Source {
  const beside = (path: string): Source =>
    files.find((file) => file.name === path) ?? notAFile(path, `none of that name in ${name}`, ABSENT);
  const files: Source[] = given.map((file) => ({ ...asSource(file, open), beside }));
  return { name, format: "", text: async () => notAFile(name, "a folder"), files: async () => files, beside };
}

/** Sources that belong together, as one. */
function together(parts: readonly Source[]): Source {
  const name = parts.map((part) => part.name).join(" + ");
  const { format } = parts[0] as Source;
  return { name, format, text: async () => notAFile(name, "several"), parts };
}

/** The lines of a source, without what ends them. */
export async function* linesOf(source: Source): AsyncGenerator<string> {
  if (source.lines) yield* source.lines();
  else yield* (await source.text()).split(/\r?\n/);
}

/** All bytes of a source. */
export const bytesOf = async (source: Source): Promise<Uint8Array> =>
  source.bytes ? source.bytes() : new TextEncoder().encode(await source.text());

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
