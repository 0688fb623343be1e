/**
 * Anomaly detection: a model foretells the next value of a series, and what is unlikely by its errors raises an alarm.
 * Nothing looks ahead: a score depends on the rows up to its own.
 *
 * B rows · W window
 */
import { z } from "zod";
import { type SeriesOptions, type Source, seriesOptions } from "../data/index.ts";
import { probation } from "../metrics/nab.ts";
import type { ForecastModel } from "../models/index.ts";
import { meanAbsoluteError } from "../nn/index.ts";
import { checked, real, whole } from "../schema.ts";
import { detectBaselines } from "./detect/baselines.ts";
import { Detector } from "./detect/detector.ts";
import { detectScorer } from "./detect/scores.ts";
import { type Point, pointFeeds, pointsOf, readAll, seriesOf } from "./detect/series.ts";
import { requireForecasts } from "./forecast/forecaster.ts";
import type { Problem, Task } from "./task.ts";

const options = z.strictObject({
  window: whole(1, 1e5).default(48).describe("rows that the model sees"),
  learn: z
    .enum(["probation", "all"])
    .default("probation")
    .describe("rows that are learned from: the first 15 % of each series, 750 at most, or all"),
  labels: z
    .string()
    .optional()
    .describe("JSON of labelled windows by file (default: combined_windows.json in or beside the folder)"),
  recent: whole(1, 1e6).default(10).describe("errors that are averaged"),
  errors: real(0, 1)
    .default(0.33)
    .describe("how much errors of the forecast count; the rest is the level of the value"),
  pause: whole(0, 1e9).default(400).describe("rows after an alarm during which only an odder one raises another"),
  threshold: real(0, 1e6)
    .optional()
    .describe("score of an alarm (default: the best for the labels, or else by alarms)"),
  alarms: real(0, 1000)
    .default(2)
    .describe("alarms in 1000 rows, where there are no labels to choose a threshold by; 0 for none"),
  ...seriesOptions,
});
type Options = z.output<typeof options>;
type Column = "values" | "targets";

/** What was found when the model was measured. */
const calibrated = z.object({ threshold: z.number() });

const LONGEST_SEGMENT = 8;
/** The longest divisor of the window up to 8. */
function segmentOf(window: number): number {
  for (let segment = LONGEST_SEGMENT; segment > 1; segment--) if (window % segment === 0) return segment;
  return 1;
}

function problem(chosen: Options, found?: number): Problem<"forecast", Point, Column> {
  const { window, learn } = chosen;
  const how = { ...chosen, threshold: chosen.threshold ?? found };
  const reading = chosen as SeriesOptions;
  const read = (source: Source) => readAll(source, reading, chosen.labels);
  const everything = (rows: number) => rows;
  /** Two rows at least: of one nothing can be foretold. */
  const learned = (rows: number) => (learn === "all" ? rows : Math.max(2, probation(rows)));
  return {
    config: { input_size: 1, window, horizon: 1, intervals: 0, segment: segmentOf(window), ...SIZES },
    files: {},
    accept: (model: ForecastModel) => requireForecasts(model, { window, horizon: 1, channels: 1 }),
    async split(source, validation) {
      const all = await read(source);
      const others = validation ? await read(validation) : all;
      return {
        train: pointsOf(all, learned, "learned"),
        validation: pointsOf(others, everything, "all"),
      };
    },
    examples: async (source) => pointsOf(await read(source), everything, "all"),
    order: "epochs",
    batch: { values: { shape: ["B", window, 1], dtype: "f32" }, targets: { shape: ["B", 1, 1], dtype: "f32" } },
    collate: (points) => pointFeeds(points, window),
    loss: (model, { values, targets }) => meanAbsoluteError(model.forward({ values }).forecast, targets),
    measure: (model, { values }) => ({ forecast: model.forward({ values }).forecast }),
    scorer: () => detectScorer(how),
    baselines: async (_, test) => detectBaselines(seriesOf(test), chosen.pause),
    open: (model, weights, run) => Detector.open({ how, options: reading }, model, weights, run),
  };
}

const SIZES = { embedding_dim: 64, hidden_size: 64, dropout: 0 } as const;

/** Anomaly detection as a task. */
export const detect: Task<"forecast", Point, typeof options, Column> = {
  name: "detect",
  about: "what is odd in a series, as soon as it comes",
  head: "forecast",
  options,
  prediction: z.strictObject({}),
  defaults: { epochs: 6, batch: 64, lr: 2e-3, weightDecay: 0 },
  reads: "files",
  unit: "rows",
  scores: {
    loss: "lower",
    nab: "higher",
    nab_low_fp: "higher",
    nab_low_fn: "higher",
    nab_kept: "higher",
    f1: "higher",
    threshold: "higher",
    alarms: "lower",
  },
  best: "loss",
  learn: async (_, chosen) => problem(chosen),
  reopen: async ({ "calibration.json": found }, chosen) =>
    problem(chosen, found && checked(calibrated, found, "calibration.json").threshold),
};
