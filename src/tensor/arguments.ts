/** Checks of what plain JavaScript may pass despite the types: an error of one line where the call is made. */
import { ConfigError, nearest, quoted, ShapeError, shown } from "../errors.ts";
import { isRecord } from "../schema.ts";
import type { Dim, Shape } from "./dim.ts";

/** Polynomials as `dim.ts` spells them. */
const SYMBOLIC = /^-?[A-Za-z\d_]+([*+]-?[A-Za-z\d_]+)*$/;

const isDim = (dim: unknown): dim is Dim =>
  typeof dim === "string" ? SYMBOLIC.test(dim) : Number.isSafeInteger(dim) && Number(dim) >= 0;

/** Throws ShapeError where `dims` is no list of sizes; -1 may be among them where `rest` is said. */
export function requireShape(what: string, dims: Shape, rest = false): void {
  const list = requireList(what, "sizes such as [2, 3]", dims);
  const wrong = list.findIndex((dim) => !(isDim(dim) || (rest && dim === -1)));
  if (wrong >= 0)
    throw new ShapeError(
      `${what}: ${shown(list)} holds ${shown(list[wrong])}; sizes are whole numbers from 0 on, or names such as "T"`,
    );
}

/** `value` as a list. Throws ShapeError where it is none. */
export function requireList<T>(what: string, of: string, value: readonly T[]): readonly T[] {
  if (Array.isArray(value)) return value;
  throw new ShapeError(`${what}: expected a list of ${of}, got ${shown(value)}; put it in brackets`);
}

/** Throws ConfigError where `value` is not one of `known`. */
export function requireOneOf<T extends string>(what: string, value: T, known: readonly T[]): T {
  if (known.includes(value)) return value;
  const hint = typeof value === "string" ? nearest(value, known) : "";
  throw new ConfigError(`${what}: expected ${known.map(quoted).join(" or ")}, got ${shown(value)}${hint}`);
}

/** Throws ConfigError where `options` has a key that is not `known`. */
export function requireKeys(what: string, known: readonly string[], options: object): void {
  const stray = Object.keys(options).find((key) => !known.includes(key));
  if (stray === undefined) return;
  throw new ConfigError(
    `${what}: there is no option ${quoted(stray)}${nearest(stray, known)}; it takes ${known.join(", ")}`,
  );
}

/** Throws ConfigError where `keep` is neither true nor false. */
export function requireKeep(what: string, keep: boolean): void {
  if (typeof keep === "boolean") return;
  throw new ConfigError(`${what}: expected true or false for whether the axis stays, got ${shown(keep)}`);
}

/** `given` with `defaults` where it says nothing. Throws ConfigError for what is no record, unknown keys and other types. */
export function optionsOf<T extends object>(what: string, given: Partial<T> | undefined, defaults: T): T {
  const options = requireRecord(what, "options", given ?? (given === null ? given : {}));
  requireKeys(what, Object.keys(defaults), options);
  const set = Object.entries(options).filter(([, value]) => value !== undefined);
  for (const [key, value] of set) {
    const expected = typeof defaults[key as keyof T];
    if (typeof value !== expected)
      throw new ConfigError(`${what}: ${key} is a ${expected}, got ${shown(value)}; leave it out for the default`);
  }
  return { ...defaults, ...Object.fromEntries(set) };
}

/** `value` as a record. Throws ConfigError where it is none. */
export function requireRecord<T extends object>(what: string, of: string, value: T): T {
  if (isRecord(value)) return value;
  throw new ConfigError(`${what}: expected an object of ${of}, got ${shown(value)}; write it as in { name: value }`);
}

/** Throws ConfigError where `value` is not of the type it should be. */
export function requireFunction(what: string, of: string, value: unknown): void {
  if (typeof value === "function") return;
  throw new ConfigError(`${what}: expected ${of} as a function, got ${shown(value)}; write it as in (x) => x.tanh()`);
}
