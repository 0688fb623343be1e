/** A layer is a function that carries its parameters: called like mathematics, walked like a tree. */
import { isTensor, type Tensor } from "../tensor/index.ts";

/** What a layer may carry: a tensor, another layer, or a list of layers. */
export type Part = Tensor | ((...args: never[]) => unknown) | readonly Part[];

/** Parts by name. A function owns `name` and `length`, so no part may be called so. */
export type Parts = Readonly<Record<string, Part>> & { readonly name?: never; readonly length?: never };

/** Call it, or walk its properties. */
export type Layer<P extends Parts, Args extends unknown[], Out> = ((...args: Args) => Out) & Readonly<P>;

/** Binds `forward` to its `parts`, which become properties of the layer. */
export function module<P extends Parts, Args extends unknown[], Out>(
  name: string,
  parts: P,
  forward: (parts: P, ...args: Args) => Out,
): Layer<P, Args, Out> {
  const layer = (...args: Args) => forward(parts, ...args);
  return Object.assign(Object.defineProperty(layer, "name", { value: name }), parts);
}

/** Every tensor under `node` with its path, which is also its checkpoint name. A tensor on two paths comes once. */
export function* parameters(node: object, path = "", seen = new Set<unknown>()): Generator<[string, Tensor]> {
  for (const [key, part] of Object.entries(node)) {
    if (!isTensor(part)) yield* parameters(part, `${path}${key}.`, seen);
    else if (!seen.has(part)) yield [path + key, part];
    seen.add(part);
  }
}

/** The parameters of a model by name. */
export const namedParameters = (model: object): Record<string, Tensor> => Object.fromEntries(parameters(model));

/** `count` layers of one kind, as a list whose indices are part of the names. */
export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
