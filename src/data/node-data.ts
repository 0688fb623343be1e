/** Texts from files and from named public data sets, for Node only. A named set is downloaded once and checked. */
import { stat } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import { makeFolder, readFileBounded, reason, sha256, writeAtomic } from "../checkpoint/node-files.ts";
import { CheckpointError, DataError, nearest, shown } from "../errors.ts";
import { abortable, callable, checked as checkedOptions, isRecord, such } from "../schema.ts";
import { builtInText } from "../stories/index.ts";
import { decodeText } from "./decode.ts";
import { gunzipped } from "./gzip.ts";

/** Largest text read, in bytes; V8's strings end near 2^29 characters. */
const MAX_BYTES = 500_000_000;

/** A public text with one home, one size and one content. */
export interface TextSet {
  /** Where it lies in a local data directory. */
  file: string;
  url: string;
  /** Size in bytes. */
  bytes: number;
  sha256: string;
}

/** The named sets, besides "builtin". */
export const TEXT_SETS: Readonly<Record<string, TextSet>> = {
  shakespeare: {
    file: "tinyshakespeare/input.txt",
    url: "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    bytes: 1_115_394,
    sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
  },
  names: {
    file: "names/names.txt",
    url: "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
    bytes: 228_145,
    sha256: "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
  },
};

const ALIASES: Readonly<Record<string, string>> = { tinyshakespeare: "shakespeare" };

export interface LoadOptions {
  /** A folder that may hold the named sets already; default the environment variable DESCENT_DATA. */
  dataDir?: string;
  /** Where downloads are kept; default descent/data in XDG_CACHE_HOME or ~/.cache. */
  cacheDir?: string;
  /** Stops a download, which then rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Bytes received and expected. */
  onProgress?: (received: number, total: number) => void;
  /** Longest silence of the server, in milliseconds; default 30 000. */
  timeout?: number;
  /** The named sets; default TEXT_SETS. */
  sets?: Readonly<Record<string, TextSet>>;
}

/** A text and what to call it. */
export interface LoadedText {
  name: string;
  text: string;
  /** "builtin", or the file the text was read from. */
  source: string;
}

const loading = z.strictObject({
  dataDir: z.string().optional(),
  cacheDir: z.string().optional(),
  signal: abortable().optional(),
  onProgress: callable("bytes received and expected").optional(),
  timeout: z
    .number()
    .gt(0)
    .max(2 ** 31 - 1)
    .optional(),
  sets: such("data sets by name", isRecord).optional(),
});

/** The built-in text, a named set (which goes before a file of that name), or a UTF-8 file. Throws DataError. */
export async function loadText(nameOrFile: string, options: LoadOptions = {}): Promise<LoadedText> {
  checkedOptions(loading, options, "loadText");
  if (typeof nameOrFile !== "string")
    throw new DataError(`text: expected the name of a file or set, got ${shown(nameOrFile)}; give a string`);
  const name = ALIASES[nameOrFile] ?? nameOrFile;
  if (name === "builtin") return { name, text: builtInText(), source: name };
  const sets = options.sets ?? TEXT_SETS;
  const set = Object.hasOwn(sets, name) ? sets[name] : undefined;
  if (!set) return loadFile(nameOrFile, sets);
  const { bytes, source } = await findSet(name, set, options);
  return { name, text: decodeText(bytes, source), source };
}

async function loadFile(path: string, sets: Readonly<Record<string, TextSet>>): Promise<LoadedText> {
  const status = await stat(path).catch((cause: unknown) => {
    throw new DataError(missing(path, sets, cause), { cause });
  });
  if (status.isDirectory()) throw new DataError(`text ${path}: expected a file, got a folder; name a file inside it`);
  return { name: path, text: decodeText(await readBytes(path), path), source: path };
}

function missing(path: string, sets: Readonly<Record<string, TextSet>>, cause: unknown): string {
  const names = ["builtin", ...Object.keys(sets)];
  const hint = nearest(path, [...names, ...Object.keys(ALIASES)]);
  return `text ${path}: ${reason(cause)}${hint}; expected a text file or one of ${names.join(", ")}`;
}

/** The bytes of a file as they lie there, with errors that speak of data. */
async function readRaw(path: string): Promise<Uint8Array> {
  return readFileBounded(path, MAX_BYTES).catch((cause: unknown) => {
    throw cause instanceof CheckpointError ? new DataError(cause.message, { cause }) : cause;
  });
}

/** The bytes of a file, unpacked where it is gzipped. Throws DataError. */
export const readBytes = async (path: string): Promise<Uint8Array> => gunzipped(await readRaw(path), path);

/** The folder that may hold named sets: the one that is given, else the one in the environment. */
export const dataDirectory = (given: string | undefined): string | undefined => given ?? process.env.DESCENT_DATA;

/** From the data directory, else from the cache, else from the network. */
async function findSet(
  name: string,
  set: TextSet,
  options: LoadOptions,
): Promise<{ bytes: Uint8Array; source: string }> {
  const dataDir = dataDirectory(options.dataDir);
  const local = dataDir && join(dataDir, set.file);
  const found = local && (await present(local));
  if (found) return { bytes: checked(found, name, set, local), source: local };
  const cached = join(options.cacheDir ?? defaultCache(), set.file);
  const kept = await present(cached);
  if (kept && sha256(kept) === set.sha256) return { bytes: kept, source: cached };
  const bytes = checked(await download(name, set, options), name, set, set.url);
  await keep(cached, bytes);
  return { bytes, source: cached };
}

function defaultCache(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "descent", "data");
}

/** The bytes of `path`, or nothing where there is no such file. */
async function present(path: string): Promise<Uint8Array | undefined> {
  const there = await stat(path).then(
    (status) => status.isFile(),
    () => false,
  );
  return there ? readRaw(path) : undefined;
}

function checked(bytes: Uint8Array, name: string, set: TextSet, source: string): Uint8Array {
  const got = sha256(bytes);
  if (got === set.sha256) return bytes;
  throw new DataError(
    `data set ${name}: expected SHA-256 ${set.sha256}, got ${got} (${bytes.length} of ${set.bytes} bytes) from ${source}; ` +
      "it was changed or damaged in transit: try again, or give your own file by its path",
  );
}

async function keep(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await makeFolder(dirname(path));
    await writeAtomic(path, [bytes]);
  } catch (cause) {
    throw new DataError(
      `data set: cannot keep ${path}: ${reason(cause)}; set XDG_CACHE_HOME to a folder you may write to`,
      {
        cause,
      },
    );
  }
}

async function download(name: string, set: TextSet, options: LoadOptions): Promise<Uint8Array> {
  const { signal, timeout = 30_000 } = options;
  signal?.throwIfAborted();
  const silence = new AbortController();
  const stop = signal ? AbortSignal.any([signal, silence.signal]) : silence.signal;
  const timer = setTimeout(() => silence.abort(new Error(`no answer for ${timeout} ms`)), timeout);
  try {
    return await receive(set, stop, (received) => {
      timer.refresh();
      options.onProgress?.(received, set.bytes);
    });
  } catch (cause) {
    signal?.throwIfAborted();
    const where = `put the file at ${set.file} in a folder named by DESCENT_DATA`;
    throw new DataError(
      `data set ${name}: cannot download ${set.url}: ${why(cause)}; check the connection, or ${where}`,
      {
        cause,
      },
    );
  } finally {
    clearTimeout(timer);
  }
}

/** `fetch` hides the reason in `cause`. */
function why(error: unknown): string {
  return error instanceof Error && error.cause instanceof Error ? reason(error.cause) : reason(error);
}

async function receive(set: TextSet, signal: AbortSignal, onProgress: (received: number) => void): Promise<Uint8Array> {
  const response = await fetch(set.url, { signal });
  if (!response.ok || !response.body)
    throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
  const bytes = new Uint8Array(set.bytes);
  let at = 0;
  for await (const chunk of response.body) {
    if (at + chunk.length > bytes.length) throw new Error(`expected ${set.bytes} bytes, got more`);
    bytes.set(chunk, at);
    at += chunk.length;
    onProgress(at);
  }
  return bytes.subarray(0, at);
}
