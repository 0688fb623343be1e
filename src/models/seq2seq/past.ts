/**
 * Keys and values of the target's tokens so far. All texts of a batch are equally long: each step gives every one of them a
 * token, and what it hands on is one longer than what it got.
 *
 * B batch · H heads · P tokens so far · D width of a head
 */
import type { Spec } from "../../graph/index.ts";
import { arange, type Dim, type Tensor, zeros } from "../../tensor/index.ts";
import type { Carried } from "../heads.ts";

/** Keys and values, [B, H, T, D] each. */
export type Pair = readonly [keys: Tensor, values: Tensor];

/** What the layers of a decoder keep. */
export interface Kept {
  readonly layers: number;
  /** H. */
  readonly heads: number;
  /** D. */
  readonly headWidth: number;
}

const named = <T>({ layers }: Kept, make: () => T): Record<string, T> =>
  Object.fromEntries(
    Array.from({ length: layers }, (_, i) => [`key.${i}`, `value.${i}`])
      .flat()
      .map((name) => [name, make()]),
  );

/** Places of T tokens, the last of which stands beside the last of S: [T]. */
export function placesBeside(T: Dim, S: Dim): Tensor {
  const row = arange(T);
  return T === S ? row : row.add(arange(S).max().sub(row.max()));
}

/** Keys and values of all layers in one step. */
export class Past {
  /** What is kept with the new ones. */
  readonly next: Record<string, Tensor> = {};
  readonly #before: Carried;
  constructor(before: Carried) {
    this.#before = before;
  }

  /** P. */
  get length(): Dim {
    return this.#before["key.0"]?.dim(2) ?? 0;
  }

  static specs(kept: Kept): Record<string, Spec> {
    return named(kept, () => ({ shape: ["B", kept.heads, "P", kept.headWidth], dtype: "f32" }));
  }
  /** Of no token, for the rows of `source` [B, S]. */
  static none(kept: Kept, source: Tensor): Carried {
    return named(kept, () => zeros([source.dim(0), kept.heads, 0, kept.headWidth]));
  }

  /** All keys and values of a layer, those of the new token behind the others. */
  with(layer: number, pair: Pair): Pair {
    const [keys, values] = ["key", "value"].map((kind, i) => {
      const [name, fresh] = [`${kind}.${layer}`, pair[i]];
      const before = this.#before[name];
      if (!before || !fresh) throw new Error(`internal: nothing is kept for layer ${layer}`);
      const all = before.concat([fresh], 2);
      this.next[name] = all;
      return all;
    }) as [Tensor, Tensor];
    return [keys, values];
  }
}
