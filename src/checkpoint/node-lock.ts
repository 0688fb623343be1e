/**
 * One process at a time in the folder of a run: `run.lock` says which, by process, its start, and host.
 *
 * A lock appears whole: it is written under another name and linked to its own. The lock of a process that has ended
 * is replaced by whoever holds the lock `<name>.<id>`, made in the same way for this one dead lock, and only after a
 * second look: of several processes that find it at once, one wins, and a slow one takes no lock that is alive.
 */
import { randomBytes } from "node:crypto";
import { constants, readFileSync, unlinkSync } from "node:fs";
import { copyFile, link, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { CheckpointError, quoted } from "../errors.ts";
import { parseJson } from "./json-scanner.ts";
import { makeFolder, readFileBounded, reason } from "./node-files.ts";

const LOCK = "run.lock";
/** Milliseconds for which a lock that cannot be read may still be on its way to the disk. */
const ARRIVING = 10_000;
/** How often a lock that is gone when it is looked at is tried again. */
const ATTEMPTS = 100;
const MOST_BYTES = 4096;

/** Who has a lock. */
interface Holder {
  /** Of this lock and no other. */
  readonly id: string;
  readonly pid: number;
  /** When the process began, where the system tells; another process that gets the number later began later. */
  readonly start: string | null;
  readonly host: string;
}

/** A lock that is held until it is given back or the process ends. */
export interface FolderLock extends AsyncDisposable {
  release(): Promise<void>;
}

/** State and start of a process, from Linux's /proc; undefined where that says nothing. */
async function processOf(pid: number): Promise<{ ended: boolean; start: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" "); // from field 3 on: state; field 22: start in ticks
  const boot = await readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => "");
  return { ended: /[ZX]/.test(fields[0] ?? ""), start: `${boot.trim()} ${fields[19]}` };
}

/** Whether the process with number `pid` can be sent signals, or belongs to somebody else. */
function exists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Of another host nothing is known, so its locks count as held. */
async function isAlive({ pid, start, host }: Holder): Promise<boolean> {
  if (host !== hostname()) return true;
  const found = await processOf(pid);
  return found ? !found.ended && (start === null || start === found.start) : exists(pid);
}

const isHolder = (value: unknown): value is Holder => {
  const { id, pid, host } = (value ?? {}) as Partial<Record<keyof Holder, unknown>>;
  return typeof id === "string" && /^[0-9a-f]+$/.test(id) && Number.isInteger(pid) && typeof host === "string";
};

/** Whose the lock at `path` is; undefined where there is none, "arriving" and "unreadable" where it names nobody. */
async function holderOf(path: string): Promise<Holder | "arriving" | "unreadable" | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return undefined;
  try {
    const value = parseJson(await readFileBounded(path, MOST_BYTES), path);
    if (isHolder(value)) return value;
  } catch {
    if (!(await stat(path).catch(() => undefined))) return undefined;
  }
  return Date.now() - found.mtimeMs < ARRIVING ? "arriving" : "unreadable";
}

const idOf = (holder: Awaited<ReturnType<typeof holderOf>>): string | undefined =>
  typeof holder === "object" ? holder.id : holder;

/** Gives the file `from` the name `to` as well, unless it is taken. Some file systems have no links and copy instead. */
async function place(from: string, to: string): Promise<boolean> {
  const taken = (error: unknown) => (error as NodeJS.ErrnoException).code === "EEXIST";
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (taken(error)) return false;
  }
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL);
    return true;
  } catch (error) {
    if (taken(error)) return false;
    throw error;
  }
}

/** Makes the lock at `path` `me`'s; otherwise the result is who has it. */
async function take(path: string, me: Holder): Promise<Holder | "arriving" | undefined> {
  const name = `.${basename(path)}.${process.pid}-${randomBytes(6).toString("hex")}.tmp`;
  const mine = join(dirname(path), name);
  await writeFile(mine, `${JSON.stringify(me)}\n`, { flag: "wx" });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await place(mine, path)) return undefined;
      const holder = await holderOf(path);
      if (holder === undefined) continue;
      if (holder === "arriving" || (holder !== "unreadable" && (await isAlive(holder)))) return holder;
      const rival = await replace(path, idOf(holder) ?? "", mine, me);
      if (rival !== "changed") return rival;
    }
    return "arriving";
  } finally {
    await rm(mine, { force: true });
  }
}

/** Puts `mine` in the place of the dead lock `id`; "changed" where another one stands there by now. */
async function replace(path: string, id: string, mine: string, me: Holder) {
  const right = join(dirname(path), `.${basename(path).replace(/^\./, "")}.${id}`);
  const rival = await take(right, me);
  if (rival) return rival;
  try {
    if (idOf(await holderOf(path)) !== id) return "changed";
    await rename(mine, path);
    return undefined;
  } finally {
    await rm(right, { force: true });
  }
}

/** Locks of this process that it still has when it ends. */
const held = new Map<string, string>();

function releaseAll(): void {
  for (const [id, path] of held) {
    try {
      if (readFileSync(path, "utf8").includes(id)) unlinkSync(path);
    } catch {
      // It is gone, or the disk is: the next process finds that this one has ended.
    }
  }
}

async function release(path: string, id: string): Promise<void> {
  if (!held.delete(id)) return;
  if (held.size === 0) process.off("exit", releaseAll);
  // Where it cannot be removed, as on a disk that can only be read by now, the next process finds that this one has ended;
  // an error here would hide the one that ended the training.
  if (idOf(await holderOf(path)) === id) await rm(path, { force: true }).catch(() => undefined);
}

function refuse(folder: string, holder: Holder | "arriving"): never {
  const other = "choose another folder with --out";
  const text = (who: string, what: string) => `run ${folder}: ${who} is training there already; ${what}, or ${other}`;
  if (holder === "arriving") throw new CheckpointError(text("another process", "wait until it has ended"));
  const { pid, host } = holder;
  if (host !== hostname()) {
    const ended = `if it has ended, remove ${join(folder, LOCK)}`;
    throw new CheckpointError(text(`process ${pid} on the host ${quoted(host)}`, ended));
  }
  throw new CheckpointError(
    text(pid === process.pid ? "this process" : `process ${pid}`, "wait until it has ended, or stop it"),
  );
}

/**
 * Makes this process the one that trains in `folder`, which is made where it is not there. Throws CheckpointError where
 * another process, or this one, is doing so. What a process that has ended left behind is taken over.
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const path = join(folder, LOCK);
  const start = (await processOf(process.pid))?.start ?? null;
  const me = { id: randomBytes(8).toString("hex"), pid: process.pid, start, host: hostname() };
  const holder = await makeFolder(folder)
    .then(() => take(path, me))
    .catch((cause: unknown) => {
      throw new CheckpointError(`run ${folder}: ${reason(cause)}; choose a folder you may write to`, { cause });
    });
  if (holder) refuse(folder, holder);
  if (held.size === 0) process.on("exit", releaseAll);
  held.set(me.id, path);
  const giveBack = () => release(path, me.id);
  return { release: giveBack, [Symbol.asyncDispose]: giveBack };
}
