/** Recurrent classifiers of numeric sequences. B sequences · T steps · C channels · H hidden width · D directions · K classes */
import { Dropout, Linear } from "../../nn/index.ts";
import { guarded } from "../guarded.ts";
import type { SeriesModel } from "../heads.ts";
import { channelCount, classCount } from "../sizes.ts";
import type { Recurrence } from "./body.ts";
import type { RecurrentConfig } from "./config.ts";
import { pooling } from "./pooling.ts";

/** Layers over the values as they are, one vector for each sequence, and a classifier of it. */
export function series<S>(recurrence: Recurrence<S>, config: RecurrentConfig): SeriesModel {
  const [C, K] = [channelCount(config), classCount(config)];
  const layers = recurrence.layers(C, config);
  const { parts, width, pool } = pooling(recurrence, config);
  const classifier = Linear(width, K);
  const drop = Dropout(config.dropout);
  return guarded<"values" | "lengths", SeriesModel>({
    parts: { [recurrence.modelType]: layers, ...parts, classifier },
    inputs: { values: { shape: ["B", "T", C], dtype: "f32" }, lengths: { shape: ["B"], dtype: "i32" } },
    head: [...Object.keys(parts), "classifier"],
    channels: C,
    classes: K,
    forward({ values, lengths }) {
      const [hs, state] = layers(values, { lengths });
      return { logits: classifier(drop(pool(hs, state, lengths).vector)) };
    },
  });
}
