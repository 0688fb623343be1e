/**
 * Recurrent models that say something at every step of a numeric sequence, such as which letter is spoken.
 *
 * B sequences · T steps · C channels · H hidden width · D directions · K classes
 */
import { Dropout, Linear } from "../../nn/index.ts";
import { guarded } from "../guarded.ts";
import type { FramesModel } from "../heads.ts";
import { channelCount, classCount } from "../sizes.ts";
import type { Recurrence } from "./body.ts";
import { outputWidth, type RecurrentConfig } from "./config.ts";

/** Layers over the features as they are, and a classifier of every step. */
export function frames<S>(recurrence: Recurrence<S>, config: RecurrentConfig): FramesModel {
  const [C, K] = [channelCount(config), classCount(config)];
  const layers = recurrence.layers(C, config);
  const classifier = Linear(outputWidth(config), K);
  const drop = Dropout(config.dropout);
  return guarded<"features" | "lengths", FramesModel>({
    parts: { [recurrence.modelType]: layers, classifier },
    inputs: { features: { shape: ["B", "T", C], dtype: "f32" }, lengths: { shape: ["B"], dtype: "i32" } },
    head: ["classifier"],
    channels: C,
    classes: K,
    forward: ({ features, lengths }) => ({ logits: classifier(drop(layers(features, { lengths })[0])) }),
  });
}
