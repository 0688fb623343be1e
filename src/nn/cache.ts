/**
 * Attention to tokens that came before, whose keys and values are kept: text is read and written piece by piece (Pope et
 * al. 2022, arXiv 2211.05102). A step takes the cache in and gives the new keys and values out; whoever runs it puts
 * them into the cache, behind what each row holds.
 *
 * B batch · H heads · G heads of keys and values · T new tokens · S places of the cache · D width of a head
 */
import type { Spec } from "../graph/index.ts";
import { arange, type Dim, type DType, type Tensor } from "../tensor/index.ts";
import { requireOptions, requireTensors } from "./arguments.ts";
import { type RotaryOptions, rotary } from "./rotary.ts";

/** Keys and values of one layer, and how many of their places each row has filled. */
export interface Past {
  /** [B, G, D, S]: turned, as the product with queries reads them. */
  readonly keys: Tensor;
  /** [B, G, S, D] */
  readonly values: Tensor;
  /** Whole numbers [B]. */
  readonly lengths: Tensor;
}

/** How queries and keys are compared. */
export interface CachedOptions {
  /** Factor of the scores. Default 1/√D. */
  readonly scale?: number;
  /** Hides keys that are this far away or farther. */
  readonly window?: number;
  /** Turns queries and new keys by their places first; keys in the cache are turned already. */
  readonly rotary?: RotaryOptions;
}

const KINDS = { scale: "number", window: "number", rotary: "any" } as const;

/** Places of T new tokens behind the past [B] of each row: [B, T]. */
export const placesAfter = (past: Tensor, T: Dim): Tensor => arange(T).add(past.unsqueeze(1));

/** Queries of the H/G heads that share keys, one after the other: [B, H, T, D] -> [B, G, H/G·T, D]. */
const folded = (q: Tensor, G: number): Tensor =>
  q.dim(1) === G ? q : q.rearrange("b (g e) t d -> b g (e t) d", { g: G });

const unfolded = (x: Tensor, H: number, G: number): Tensor =>
  H === G ? x : x.rearrange("b g (e t) s -> b (g e) t s", { e: H / G });

/** What the new tokens may see of the places [S] of the cache: bool, stretched to [B, 1, T, S]. */
function seenBefore({ keys, lengths }: Past, places: Tensor, { window }: CachedOptions): Tensor {
  const place = arange(keys.dim(-1)); // [S]
  const filled = place.less(lengths.unsqueeze(1)).unsqueeze(1).unsqueeze(1); // [B, 1, 1, S]
  return window === undefined ? filled : filled.and(place.greater(places.unsqueeze(-1).sub(window)));
}

/** The scores of the new tokens among themselves [B, H, T, T], those hidden that come later or are too far away. */
function amongNew(scores: Tensor, window: number | undefined): Tensor {
  const causal = scores.causal();
  if (window === undefined) return causal;
  const place = arange(scores.dim(-1));
  return place.greater(place.unsqueeze(1).sub(window)).where(causal, -3e38);
}

/**
 * softmax(q [K_past, k]ᵀ/√D) [V_past, v] for q [B, H, T, D] and the new k, v [B, G, T, D], token t of row b standing at
 * place lengths[b] + t. Gives the result [B, H, T, D], and keys [B, G, D, T] and values [B, G, T, D] for the cache. Rows
 * that end before T may hold anything there: later tokens are not seen.
 */
export function attentionAfter(
  past: Past,
  [q, k, v]: readonly [Tensor, Tensor, Tensor],
  options: CachedOptions = {},
): { y: Tensor; keys: Tensor; values: Tensor } {
  requireTensors("attentionAfter", q, k, v, past?.keys, past?.values, past?.lengths);
  requireOptions("attentionAfter", options, KINDS);
  const { scale = Number(q.dim(-1)) ** -0.5, window } = options;
  const [H, G, S, T] = [Number(q.dim(1)), Number(k.dim(1)), past.keys.dim(-1), k.dim(-2)];
  const places = placesAfter(past.lengths, T).unsqueeze(1); // [B, 1, T]
  const turned = (x: Tensor) => (options.rotary ? rotary(x, { ...options.rotary, positions: places }) : x);
  const [queries, newKeys] = [folded(turned(q).mul(scale), G), turned(k)];
  const before = unfolded(queries.matmul(past.keys), H, G); //                       [B, H, T, S]
  const now = unfolded(queries.matmul(newKeys, { transB: true }), H, G); //          [B, H, T, T]
  const scores = seenBefore(past, places, options)
    .where(before, -3e38)
    .concat([amongNew(now, window)], -1);
  const [toPast, toNew] = scores.softmax().split([S, T]) as [Tensor, Tensor];
  const y = folded(toPast, G).matmul(past.values).add(folded(toNew, G).matmul(v)); // [B, G, H/G·T, D]
  return { y: unfolded(y, H, G), keys: newKeys.transpose([0, 1, 3, 2]), values: v };
}

/** How many tokens each row has, and how many of the new ones are meant: whole numbers [B]. */
interface Placing {
  readonly past: Tensor;
  readonly lengths: Tensor;
}

/** Of lengths [B] new tokens of T, which stands at place s of S once they are behind the past [B]: one-hot [B, 1, T, S]. */
function putAt({ past, lengths }: Placing, T: Dim, S: Dim, dtype: DType): Tensor {
  const place = arange(S).sub(past.unsqueeze(1)); // [B, S]
  const token = arange(T).unsqueeze(1).equal(place.unsqueeze(1)); // [B, T, S]
  return token
    .and(arange(T).less(lengths.unsqueeze(1)).unsqueeze(-1))
    .unsqueeze(1)
    .cast(dtype);
}

/**
 * A cache with its new values behind what each row has, for devices where it stays: `before` is [B, G, D, S] or, with
 * `axis` 2, [B, G, S, D].
 */
export function appended(before: Tensor, fresh: Tensor, placing: Placing, axis: 2 | 3): Tensor {
  const put = putAt(placing, fresh.dim(axis), before.dim(axis), before.dtype);
  const written = put.sum(2); // [B, 1, S]
  const placed = axis === 3 ? fresh.matmul(put) : put.matmul(fresh, { transA: true });
  return written
    .greater(0)
    .unsqueeze(axis === 3 ? 2 : 3)
    .where(placed, before);
}

/** Keys and values of one layer in a step. */
export interface LayerCache {
  /** q [B, H, T, D] and the new k, v [B, G, T, D] -> [B, H, T, D]; k and v are kept. */
  attend(q: Tensor, k: Tensor, v: Tensor, options?: CachedOptions): Tensor;
}

/** Keys and values of all layers, by name, in one step of a model. */
export class KeyValueCache {
  /** How many tokens came before in each row: [B]. */
  readonly past: Tensor;
  /** What is new. */
  readonly next: Record<string, Tensor> = {};
  readonly #before: Readonly<Record<string, Tensor>>;
  constructor(past: Tensor, before: Readonly<Record<string, Tensor>>) {
    this.past = past;
    this.#before = before;
  }

  /** What `layers` of G heads of width D keep: the size "S" grows. */
  static specs(layers: number, G: number, D: number): Record<string, Spec> {
    const specs = (i: number): [string, Spec][] => [
      [`key.${i}`, { shape: ["B", G, D, "S"], dtype: "f32" }],
      [`value.${i}`, { shape: ["B", G, "S", D], dtype: "f32" }],
    ];
    return Object.fromEntries(Array.from({ length: layers }, (_, i) => specs(i)).flat());
  }

  layer(i: number): LayerCache {
    const [keys, values] = [this.#before[`key.${i}`], this.#before[`value.${i}`]];
    if (!keys || !values) throw new Error(`internal: nothing is kept for layer ${i}`);
    return {
      attend: (q, k, v, options) => {
        const { y, ...kept } = attentionAfter({ keys, values, lengths: this.past }, [q, k, v], options);
        this.next[`key.${i}`] = kept.keys;
        this.next[`value.${i}`] = kept.values;
        return y;
      },
    };
  }
}
