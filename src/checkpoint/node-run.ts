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
import { appendFile, mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "../errors.ts";
import type { HostTensor } from "../runtime/index.ts";
import { readFileBounded, reason, sha256, writeAtomic } from "./node-files.ts";
import { fromStored, toFile, toStored } from "./parameters.ts";
import { readSafetensors, type StoredTensor, writeSafetensors } from "./safetensors.ts";
import type { Json, SavedState, Store } from "./store.ts";

const STATE = "training-state.safetensors";
const WEIGHTS = "model.safetensors";
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

async function createRun(folder: string, config: Json, tokenizer: object): Promise<void> {
  if (await isRun(folder))
    throw new CheckpointError(
      `run ${folder}: there is a run already; go on with --resume ${folder}, or choose another folder with --out`,
    );
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

async function loadState(folder: string): Promise<SavedState> {
  if (!(await isRun(folder)))
    throw new CheckpointError(
      `resume ${folder}: no run there, ${STATE} is missing; give the folder that a training wrote with --out`,
    );
  const path = join(folder, STATE);
  const { tensors, metadata } = await readTensors(path);
  const json = metadata.get("descent.trainer") ?? "";
  if (sha256([new TextEncoder().encode(json)]) !== metadata.get("descent.trainer.sha256"))
    throw new CheckpointError(
      `reading ${path}: the trainer's record is missing or damaged; take another copy or start anew`,
    );
  const parameters: Record<string, HostTensor> = {};
  const slots: Record<string, HostTensor> = {};
  for (const [name, tensor] of tensors) {
    const bare = name.replace(/^parameter\./, "");
    (bare === name ? slots : parameters)[bare] = fromStored(name, tensor);
  }
  return { parameters, slots, trainer: JSON.parse(json) as Json };
}

async function logEvent(folder: string, event: object): Promise<void> {
  await appendFile(join(folder, "run.jsonl"), `${JSON.stringify(event)}\n`).catch((cause: unknown) => {
    throw new CheckpointError(`writing ${join(folder, "run.jsonl")}: ${reason(cause)}`, { cause });
  });
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
