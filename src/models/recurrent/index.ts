/** Recurrent architectures around any kind of layer, with one file for each head. */
import type { z } from "zod";
import { type Architecture, architecture, labelCount } from "../architecture.ts";
import type { Recurrence } from "./body.ts";
import { causal } from "./causal.ts";
import { classes } from "./classes.ts";
import { fixed, recurrentConfig } from "./config.ts";
import { encoderDecoder } from "./encoder-decoder.ts";
import { forecast } from "./forecast.ts";
import { frames } from "./frames.ts";
import { latentText } from "./latent-text.ts";
import { series } from "./series.ts";
import { tags } from "./tags.ts";

/** An architecture of this family: what one kind of layer states, and the keys of all. */
export function recurrent<S, K extends z.ZodRawShape>(statement: Recurrence<S, K>): Architecture {
  const { modelType, about, keys = {} } = statement;
  const recurrence = statement as Recurrence<S>;
  return architecture({
    modelType,
    about,
    config: recurrentConfig.extend(keys) as typeof recurrentConfig,
    fixed: Object.fromEntries(Object.entries(fixed).filter(([key]) => !Object.hasOwn(keys, key))),
    spellings: { num_labels: labelCount },
    heads: {
      causal: (config) => causal(recurrence, config),
      classes: (config) => classes(recurrence, config),
      forecast: (config) => forecast(recurrence, config),
      series: (config) => series(recurrence, config),
      frames: (config) => frames(recurrence, config),
      encoderDecoder: (config) => encoderDecoder(recurrence, config),
      tags: (config) => tags(recurrence, config),
      latentText: (config) => latentText(recurrence, config),
    },
  });
}

export { hidden } from "./body.ts";
export { cell, cellOptions, gated, stackOptions } from "./config.ts";
