/**
 * A run on disk, in Hugging Face's layout:
 *
 *   config.json  tokenizer.json  model.safetensors      the model, as others read it
 *   best/                                               the same, where the validation loss was lowest
 *   training-state.safetensors                          all that going on needs: weights, optimizer, step, options
 *   run.jsonl                                           what happened, one event a line
 *
 * Every file is written whole or not at all. Going on reads the training state alone, so it does not matter between
 * which two files a run was killed.
 */
import { appendFile, mkdir, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "../errors.ts";
import type { HostTensor } from "../runtime/index.ts";
import { readFileBounded, readStart, reason, sha256, writeAtomic } from "./node-files.ts";
import { fromStored, toFile, toStored } from "./parameters.ts";
import {
  dataStart,
  type Header,
  parseHeader,
  readSafetensors,
  type StoredTensor,
  writeSafetensors,
} from "./safetensors.ts";
import type { Json, SavedState, Store } from "./store.ts";

const STATE = "training-state.safetensors";
const WEIGHTS = "model.safetensors";
const LOG = "run.jsonl";
/** What a run leaves that was killed before its first checkpoint. */
const UNFINISHED = new Set(["best", "config.json", "tokenizer.json", LOG]);
/** As `writeAtomic` names files that are not whole yet. */
const TEMPORARY = /^\..+\.\d+-[0-9a-f]{12}\.tmp$/;
const JSON_LIMIT = 100 * 2 ** 20;
const WEIGHTS_LIMIT = 64 * 2 ** 30;

const text = (value: unknown): Uint8Array[] => [new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`)];

/** The digest of all numbers, in the order of the file. */
const digest = (entries: readonly [string, StoredTensor][]): string => sha256(entries.map(([, { data }]) => data));

async function writeTensors(
  path: string,
  entries: readonly [string, StoredTensor][],
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const all = new Map(Object.entries({ format: "pt", ...metadata, "descent.sha256": digest(entries) }));
  await writeAtomic(path, writeSafetensors(entries, all));
}

/** The tensors of a file, whose digest is checked where it has one. */
async function readTensors(path: string) {
  const file = readSafetensors(await readFileBounded(path, WEIGHTS_LIMIT));
  const expected = file.metadata.get("descent.sha256");
  const entries = [...file.tensors];
  if (expected && digest(entries) !== expected)
    throw new CheckpointError(
      `reading ${path}: the numbers do not match the digest in the file, so it is damaged; take another copy or an earlier checkpoint`,
    );
  return file;
}

/** The checked header alone, without reading the numbers. */
async function readHeader(path: string): Promise<Header> {
  const { size } = await stat(path);
  const start = dataStart(await readStart(path, Math.min(size, 512)), size);
  return parseHeader(await readStart(path, start), size);
}

async function readJson(path: string): Promise<Json> {
  const bytes = await readFileBounded(path, JSON_LIMIT);
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (value !== null && typeof value === "object" && !Array.isArray(value)) return value as Json;
  } catch (cause) {
    throw new CheckpointError(`reading ${path}: expected JSON, got ${reason(cause)}; take another copy`, { cause });
  }
  throw new CheckpointError(`reading ${path}: expected a JSON object; take another copy`);
}

/** Throws CheckpointError where a new run in `folder` would overwrite what is there already. */
export async function requireFree(folder: string): Promise<void> {
  if (await isRun(folder))
    throw new CheckpointError(
      `run ${folder}: there is a run already; go on with --resume ${folder}, or choose another folder with --out`,
    );
  const found = await readdir(folder).catch(() => []);
  const foreign = found.find((name) => !UNFINISHED.has(name) && !TEMPORARY.test(name));
  if (foreign !== undefined)
    throw new CheckpointError(
      `run ${folder}: expected an empty folder, got one with ${foreign} in it; choose another with --out`,
    );
}

async function createRun(folder: string, config: Json, tokenizer: object): Promise<void> {
  await requireFree(folder);
  try {
    await mkdir(join(folder, "best"), { recursive: true });
  } catch (cause) {
    throw new CheckpointError(`run ${folder}: ${reason(cause)}; choose a folder you may write to`, { cause });
  }
  await writeDescription(folder, config, tokenizer);
  await writeDescription(join(folder, "best"), config, tokenizer);
}

async function writeDescription(folder: string, config: Json, tokenizer: object): Promise<void> {
  await writeAtomic(join(folder, "config.json"), text(config));
  await writeAtomic(join(folder, "tokenizer.json"), text(tokenizer));
}

/** Whether `folder` holds a run that can be gone on with. */
export const isRun = (folder: string): Promise<boolean> =>
  stat(join(folder, STATE)).then(
    (found) => found.isFile(),
    () => false,
  );

function saveState(folder: string, { parameters, slots, trainer }: SavedState): Promise<void> {
  const entries = [
    ...Object.entries(parameters).map(
      ([name, value]) => [`parameter.${name}`, toStored(value)] as [string, StoredTensor],
    ),
    ...Object.entries(slots).map(([name, value]) => [name, toStored(value)] as [string, StoredTensor]),
  ];
  const json = JSON.stringify(trainer);
  return writeTensors(join(folder, STATE), entries, {
    "descent.trainer": json,
    "descent.trainer.sha256": sha256([new TextEncoder().encode(json)]),
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

async function requireRun(folder: string): Promise<string> {
  if (await isRun(folder)) return join(folder, STATE);
  throw new CheckpointError(
    `resume ${folder}: no run there, ${STATE} is missing; give the folder that a training wrote with --out`,
  );
}

/** The trainer's record of the run in `folder`: step, best validation loss, options. Throws CheckpointError. */
export async function loadTrainer(folder: string): Promise<Json> {
  const path = await requireRun(folder);
  return readTrainer(path, (await readHeader(path)).metadata);
}

async function loadState(folder: string): Promise<SavedState> {
  const path = await requireRun(folder);
  const { tensors, metadata } = await readTensors(path);
  const trainer = readTrainer(path, metadata);
  const parameters: Record<string, HostTensor> = {};
  const slots: Record<string, HostTensor> = {};
  for (const [name, tensor] of tensors) {
    const bare = name.replace(/^parameter\./, "");
    (bare === name ? slots : parameters)[bare] = fromStored(name, tensor);
  }
  return { parameters, slots, trainer };
}

async function logEvent(folder: string, event: object): Promise<void> {
  await appendFile(join(folder, LOG), `${JSON.stringify(event)}\n`).catch((cause: unknown) => {
    throw new CheckpointError(`writing ${join(folder, LOG)}: ${reason(cause)}`, { cause });
  });
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
  const log = await readFile(join(folder, LOG)).catch(() => undefined);
  const whole = (log?.lastIndexOf("\n") ?? -1) + 1;
  if (log && whole < log.length) await truncate(join(folder, LOG), whole);
}

/** A run in a folder on disk. Reading throws CheckpointError where there is none or a file is damaged. */
export const folder = (path: string): Store => ({
  where: path,
  create: (config, tokenizer) => createRun(path, config, tokenizer),
  saveState: (state) => saveState(path, state),
  saveWeights: (kind, parameters, names) =>
    writeTensors(join(path, kind === "best" ? "best" : "", WEIGHTS), toFile(parameters, names), {}),
  log: (event) => logEvent(path, event),
  loadState: () => loadState(path),
  loadDescription: async () => ({
    config: await readJson(join(path, "config.json")),
    tokenizer: await readJson(join(path, "tokenizer.json")),
  }),
  loadWeights: async () => (await readTensors(join(path, WEIGHTS))).tensors,
});
