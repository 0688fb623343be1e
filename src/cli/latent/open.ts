/** The run of an autoencoder, and what arguments mean to it. */
import type { Json } from "../../checkpoint/index.ts";
import { folder } from "../../checkpoint/node-run.ts";
import { ConfigError, DataError } from "../../errors.ts";
import { openSource } from "../../files/index.ts";
import { loadTask, type Task, taskNames, type Watch } from "../../tasks/index.ts";
import type { CodeOptions, LatentPredictor } from "../../tasks/latent.ts";
import { describe, open } from "../../tasks/open.ts";
import { type DeviceFlags, place } from "../device.ts";
import { BlankLines, inputsOf, standardInput } from "../inputs.ts";
import type { Interruption } from "../interruption.ts";
import type { IO } from "../io.ts";
import { createNotes, type Notes } from "../notes.ts";

export interface LatentFlags extends DeviceFlags {
  readonly out?: string | undefined;
  readonly dataDir?: string | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
  readonly [option: string]: unknown;
}

/** An opened autoencoder, and what a command does while it works with it. */
export interface Latent {
  readonly run: string;
  readonly task: Task;
  /** Options of its training. */
  readonly trained: Json;
  readonly codes: Required<CodeOptions>;
  readonly predictor: LatentPredictor;
  readonly flags: LatentFlags;
  readonly io: IO;
  readonly notes: Notes;
  /** For what takes time. */
  readonly watch: Watch & { readonly signal: AbortSignal };
}

/** What to do with a run that is none of an autoencoder. */
async function refusal(verb: string, run: string, { name }: Task, { command }: IO): Promise<ConfigError> {
  const tasks = await Promise.all(taskNames().map(loadTask));
  const able = tasks.filter(({ codes }) => codes?.sample).map((task) => task.name);
  const instead =
    name === "language" && verb === "sample" ? `use ${command} generate` : `train one with ${command} train vae`;
  return new ConfigError(
    `${verb} ${run}: expected the run of an autoencoder (task ${able.join(" or ")}), got one of task ${name}; ${instead}`,
  );
}

/** Opens `run` for `work`. Throws ConfigError where its model has no codes. */
export async function withLatent(
  verb: string,
  run: string,
  flags: LatentFlags,
  io: IO,
  { signal }: Interruption,
  work: (latent: Latent) => Promise<void>,
): Promise<void> {
  const store = folder(run);
  const { task, options: trained } = await describe(store, verb === "embed" ? verb : undefined);
  const codes = task.codes as Required<CodeOptions> | undefined;
  if (!(verb === "embed" ? codes?.embed : codes?.sample)) throw await refusal(verb, run, task, io);
  const notes = createNotes(io, flags.quiet === true);
  const opened = await open(store, { ...(await place(flags, io)), task: task.name });
  await using predictor = opened as unknown as LatentPredictor;
  try {
    const watch = { signal: AbortSignal.any([signal, io.closed]), onProgress: (note: string) => notes.show(note) };
    await work({ run, task, trained, codes: codes as Required<CodeOptions>, predictor, flags, io, notes, watch });
  } finally {
    notes.clear();
  }
}

const isOfPictures = ({ task }: Latent): boolean => task.reads === "files";

/** A picture by the name of its file, or a text as it is. */
export function inputOf(latent: Latent, given: string): unknown {
  const { flags, io, watch } = latent;
  if (!isOfPictures(latent)) return given;
  return given === "-" ? standardInput(io.stdin) : openSource(given, { dataDir: flags.dataDir, signal: watch.signal });
}

/** The pictures of files, folders and sets; where these are several, with the name of theirs before their own. */
async function picturesOf(latent: Latent, names: readonly string[]): Promise<unknown[]> {
  const { predictor, watch } = latent;
  const all: unknown[] = [];
  for (const name of names) {
    const found = (await predictor.pictures?.(inputOf(latent, name), watch)) ?? [];
    const alone = names.length === 1;
    for (const picture of found)
      all.push(alone || picture.name === name ? picture : { ...picture, name: `${name}/${picture.name}` });
  }
  return all;
}

async function textsOf({ io, trained }: Latent, names: readonly string[]): Promise<unknown[]> {
  const texts: unknown[] = [];
  for await (const text of inputsOf(names, io.stdin, trained, new BlankLines())) texts.push(text);
  return texts;
}

/** Every picture or text of `files`, or of standard input. Throws DataError where there are none. */
export async function inputsIn(latent: Latent, files: readonly string[]): Promise<unknown[]> {
  const names = files.length > 0 ? files : ["-"];
  const found = await (isOfPictures(latent) ? picturesOf : textsOf)(latent, names);
  if (found.length > 0) return found;
  throw new DataError(`input ${names.join(", ")}: expected at least one line, got none; name a file that has some`);
}

/** At most `most` of a list, evenly out of all of it. */
export const evenly = <T>(list: readonly T[], most: number): T[] =>
  list.length <= most
    ? [...list]
    : Array.from({ length: most }, (_, i) => list[Math.floor((i * list.length) / most)] as T);
