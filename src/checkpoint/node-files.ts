/** Files of a run on disk, for Node only: written whole or not at all, read within bounds. */
import { createHash, randomBytes } from "node:crypto";
import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
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
  ENOENT: "no such file or folder",
  ENOTDIR: "a part of the path is not a folder",
  EISDIR: "it is a folder, not a file",
};

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
    const unchanged = "nothing was replaced, and what was there before is whole";
    throw new CheckpointError(`writing ${path}: ${reason(cause)}; ${unchanged}`, { cause });
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
  throw new CheckpointError(`writing ${path}: expected a file or nothing there, got a device; choose another name`);
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

/** The whole of a regular file of at most `most` bytes, in a buffer of its own. Throws CheckpointError. */
export async function readFileBounded(path: string, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new CheckpointError(`reading ${path}: ${reason(cause)}`, { cause });
  });
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new CheckpointError(`reading ${path}: expected a file, got a folder or device`);
    if (status.size > most)
      throw new CheckpointError(`reading ${path}: expected at most ${most} bytes, got ${status.size}`);
    return await readAll(file, path, status.size);
  } finally {
    await file.close();
  }
}

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

/** The first `length` bytes of a file. Throws CheckpointError. */
export async function readStart(path: string, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new CheckpointError(`reading ${path}: ${reason(cause)}`, { cause });
  });
  try {
    return await readAll(file, path, length);
  } finally {
    await file.close();
  }
}

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
