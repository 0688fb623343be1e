/**
 * Every error a user can meet. A message is one line: which operation, what was expected, what was got, what to do.
 * Impossible states throw a plain `Error` that begins with `internal:`.
 */

/** What a terminal would obey or could not show: C0, DEL, C1, separators of lines, marks of direction, half surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const SHORT: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
/** Characters of a message, and of a foreign name in it. */
const MOST_MESSAGE = 2000;
const MOST_NAME = 60;

/** `text` with everything that a terminal would obey spelled as `\u001b`, except the characters in `keep`. */
export const escaped = (text: string, keep = ""): string =>
  text.replace(UNPRINTABLE, (found) =>
    keep.includes(found) ? found : (SHORT[found] ?? `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`),
  );

/** `text` on one line and safe to show: escaped, and its middle left out where it is longer than `most` characters. */
export function printable(text: string, most = MOST_MESSAGE): string {
  const end = Math.floor(most / 3);
  return escaped(text.length > most ? `${text.slice(0, most - end - 1)}…${text.slice(-end)}` : text);
}

/** Foreign text as it may stand in a message: in quotation marks as JSON spells it, at most 60 characters of it. */
export const quoted = (text: string): string =>
  escaped(JSON.stringify(text.length > MOST_NAME ? `${text.slice(0, MOST_NAME - 1)}…` : text));

/** A value of plain JavaScript as it may stand in a message. */
export function shown(value: unknown): string {
  if (typeof value === "string") return quoted(value);
  if (typeof value === "bigint") return `${value}n`;
  if (typeof value === "symbol" || typeof value === "function") return `a ${typeof value}`;
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value))
    return value.length <= 8 && value.every(isPlain) ? `[${value.map(shown).join(", ")}]` : `a list of ${value.length}`;
  const name: unknown = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" && name !== "Object" ? `a ${quoted(name).slice(1, -1)}` : "an object";
}

/** A value as JSON spells it, at most 80 characters of that, or as `shown` where JSON cannot. */
export function spelled(value: unknown): string {
  try {
    return JSON.stringify(value)?.slice(0, 80) ?? shown(value);
  } catch {
    return shown(value);
  }
}

const isPlain = (value: unknown): boolean => typeof value === "number" || typeof value === "string";

/** What all errors here have in common. A message is one line that is safe to show, whatever names it quotes. */
abstract class DescentError extends Error {
  /** Stable name for programs, such as `shape` or `checkpoint`. */
  abstract readonly code: string;
  constructor(message: string, options?: ErrorOptions) {
    super(printable(typeof message === "string" ? message : shown(message)), options);
  }
  override get name(): string {
    return this.constructor.name; // each class states it below: minifiers rename classes
  }
}

/** Sizes that do not fit together, found while tracing. */
export class ShapeError extends DescentError {
  static override readonly name = "ShapeError";
  readonly code = "shape";
}

/** An element type that an operation does not take. */
export class DTypeError extends DescentError {
  static override readonly name = "DTypeError";
  readonly code = "dtype";
}

/** A derivative was asked of an operation that has none, or of something that is not a scalar. */
export class GradientError extends DescentError {
  static override readonly name = "GradientError";
  readonly code = "gradient";
}

/** A device that is not there, or that lacks an operation. */
export class DeviceError extends DescentError {
  static override readonly name = "DeviceError";
  readonly code = "device";
}

/** An option or a key of a configuration that is unknown, missing or out of range. */
export class ConfigError extends DescentError {
  static override readonly name = "ConfigError";
  readonly code = "config";
}

/** A file of weights, a run directory or a training state that is damaged or belongs to something else. */
export class CheckpointError extends DescentError {
  static override readonly name = "CheckpointError";
  readonly code = "checkpoint";
}

/** Training text, data sets and batches that cannot be used. */
export class DataError extends DescentError {
  static override readonly name = "DataError";
  readonly code = "data";
}

/** Text that cannot be turned into ids, or a tokenizer file that cannot be read. */
export class TokenizerError extends DescentError {
  static override readonly name = "TokenizerError";
  readonly code = "tokenizer";
}

/** Training met a value that is not finite. */
export class NonFiniteError extends DescentError {
  static override readonly name = "NonFiniteError";
  readonly code = "non-finite";
  /** The step in which it happened, counted from 1. */
  readonly step: number;
  /** The value: NaN, Infinity or -Infinity. */
  readonly value: number;
  constructor(message: string, step: number, value: number) {
    super(message);
    this.step = step;
    this.value = value;
  }
}

export { DescentError };

/** `name` among `known` by edit distance, as ` (did you mean "x"?)`, or nothing when none is near. */
export function nearest(name: string, known: Iterable<string>): string {
  if (typeof name !== "string" || name.length > MOST_NAME) return "";
  if (typeof known !== "object" || known === null || !(Symbol.iterator in known))
    throw new ConfigError(`nearest: expected a list of names, got ${shown(known)}`);
  let best = "";
  let least = Math.max(2, name.length / 2);
  for (const candidate of known) {
    if (typeof candidate !== "string") continue;
    const distance = editDistance(name, candidate);
    if (distance < least) [best, least] = [candidate, distance];
  }
  return best && ` (did you mean ${quoted(best)}?)`;
}

/** Insertions, deletions, substitutions and swaps of neighbours that make `b` of `a`, row by row. */
function editDistance(a: string, b: string): number {
  let [before, row] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const swapped = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j];
      const edited = Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + Number(a[i] !== b[j]));
      next.push(swapped ? Math.min(edited, (before[j - 1] ?? 0) + 1) : edited);
    }
    [before, row] = [row, next];
  }
  return row[b.length] ?? 0;
}
