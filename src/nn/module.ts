/** A layer is a function that carries its parameters: called like mathematics, walked like a tree. */
import { ConfigError, shown } from "../errors.ts";
import { formatShape, isTensor, requireFunction, requireRecord, type Tensor } from "../tensor/index.ts";
import { requireSizes, requireTensors } from "./arguments.ts";

/** What a layer may carry: a tensor, another layer, a list of layers, or nothing, such as a bias that is left out. */
export type Part = Tensor | ((...args: never[]) => unknown) | readonly Part[] | undefined;

/** A part that an option may leave out. */
export type Optional<B extends boolean> = B extends true ? Tensor : undefined;

/** The part that `make` makes, unless `wanted` is false. */
export const optional = <B extends boolean>(wanted: B | undefined, make: () => Tensor): Optional<B> =>
  (wanted === false ? undefined : make()) as Optional<B>;

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
  if (typeof name !== "string")
    throw new ConfigError(`module: expected a name, got ${shown(name)}; write module("Name", { weight }, forward)`);
  requireRecord(name, "parts", parts);
  requireFunction(name, "the forward pass", forward);
  const layer = (...args: Args) => forward(parts, ...args);
  for (const [key, part] of Object.entries(parts)) if (isTensor(part)) names.set(part, `${name}.${key}`);
  Object.defineProperty(layer, "name", { value: name });
  for (const key of ["toString", Symbol.for("nodejs.util.inspect.custom")])
    Object.defineProperty(layer, key, { value: () => describe(layer) });
  return Object.assign(layer, parts);
}

/** A layer whose first argument is a tensor. Throws DTypeError for what is none. */
export const tensorLayer = <P extends Parts, Rest extends unknown[], Out>(
  name: string,
  parts: P,
  forward: (parts: P, x: Tensor, ...rest: Rest) => Out,
): Layer<P, [x: Tensor, ...rest: Rest], Out> =>
  module(name, parts, (own, x: Tensor, ...rest: Rest) => {
    requireTensors(name, x);
    return forward(own, x, ...rest);
  });

const isBranch = (part: unknown): part is object =>
  (typeof part === "object" && part !== null) || typeof part === "function";

/** The parts of a layer by path, those inside lists too. */
function listed(node: object, path = ""): [string, Tensor | object][] {
  return Object.entries(node).flatMap(([key, part]: [string, Part]) => {
    if (!isBranch(part)) return [];
    return Array.isArray(part) ? listed(part, `${path}${key}.`) : [[path + key, part]];
  });
}

/** A layer in a line, `Linear(weight [2, 3], bias [2])`, with the layers inside it below. */
export function describe(layer: object): string {
  const parts = listed(layer).map(([key, part]) =>
    isTensor(part) ? `${key} ${formatShape(part.shape)}` : `${key}: ${describe(part)}`,
  );
  const name = typeof layer === "function" ? layer.name : "";
  if (!parts.some((part) => part.includes(": "))) return `${name}(${parts.join(", ")})`;
  return `${name}(\n${parts.map((part) => part.replace(/^/gm, "  ")).join("\n")}\n)`;
}

/** Every tensor under `node` with its path, which is also its checkpoint name. A tensor on two paths comes once. */
function* tensors(node: object, path = "", seen = new Set<unknown>()): Generator<[string, Tensor]> {
  for (const [key, part] of Object.entries(node)) {
    if (!isBranch(part) || seen.has(part)) continue;
    seen.add(part);
    if (isTensor(part)) yield [path + key, part];
    else yield* tensors(part, `${path}${key}.`, seen);
  }
}

function tensorsOf(model: object): Generator<[string, Tensor]> {
  if (isBranch(model) && !isTensor(model)) return tensors(model);
  throw new ConfigError(`model: expected a layer, or an object of layers, got ${shown(model)}; pass the model`);
}

const leavesOf = (model: object, op: "parameter" | "buffer"): Record<string, Tensor> =>
  Object.fromEntries([...tensorsOf(model)].filter(([, { node }]) => node.op === op));

/** The parameters of a model by name: what is trained. */
export const namedParameters = (model: object): Record<string, Tensor> => leavesOf(model, "parameter");

/** The buffers of a model by name: what is carried from step to step without being trained. */
export const namedBuffers = (model: object): Record<string, Tensor> => leavesOf(model, "buffer");

/** Everything that a model's file holds: parameters and buffers by name. */
export const namedState = (model: object): Record<string, Tensor> => ({
  ...namedParameters(model),
  ...namedBuffers(model),
});

/** `count` layers of one kind, as a list whose indices are part of the names. */
export function times<T>(count: number, make: (index: number) => T): T[] {
  requireSizes("times", { count }, 0);
  requireFunction("times", "the maker of a layer", make);
  return Array.from({ length: count }, (_, i) => make(i));
}
