/** One vector of the hidden states of a whole sequence. B sequences · T steps · H hidden width · L layers · D directions */
import { AttentionPooling, maxOf, meanOf } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { Recurrence } from "./body.ts";
import { directions, outputWidth, type RecurrentConfig } from "./config.ts";

/** h [D, B, H] of both directions as the layers' outputs have them. */
const MERGES: Readonly<Record<NonNullable<RecurrentConfig["merge"]>, (h: Tensor) => Tensor>> = {
  concat: (h) => h.rearrange("d b h -> b (d h)"),
  sum: (h) => h.sum(0),
  mul(h) {
    const [forwards, backwards] = h.chunk(2, 0);
    return forwards.mul(backwards).squeeze(0);
  },
  average: (h) => h.mean(0),
};

/** h [L·D, B, H] -> the last layer's [B, D·H], or as wide as `merge` makes it. */
const lastLayer = (h: Tensor, config: RecurrentConfig): Tensor =>
  MERGES[config.merge ?? "concat"](h.slice(0, -directions(config)));

type Pooled = { readonly vector: Tensor; readonly attention?: Tensor };
/** hs [B, T, D·H], the last state and lengths [B] -> a vector [B, width]. */
type Pool<S> = (hs: Tensor, state: S, lengths: Tensor) => Pooled;
/** What a classifier sees of the hidden states, how wide that is, and the parts that it takes. */
interface Pooling<S> {
  readonly parts: Readonly<Record<string, object>>;
  readonly width: number;
  readonly pool: Pool<S>;
}

export function pooling<S>(recurrence: Recurrence<S>, config: RecurrentConfig): Pooling<S> {
  const { pooling: name = "mean" } = config;
  const width = outputWidth(config);
  if (name === "attention") {
    const attention = AttentionPooling(width);
    const pool: Pool<S> = (hs, _, lengths) => {
      const [vector, weights] = attention(hs, lengths);
      return { vector, attention: weights };
    };
    return { parts: { attention }, width, pool };
  }
  const pools: Record<typeof name, Pool<S>> = {
    last: (hs, state) => ({ vector: lastLayer(recurrence.toRecord(state)[recurrence.names[0]] ?? hs, config) }),
    mean: (hs, _, lengths) => ({ vector: meanOf(hs, lengths) }),
    max: (hs, _, lengths) => ({ vector: maxOf(hs, lengths) }),
    "mean-max": (hs, _, lengths) => ({ vector: meanOf(hs, lengths).concat([maxOf(hs, lengths)], -1) }),
  };
  return { parts: {}, width: name === "mean-max" ? 2 * width : width, pool: pools[name] };
}
