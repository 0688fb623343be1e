/** A layer is a function that carries its parameters: called like mathematics, walked like a tree. */
import { isTensor, type Tensor } from "../tensor/index.ts";

/** What a layer may carry: a tensor, another layer, or a list of layers. */
export type Part = Tensor | ((...args: never[]) => unknown) | readonly Part[];

/** Parts by name. A function owns `name` and `length`, so no part may be called so. */
export type Parts = Readonly<Record<string, Part>> & { readonly name?: never; readonly length?: never };

/** Call it, or walk its properties. */
export type Layer<P extends Parts, Args extends unknown[], Out> = ((...args: Args) => Out) & Readonly<P>;

/** Where a tensor was made part of a layer. */
const names = new WeakMap<Tensor, string>();

/** What to call a tensor in a message: `BatchNorm1d.running_mean`. */
export const nameOf = (tensor: Tensor): string => names.get(tensor) ?? tensor.toString();

/** Binds `forward` to its `parts`, which become properties of the layer. */
export function module<P extends Parts, Args extends unknown[], Out>(
  name: string,
  parts: P,
  forward: (parts: P, ...args: Args) => Out,
): Layer<P, Args, Out> {
  const layer = (...args: Args) => forward(parts, ...args);
  for (const [key, part] of Object.entries(parts)) if (isTensor(part)) names.set(part, `${name}.${key}`);
  return Object.assign(Object.defineProperty(layer, "name", { value: name }), parts);
}

/** Every tensor under `node` with its path, which is also its checkpoint name. A tensor on two paths comes once. */
function* tensors(node: object, path = "", seen = new Set<unknown>()): Generator<[string, Tensor]> {
  for (const [key, part] of Object.entries(node)) {
    if (!isTensor(part)) yield* tensors(part, `${path}${key}.`, seen);
    else if (!seen.has(part)) yield [path + key, part];
    seen.add(part);
  }
}

/** Every parameter under `node` with its path. */
export function* parameters(node: object): Generator<[string, Tensor]> {
  for (const entry of tensors(node)) if (entry[1].node.op === "parameter") yield entry;
}

/** The parameters of a model by name: what is trained. */
export const namedParameters = (model: object): Record<string, Tensor> => Object.fromEntries(parameters(model));

/** The buffers of a model by name: what is carried from step to step without being trained. */
export const namedBuffers = (model: object): Record<string, Tensor> =>
  Object.fromEntries([...tensors(model)].filter(([, { node }]) => node.op === "buffer"));

/** `count` layers of one kind, as a list whose indices are part of the names. */
export const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
