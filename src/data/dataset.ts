/** Examples by number, wherever they come from. */
import { z } from "zod";
import { DataError, shown } from "../errors.ts";
import { callable, checked, such } from "../schema.ts";

/** A finite list of examples that are made when they are asked for. */
export interface Dataset<E> {
  readonly size: number;
  /** Equal for equal content: says whether a resumed training reads what it read before. */
  readonly digest: string;
  at(index: number): E;
  /** How long example `index` is, where lengths differ; batches are then made of examples of like length. */
  length?(index: number): number;
}

const given = z.object({
  examples: such<readonly unknown[]>("a list", Array.isArray),
  digest: z.string(),
  length: callable("an example").optional(),
});

/** A data set of what is in memory already. Its functions throw DataError for an index that no example has. */
export const listed = <E>(examples: readonly E[], digest: string, length?: (example: E) => number): Dataset<E> => {
  checked(given, { examples, digest, length }, "listed");
  const at = (index: number): E => {
    if (Number.isInteger(index) && index >= 0 && index < examples.length) return examples[index] as E;
    throw new DataError(`data: expected an index from 0 to ${examples.length - 1}, got ${shown(index)}`);
  };
  return { size: examples.length, digest, at, ...(length && { length: (index: number) => length(at(index)) }) };
};

/** The first `1 - fraction` of a data set in an order that `order` gives, and the rest. */
export function divided<E>(data: Dataset<E>, fraction: number, order: Int32Array): [Dataset<E>, Dataset<E>] {
  const cut = Math.max(1, Math.min(data.size - 1, Math.round(data.size * (1 - fraction))));
  const part = (indices: Int32Array, name: string): Dataset<E> => ({
    size: indices.length,
    digest: `${data.digest}-${name}`,
    at: (index) => data.at(indices[index] ?? 0),
    ...(data.length && { length: (index: number) => data.length?.(indices[index] ?? 0) ?? 0 }),
  });
  return [part(order.subarray(0, cut), "train"), part(order.subarray(cut), "validation")];
}

/** At most `most` indices below `size`, evenly spread. */
export function spread(size: number, most: number): number[] {
  const taken = Math.min(size, most);
  return Array.from({ length: taken }, (_, i) => Math.floor((i * size) / taken));
}
