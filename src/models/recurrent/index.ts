/** Recurrent architectures around any kind of layer, with one file for each head. */
import { type Architecture, architecture, labelCount } from "../architecture.ts";
import type { Recurrence } from "./body.ts";
import { causal } from "./causal.ts";
import { classes } from "./classes.ts";
import { fixed, recurrentConfig } from "./config.ts";
import { encoderDecoder } from "./encoder-decoder.ts";
import { forecast } from "./forecast.ts";
import { series } from "./series.ts";
import { tags } from "./tags.ts";

export const recurrent = <S>(recurrence: Recurrence<S>): Architecture =>
  architecture({
    modelType: recurrence.modelType,
    about: recurrence.about,
    config: recurrentConfig,
    fixed,
    spellings: { num_labels: labelCount },
    heads: {
      causal: (config) => causal(recurrence, config),
      classes: (config) => classes(recurrence, config),
      forecast: (config) => forecast(recurrence, config),
      series: (config) => series(recurrence, config),
      encoderDecoder: (config) => encoderDecoder(recurrence, config),
      tags: (config) => tags(recurrence, config),
    },
  });

export { hidden } from "./body.ts";
