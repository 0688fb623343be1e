/** Numbers in lists of equal length, nested to any depth. */
import { DTypeError, ShapeError, shown } from "../errors.ts";

/** Numbers, or lists of numbers of equal length, nested to any depth. */
export type Nested = number | readonly Nested[];

/** Axes that a list may be nested to; a list that holds itself has no end. */
const MOST_AXES = 32;

/** The numbers in their order, and how they are nested. Throws ShapeError where lists differ in length, DTypeError where there is something else. */
export function flatten(what: string, nested: Nested): { flat: number[]; shape: number[] } {
  const shape: number[] = [];
  for (let level: Nested | undefined = nested; Array.isArray(level); level = level[0]) {
    shape.push(level.length);
    if (shape.length > MOST_AXES)
      throw new ShapeError(`${what}: lists are nested more than ${MOST_AXES} deep; reshape`);
  }
  const flat: number[] = [];
  collect(what, nested, { shape, depth: 0, flat });
  return { flat, shape };
}

interface Walk {
  readonly shape: readonly number[];
  readonly depth: number;
  readonly flat: number[];
}

function collect(what: string, nested: Nested, { shape, depth, flat }: Walk): void {
  const size = shape[depth];
  const isList = Array.isArray(nested);
  if (!isList && typeof nested !== "number")
    throw new DTypeError(`${what}: expected numbers or lists of numbers, got ${shown(nested)}; convert it first`);
  if (isList !== (size !== undefined) || (isList && nested.length !== size))
    throw new ShapeError(
      `${what}: expected lists of equal lengths, got ${shown(nested)} where there is ${size === undefined ? "a number" : `a list of ${size}`} elsewhere at depth ${depth}; fill them up`,
    );
  if (typeof nested === "number") flat.push(nested);
  else for (const item of nested) collect(what, item, { shape, depth: depth + 1, flat });
}
