/** Files of a run on disk, for Node only: written whole or not at all, read within bounds. */
import { createHash, randomBytes } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CheckpointError } from "../errors.ts";
import { safeParts } from "./paths.ts";

/** Bytes given to the system at a time. */
const SLICE = 64 * 2 ** 20;

const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: "no space left on the device; free some and try again",
  EDQUOT: "the disk quota is used up; free some space and try again",
  EFBIG: "the file is larger than the system allows",
  EACCES: "permission denied; choose a folder you may write to",
  EPERM: "not permitted; choose a folder you may write to",
  EROFS: "the file system is read-only; choose another folder",
  EIO: "the device reports an error; check the disk",
  EMFILE: "too many open files; close some and try again",
  ENFILE: "too many open files in the system; close some and try again",
  ELOOP: "the links lead in a circle",
  ENAMETOOLONG: "the name is too long; choose a shorter one",
  ENXIO: "it is a named pipe or device without another end",
  ENOENT: "no such file or folder",
  ENOTDIR: "a part of the path is not a folder",
  EEXIST: "something else has that name; choose another",
  EISDIR: "it is a folder, not a file",
};

/** Whether anything of that name is there and can be seen. */
export const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** `error` as one line for people, with the system's code. */
export function reason(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : undefined;
  const text = code && REASONS[code];
  if (text) return `${text} (${code})`;
  return error instanceof Error ? error.message : String(error);
}

/**
 * Writes `path` whole or not at all: a temporary file in the same folder, fsync, rename, fsync of the folder.
 * On failure the temporary file is removed, `path` is as it was, and CheckpointError says why.
 */
export async function writeAtomic(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  await requireNoDevice(path);
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`);
  try {
    await writeNew(temporary, chunks);
    await rename(temporary, path);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    const kept = (await exists(dirname(path)))
      ? "nothing was replaced, and what was there before is whole"
      : "the folder is gone: it was removed or renamed";
    throw new CheckpointError(`writing ${path}: ${reason(cause)}; ${kept}`, { cause });
  }
  await syncFolder(dirname(path)).catch((cause: unknown) => {
    throw new CheckpointError(`writing ${path}: ${reason(cause)}; written whole, but may not outlast a power cut`, {
      cause,
    });
  });
}

/** A rename would replace a device, such as /dev/null, by a file. */
async function requireNoDevice(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found || found.isFile() || found.isDirectory()) return;
  const kind = kindOf(found);
  throw new CheckpointError(`writing ${path}: expected a file or nothing there, got ${kind}; choose another name`);
}

async function writeNew(path: string, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx");
  try {
    for await (const chunk of chunks) await writeAll(file, chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; )
    at += (await file.write(bytes, at, Math.min(SLICE, bytes.length - at))).bytesWritten;
}

/** So that the new name outlasts a power cut. Windows has no such call and needs none. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** What lies at a path, where it is no file. */
function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a folder";
  if (found.isFIFO()) return "a named pipe";
  return found.isSocket() ? "a socket" : "a device";
}

/** Does not wait for the other end of a named pipe, nor make a terminal ours. */
const AT_ONCE = (constants.O_NONBLOCK ?? 0) | (constants.O_NOCTTY ?? 0);

/** Opens a regular file with `flags`, gives it to `use`, and closes it. Throws CheckpointError that says `doing`. */
export async function withFile<T>(
  doing: string,
  path: string,
  flags: number,
  use: (file: FileHandle, found: Stats) => Promise<T>,
): Promise<T> {
  try {
    const file = await open(path, flags | AT_ONCE);
    try {
      const found = await file.stat();
      if (!found.isFile()) throw new CheckpointError(`${doing} ${path}: expected a file, got ${kindOf(found)}`);
      return await use(file, found);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(`${doing} ${path}: ${reason(cause)}`, { cause });
  }
}

/** The whole of a regular file of at most `most` bytes, in a buffer of its own. Throws CheckpointError. */
export const readFileBounded = (path: string, most: number): Promise<Uint8Array<ArrayBuffer>> =>
  withFile("reading", path, constants.O_RDONLY, async (file, { size }) => {
    if (size > most) throw new CheckpointError(`reading ${path}: expected at most ${most} bytes, got ${size}`);
    return size === 0 ? readUnsized(file, path, most) : readAll(file, path, size);
  });

async function readAll(file: FileHandle, path: string, size: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(bytes, at, Math.min(SLICE, size - at), at);
    if (bytesRead === 0)
      throw new CheckpointError(`reading ${path}: expected ${size} bytes, got ${at}; it was cut off`);
    at += bytesRead;
  }
  return bytes;
}

/** A file that claims no bytes may have some: those of /proc are made while they are read. */
async function readUnsized(file: FileHandle, path: string, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  const piece = new Uint8Array(2 ** 16);
  for (let length = 0; ; ) {
    const { bytesRead } = await file.read(piece, 0, piece.length);
    if (bytesRead === 0) return new Uint8Array(Buffer.concat(chunks));
    length += bytesRead;
    if (length > most) throw new CheckpointError(`reading ${path}: expected at most ${most} bytes, got more`);
    chunks.push(piece.slice(0, bytesRead));
  }
}

/** The first `length` bytes of a file. Throws CheckpointError. */
export const readStart = (path: string, length: number): Promise<Uint8Array<ArrayBuffer>> =>
  withFile("reading", path, constants.O_RDONLY, (file) => readAll(file, path, length));

/** Adds `text` at the end of a file, which is made where there is none. Throws CheckpointError. */
export const append = (path: string, text: string): Promise<void> =>
  withFile("writing", path, constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT, (file) =>
    writeAll(file, new TextEncoder().encode(text)),
  );

/**
 * Makes the folder `path` and those above it that are not there. Unlike `mkdir` with `recursive`, it ends where a file
 * system refuses new names without a reason (/proc), and gives the system's own reason. Throws what the system says.
 */
export async function makeFolder(path: string): Promise<void> {
  const failure = await mkdir(path).then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error,
  );
  if (!failure || (await isFolder(path))) return;
  const above = dirname(path);
  if (failure.code !== "ENOENT" || above === path) throw failure;
  await makeFolder(above);
  await mkdir(path).catch(async (error: unknown) => {
    if (!(await isFolder(path))) throw error;
  });
}

/** The same for what the message calls `what`. Throws CheckpointError. */
export const makeOutput = (what: string, path: string): Promise<void> =>
  makeFolder(path).catch((cause: unknown) => {
    throw new CheckpointError(`${what} ${path}: ${reason(cause)}; choose a folder you may write to`, { cause });
  });

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** SHA-256 of bytes, or of chunks one after another, as 64 hexadecimal digits. */
export function sha256(bytes: Uint8Array | Iterable<Uint8Array>): string {
  const hash = createHash("sha256");
  for (const chunk of bytes instanceof Uint8Array ? [bytes] : bytes) hash.update(chunk);
  return hash.digest("hex");
}

/** `relative` under `root`, when it stays inside on every platform; CheckpointError otherwise. */
export function safeJoin(root: string, relative: string): string {
  return join(root, ...safeParts(relative));
}
