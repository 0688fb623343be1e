/** What is trained and how: flags before --set before the --config file before defaults. */

import type { Json } from "../checkpoint/index.ts";
import { readFileBounded } from "../checkpoint/node-files.ts";
import { CheckpointError, ConfigError, nearest } from "../errors.ts";
import { loadArchitecture } from "../models/index.ts";
import { trainingKeys, trainingSettings } from "../train/options.ts";
import { decimal } from "./numbers.ts";

export interface Chosen {
  /** Options of the training. */
  readonly training: Json;
  /** Values of the model's configuration. */
  readonly config: Json;
}

/** Where values come from, the weaker first. */
export interface Sources {
  readonly file?: string | undefined;
  readonly set: readonly string[];
  readonly flags: Json;
}

const MOST_BYTES = 2 ** 20;

/** Splits all values into the model's and the training's, and checks the training's. Throws ConfigError. */
export async function chooseSettings(model: string, { file, set, flags }: Sources): Promise<Chosen> {
  const { keys } = await loadArchitecture(model);
  const known = [...trainingKeys, ...keys];
  const given = flags && Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const fromFile = file === undefined ? {} : requireKnown(await readConfig(file), known, `config ${file}`);
  const all = { ...fromFile, ...requireKnown(assignments(set), known, "--set"), ...given };
  const pick = (names: readonly string[]) => Object.fromEntries(Object.entries(all).filter(([k]) => names.includes(k)));
  const training = pick(trainingKeys);
  trainingSettings(training);
  return { training, config: pick(keys) };
}

function requireKnown(values: Json, known: readonly string[], where: string): Json {
  const odd = Object.keys(values).find((key) => !known.includes(key));
  if (odd === undefined) return values;
  const hint = nearest(odd, known);
  throw new ConfigError(`${where}: unknown key ${JSON.stringify(odd)}${hint}; known are ${known.join(", ")}`);
}

/** `key=value` pairs as an object; later ones win. */
const assignments = (pairs: readonly string[]): Json => Object.fromEntries(pairs.map(assignment));

function assignment(pair: string): [string, unknown] {
  const at = pair.indexOf("=");
  if (at < 1) throw new ConfigError(`--set: expected key=value, got ${JSON.stringify(pair)}`);
  const [key, text] = [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  if (text === "true" || text === "false") return [key, text === "true"];
  return [key, decimal(text) ?? text];
}

async function readConfig(path: string): Promise<Json> {
  const bytes = await readFileBounded(path, MOST_BYTES).catch((cause: unknown) => {
    throw cause instanceof CheckpointError
      ? new ConfigError(`config: ${cause.message}`, { cause: cause.cause })
      : cause;
  });
  const value = parse(bytes, path);
  if (value !== null && typeof value === "object" && !Array.isArray(value)) return value as Json;
  throw new ConfigError(`config ${path}: expected a JSON object such as {"lr": 0.001}, got another value`);
}

function parse(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new ConfigError(`config ${path}: expected JSON, got ${(cause as Error).message}`, { cause });
  }
}
