/** Checks of what plain JavaScript may pass despite the types: an error of one line where a layer is made or called. */
import { ConfigError, nearest, quoted, shown } from "../errors.ts";
import { isTensor, requireRecord, requireTensor } from "../tensor/index.ts";

/** What an option may be: of a type, one of several words, or anything that is checked elsewhere. */
type Kind = "number" | "boolean" | "function" | "tensor" | "operand" | "any" | readonly string[];

const holds = (kind: Kind, value: unknown): boolean => {
  if (typeof kind === "object") return typeof value === "string" && kind.includes(value);
  if (kind === "any") return true;
  if (kind === "tensor") return isTensor(value);
  if (kind === "operand") return isTensor(value) || Number.isFinite(value);
  return kind === "number" ? Number.isFinite(value) : typeof value === kind;
};

const spelled = (kind: Kind): string => {
  if (typeof kind === "object") return kind.map(quoted).join(" or ");
  return kind === "operand" ? "a number or a tensor" : kind === "boolean" ? "true or false" : `a ${kind}`;
};

/** Throws ConfigError for what is no record, an option that is unknown, or one of another kind. */
export function requireOptions(name: string, options: object, kinds: Readonly<Record<string, Kind>>): void {
  for (const [key, value] of Object.entries(requireRecord(name, "options", options))) {
    const kind = Object.hasOwn(kinds, key) ? kinds[key] : undefined;
    if (kind === undefined)
      throw new ConfigError(
        `${name}: there is no option ${quoted(key)}${nearest(key, Object.keys(kinds))}; it may have ${Object.keys(kinds).join(", ")}`,
      );
    if (value !== undefined && !holds(kind, value))
      throw new ConfigError(
        `${name}: expected ${key} to be ${spelled(kind)}, got ${shown(value)}; leave it out for the default`,
      );
  }
}

/** Throws ConfigError where one of `sizes` is no whole number from `least` on. */
export function requireSizes(name: string, sizes: Readonly<Record<string, number>>, least = 1): void {
  for (const [key, value] of Object.entries(sizes))
    if (!Number.isSafeInteger(value) || value < least)
      throw new ConfigError(
        `${name}: expected ${key} to be a whole number from ${least} on, got ${shown(value)}; give it a size`,
      );
}

/** Throws ConfigError where one of `values` is no number. */
export function requireNumbers(name: string, values: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(values))
    if (!Number.isFinite(value))
      throw new ConfigError(
        `${name}: expected ${key} to be a number, got ${shown(value)}; leave it out for the default`,
      );
}

/** Throws ConfigError where one of `values` is no probability below 1. */
export function requireProbabilities(name: string, values: Readonly<Record<string, number>>): void {
  for (const [key, value] of Object.entries(values))
    if (!(value >= 0 && value < 1))
      throw new ConfigError(
        `${name}: expected ${key} to be a probability from 0 to below 1, got ${shown(value)}; 0 switches it off`,
      );
}

/** Throws DTypeError for what is no tensor. */
export function requireTensors(name: string, ...values: readonly unknown[]): void {
  for (const value of values) requireTensor(name, value);
}
