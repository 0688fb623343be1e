/** Files that the engine maps into memory, for Node only. */
import { closeSync, fstatSync, openSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { relative, resolve, sep } from "node:path";
import { CheckpointError } from "../errors.ts";
import type { MappedFiles } from "./session.ts";

interface OpenFile {
  readonly path: string;
  readonly descriptor: number;
  readonly size: number;
  readonly changed: number;
}

const refuse = (path: string, what: string): never => {
  throw new CheckpointError(`weights ${path}: ${what}`);
};

/** The open file, held so that nobody else's file takes its place, and how large and old it is. */
function openFile(path: string, end: number): OpenFile {
  const descriptor = openSync(path, "r");
  const found = fstatSync(descriptor);
  const { size, mtimeMs } = found;
  if (found.isFile() && size >= end) return { path, descriptor, size, changed: mtimeMs };
  closeSync(descriptor);
  if (!found.isFile()) return refuse(path, "expected a file, got something else; check the path");
  return refuse(path, `expected at least ${end} bytes, got ${size}; the file is cut off, take another copy`);
}

/** The longest folder that all `paths` have in common. */
function commonFolder(paths: readonly string[]): string {
  const [first = [], ...others] = paths.map((path) => path.split(sep).slice(0, -1));
  const length = first.findIndex((part, i) => others.some((other) => other[i] !== part));
  return first.slice(0, length < 0 ? first.length : length).join(sep) || sep;
}

/**
 * Opens files of which the engine will map all bytes before the given ends. A file that shrank while it is mapped would
 * take the process down at the first touch, so `check` compares size and time before every run. A file that is replaced
 * by another of its name does no harm: what is mapped stays. Throws CheckpointError.
 */
export async function mapFiles(ends: ReadonlyMap<string, number>): Promise<MappedFiles> {
  const opened: OpenFile[] = [];
  const close = () => {
    for (const { descriptor } of opened.splice(0)) closeSync(descriptor);
  };
  try {
    const real = new Map<string, string>();
    for (const [path, end] of ends) {
      const found = await realpath(resolve(path)); // the engine follows no link that leads out of its folder
      real.set(path, found);
      opened.push(openFile(found, end));
    }
    const folder = commonFolder([...real.values()]);
    const locations = [...real].map(([path, found]): [string, string] => [path, relative(folder, found)]);
    return { folder, locations: new Map(locations), check: () => opened.forEach(requireUnchanged), close };
  } catch (cause) {
    close();
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(`weights: ${(cause as Error).message}`, { cause });
  }
}

function requireUnchanged({ path, descriptor, size, changed }: OpenFile): void {
  const now = fstatSync(descriptor);
  if (now.size === size && now.mtimeMs === changed) return;
  refuse(path, "the file changed on disk while it was in use; open the model again");
}
