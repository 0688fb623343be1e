/** Names of files in Node. */
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, relative, sep } from "node:path";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import { readFileBounded, reason, writeAtomic } from "../checkpoint/node-files.ts";
import { folder } from "../checkpoint/node-run.ts";
import { drawnSource, formatOf, type Source } from "../data/index.ts";
import { dataDirectory, loadText, readBytes } from "../data/node-data.ts";
import { DataError } from "../errors.ts";
import type { Files, FindOptions } from "./files.ts";

/** As much as a run's weights may be. */
const MOST_BYTES = 64 * 2 ** 30;
/** Most files that a folder of data may hold. */
const MOST_FILES = 1_000_000;

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );

/** The folder called `name`, or the one of that name in the data directory. */
async function folderOf(name: string, given: string | undefined): Promise<string | undefined> {
  if (await isFolder(name)) return name;
  const dataDir = dataDirectory(given);
  const known = dataDir ? join(dataDir, name) : name;
  return name !== "" && !isAbsolute(name) && (await isFolder(known)) ? known : undefined;
}

/** The files of a folder and of those inside it, in order of their paths; hidden ones are passed over. */
async function filesIn(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new DataError(`data ${path}: ${reason(cause)}`, { cause });
  });
  if (entries.length > MOST_FILES)
    throw new DataError(
      `data ${path}: expected at most ${MOST_FILES} files, got ${entries.length}; name a smaller folder`,
    );
  const visible = entries.filter((entry) => entry.isFile() && !entry.name.startsWith("."));
  return visible.map((entry) => join(entry.parentPath, entry.name)).sort();
}

/** The lines of a file of any length, unpacked where its name ends in .gz. Throws DataError. */
async function* linesIn(name: string): AsyncGenerator<string> {
  const raw = createReadStream(name);
  const stream = name.endsWith(".gz") ? raw.pipe(createGunzip()) : raw;
  raw.on("error", (cause) => stream.destroy(cause));
  try {
    yield* createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
    if (stream.errored) throw stream.errored;
  } catch (cause) {
    throw new DataError(`data ${name}: ${reason(cause)}`, { cause });
  } finally {
    raw.destroy();
  }
}

function source(name: string, options: FindOptions = {}): Source {
  const { dataDir, signal, onProgress } = options;
  let text: Promise<string> | undefined;
  const load = () =>
    loadText(name, { ...(dataDir && { dataDir }), ...(signal && { signal }), ...(onProgress && { onProgress }) });
  return {
    name,
    format: formatOf(name),
    text: () => {
      text ??= load().then((loaded) => loaded.text);
      return text;
    },
    bytes: () => readBytes(name),
    lines: () => linesIn(name),
    async files() {
      const found = await folderOf(name, dataDir);
      const inside = (path: string): string => relative(found ?? "", path).replaceAll(sep, "/");
      return found === undefined
        ? undefined
        : (await filesIn(found)).map((path) => ({ ...source(path, options), path: inside(path) }));
    },
    beside: (path) => source(isAbsolute(path) ? path : join(dirname(name), path), options),
  };
}

export const files: Files = {
  source: (name, options) => drawnSource(name) ?? source(name, options),
  store: folder,
  write: writeAtomic,
  read: (path) => readFileBounded(path, MOST_BYTES),
};
