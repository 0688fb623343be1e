/** What is trained and how: flags before --set before the --config file before defaults. */
import { type Json, parseJson } from "../checkpoint/index.ts";
import { readFileBounded } from "../checkpoint/node-files.ts";
import { CheckpointError, ConfigError, quoted } from "../errors.ts";
import type { Architecture } from "../models/index.ts";
import { checkEach, divide, meant } from "../schema.ts";
import type { Task } from "../tasks/index.ts";
import { trainingSchema } from "../train/index.ts";
import { decimal } from "./numbers.ts";

/** Values by what they are for. */
export interface Chosen {
  /** Settings of the training. */
  readonly training: Json;
  /** Options of the task. */
  readonly options: Json;
  /** Values of the model's configuration. */
  readonly config: Json;
}

/** Where values come from, the weaker first. */
export interface Given {
  readonly file?: string | undefined;
  readonly set: readonly string[];
  readonly flags: Json;
}

const MOST_BYTES = 2 ** 20;

/** Splits all values into the training's, the task's and the model's, each checked where it comes from. Throws ConfigError. */
export async function choose({ schema }: Architecture, task: Task, { file, set, flags }: Given): Promise<Chosen> {
  const sources: [where: string, values: Json][] = [
    ...(file === undefined ? [] : [[`config ${quoted(file)}`, await readConfig(file)] as [string, Json]]),
    ["--set", assignments(set)],
    ["option", flags],
  ];
  const all = Object.assign({}, ...sources.map(([, values]) => values)) as Json;
  for (const [where, values] of sources) check(where, values, [trainingSchema, task.options, schema]);
  const [training, rest] = divide(trainingSchema, all);
  const [options, config] = divide(task.options, rest);
  return { training, options, config };
}

function check(where: string, values: Json, schemas: readonly Architecture["schema"][]): void {
  const known = schemas.flatMap((schema) => Object.keys(schema.shape));
  const odd = Object.keys(values).find((key) => !known.includes(key));
  if (odd !== undefined)
    throw new ConfigError(`${where}: unknown key ${quoted(odd)}${meant(odd, known)}; known are ${known.join(", ")}`);
  for (const schema of schemas) checkEach(schema, values, where);
}

/** `key=value` pairs as an object; later ones win. */
function assignments(pairs: readonly string[]): Json {
  const values: Record<string, unknown> = Object.create(null);
  for (const [key, value] of pairs.map(assignment)) values[key] = value;
  return values;
}

function assignment(pair: string): [string, unknown] {
  const at = pair.indexOf("=");
  if (at < 1) throw new ConfigError(`--set: expected key=value, got ${quoted(pair)}`);
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
  throw new ConfigError(`config ${quoted(path)}: expected a JSON object such as {"lr": 0.001}, got another value`);
}

function parse(bytes: Uint8Array, path: string): unknown {
  try {
    return parseJson(bytes, `config ${quoted(path)}`);
  } catch (cause) {
    throw cause instanceof CheckpointError ? new ConfigError(cause.message, { cause }) : cause;
  }
}
