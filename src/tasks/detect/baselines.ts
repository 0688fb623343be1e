/** Detectors that know no model: what a detector has to beat. */
import { nab, nabThreshold, pointF1 } from "../../metrics/index.ts";
import { stream } from "../../runtime/index.ts";
import type { Scores } from "../../train/index.ts";
import { raised, tail, unlikelyLevels } from "./likelihood.ts";
import type { Watched } from "./series.ts";

const WINDOW = 6400;
const STEP = 100;
const LEAST = 1e-6;

/** Mean and deviation of rows `from` to `to`. */
function gaussian(values: Float64Array, from: number, to: number): [mean: number, deviation: number] {
  const own = values.subarray(from, to);
  const mean = own.reduce((sum, value) => sum + value, 0) / own.length;
  const deviation = Math.sqrt(own.reduce((sum, value) => sum + (value - mean) ** 2, 0) / own.length);
  return [mean, deviation || LEAST];
}

/**
 * NAB's windowed Gaussian: 1 - Q(|x - mean|/deviation) over the 6400 rows before, which move on by 100 rows at a time once
 * they are that many.
 */
export function windowedGaussian(values: Float64Array): Float64Array {
  let [sum, squares, mean, deviation] = [0, 0, 0, 1];
  const first = values[0] ?? 0;
  return values.map((value, n) => {
    const score = n === 0 ? 0 : 1 - tail(Math.abs(value - mean) / deviation);
    const [x, seen] = [value - first, n + 1];
    if (seen <= WINDOW) {
      [sum, squares] = [sum + x, squares + x * x];
      mean = first + sum / seen;
      deviation = Math.sqrt(Math.max(0, squares / seen - (sum / seen) ** 2)) || LEAST;
    } else if ((seen - WINDOW) % STEP === 0) [mean, deviation] = gaussian(values, seen - WINDOW, seen);
    return score;
  });
}

/** Scores of all series by the published rules: the threshold is the best one for them. */
export function benchmark(all: readonly Watched[], scores: readonly Float64Array[]): Scores {
  const windows = all.map((series) => series.windows ?? []);
  const given = [scores, windows] as const;
  return {
    nab: nab().of(...given),
    nab_low_fp: nab({ profile: "reward_low_FP" }).of(...given),
    nab_low_fn: nab({ profile: "reward_low_FN" }).of(...given),
    f1: pointF1({ threshold: nabThreshold().of(...given) }).of(...given),
  };
}

/** Whether something is labelled, so that there is something to be found. */
export const isLabelled = (all: readonly Watched[]): boolean => all.some(({ windows }) => windows?.length);

/**
 * The windowed Gaussian, also with alarms that are raised once; what is left of a detector whose errors do not count; numbers
 * drawn at random; and never an alarm.
 */
export function detectBaselines(all: readonly Watched[], pause: number): Readonly<Record<string, Scores>> {
  if (!isLabelled(all)) return {};
  const gaussians = all.map(({ values }) => windowedGaussian(values));
  const drawn = all.map(({ values }, i) =>
    stream(0, i, "random detector").fillUniform(new Float64Array(values.length)),
  );
  return {
    "windowed Gaussian": benchmark(all, gaussians),
    "windowed Gaussian, raised once": benchmark(
      all,
      gaussians.map((scores) => raised(scores, pause)),
    ),
    "level alone": benchmark(
      all,
      all.map(({ values }) => raised(unlikelyLevels(values), pause)),
    ),
    random: benchmark(all, drawn),
    null: benchmark(
      all,
      all.map(({ values }) => new Float64Array(values.length)),
    ),
  };
}
