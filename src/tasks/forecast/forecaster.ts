/** A model that foretells what comes after the last row of a file. W window · H horizon · C channels */
import type { Json } from "../../checkpoint/index.ts";
import { type DataGiven, later, readSeries, type Series, type SeriesOptions } from "../../data/index.ts";
import { ConfigError, DataError } from "../../errors.ts";
import { openSource } from "../../files/index.ts";
import type { ForecastModel } from "../../models/index.ts";
import { forecasts } from "../../pictures/index.ts";
import type { RunOptions, Weights } from "../../runtime/index.ts";
import { finite, RowProgram, requireWatch, several } from "../batched.ts";
import type { Predictor, Watch } from "../task.ts";
import { pastOf, type Scale, scaled, timeAt, unscaled } from "./windows.ts";

/** One channel: what was seen, and what is foretold. */
export interface ChannelForecast {
  readonly name: string;
  /** [W], in the units of the file, as are all others. */
  readonly past: readonly number[];
  /** [H] */
  readonly forecast: readonly number[];
  /** The ends of intervals [H], where the model has them. */
  readonly low?: readonly number[];
  readonly high?: readonly number[];
}

/** What comes after the last row of a file. */
export interface Forecast {
  readonly file: string;
  /** Of the rows that were seen, and of those that are foretold, as the file spells them; numbers of rows where it has none. */
  readonly pastTimes: readonly string[];
  readonly times: readonly string[];
  /** The share of what comes that intervals shall hold; 0 where there are none. */
  readonly intervals: number;
  readonly channels: readonly ChannelForecast[];
}

/** What a run knows of the data that it was trained on. */
export interface Channels {
  readonly channels: readonly string[];
  readonly scale: Scale;
}

const cell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
const number = (value: number): string => String(Number(value.toPrecision(6)));

/** The times of `count` rows after the last one. */
function timesAfter({ times, size }: Series, count: number): string[] {
  const last = times?.at.at(-1) ?? 0;
  return Array.from({ length: count }, (_, h) =>
    times ? times.write(later(last, times.step, h + 1)) : String(size + h + 1),
  );
}

/** Throws ConfigError where `model` does not foretell what the task asks for. */
export function requireForecasts(model: ForecastModel, asked: Partial<ForecastModel>): void {
  for (const key of ["window", "horizon", "channels", "intervals"] as const)
    if (asked[key] !== undefined && model[key] !== asked[key])
      throw new ConfigError(
        `${key}: expected ${asked[key]}, as the task says, got a model of ${model[key]}; leave it out of the configuration`,
      );
}

export class Forecaster implements Predictor<DataGiven, Forecast> {
  readonly #known: Channels;
  readonly #options: SeriesOptions;
  readonly #model: ForecastModel;
  readonly #program: RowProgram;
  private constructor(known: Channels, options: SeriesOptions, model: ForecastModel, program: RowProgram) {
    [this.#known, this.#options, this.#model, this.#program] = [known, options, model, program];
  }

  static async open(known: Channels, options: SeriesOptions, model: ForecastModel, weights: Weights, run: RunOptions) {
    const outputs = (batch: Record<string, never>) => model.forward(batch as never);
    const program = await RowProgram.create(model.parts, model.inputs, outputs as never, { ...run, weights });
    return new Forecaster(known, options, model, program);
  }

  /** The rows that follow each file, table or set of rows. Throws DataError where one is shorter than the window. */
  async *predict(
    inputs: Iterable<DataGiven> | AsyncIterable<DataGiven>,
    options: Json & Watch = {},
  ): AsyncGenerator<Forecast> {
    requireWatch(options);
    for await (const given of several(inputs)) {
      options.signal?.throwIfAborted();
      const source = openSource(given, { signal: options.signal });
      yield await this.#after(await readSeries(source, this.#options, this.#known.channels));
    }
  }

  async #after(series: Series): Promise<Forecast> {
    const { window: W, horizon: H, intervals } = this.#model;
    const { scale, channels } = this.#known;
    if (series.size < W)
      throw new DataError(
        `series ${series.name}: expected at least the ${W} rows that the model sees, got ${series.size}; give more`,
      );
    const seen = scaled(series, scale);
    const measured = await this.#program.run({ values: pastOf([{ series: seen, at: series.size }], { window: W }) });
    for (const { data } of Object.values(measured)) finite(data, "foretells numbers");
    const C = channels.length;
    const of = (name: string, c: number) =>
      Array.from({ length: H }, (_, h) => unscaled(Number(measured[name]?.data[h * C + c]), scale, c));
    return {
      file: series.name,
      pastTimes: Array.from({ length: W }, (_, n) => timeAt(series, series.size - W + n)),
      times: timesAfter(series, H),
      intervals,
      channels: channels.map((name, c) => ({
        name,
        past: Array.from({ length: W }, (_, n) => series.values[(series.size - W + n) * C + c] ?? 0),
        forecast: of("forecast", c),
        ...(intervals > 0 && { low: of("low", c), high: of("high", c) }),
      })),
    };
  }

  /** Rows of a table with commas, names first: time, then for each channel the forecast and the ends of its interval. */
  line({ times, channels }: Forecast): string {
    const names = channels.flatMap(({ name, low }) => (low ? [name, `${name} low`, `${name} high`] : [name]));
    const rows = times.map((time, h) => {
      const values = channels.flatMap(({ forecast, low, high }) => [forecast[h], low?.[h], high?.[h]]);
      return [time, ...values.flatMap((value) => (value === undefined ? [] : number(value)))];
    });
    return [["time", ...names], ...rows].map((row) => row.map(cell).join(",")).join("\n");
  }

  picture({ file, pastTimes, times, intervals, channels }: Forecast): string {
    const panels = channels.map((channel) => ({ ...channel, times: [...pastTimes, ...times] }));
    return forecasts(`${file}: ${times.length} steps after the last`, panels, intervals);
  }

  release(): Promise<void> {
    return this.#program.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
