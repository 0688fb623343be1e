/** Recurrent language models. B texts · T ids · L layers · V vocabulary */
import { ConfigError } from "../../errors.ts";
import { atLast, Linear } from "../../nn/index.ts";
import { guardedCausal } from "../guarded.ts";
import { type CausalModel, causalInputs } from "../heads.ts";
import { vocabularySize } from "../sizes.ts";
import { overTokens, type Recurrence, stateWidths } from "./body.ts";
import { type RecurrentConfig, stateWidth } from "./config.ts";

/** Embedding, layers, and a decoder for the id that follows. */
export function causal<S>(recurrence: Recurrence<S>, config: RecurrentConfig): CausalModel {
  const { num_layers: L } = config;
  const V = vocabularySize(config);
  if (config.bidirectional)
    throw new ConfigError("config: bidirectional: a language model may not see what comes next; leave it out");
  const { embedding, layers } = overTokens(recurrence, config);
  const decoder = Linear(stateWidth(config), V);
  return guardedCausal({
    parts: { embedding, [recurrence.modelType]: layers, decoder },
    inputs: causalInputs,
    head: ["decoder"],
    vocabulary: V,
    context: undefined,
    forward: ({ ids }) => ({ logits: decoder(layers(embedding(ids))[0]) }),
    carried: Object.fromEntries(
      Object.entries(stateWidths(recurrence, config)).map(([name, width]) => [
        name,
        { shape: [L, "B", width], dtype: "f32" },
      ]),
    ),
    step({ ids, lengths }, carried) {
      const [hs, state] = layers(embedding(ids), { state: recurrence.fromRecord(carried), lengths });
      return { logits: decoder(atLast(hs, lengths)), carried: recurrence.toRecord(state) };
    },
    follow(ids, carried, truncate) {
      const cut = truncate === undefined ? {} : { truncate };
      const [hs, state] = layers(embedding(ids), { state: recurrence.fromRecord(carried), ...cut });
      return { logits: decoder(hs), carried: recurrence.toRecord(state) };
    },
  });
}
