/** A model that watches series and raises alarms. */
import type { Json } from "../../checkpoint/index.ts";
import type { DataGiven, SeriesOptions } from "../../data/index.ts";
import { openSource } from "../../files/index.ts";
import type { ForecastModel } from "../../models/index.ts";
import { detections } from "../../pictures/index.ts";
import type { RunOptions, Weights } from "../../runtime/index.ts";
import { finite, RowProgram, requireWatch, several } from "../batched.ts";
import type { Predictor, Watch } from "../task.ts";
import { type Alarming, detectedOf, type Judged, judgedOf, USUAL_THRESHOLD } from "./scores.ts";
import { deviations, pointFeeds, readTables, timeOf, type Watched } from "./series.ts";

/** One row of a series. */
export interface DetectedRow {
  /** As the file spells it; the number of the row where it has no times. */
  readonly time: string;
  readonly value: number;
  /** How odd it is: minus the decimal logarithm of how likely. */
  readonly score: number;
  /** Whether an alarm is raised. */
  readonly alarm: boolean;
}

/** The rows of a file, and which raise an alarm. */
export interface Detection {
  readonly file: string;
  /** Rows whose score reaches it raise an alarm, if no row shortly before was odder. */
  readonly threshold: number;
  readonly alarms: number;
  readonly rows: readonly DetectedRow[];
}

const ROWS = 1024;

const cell = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** How alarms are raised, and what is read of a file. */
export interface Watching {
  readonly how: Alarming;
  readonly options: SeriesOptions;
}

export class Detector implements Predictor<DataGiven, Detection> {
  readonly #watching: Watching;
  readonly #window: number;
  readonly #program: RowProgram;
  /** What a picture shows and an answer does not. */
  readonly #seen = new WeakMap<Detection, { series: Watched; judged: Judged }>();
  private constructor(watching: Watching, window: number, program: RowProgram) {
    [this.#watching, this.#window, this.#program] = [watching, window, program];
  }

  static async open(watching: Watching, model: ForecastModel, weights: Weights, run: RunOptions) {
    const outputs = (batch: Record<string, never>) => ({ forecast: model.forward(batch as never).forecast });
    const program = await RowProgram.create(model.parts, model.inputs, outputs as never, { ...run, weights });
    return new Detector(watching, model.window, program);
  }

  /** What is odd in each file, table or set of rows. Throws DataError naming file and line. */
  async *predict(
    inputs: Iterable<DataGiven> | AsyncIterable<DataGiven>,
    options: Json & Watch = {},
  ): AsyncGenerator<Detection> {
    requireWatch(options);
    const { signal } = options;
    for await (const given of several(inputs)) {
      const source = openSource(given, { signal });
      for (const series of await readTables(source, this.#watching.options)) yield await this.#judge(series, signal);
    }
  }

  async #judge(series: Watched, signal: AbortSignal | undefined): Promise<Detection> {
    const { how } = this.#watching;
    const judged = judgedOf(series, await this.#errors(series, signal), how);
    const threshold = how.threshold ?? USUAL_THRESHOLD;
    const rows = Array.from(series.values, (value, n) => ({
      time: timeOf(series, n),
      value,
      score: judged.odd[n] ?? 0,
      alarm: (judged.scores[n] ?? 0) >= threshold,
    }));
    const answer = { file: series.name, threshold, alarms: rows.filter(({ alarm }) => alarm).length, rows };
    this.#seen.set(answer, { series, judged });
    return answer;
  }

  /** Errors of the forecasts of all rows, in deviations of the rows before each: [N]. */
  async #errors(series: Watched, signal: AbortSignal | undefined): Promise<Float64Array> {
    const errors = new Float64Array(series.values.length);
    for (let from = 1; from < errors.length; from += ROWS) {
      signal?.throwIfAborted();
      const points = Array.from({ length: Math.min(ROWS, errors.length - from) }, (_, i) => ({ series, at: from + i }));
      const { forecast } = await this.#program.run({ values: pointFeeds(points, this.#window).values });
      if (!forecast) throw new Error("internal: a detector without forecasts");
      const foretold = finite(forecast.data, "foretells numbers");
      for (const [b, point] of points.entries()) errors[point.at] = deviations(point) - Number(foretold[b]);
    }
    return errors;
  }

  /** Rows of a table with commas, names first: time, value, score, and 1 where an alarm is raised. */
  line({ rows }: Detection): string {
    const lines = rows.map(({ time, value, score, alarm }) =>
      [cell(time), value, Number(score.toFixed(4)), Number(alarm)].join(","),
    );
    return ["timestamp,value,score,alarm", ...lines].join("\n");
  }

  picture(answer: Detection): string | undefined {
    const seen = this.#seen.get(answer);
    return seen && detections(answer.file, [detectedOf(seen.series, seen.judged, answer.threshold)]);
  }

  release(): Promise<void> {
    return this.#program.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
