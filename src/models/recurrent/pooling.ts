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
/** hs [B, T, D·H], the last state and lengths [B] -> a vector [B, D·H]. */
type Pool<S> = (hs: Tensor, state: S, lengths: Tensor) => Pooled;

/** What a classifier sees of the hidden states, and the parts that this takes. */
export function pooling<S>(
  recurrence: Recurrence<S>,
  config: RecurrentConfig,
): [parts: Record<string, object>, Pool<S>] {
  if (config.pooling === "attention") {
    const attention = AttentionPooling(outputWidth(config));
    const pool: Pool<S> = (hs, _, lengths) => {
      const [vector, weights] = attention(hs, lengths);
      return { vector, attention: weights };
    };
    return [{ attention }, pool];
  }
  const pools: Record<"last" | "mean" | "max", Pool<S>> = {
    last: (hs, state) => ({ vector: lastLayer(recurrence.toRecord(state)[recurrence.names[0]] ?? hs, config) }),
    mean: (hs, _, lengths) => ({ vector: meanOf(hs, lengths) }),
    max: (hs, _, lengths) => ({ vector: maxOf(hs, lengths) }),
  };
  return [{}, pools[config.pooling ?? "mean"]];
}
