/** Options and configurations described once: the check, its messages, the flags of the command and their help. */
import { z } from "zod";
import { ConfigError, nearest, quoted, shown } from "./errors.ts";

type Values = Readonly<Record<string, unknown>>;

/** A whole number from `least` to `most`. */
export const whole = (least: number, most: number) => z.int().min(least).max(most);
/** A number from `least` to `most`. */
export const real = (least: number, most: number) => z.number().min(least).max(most);
/** Some text, or a list of texts, none of them empty. */
export const texts = () => z.union([z.string().min(1), z.array(z.string().min(1))]);
/** A number from 0 to below 1. */
export const probability = () => z.number().min(0).lt(1);

/** What `holds`; `expected` says so in messages. */
export const such = <T>(expected: string, holds: (value: unknown) => boolean) =>
  z.custom<T>(holds, { message: `expected ${expected}` });
export const isCallable = (value: unknown): boolean => typeof value === "function";
export const isSchema = (value: unknown): boolean => value instanceof z.ZodObject;
/** A function; `expected` says of what. */
export const callable = <F extends (...values: never[]) => unknown>(expected: string) =>
  such<F>(`a function of ${expected}`, isCallable);
/** What can stop something slow. */
export const abortable = () => such<AbortSignal>("an AbortSignal", (value) => value instanceof AbortSignal);

/** What a field takes, without its default and whether it may be left out. */
export interface Field {
  readonly kind: "number" | "boolean" | "choice" | "text" | "texts";
  /** "a whole number from 1 to 5" */
  readonly expected: string;
  readonly choices: readonly string[];
  /** What it is when nothing is given; undefined where nothing is. */
  readonly initial: unknown;
  /** One line for people. */
  readonly about: string;
}

/** Limits as z keeps them. */
interface Check {
  readonly check: string;
  readonly value?: number;
  readonly inclusive?: boolean;
}

function bareType(field: z.core.$ZodType): z.core.$ZodType {
  const { innerType } = field._zod.def as { innerType?: z.core.$ZodType };
  return innerType ? bareType(innerType) : field;
}

function expectedNumber(field: z.ZodNumber): string {
  const checks = (field.def.checks ?? []).map((check) => check._zod.def as Check);
  const low = checks.findLast(({ check }) => check === "greater_than");
  const high = checks.findLast(({ check }) => check === "less_than");
  const from = low && (low.inclusive ? ` from ${low.value}` : ` above ${low.value}`);
  const to = high && (high.inclusive ? ` to ${high.value}` : ` below ${high.value}`);
  return `${field.isInt ? "a whole number" : "a number"}${from ?? ""}${to ?? ""}`;
}

const expectations: Readonly<Record<string, string>> = { boolean: "true or false", string: "text" };

function fieldOf(type: z.core.$ZodType): Field {
  const bare = bareType(type);
  const { defaultValue: initial } = type._zod.def as { defaultValue?: unknown };
  const about = (type as z.ZodType).description ?? "";
  const shared = { choices: [], initial, about };
  if (bare instanceof z.ZodNumber) return { ...shared, kind: "number", expected: expectedNumber(bare) };
  if (bare instanceof z.ZodEnum) {
    const choices = bare.options.map(String);
    return { ...shared, kind: "choice", expected: `one of ${choices.join(", ")}`, choices };
  }
  if (bare instanceof z.ZodUnion) return { ...shared, kind: "texts", expected: "some text, or a list of texts" };
  const { type: name } = bare._zod.def as { type: string };
  return { ...shared, kind: name === "boolean" ? "boolean" : "text", expected: expectations[name] ?? `a ${name}` };
}

/** The fields of a schema by key, in its order. */
export const fieldsOf = (schema: z.ZodObject): Record<string, Field> =>
  Object.fromEntries(Object.entries(schema.shape).map(([key, type]) => [key, fieldOf(type)]));

/** Names that other libraries give to what is called otherwise here. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  learningRate: "lr",
  learning_rate: "lr",
  batchSize: "batch",
  batch_size: "batch",
  weight_decay: "weightDecay",
  block_size: "context",
  max_length: "length",
  maxLength: "length",
  iterations: "steps",
  max_steps: "steps",
  num_epochs: "epochs",
  max_new_tokens: "tokens",
  num_return_sequences: "samples",
  no_repeat_ngram_size: "noRepeatNgram",
  suppress_tokens: "suppress",
  bad_words_ids: "badWords",
  eos_token_id: "end",
  stop_strings: "stop",
};

/** ` (did you mean "lr"?)`, or nothing where no known key is near. */
export function meant(key: string, known: readonly string[]): string {
  const other = ELSEWHERE[key];
  return other !== undefined && known.includes(other) ? ` (did you mean "${other}"?)` : nearest(key, known);
}

const got = (value: unknown): string => (value === undefined ? "nothing" : shown(value));

function complaint(issue: z.core.$ZodIssue, fields: Record<string, Field>, values: Values, what: string): string {
  const known = Object.keys(fields);
  if (issue.code === "unrecognized_keys")
    return `${issue.keys.map((key) => `${what}: unknown key ${quoted(key)}${meant(key, known)}`).join("; ")}; known are ${known.join(", ")}`;
  const key = String(issue.path[0] ?? "");
  const expected = issue.code === "custom" ? issue.message : `expected ${fields[key]?.expected ?? "another value"}`;
  const value = values[key];
  const hint = typeof value === "string" ? nearest(value, fields[key]?.choices ?? []) : "";
  return `${what}: ${key}: ${expected}, got ${got(value)}${hint}`;
}

/** Checks `values` and fills in defaults. Throws ConfigError naming the key, what it expects and what it got. */
export function checked<S extends z.ZodObject>(schema: S, values: object, what: string): z.output<S> {
  requireRecord(values, what);
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  const fields = fieldsOf(schema);
  const complaints = result.error.issues.map((issue) => complaint(issue, fields, values as Values, what));
  throw new ConfigError([...new Set(complaints)].slice(0, 4).join("; "));
}

/** Whether `value` is an object of values by name: no list, no date, no bytes. */
export const isRecord = (value: unknown): value is Values =>
  Object.prototype.toString.call(value) === "[object Object]";

/** Options as an object, where `given` is one. Throws ConfigError. */
export function requireRecord(given: unknown, what: string): asserts given is object {
  if (!isRecord(given)) throw new ConfigError(`${what}: expected options by name, got ${got(given)}; give an object`);
}

/** Throws ConfigError on what is given as a signal and cannot stop anything. */
export function requireSignal(signal: unknown, what: string): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw new ConfigError(
    `${what}: expected signal to be an AbortSignal, got ${got(signal)}; give the signal of an AbortController`,
  );
}

/** Checks each value that the schema has a key for, one by one, whatever else is missing. Throws ConfigError. */
export function checkEach({ shape }: z.ZodObject, values: Values, what: string): void {
  for (const [key, type] of Object.entries(shape))
    if (Object.hasOwn(values, key)) checked(z.object({ [key]: type }), { [key]: values[key] }, what);
}

/** The values of `values` whose keys the schema has, and the others. */
export function divide(schema: z.ZodObject, values: Values): [own: Values, rest: Values] {
  const entries = Object.entries(values);
  const own = entries.filter(([key]) => Object.hasOwn(schema.shape, key));
  return [Object.fromEntries(own), Object.fromEntries(entries.filter(([key]) => !Object.hasOwn(schema.shape, key)))];
}
