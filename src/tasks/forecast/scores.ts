/**
 * Scores of forecasts, in deviations of the training rows. N numbers · B windows · H horizon · C channels
 *
 *   MSE = Σ (y - ŷ)²/N      MAE = Σ |y - ŷ|/N      coverage = share of y from low to high
 *   MASE = mean over channels of MAE_c / (mean of |x_t - x_t-period| over the training rows)      Hyndman & Koehler 2006
 */
import { type Curve, curves, forecasts, type Panel } from "../../pictures/index.ts";
import type { Feeds } from "../../runtime/index.ts";
import type { Scores } from "../../train/index.ts";
import { rowOf } from "../batched.ts";
import type { Pictures, Scorer } from "../task.ts";
import { type Sizes, timeAt, unscaled, type Window } from "./windows.ts";

/** Forecasts of one window: [H, C], row by row. */
export interface Foretold {
  readonly forecast: Float32Array;
  readonly low?: Float32Array | undefined;
  readonly high?: Float32Array | undefined;
}

/** Errors by step of the horizon and by channel. */
export class ForecastTally {
  readonly #H: number;
  readonly #naive: readonly number[];
  readonly #squares: Float64Array;
  readonly #sizes: Float64Array;
  readonly #byChannel: Float64Array;
  #inside = 0;
  #bounded = 0;
  #windows = 0;
  /** `naive` are the errors that MASE divides by: [C]. */
  constructor(H: number, naive: readonly number[]) {
    [this.#H, this.#naive] = [H, naive];
    [this.#squares, this.#sizes, this.#byChannel] = [
      new Float64Array(H),
      new Float64Array(H),
      new Float64Array(naive.length),
    ];
  }

  add({ series, at }: Window, { forecast, low, high }: Foretold): void {
    const C = this.#naive.length;
    const truth = series.values.subarray(at * C, (at + this.#H) * C);
    for (const [i, y] of truth.entries()) {
      const error = (forecast[i] ?? Number.NaN) - y;
      const [h, c] = [Math.floor(i / C), i % C];
      this.#squares[h] = (this.#squares[h] ?? 0) + error * error;
      this.#sizes[h] = (this.#sizes[h] ?? 0) + Math.abs(error);
      this.#byChannel[c] = (this.#byChannel[c] ?? 0) + Math.abs(error);
      if (low && high) this.#inside += Number((low[i] ?? 0) <= y && y <= (high[i] ?? 0));
    }
    if (low && high) this.#bounded += truth.length;
    this.#windows++;
  }

  /** Mean errors by step of the horizon, counted from 1. */
  get bySteps(): Curve[] {
    const each = this.#windows * this.#naive.length;
    const points = (sums: Float64Array) => Array.from(sums, (sum, h) => [h + 1, sum / each] as const);
    return [
      { name: "MSE", points: points(this.#squares) },
      { name: "MAE", points: points(this.#sizes) },
    ];
  }

  scores(): Scores {
    const count = this.#windows * this.#H * this.#naive.length;
    const total = (sums: Float64Array) => sums.reduce((a, b) => a + b, 0) / count;
    const ratios = this.#naive.flatMap((naive, c) =>
      naive > 0 ? (this.#byChannel[c] ?? 0) / (this.#windows * this.#H) / naive : [],
    );
    return {
      mse: total(this.#squares),
      mae: total(this.#sizes),
      ...(ratios.length > 0 && { mase: ratios.reduce((a, b) => a + b, 0) / ratios.length }),
      ...(this.#bounded > 0 && { coverage: this.#inside / this.#bounded }),
    };
  }
}

/** Windows that are drawn. */
const DRAWN = 4;

/** Keeps a few of many, evenly spread: of every `stride`-th one, which doubles when there are too many. */
class Few<T> {
  #kept: T[] = [];
  #stride = 1;
  #seen = 0;
  add(make: () => T): void {
    if (this.#seen++ % this.#stride !== 0) return;
    this.#kept.push(make());
    if (this.#kept.length < 4 * DRAWN) return;
    this.#kept = this.#kept.filter((_, i) => i % 2 === 0);
    this.#stride *= 2;
  }
  /** At most `DRAWN`. */
  get some(): T[] {
    const step = Math.max(1, Math.floor(this.#kept.length / DRAWN));
    return this.#kept.filter((_, i) => i % step === 0).slice(0, DRAWN);
  }
}

/** One channel of a window, in the units of the file. */
function panelOf(
  { series, at }: Window,
  { forecast, low, high }: Foretold,
  c: number,
  { window: W, horizon: H }: Sizes,
): Panel {
  const { channels, scale, values } = series;
  const C = channels.length;
  const own = (all: Float32Array, from: number, count: number) =>
    Array.from({ length: count }, (_, n) => unscaled(all[(from + n) * C + c] ?? 0, scale, c));
  return {
    name: channels[c] ?? "",
    times: Array.from({ length: W + H }, (_, n) => timeAt(series, at - W + n)),
    past: own(values, at - W, W),
    truth: own(values, at, H),
    forecast: own(forecast, 0, H),
    ...(low && high && { low: own(low, 0, H), high: own(high, 0, H) }),
  };
}

/** Scores of forecasts [B, H, C], with pictures of some windows and of the errors by step of the horizon. */
export function forecastScorer(sizes: Sizes, naive: readonly number[], intervals: number): Scorer<Window> {
  const tally = new ForecastTally(sizes.horizon, naive);
  const few = new Few<[Window, Foretold]>();
  return {
    add(windows, measured: Feeds) {
      for (const [b, window] of windows.entries()) {
        const of = (name: string) => measured[name] && rowOf(measured[name], b);
        const [forecast, low, high] = [of("forecast"), of("low"), of("high")];
        if (!forecast) throw new Error("internal: a forecast without values");
        tally.add(window, { forecast, low, high });
        few.add(() => [window, { forecast: forecast.slice(), low: low?.slice(), high: high?.slice() }]);
      }
    },
    scores: () => tally.scores(),
    pictures(): Pictures {
      const panels = few.some.map(([window, foretold], i) => panelOf(window, foretold, i % naive.length, sizes));
      const errors = curves("errors by step of the horizon, in deviations", tally.bySteps);
      return {
        windows: forecasts("windows: what came, and what was foretold", panels, intervals),
        ...(errors && { errors }),
      };
    },
  };
}
