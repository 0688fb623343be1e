/** Axes by name, after einops (Rogozhnikov 2022): `"b t (h d) -> b h t d"` is a reshape, a transposition and a reshape. */
import { ShapeError, shown } from "../errors.ts";
import { type Dim, divideDims, formatShape, multiplyDims, type Shape } from "./dim.ts";

/** One axis of a pattern: the names it is made of, the last one running fastest. */
type Axis = readonly string[];

export interface Rearrangement {
  readonly split: Shape;
  readonly perm: readonly number[];
  readonly merged: Shape;
}

const parseSide = (side: string): Axis[] =>
  [...side.matchAll(/\(([^()]*)\)|(\S+)/g)].map(([, group, name]) =>
    name ? [name] : (group?.split(/\s+/).filter(Boolean) ?? []),
  );

/** The steps that `pattern` means for a tensor of `shape`. Throws ShapeError on patterns that do not fit. */
export function parseRearrange(pattern: string, shape: Shape, given: Readonly<Record<string, Dim>>): Rearrangement {
  if (typeof pattern !== "string")
    throw new ShapeError(
      `rearrange: expected a pattern such as "b t c -> t b c", got ${shown(pattern)}; write it as text`,
    );
  const [left, right, more] = pattern.split("->").map(parseSide);
  const fail = (reason: string): never => {
    throw new ShapeError(`rearrange: "${pattern}" does not fit ${formatShape(shape)}: ${reason}`);
  };
  if (!left || !right || more) return fail('expected one ->; write it as in "b t c -> t b c"');
  if (left.length !== shape.length) return fail(`it names ${left.length} axes, the tensor has ${shape.length}`);
  const sizes = new Map<string, Dim>(Object.entries(given));
  for (const [i, axis] of left.entries()) measure(axis, shape[i] ?? 0, sizes, fail);
  const [from, to] = [left.flat(), right.flat()];
  if ([...from].sort().join() !== [...to].sort().join() || new Set(from).size !== from.length)
    return fail("expected the same names on both sides, each once");
  const stray = Object.keys(given).find((name) => !from.includes(name));
  if (stray !== undefined) return fail(`it has no "${stray}", of which a size is given`);
  const size = (name: string) => sizes.get(name) ?? 1;
  return {
    split: from.map(size),
    perm: to.map((name) => from.indexOf(name)),
    merged: right.map((axis) => axis.map(size).reduce(multiplyDims, 1)),
  };
}

/** Finds the one size of an axis that was not given. */
function measure(axis: Axis, dim: Dim, sizes: Map<string, Dim>, fail: (reason: string) => never): void {
  const unknown = axis.filter((name) => !sizes.has(name));
  const known = axis
    .filter((name) => sizes.has(name))
    .map((name) => sizes.get(name) ?? 1)
    .reduce(multiplyDims, 1);
  const rest = divideDims(dim, known);
  if (rest === undefined || unknown.length > 1 || (unknown.length === 0 && rest !== 1))
    fail(`(${axis.join(" ")}) is not ${dim}; give the sizes of all names but one`);
  for (const name of unknown) sizes.set(name, rest ?? 1);
}
