/**
 * Forecasting: what follows a window of a numeric series, on one or many channels.
 *
 * B windows · W window · H horizon · C channels
 */
import { z } from "zod";
import { readSeries, type Series, type SeriesOptions, type Source, seasonOf, seriesOptions } from "../data/index.ts";
import { CheckpointError, ConfigError, DataError } from "../errors.ts";
import type { ForecastModel } from "../models/index.ts";
import { meanAbsoluteError } from "../nn/index.ts";
import { checked, real, whole } from "../schema.ts";
import type { Tensor } from "../tensor/index.ts";
import { forecastBaselines } from "./forecast/baselines.ts";
import { Forecaster, requireForecasts } from "./forecast/forecaster.ts";
import { forecastScorer } from "./forecast/scores.ts";
import {
  naiveErrors,
  type Parts,
  partsOf,
  scaled,
  scaleOf,
  seriesDigest,
  type Window,
  windowFeeds,
  windowsIn,
} from "./forecast/windows.ts";
import type { Problem, Task } from "./task.ts";

const options = z.strictObject({
  window: whole(1, 1e5).default(96).describe("rows that the model sees"),
  horizon: whole(1, 1e5).default(24).describe("rows that it foretells"),
  split: z.string().default("0.7,0.1,0.2").describe("rows, or shares, to train on, to validate on, to test on"),
  intervals: real(0, 0.999).default(0.8).describe("share of what comes that intervals shall hold; 0 for none"),
  period: whole(1, 1e6)
    .optional()
    .describe("rows of a season, for MASE and naive forecasts (default: by the time step)"),
  ...seriesOptions,
});
type Options = z.output<typeof options>;
type Column = "values" | "targets";

/** What is known of the training data; it is kept in task.json. */
const learned = z.object({
  channels: z.array(z.string()).min(1),
  mean: z.array(z.number()),
  deviation: z.array(z.number()),
  /** Mean |x_t - x_t-period| of the training rows in deviations. */
  naive: z.array(z.number()),
  period: z.number(),
  digest: z.string(),
});
type Learned = z.output<typeof learned>;

/** The rows of a season. Throws ConfigError where the training rows hold no whole one and it was asked for. */
function periodOf({ times, name }: Series, rows: number, asked: number | undefined): number {
  if (asked !== undefined && asked >= rows)
    throw new ConfigError(
      `option: period: expected fewer than the ${rows} training rows of ${name}, got ${asked}; make it shorter`,
    );
  const usual = asked ?? (times ? seasonOf(times.step) : 1);
  return usual < rows ? usual : 1;
}

function learnedOf(series: Series, { train }: Parts, { period }: Options): Learned {
  const rows = train || series.size;
  const scale = scaleOf(series, rows);
  const season = periodOf(series, rows, period);
  return {
    channels: [...series.channels],
    mean: [...scale.mean],
    deviation: [...scale.deviation],
    naive: naiveErrors(scaled(series, scale), rows, season),
    period: season,
    digest: seriesDigest(series),
  };
}

/** Σ of max(τ·e, (τ - 1)·e) over both ends, whose shares are (1 ∓ intervals)/2: Koenker & Bassett 1978. */
function pinball(low: Tensor, high: Tensor, targets: Tensor, intervals: number): Tensor {
  const of = (end: Tensor, share: number) => {
    const error = targets.sub(end);
    return error
      .mul(share)
      .maximum(error.mul(share - 1))
      .mean();
  };
  return of(low, (1 - intervals) / 2).add(of(high, (1 + intervals) / 2));
}

function problem(known: Learned, chosen: Options): Problem<"forecast", Window, Column> {
  const { window, horizon, intervals } = chosen;
  const sizes = { window, horizon };
  const C = known.channels.length;
  const read = async (source: Source) => {
    const series = await readSeries(source, chosen as SeriesOptions, known.channels);
    return { series: scaled(series, known), parts: () => partsOf(chosen.split, series), digest: seriesDigest(series) };
  };
  const windowsOf = ({ series, digest }: Awaited<ReturnType<typeof read>>, from: number, to: number, name: string) =>
    windowsIn(series, sizes, { from, to, name }, digest);
  const whole = async (source: Source) => {
    const found = await read(source);
    return windowsOf(found, 0, found.series.size, `series ${source.name}`);
  };
  return {
    config: { input_size: C, window, horizon, intervals, dropout: DROPOUT },
    files: { "task.json": { learned: known } },
    accept: (model: ForecastModel) => requireForecasts(model, { window, horizon, channels: C, intervals }),
    async split(source, validation) {
      const found = await read(source);
      const { train, validation: rows } = found.parts();
      const part = (name: string) => `series ${source.name}, ${name} part`;
      const first = windowsOf(found, 0, train, part("training"));
      if (validation) return { train: first, validation: await whole(validation) };
      return { train: first, validation: windowsOf(found, train, train + rows, part("validation")) };
    },
    async examples(source) {
      const found = await read(source);
      if (found.digest !== known.digest) return whole(source);
      const { train, validation, test } = found.parts();
      if (test > 0)
        return windowsOf(found, train + validation, train + validation + test, `series ${source.name}, test part`);
      throw new DataError(
        `series ${source.name}: expected a test part, got a split of ${chosen.split}; measure on another file`,
      );
    },
    order: "epochs",
    batch: { values: { shape: ["B", window, C], dtype: "f32" }, targets: { shape: ["B", horizon, C], dtype: "f32" } },
    collate: (windows) => windowFeeds(windows, sizes),
    loss(model, { values, targets }) {
      const { forecast, low, high } = model.forward({ values });
      const error = meanAbsoluteError(forecast, targets);
      return low && high ? { loss: error.add(pinball(low, high, targets, intervals)), mae: error } : error;
    },
    measure: (model, { values }) => ({ ...model.forward({ values }) }),
    scorer: () => forecastScorer(sizes, known.naive, intervals),
    baselines: (train, test, watch) => forecastBaselines(train, test, { sizes, ...known }, watch),
    open: (model, weights, run) =>
      Forecaster.open({ channels: known.channels, scale: known }, chosen as SeriesOptions, model, weights, run),
  };
}

/** Without it a forecast learns the training windows by heart. */
const DROPOUT = 0.5;

/** Forecasting as a task. */
export const forecast: Task<"forecast", Window, typeof options, Column> = {
  name: "forecast",
  about: "what follows a series of numbers, with intervals",
  head: "forecast",
  options,
  prediction: z.strictObject({}),
  defaults: { epochs: 10, batch: 64, lr: 1e-3, weightDecay: 0 },
  reads: "files",
  unit: "windows",
  scores: { mse: "lower", mae: "lower", mase: "lower", coverage: "higher" },
  best: "mse",
  async learn(source, chosen) {
    const series = await readSeries(source, chosen as SeriesOptions);
    return problem(learnedOf(series, partsOf(chosen.split, series), chosen), chosen);
  },
  async reopen({ "task.json": task = {} }, chosen) {
    if (!task.learned)
      throw new CheckpointError(
        "task.json: expected what a forecast learned of its series, got none; take the folder of a run",
      );
    return problem(checked(learned, task.learned, "task.json"), chosen);
  },
};
