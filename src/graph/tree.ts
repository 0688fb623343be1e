/** Trees of tensors: what a scan's state, input and output may be. */
import { ConfigError, shown } from "../errors.ts";
import { Tensor } from "../tensor/tensor.ts";

/** Tensors in records and lists. */
export type Tree = Tensor | readonly Tree[] | { readonly [key: string]: Tree };

/** Records and lists that a tree may be nested to; one that holds itself has no end. */
const MOST_BRANCHES = 32;

/** The tensors of a tree, in the order of its keys. Throws ConfigError where it holds anything else. */
export function leaves(tree: Tree, depth = 0): Tensor[] {
  if (tree instanceof Tensor) return [tree];
  if (typeof tree !== "object" || tree === null || ArrayBuffer.isView(tree) || depth > MOST_BRANCHES)
    throw new ConfigError(
      `scan: expected tensors in records and lists, got ${shown(tree)}; make tensors with tensor(values)`,
    );
  return Object.values(tree).flatMap((branch) => leaves(branch, depth + 1));
}

/** A tree like `tree` with its tensors replaced one after the other. */
export function refill<T extends Tree>(tree: T, tensors: Iterator<Tensor>): T {
  if (tree instanceof Tensor) return tensors.next().value as T;
  if (Array.isArray(tree)) return tree.map((branch: Tree) => refill(branch, tensors)) as unknown as T;
  return Object.fromEntries(Object.entries(tree).map(([key, branch]) => [key, refill(branch, tensors)])) as T;
}
