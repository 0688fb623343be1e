/**
 * A run on disk, in Hugging Face's layout:
 *
 *   config.json  tokenizer.json  model.safetensors      the model, as others read it
 *   task.json                                           what it was trained for
 *   best/                                               the same, where the validation score was best
 *   training-state.safetensors                          all that resuming needs: weights, optimizer, step, options
 *   run.jsonl                                           what happened, one event a line; its first line is the mark of
 *                                                       a folder that was begun here
 *
 * Every file is written whole or not at all. Resuming reads the training state alone, so it does not matter between
 * which two files a run was killed.
 */
import { constants } from "node:fs";
import { readdir, realpath, rm, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve } from "node:path";
import { CheckpointError, quoted, shown } from "../errors.ts";
import type { HostTensor } from "../runtime/index.ts";
import { isRecord, requireRecord } from "../schema.ts";
import { parseJson } from "./json-scanner.ts";
import {
  append,
  exists,
  makeFolder,
  makeOutput,
  readFileBounded,
  readStart,
  reason,
  safeJoin,
  sha256,
  withFile,
  writeAtomic,
} from "./node-files.ts";
import { lockFolder } from "./node-lock.ts";
import { mapSafetensors, readHeader } from "./node-mapped.ts";
import { fromStored, toEntries } from "./parameters.ts";
import { readSafetensors, requireEntries, type StoredTensor, writeSafetensors } from "./safetensors.ts";
import { checkShard, parseIndex } from "./sharded.ts";
import type { Json, SavedState, Store } from "./store.ts";

const STATE = "training-state.safetensors";
const WEIGHTS = "model.safetensors";
/** Lists the files of weights that are in several. */
const INDEX = `${WEIGHTS}.index.json`;
/** What weights and state cannot be understood without. */
const DESCRIPTION = ["config.json", "task.json", "tokenizer.json"];
const LOG = "run.jsonl";
/** Written before anything else. A folder without it was filled by somebody else and is left alone. */
const MARK = new TextEncoder().encode('{"event":"create","program":"descent"}\n');
/** What a run leaves that was killed before its first checkpoint. */
const UNFINISHED = new Set(["best", ...DESCRIPTION, LOG]);
/** Bytes at the end of a log in which the last whole line ends. */
const LOG_TAIL = 2 ** 20;
/** As `writeAtomic` names files that are not whole yet. */
const TEMPORARY = /^\..+\.\d+-[0-9a-f]{12}\.tmp$/;
/** Locks, and rights to replace one, say nothing of who filled a folder. */
const LOCKS = /^\.?run\.lock(?:\.[0-9a-z]+)*$/;
const JSON_LIMIT = 100 * 2 ** 20;
const WEIGHTS_LIMIT = 64 * 2 ** 30;

/** A record as JSON. Throws CheckpointError for what is none, or holds what JSON cannot spell. */
function json(what: string, value: unknown, indent?: number): string {
  if (!isRecord(value)) throw new CheckpointError(`${what}: expected an object, got ${shown(value)}`);
  try {
    return JSON.stringify(value, null, indent);
  } catch (cause) {
    throw new CheckpointError(`${what}: expected what JSON can spell; leave functions, bigints and tensors out`, {
      cause,
    });
  }
}

/** Keys of config.json that strict readers want as 30.0, not 30: transformers 5 tells the two apart. */
const REAL =
  /^( {2}"(?:rms_norm_eps|layer_norm_epsilon|layer_norm_eps|initializer_range|final_logit_softcapping|router_aux_loss_coef|rope_theta|rope_local_base_freq|partial_rotary_factor)": -?\d+)(?=,?$)/gm;

function spell(name: string, value: unknown): string {
  const plain = json(name, value, 2);
  return name === "config.json" ? plain.replace(REAL, "$1.0") : plain;
}

const text = (name: string, value: unknown): Uint8Array[] => [new TextEncoder().encode(`${spell(name, value)}\n`)];

/** SHA-256 of what a file holds, as weights and state remember it. */
export const digestOf = (bytes: Uint8Array): string => sha256(bytes);

/** One tensor at a time: those that are in a file are not all in memory together. */
function* bytesOf(names: string, entries: readonly (readonly [string, StoredTensor])[]): Generator<Uint8Array> {
  yield new TextEncoder().encode(names);
  for (const [, tensor] of entries) yield tensor.data;
}

/** The digest of all tensors, names, types and shapes included, in the order of the file. */
function digestOfTensors(entries: readonly (readonly [string, StoredTensor])[]): string {
  const names = entries.map(([name, { dtype, shape }]) => [name, dtype, shape]);
  return sha256(bytesOf(JSON.stringify(names), entries));
}

type Digests = Readonly<Record<string, string>>;

/** Digests of the files in `folder` that describe the model, under the names they have in a file's metadata. */
async function describing(folder: string): Promise<Digests> {
  const found: Record<string, string> = {};
  for (const name of (await namesIn(folder)) ?? [])
    if (DESCRIPTION.includes(name))
      found[`descent.${name}`] = digestOf(await readFileBounded(join(folder, name), JSON_LIMIT));
  return found;
}

/**
 * Throws CheckpointError where a file that describes the model is not the one that `metadata` remembers. A training state
 * remembers all of them; weights from elsewhere remember none.
 */
async function requireDescription(folder: string, metadata: ReadonlyMap<string, string>, what: string): Promise<void> {
  const found = await describing(folder);
  const changed = DESCRIPTION.find((name) => {
    const expected = metadata.get(`descent.${name}`);
    return (expected !== undefined || what === STATE) && expected !== found[`descent.${name}`];
  });
  if (changed !== undefined)
    throw new CheckpointError(
      `reading ${join(folder, changed)}: it has changed since the ${what} beside it was saved; restore the original`,
    );
}

async function writeTensors(path: string, given: readonly (readonly [string, StoredTensor])[], metadata: Digests) {
  const entries = requireEntries(given);
  const all = new Map(Object.entries({ format: "pt", ...metadata, "descent.digest": digestOfTensors(entries) }));
  await writeAtomic(path, writeSafetensors(entries, all));
}

type TensorFile = Awaited<ReturnType<typeof mapSafetensors>>;

/** Throws CheckpointError where a file has a digest that is not that of its tensors. */
function requireDigest(path: string, { tensors, metadata }: TensorFile): void {
  const expected = metadata.get("descent.digest");
  if (expected && digestOfTensors([...tensors]) !== expected)
    throw new CheckpointError(
      `reading ${path}: its tensors do not match the digest in it, so it is damaged; take another copy or an earlier checkpoint`,
    );
}

/** The tensors of a file of at most `most` bytes. */
async function readTensors(path: string, most = WEIGHTS_LIMIT): Promise<TensorFile> {
  const file = readSafetensors(await readFileBounded(path, most));
  requireDigest(path, file);
  return file;
}

/** Files up to this size are read, so that every number is checked; of larger ones the logits are. */
const READ_WHOLE = 64 * 2 ** 20;

/** The tensors of a file, whose bytes stay there where they are many. */
async function mapTensors(path: string, most: number): Promise<TensorFile> {
  const found = await stat(path).catch(() => undefined);
  if (!found || found.size <= READ_WHOLE) return readTensors(path, most);
  const file = await mapSafetensors(path);
  requireDigest(path, file);
  return file;
}

type ReadTensors = (path: string, most: number) => Promise<TensorFile>;

/** The weights of a model, in one file or in the files that an index lists. */
async function readWeights(folder: string, read: ReadTensors): Promise<ReadonlyMap<string, StoredTensor>> {
  const names = (await namesIn(folder)) ?? [];
  if (!names.includes(WEIGHTS) && names.includes(INDEX)) return readShards(folder, read);
  const { tensors, metadata } = await read(join(folder, WEIGHTS), WEIGHTS_LIMIT);
  await requireDescription(folder, metadata, WEIGHTS);
  return tensors;
}

async function readShards(folder: string, read: ReadTensors): Promise<ReadonlyMap<string, StoredTensor>> {
  const index = parseIndex(await readFileBounded(join(folder, INDEX), JSON_LIMIT));
  const all = new Map<string, StoredTensor>();
  let left = WEIGHTS_LIMIT;
  for (const [file, listed] of index) {
    const { tensors } = await read(safeJoin(folder, file), left);
    checkShard(file, listed, tensors);
    for (const [name, tensor] of tensors) {
      all.set(name, tensor);
      left -= tensor.place ? 0 : tensor.data.length;
    }
  }
  return all;
}

async function readJson(path: string): Promise<Json> {
  const value = parseJson(await readFileBounded(path, JSON_LIMIT), `reading ${path}`);
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return value as Json;
  throw new CheckpointError(`reading ${path}: expected a JSON object; take another copy`);
}

/** The names in `folder`; undefined where there is nothing of that name. */
const namesIn = (folder: string): Promise<string[] | undefined> =>
  readdir(folder).catch((cause: unknown) => {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new CheckpointError(`reading ${folder}: ${reason(cause)}`, { cause });
  });

/** An empty path would be the working folder. */
function requireName(folder: string): void {
  if (typeof folder !== "string") throw new CheckpointError(`run: expected a folder, got ${shown(folder)}; name one`);
  if (folder === "") throw new CheckpointError("run: expected a folder, got an empty path; name one");
}

/** Throws CheckpointError where `folder` has no name, or is the working folder or one above it. */
async function requireOwnPlace(folder: string): Promise<void> {
  requireName(folder);
  const here = process.cwd();
  const places = [resolve(folder), await realpath(folder).catch(() => resolve(folder))];
  const holds = (above: string) =>
    !/^\.\.(?:[\\/]|$)/.test(relative(above, here)) && !isAbsolute(relative(above, here));
  if (places.some(holds))
    throw new CheckpointError(
      `run ${folder}: expected a folder of its own, got the working folder or one above it; choose another with --out`,
    );
}

/** Whether the log in `folder` begins as a run's log does. */
const isMarked = (folder: string): Promise<boolean> =>
  readStart(join(folder, LOG), MARK.length).then(
    (start) => Buffer.compare(start, MARK) === 0,
    () => false,
  );

/**
 * Throws CheckpointError unless `folder` is free for a new run: it is not there, it is empty, or it was begun by a run
 * that was killed before its first checkpoint.
 */
export async function requireFree(folder: string): Promise<void> {
  await requireOwnPlace(folder);
  const names = await namesIn(folder);
  if (!names) return;
  if (names.includes(STATE))
    throw new CheckpointError(
      `run ${folder}: there is a run already; continue it with --resume ${folder}, or choose another folder with --out`,
    );
  const found = names.filter((name) => !TEMPORARY.test(name) && !LOCKS.test(name));
  const foreign = found.find((name) => !UNFINISHED.has(name)) ?? found[0];
  if (foreign !== undefined && !(UNFINISHED.has(foreign) && (await isMarked(folder))))
    throw new CheckpointError(
      `run ${folder}: expected an empty folder, got one with ${quoted(foreign)} in it; choose another with --out`,
    );
}

async function createRun(folder: string, files: Readonly<Record<string, Json>>): Promise<void> {
  requireRecord(files, `run ${folder}`);
  await requireFree(folder);
  await makeOutput("run", folder);
  await tidy(folder);
  await writeAtomic(join(folder, LOG), [MARK]);
  await makeFolder(join(folder, "best"));
  for (const place of [folder, join(folder, "best")])
    for (const [name, content] of Object.entries(files)) await writeAtomic(join(place, name), text(name, content));
}

/** Whether `folder` holds a run that can be resumed. */
export const isRun = (folder: string): Promise<boolean> =>
  stat(join(folder, STATE)).then(
    (found) => found.isFile(),
    () => false,
  );

/** What stands before the names of a group in the file; the optimizer's slots say what they are themselves. */
const GROUPS = { weights: "parameter.", buffers: "buffer.", averages: "average.", slots: "" } as const;
type Group = keyof typeof GROUPS;
const groups = Object.entries(GROUPS) as [Group, string][];

function saveState(folder: string, { trainer, ...values }: SavedState, description: Digests): Promise<void> {
  const entries = groups.flatMap(([group, prefix]) => toEntries(values[group], prefix));
  const record = json("trainer", trainer);
  return writeTensors(join(folder, STATE), entries, {
    ...description,
    "descent.trainer": record,
    "descent.trainer.sha256": sha256([new TextEncoder().encode(record)]),
  });
}

/** The trainer's record out of the state's metadata. */
function readTrainer(path: string, metadata: ReadonlyMap<string, string>): Json {
  const json = metadata.get("descent.trainer") ?? "";
  if (sha256([new TextEncoder().encode(json)]) === metadata.get("descent.trainer.sha256"))
    return JSON.parse(json) as Json;
  throw new CheckpointError(
    `reading ${path}: the trainer's record is missing or damaged; take another copy or start anew`,
  );
}

/** The folder whose state tells of the weights in `folder`: that itself, or the one above its `best`. */
async function runOf(folder: string): Promise<string | undefined> {
  if (await isRun(folder)) return folder;
  const [name, above] = [basename(resolve(folder)), dirname(resolve(folder))];
  return name === "best" && (await isRun(above)) ? above : undefined;
}

async function requireRun(folder: string): Promise<string> {
  requireName(folder);
  if (await isRun(folder)) return join(folder, STATE);
  throw new CheckpointError(
    `resume ${folder}: no run there, ${STATE} is missing; give the folder that a training wrote with --out`,
  );
}

/** The trainer's record of the run in `folder`: step, best score, options. Throws CheckpointError. */
export async function loadTrainer(folder: string): Promise<Json> {
  const path = await requireRun(folder);
  return readTrainer(path, (await readHeader(path)).metadata);
}

async function loadState(folder: string): Promise<SavedState> {
  const path = await requireRun(folder);
  const { tensors, metadata } = await readTensors(path);
  if (!metadata.has("descent.digest"))
    throw new CheckpointError(`reading ${path}: it has no digest, so it is damaged; take another copy or start anew`);
  const trainer = readTrainer(path, metadata);
  await requireDescription(folder, metadata, STATE);
  const state: Record<Group, Record<string, HostTensor>> = { weights: {}, buffers: {}, averages: {}, slots: {} };
  for (const [name, tensor] of tensors) {
    const [group, prefix] = groups.find(([, start]) => name.startsWith(start)) ?? ["slots", ""];
    state[group][name.slice(prefix.length)] = fromStored(name, tensor);
  }
  return { ...state, trainer };
}

/** Whether the process that a temporary file names is another one that is alive and may still be writing it. */
function isRunning(name: string): boolean {
  const pid = Number(/\.(\d+)-[0-9a-f]+\.tmp$/.exec(name)?.[1]);
  if (pid === process.pid) return false;
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

/** Removes what a killed process left unfinished: temporary files, and a last line of the log that is not whole. */
export async function tidy(folder: string): Promise<void> {
  for (const place of [folder, join(folder, "best")])
    for (const name of await readdir(place).catch(() => []))
      if (TEMPORARY.test(name) && !isRunning(name)) await rm(join(place, name), { force: true });
  if ((await namesIn(folder))?.includes(LOG)) await trimLog(join(folder, LOG));
}

const trimLog = (path: string): Promise<void> =>
  withFile("reading", path, constants.O_RDWR, async (file, { size }) => {
    const start = Math.max(0, size - LOG_TAIL);
    const tail = Buffer.alloc(size - start);
    await file.read(tail, 0, tail.length, start);
    const whole = tail.lastIndexOf("\n") + 1;
    if (whole < tail.length && (whole > 0 || start === 0)) await file.truncate(start + whole);
  });

/** Largest log that is read, in bytes: some ten million steps. */
const LOG_LIMIT = 500_000_000;

/** The events of the log; a last line that is not whole is left out. */
async function readLog(folder: string): Promise<Json[]> {
  const path = join(folder, LOG);
  const lines = new TextDecoder()
    .decode(await readFileBounded(path, LOG_LIMIT))
    .split("\n")
    .slice(0, -1);
  try {
    return lines.map((line) => JSON.parse(line) as Json);
  } catch (cause) {
    throw new CheckpointError(`reading ${path}: expected one JSON object a line; it was damaged`, { cause });
  }
}

/** Writes each of `pictures` as `<name>.svg` into `folder`, which is made where it is not there. */
export async function writePictures(folder: string, pictures: Readonly<Record<string, string>>): Promise<void> {
  const odd = isRecord(pictures) ? Object.values(pictures).find((svg) => typeof svg !== "string") : pictures;
  if (odd !== undefined || !isRecord(pictures))
    throw new CheckpointError(`pictures: expected SVG texts by name, got ${shown(odd)}`);
  await makeOutput("pictures", folder);
  for (const [name, svg] of Object.entries(pictures))
    await writeAtomic(safeJoin(folder, `${name}.svg`), [new TextEncoder().encode(svg)]);
}

function placeOf(folder: string, kind: "last" | "best"): string {
  if (kind === "last" || kind === "best") return join(folder, kind === "best" ? kind : "");
  throw new CheckpointError(`run ${folder}: expected "last" or "best" weights, got ${shown(kind)}`);
}

/** A run in a folder on disk. Reading throws CheckpointError where there is none or a file is damaged. */
export function folder(path: string): Store {
  requireName(path);
  let known: Promise<Digests> | undefined;
  /** As they were at the first save, whatever happens to the files later. */
  const description = () => (known ??= describing(path));
  return {
    where: path,
    async lock() {
      if (!(await isRun(path))) await requireFree(path);
      return lockFolder(path);
    },
    create: (files) => createRun(path, files),
    async saveState(state) {
      requireRecord(state, `run ${path}`);
      await saveState(path, state, await description());
    },
    saveWeights: async (kind, entries) =>
      writeTensors(join(placeOf(path, kind), WEIGHTS), entries, await description()),
    saveFile: (kind, name, content) => writeAtomic(safeJoin(placeOf(path, kind), name), text(name, content)),
    log: async (event) => append(join(path, LOG), `${json("log", event)}\n`),
    readLog: () => readLog(path),
    savePictures: (pictures) => writePictures(path, pictures),
    loadState: () => loadState(path),
    async loadTrainer() {
      const run = await runOf(path);
      return run === undefined ? undefined : loadTrainer(run);
    },
    async loadFile(name) {
      const file = safeJoin(path, name);
      return (await exists(file)) ? readJson(file) : undefined;
    },
    async loadBytes(name) {
      const file = safeJoin(path, name);
      return (await exists(file)) ? readFileBounded(file, JSON_LIMIT) : undefined;
    },
    loadWeights: () => readWeights(path, readTensors),
    mapWeights: () => readWeights(path, mapTensors),
  };
}
