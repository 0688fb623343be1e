/** `descent decompress`: the pictures of a file, each as it was, in a folder. */
import { readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { makeFolder, makeOutput, readFileBounded, reason, safeJoin } from "../checkpoint/node-files.ts";
import { decompress as decompressPictures } from "../compress/index.ts";
import { fileName } from "../compress/names.ts";
import { encodePng, type Picture } from "../data/index.ts";
import { CheckpointError } from "../errors.ts";
import { grouped } from "./format.ts";
import type { Interruption } from "./interruption.ts";
import { emit, type IO } from "./io.ts";
import { createNotes } from "./notes.ts";

export interface DecompressFlags {
  readonly out: string;
  readonly run?: string | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

/** Most bytes of a file. */
const MOST_BYTES = 2 ** 31;

/** Throws CheckpointError where there is something at `path` that is no empty folder. */
async function requireFree(path: string): Promise<void> {
  const found = await readdir(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return [];
    throw new CheckpointError(`--out ${path}: ${reason(cause)}; name a folder`, { cause });
  });
  if (found.length > 0)
    throw new CheckpointError(
      `--out ${path}: expected an empty folder or none, got ${found.length} files; name another`,
    );
}

/** Writes all pictures into the folder `path` or none: into a folder beside it, which then gets its name. */
async function writeAll(path: string, pictures: readonly Picture[], signal: AbortSignal): Promise<void> {
  await makeOutput("--out", dirname(resolve(path)));
  const temporary = join(dirname(resolve(path)), `.${basename(resolve(path))}.${process.pid}.tmp`);
  try {
    for (const picture of pictures) {
      signal.throwIfAborted();
      const file = safeJoin(temporary, fileName(picture.name));
      await makeFolder(dirname(file));
      await writeFile(file, await encodePng(picture), { flag: "wx" });
    }
    await rmdir(path).catch(() => undefined);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    if (signal.aborted) throw cause;
    throw new CheckpointError(`--out ${path}: ${reason(cause)}; nothing was written`, { cause });
  }
}

export async function decompress(
  file: string,
  flags: DecompressFlags,
  io: IO,
  { signal }: Interruption,
): Promise<void> {
  const { out, run, json } = flags;
  const notes = createNotes(io, flags.quiet === true);
  try {
    await requireFree(out);
    const bytes = await readFileBounded(file, MOST_BYTES);
    const watch = { signal, onProgress: (note: string) => notes.show(note) };
    const pictures = await decompressPictures(bytes, { run, name: file, ...watch });
    await writeAll(out, pictures, signal);
    notes.clear();
    if (json) return emit(io, { out, pictures: pictures.length, files: pictures.map(({ name }) => fileName(name)) });
    io.out(`${grouped(pictures.length)} pictures -> ${out}\n`);
  } finally {
    notes.clear();
  }
}
