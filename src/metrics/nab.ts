/**
 * Scores of detectors of anomalies in streams: the Numenta Anomaly Benchmark (Lavin & Ahmad 2015, arXiv 1510.03336) as its
 * published scorer counts, and point F1.
 *
 *   σ(y) = 2/(1 + e^(5y)) - 1
 *   in a window of w rows, r rows before its last:   y = -(r + 1)/w     worth σ(y)/σ(-1) of a true positive, the best row counts
 *   r rows after the last of a window of w rows:     y = r/(w - 1)      worth σ(y) of a false positive, -1 where y > 3 or no window came before
 *   a window without a detection:                    -1 of a false negative
 *   score = 100·(raw - nothing)/(windows·truePositive - nothing)        nothing: the raw score of a detector that never detects
 *
 * Rows of the probationary period, the first 15 % but 750 at most, do not count. One threshold serves all series.
 */
import { DataError, ShapeError, shown } from "../errors.ts";
import { type Metric, metric, type Numbers, numberAt, requireLists, type Tally, tally } from "./metric.ts";

/** What each kind of detection is worth, by the names of the published profiles. */
const PROFILES = {
  standard: { truePositive: 1, falsePositive: 0.11, falseNegative: 1 },
  reward_low_FP: { truePositive: 1, falsePositive: 0.22, falseNegative: 1 },
  reward_low_FN: { truePositive: 1, falsePositive: 0.11, falseNegative: 2 },
} as const;

/** Options of `nab`, `nabThreshold` and `pointF1`. */
export interface NabOptions {
  /** What errors cost: false positives twice as much, or false negatives. Default `"standard"`. */
  readonly profile?: keyof typeof PROFILES | undefined;
  /** Rows whose score is not below it are detected. Default: the one with the highest score. */
  readonly threshold?: number | undefined;
}

/** First and last row of each labelled window of a series, counted from 0, in order. */
export type Windows = readonly (readonly [first: number, last: number])[];

interface ScoredSeries {
  readonly scores: Numbers;
  readonly windows: Windows;
}

const SHARE = 0.15;
const LONGEST = 5000;

type Profile = (typeof PROFILES)[keyof typeof PROFILES];

/** The rows at the beginning of a series of `rows` rows that are not scored: 15 %, 750 at most. */
export const probation = (rows: number): number => Math.min(Math.floor(SHARE * rows), SHARE * LONGEST);

const scaledSigmoid = (y: number): number => (y > 3 ? -1 : 2 / (1 + Math.exp(5 * y)) - 1);
const EARLIEST = scaledSigmoid(-1);

/** A row that counts: how odd, the number of its window or -1, and what its detection is worth before it is weighed. */
interface Row {
  readonly score: number;
  readonly window: number;
  readonly worth: number;
}

/** Throws DataError or ShapeError for what is no scored series. */
function requireScored(name: string, { scores, windows }: ScoredSeries): void {
  requireLists(name, scores);
  for (let i = 0; i < scores.length; i++)
    if (Number.isNaN(numberAt(name, scores, i)))
      throw new DataError(`${name}: expected a number as score of row ${i}, got NaN; score every row`);
  if (!Array.isArray(windows))
    throw new ShapeError(`${name}: expected a list of windows for each series, got ${shown(windows)}; give arrays`);
  let before = -1;
  for (const [first, last] of windows) {
    if (!(Number.isInteger(first) && Number.isInteger(last) && first > before && last >= first && last < scores.length))
      throw new ShapeError(
        `${name}: expected windows in order, apart, and inside of ${scores.length} rows, got ${first} to ${last}; correct the labels`,
      );
    before = last;
  }
}

/** The rows of one series that count; its windows are numbered from `number` on. */
function rowsOf(series: ScoredSeries, number: number): Row[] {
  const { scores, windows } = series;
  const rows: Row[] = [];
  let next = 0;
  for (let i = 0; i < scores.length; i++) {
    while (next < windows.length && i > (windows[next]?.[1] ?? 0)) next++;
    const [inside, before] = [windows[next], windows[next - 1]];
    const within = inside !== undefined && i >= inside[0];
    const worth = within
      ? scaledSigmoid(-(inside[1] - i + 1) / (inside[1] - inside[0] + 1)) / EARLIEST
      : before
        ? scaledSigmoid((i - before[1]) / (before[1] - before[0]))
        : -1;
    rows.push({ score: Number(scores[i]), window: within ? number + next : -1, worth });
  }
  return rows.slice(probation(scores.length));
}

/** Rows of all series, the oddest first. */
function rowsOfAll(all: readonly ScoredSeries[]): { rows: Row[]; windows: number } {
  let windows = 0;
  const rows = all.flatMap((series) => {
    const own = rowsOf(series, windows);
    windows += series.windows.length;
    return own;
  });
  return { rows: rows.sort((a, b) => b.score - a.score), windows };
}

/** A threshold, and the normalised score of detecting every row that is not below it. */
interface Swept {
  readonly threshold: number;
  readonly score: number;
}

/** Raw scores made normal: 0 for a detector that never detects, 100 for one that is perfect; NaN of no window. */
function normalise(rows: readonly Row[], windows: number, { truePositive, falseNegative }: Profile) {
  const scored = new Set(rows.flatMap(({ window }) => (window >= 0 ? window : []))).size;
  const nothing = -falseNegative * scored;
  const whole = windows > 0 ? windows * truePositive - nothing : Number.NaN;
  return { nothing, normal: (raw: number) => (100 * (raw - nothing)) / whole };
}

/** Thresholds from above all scores down, one for each different score, and the score at each. */
function* sweep(all: readonly ScoredSeries[], profile: Profile): Generator<Swept> {
  const { rows, windows } = rowsOfAll(all);
  const { truePositive, falsePositive, falseNegative } = profile;
  const { nothing, normal } = normalise(rows, windows, profile);
  const found = new Map<number, number>();
  let raw = nothing;
  yield { threshold: Number.POSITIVE_INFINITY, score: normal(raw) };
  for (const [i, { score, window, worth }] of rows.entries()) {
    if (window < 0) raw += falsePositive * worth;
    else {
      const before = found.get(window) ?? -falseNegative;
      const now = Math.max(before, truePositive * worth);
      raw += now - before;
      found.set(window, now);
    }
    if (rows[i + 1]?.score !== score) yield { threshold: score, score: normal(raw) };
  }
}

/** The highest threshold with the best score. */
function best(all: readonly ScoredSeries[], profile: Profile): Swept {
  let found: Swept = { threshold: Number.POSITIVE_INFINITY, score: Number.NaN };
  for (const swept of sweep(all, profile)) if (!(swept.score <= found.score)) found = swept;
  return found;
}

function scoreAt(all: readonly ScoredSeries[], threshold: number, profile: Profile): number {
  let last = Number.NaN;
  for (const { threshold: at, score } of sweep(all, profile)) {
    if (at < threshold) break;
    last = score;
  }
  return last;
}

/** Scores of the rows of several series, and the windows of each. */
type Batch = [scores: readonly Numbers[], windows: readonly Windows[]];

/** Collects series; nothing can be said before there are all. */
const collected = (name: string) => ({
  start: (): ScoredSeries[] => [],
  add(all: ScoredSeries[], scores: readonly Numbers[], windows: readonly Windows[]) {
    const [one, other] = [scores, windows].map((list) => (Array.isArray(list) ? list.length : shown(list)));
    if (one !== other || typeof one !== "number")
      throw new ShapeError(
        `${name}: expected scores and windows of each series, got ${one} and ${other}; give lists of equal length`,
      );
    const given = scores.map((own: Numbers, i) => ({ scores: own, windows: windows[i] as Windows }));
    for (const series of given) requireScored(name, series);
    all.push(...given);
  },
});

function profileOf(name: string, profile: NabOptions["profile"] = "standard"): Profile {
  if (Object.hasOwn(PROFILES, profile)) return PROFILES[profile];
  throw new DataError(
    `${name}: expected profile to be one of ${Object.keys(PROFILES).join(", ")}, got ${shown(profile)}; name one`,
  );
}

/**
 * The score of a detector over all series together: 0 as good as none, 100 perfect, below 0 worse than none; NaN where no
 * series has a window. Throws DataError, ShapeError.
 */
export function nab({ profile, threshold }: NabOptions = {}): Metric<Batch> {
  const worth = profileOf("nab", profile);
  return metric("nab", "higher", {
    ...collected("nab"),
    value: (all) => (threshold === undefined ? best(all, worth).score : scoreAt(all, threshold, worth)),
  });
}

/** The threshold at which `nab` is the highest, the highest of equals: infinite where it is best to detect nothing. */
export function nabThreshold({ profile }: Pick<NabOptions, "profile"> = {}): Tally<Batch> {
  const worth = profileOf("nabThreshold", profile);
  return tally("nabThreshold", { ...collected("nabThreshold"), value: (all) => best(all, worth).threshold });
}

/**
 * F1 of single rows: 2·TP/(2·TP + FP + FN), where a row counts as anomalous when it is in a window. Probationary rows do not
 * count. NaN where there is nothing to be found and nothing was. Throws DataError, ShapeError.
 */
export function pointF1({ profile, threshold }: NabOptions = {}): Metric<Batch> {
  const worth = profileOf("pointF1", profile);
  return metric("pointF1", "higher", {
    ...collected("pointF1"),
    value(all) {
      const least = threshold ?? best(all, worth).threshold;
      const { rows } = rowsOfAll(all);
      const detected = rows.filter(({ score }) => score >= least);
      const right = detected.filter(({ window }) => window >= 0).length;
      const labelled = rows.filter(({ window }) => window >= 0).length;
      return (2 * right) / (detected.length + labelled);
    },
  });
}
