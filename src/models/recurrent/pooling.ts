/** One vector of the hidden states of a whole sequence. B sequences · T steps · H hidden width · L layers · D directions */
import { AttentionPooling, maxOf, meanOf } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { directions, type Recurrence } from "./body.ts";
import type { RecurrentConfig } from "./config.ts";

/** h [L·D, B, H] -> the last layer's, both directions side by side [B, D·H]. */
const lastLayer = (h: Tensor, D: number): Tensor => h.slice(0, -D).rearrange("d b h -> b (d h)");

type Pooled = { readonly vector: Tensor; readonly attention?: Tensor };
/** hs [B, T, D·H], the last state and lengths [B] -> a vector [B, D·H]. */
type Pool<S> = (hs: Tensor, state: S, lengths: Tensor) => Pooled;

/** What a classifier sees of the hidden states, and the parts that this takes. */
export function pooling<S>(
  recurrence: Recurrence<S>,
  config: RecurrentConfig,
): [parts: Record<string, object>, Pool<S>] {
  const D = directions(config);
  if (config.pooling === "attention") {
    const attention = AttentionPooling(D * config.hidden_size);
    const pool: Pool<S> = (hs, _, lengths) => {
      const [vector, weights] = attention(hs, lengths);
      return { vector, attention: weights };
    };
    return [{ attention }, pool];
  }
  const pools: Record<"last" | "mean" | "max", Pool<S>> = {
    last: (hs, state) => ({ vector: lastLayer(recurrence.toRecord(state)[recurrence.names[0]] ?? hs, D) }),
    mean: (hs, _, lengths) => ({ vector: meanOf(hs, lengths) }),
    max: (hs, _, lengths) => ({ vector: maxOf(hs, lengths) }),
  };
  return [{}, pools[config.pooling ?? "mean"]];
}
