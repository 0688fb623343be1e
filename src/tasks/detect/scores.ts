/** Scores of a detector over whole series, and pictures of some. */
import { nab, nabThreshold, pointF1, type Windows } from "../../metrics/index.ts";
import { type Detected, detections } from "../../pictures/index.ts";
import type { Feeds } from "../../runtime/index.ts";
import type { Scores } from "../../train/index.ts";
import type { Pictures, Scorer } from "../task.ts";
import { benchmark, isLabelled } from "./baselines.ts";
import { type Likelihood, oddness, raised } from "./likelihood.ts";
import { deviations, type Point, timeOf, type Watched } from "./series.ts";

/** How alarms are made of errors. */
export interface Alarming extends Likelihood {
  /** Alarms in 1000 rows by which a threshold is chosen where nothing is labelled. */
  readonly alarms: number;
  /** The threshold asked for, or found when the model was trained. */
  readonly threshold: number | undefined;
}

/** What is thought of the rows of a series. */
export interface Judged {
  /** How odd each is: [N]. */
  readonly odd: Float64Array;
  /** The same where an alarm may be raised, else 0: [N]. */
  readonly scores: Float64Array;
}

export function judgedOf({ values }: Watched, errors: Float64Array, how: Likelihood): Judged {
  const odd = oddness(values, errors, how);
  return { odd, scores: raised(odd, how.pause) };
}

/** Where no threshold was found: about one row in 300 reaches it. */
export const USUAL_THRESHOLD = 2.5;
/** The score of what is no odder than half of the rows before. */
const NOT_ODD = Math.log10(2);

/** The threshold that so many of 1000 rows reach, one at least, where so many are odd at all; for 0 the next number that none reaches. */
export function thresholdFor(all: readonly Float64Array[], alarms: number): number {
  const falling = Float64Array.from(all.flatMap((scores) => [...scores]))
    .sort()
    .reverse();
  const [highest = 0] = falling;
  if (alarms === 0) return highest > NOT_ODD ? highest * (1 + Number.EPSILON) : USUAL_THRESHOLD;
  const count = Math.max(1, Math.round((alarms * falling.length) / 1000));
  return falling.subarray(0, count).findLast((score) => score > NOT_ODD) ?? USUAL_THRESHOLD;
}

/** Errors of the forecasts of one series; NaN where none came. */
class Errors {
  readonly errors: Float64Array;
  #missing: number;
  constructor({ values }: Watched) {
    this.errors = new Float64Array(values.length);
    this.#missing = values.length - 1;
  }
  add(point: Point, foretold: number): void {
    this.errors[point.at] = deviations(point) - foretold;
    this.#missing--;
  }
  get whole(): boolean {
    return this.#missing === 0;
  }
}

/** Series that are drawn. */
const DRAWN = 4;

/** One series with its alarms, as a picture has it. */
export function detectedOf(series: Watched, { odd, scores }: Judged, threshold: number): Detected {
  return {
    name: series.name,
    times: (n) => timeOf(series, n),
    values: series.values,
    odd,
    threshold,
    alarms: [...scores.keys()].filter((n) => (scores[n] ?? 0) >= threshold),
    windows: series.windows ?? [],
  };
}

const MOST_PARTS = 3;
/** The last parts of a path. */
const short = (name: string): string => name.split(/[\\/]/).slice(-MOST_PARTS).join("/");

/** Alarms in 1000 rows. */
function rateOf(all: readonly Judged[], threshold: number): number {
  const rows = all.reduce((sum, { scores }) => sum + scores.length, 0);
  const alarms = all.reduce((sum, { scores }) => sum + scores.filter((score) => score >= threshold).length, 0);
  return (1000 * alarms) / rows;
}

/** With the labels' best threshold, or that which raises few enough alarms. */
function chosenThreshold(all: readonly Watched[], judged: readonly Judged[], how: Alarming): number {
  const scores = judged.map((own) => own.scores);
  if (how.threshold !== undefined) return how.threshold;
  if (!isLabelled(all)) return thresholdFor(scores, how.alarms);
  const best = nabThreshold().of(scores, windowsOf(all));
  return Number.isFinite(best) ? best : thresholdFor(scores, how.alarms);
}

const windowsOf = (all: readonly Watched[]): Windows[] => all.map((series) => series.windows ?? []);

function scoresOf(all: readonly Watched[], judged: readonly Judged[], threshold: number): Scores {
  const alarms = { threshold, alarms: rateOf(judged, threshold) };
  if (!isLabelled(all)) return alarms;
  const scores = judged.map((own) => own.scores);
  const { f1: _, ...published } = benchmark(all, scores);
  return {
    ...published,
    nab_kept: nab({ threshold }).of(scores, windowsOf(all)),
    f1: pointF1({ threshold }).of(
      judged.map(({ odd }) => odd),
      windowsOf(all),
    ),
    ...alarms,
  };
}

/**
 * Mean errors of forecasts; and once every row of every series was measured, the benchmark's scores, and the threshold that
 * a run keeps.
 */
export function detectScorer(how: Alarming): Scorer<Point> {
  const errors = new Map<Watched, Errors>();
  let [sum, count] = [0, 0];
  const whole = () => [...errors.values()].every((own) => own.whole);
  const judged = () => [...errors].map(([series, own]) => judgedOf(series, own.errors, how));
  const all = () => [...errors.keys()];
  let known: { judged: Judged[]; threshold: number } | undefined;
  const found = () => {
    if (known || !whole()) return known;
    const own = judged();
    known = { judged: own, threshold: chosenThreshold(all(), own, how) };
    return known;
  };
  return {
    add(points, { forecast }: Feeds) {
      for (const [b, point] of points.entries()) {
        const own = errors.get(point.series) ?? new Errors(point.series);
        errors.set(point.series, own);
        own.add(point, Number(forecast?.data[b]));
        sum += Math.min(FARTHEST, Math.abs(own.errors[point.at] ?? 0));
        count++;
      }
    },
    scores() {
      const of = found();
      return { loss: sum / count, ...(of && scoresOf(all(), of.judged, of.threshold)) };
    },
    calibration() {
      const of = found();
      return of && { threshold: of.threshold };
    },
    pictures(): Pictures {
      const of = found();
      if (!of) return {};
      const drawn = all()
        .map((series, i) => [series, of.judged[i] as Judged] as const)
        .sort(([a], [b]) => (b.windows?.length ?? 0) - (a.windows?.length ?? 0))
        .slice(0, DRAWN)
        .map(([series, own]) => ({ ...detectedOf(series, own, of.threshold), name: short(series.name) }));
      return { detections: detections("series, what is labelled, and alarms", drawn) };
    },
  };
}

/** As far as an error counts in the loss, in deviations. */
const FARTHEST = 16;
