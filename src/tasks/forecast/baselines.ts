/**
 * Forecasts without a recurrence. W window · H horizon · C channels · B windows
 *
 * Reference of the linear one: Zeng et al. 2023, DLinear (arXiv 2205.13504), one pair of weights for all channels.
 */
import { type Dataset, epochs } from "../../data/index.ts";
import { Linear, meanSquaredError, module, namedState } from "../../nn/index.ts";
import { adam, linearDecay } from "../../optim/index.ts";
import { initialValues } from "../../runtime/index.ts";
import { type Tensor, tensor } from "../../tensor/index.ts";
import { createStep, type Scores } from "../../train/index.ts";
import type { Watch } from "../task.ts";
import { ForecastTally, type Foretold } from "./scores.ts";
import { type Sizes, type Window, windowFeeds } from "./windows.ts";

/** The row that stands for each of H rows to come, given how many rows there are before: counted from the start of the series. */
type Chosen = (at: number, h: number) => number;

/** Scores of rows of the series itself, chosen as forecasts. */
function repeated(test: Dataset<Window>, tally: ForecastTally, { horizon: H }: Sizes, chosen: Chosen): Scores {
  for (let i = 0; i < test.size; i++) {
    const { series, at } = test.at(i);
    const C = series.channels.length;
    const forecast = new Float32Array(H * C);
    for (let h = 0; h < H; h++) {
      const n = chosen(at, h);
      forecast.set(series.values.subarray(n * C, (n + 1) * C), h * C);
    }
    tally.add({ series, at }, { forecast });
  }
  return tally.scores();
}

/** The last value again and again. */
const lastValue: Chosen = (at) => at - 1;
/** The values of the last season again and again; of what there is, where there was no whole season yet. */
const seasonal =
  (period: number): Chosen =>
  (at, h) => {
    const season = Math.min(period, at);
    return at - season + (h % season);
  };

/** Steps over which a trend is averaged. */
const KERNEL = 25;

/** The moving average of a window whose ends are repeated, as a matrix [W, W]. */
export function averaging(W: number): number[][] {
  const half = (KERNEL - 1) / 2;
  return Array.from({ length: W }, (_, t) => {
    const row = Array<number>(W).fill(0);
    for (let k = t - half; k <= t + half; k++) {
      const at = Math.min(W - 1, Math.max(0, k));
      row[at] = (row[at] ?? 0) + 1 / KERNEL;
    }
    return row;
  });
}

/** Trend and rest of x [.., W], each by a matrix of its own, and their sum [.., H]. */
const DLinear = (W: number, H: number) =>
  module("DLinear", { trend: Linear(W, H), rest: Linear(W, H) }, (parts, x: Tensor) => {
    const trend = x.matmul(tensor(averaging(W)).mT);
    return parts.trend(trend).add(parts.rest(x.sub(trend)));
  });

const PASSES = 10;
const BATCH = 32;
const MOST_STEPS = 3000;
const LEAST_STEPS = 300;
const RATE = 0.005;

/** The weights of DLinear after ten passes of Adam over the training windows, 300 to 3000 steps. */
async function trained(train: Dataset<Window>, sizes: Sizes, { signal }: Watch) {
  const { window: W, horizon: H } = sizes;
  const C = train.at(0).series.channels.length;
  const model = DLinear(W, H);
  const parameters = namedState(model);
  const batch = {
    values: { shape: ["B", W, C], dtype: "f32" },
    targets: { shape: ["B", H, C], dtype: "f32" },
  } as const;
  const loss = ({ values, targets }: Record<"values" | "targets", Tensor>) =>
    meanSquaredError(model(values.mT).mT, targets);
  const step = await createStep(
    { parameters, batch, loss, optimizer: adam() },
    { weights: initialValues(parameters, 0) },
  );
  const order = epochs({ size: train.size, batch: Math.min(BATCH, train.size), seed: 0, last: "drop" });
  const steps = Math.min(MOST_STEPS, Math.max(LEAST_STEPS, Math.ceil((PASSES * train.size) / BATCH)));
  const rate = linearDecay(RATE, { to: steps, least: RATE / 50 });
  try {
    for (let n = 0; n < steps; n++) {
      signal?.throwIfAborted();
      const windows = Array.from(order(n), (i) => train.at(i));
      await step.run([windowFeeds(windows, sizes)], { step: n + 1, lr: rate(n + 1), seed: 0 });
    }
    return Object.fromEntries(
      Object.entries(step.weights).map(([name, { data }]) => [name, Float64Array.from(data as Float32Array)]),
    );
  } finally {
    await step.release();
  }
}

/** What DLinear is: one matrix [H, W] and what is added to its product [H]. */
function asMatrix(weights: Readonly<Record<string, Float64Array>>, { window: W, horizon: H }: Sizes) {
  const [trend, rest] = [weights["trend.weight"], weights["rest.weight"]];
  const average = averaging(W);
  const matrix = new Float64Array(H * W);
  for (let h = 0; h < H; h++)
    for (let t = 0; t < W; t++) {
      const difference = (trend?.[h * W + t] ?? 0) - (rest?.[h * W + t] ?? 0);
      matrix[h * W + t] = (matrix[h * W + t] ?? 0) + (rest?.[h * W + t] ?? 0);
      for (const [s, share] of (average[t] ?? []).entries())
        if (share !== 0) matrix[h * W + s] = (matrix[h * W + s] ?? 0) + difference * share;
    }
  const bias = Float64Array.from(
    { length: H },
    (_, h) => (weights["trend.bias"]?.[h] ?? 0) + (weights["rest.bias"]?.[h] ?? 0),
  );
  return { matrix, bias };
}

/** Scores of a matrix on the host: there is nothing to compile for it. */
function product(
  { matrix, bias }: ReturnType<typeof asMatrix>,
  test: Dataset<Window>,
  tally: ForecastTally,
  { window: W, horizon: H }: Sizes,
): Scores {
  for (let i = 0; i < test.size; i++) {
    const { series, at } = test.at(i);
    const C = series.channels.length;
    const past = series.values.subarray((at - W) * C, at * C);
    const forecast = new Float32Array(H * C);
    for (let h = 0; h < H; h++)
      for (let c = 0; c < C; c++) {
        let sum = bias[h] ?? 0;
        for (let t = 0; t < W; t++) sum += (matrix[h * W + t] ?? 0) * (past[t * C + c] ?? 0);
        forecast[h * C + c] = sum;
      }
    tally.add({ series, at }, { forecast } satisfies Foretold);
  }
  return tally.scores();
}

/** What baselines know of the data. */
export interface Known {
  readonly sizes: Sizes;
  readonly period: number;
  /** What MASE divides by: [C]. */
  readonly naive: readonly number[];
}

/** The last value, the last season, and DLinear trained on `train`: each scored on `test`. */
export async function forecastBaselines(
  train: Dataset<Window>,
  test: Dataset<Window>,
  { sizes, period, naive }: Known,
  watch: Watch,
): Promise<Readonly<Record<string, Scores>>> {
  const tally = () => new ForecastTally(sizes.horizon, naive);
  const linear = asMatrix(await trained(train, sizes, watch), sizes);
  return {
    "last value": repeated(test, tally(), sizes, lastValue),
    [`seasonal naive, ${period}`]: repeated(test, tally(), sizes, seasonal(period)),
    "linear (DLinear)": product(linear, test, tally(), sizes),
  };
}
