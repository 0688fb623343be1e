/**
 * Beam search: the likeliest texts, several hypotheses of each read side by side, of any number of texts at once.
 *
 * After each step the `beam` likeliest continuations of a text's hypotheses live on, and those that end among them are
 * done. Done ones are compared by log P(y) / n(|y|), tokens with the end counted:
 *
 *   lengthPenalty(α)   n(l) = ((5 + l) / 6)^α     Wu et al. 2016, arXiv 1609.08144, equation 14; α = 0 compares log P itself
 *   perToken           n(l) = l                   the mean of log p
 *
 * A text is done when as many hypotheses are, and none that lives is likelier, at its length, than the last of them.
 * A beam of 1 is greedy search. Equal hypotheses stand in the order of what they continue, then of their ids.
 *
 * N hypotheses that live, of all texts together · V vocabulary
 */
import { CheckpointError } from "../errors.ts";
import { first, largest } from "./select.ts";

/** By what log P of l tokens is divided. */
export type Normalize = (length: number) => number;

export const lengthPenalty =
  (alpha: number): Normalize =>
  (length) =>
    ((5 + length) / 6) ** alpha;

export const perToken: Normalize = (length) => length;

export interface BeamSettings {
  /** Hypotheses of each text. */
  readonly beam: number;
  /** Tokens at most, the end among them, of each text. */
  readonly longest: readonly number[];
  /** Ids that end a text. */
  readonly end: readonly number[];
  readonly normalize: Normalize;
  /** Ids that never come. */
  readonly suppress?: readonly number[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads one more id in each of N rows -> logits [N, V] of the ids after them. Row i goes on from row parents[i] of the
 * call before; in the first call there is one row for each text.
 */
export type Advance = (ids: Int32Array, parents: Int32Array) => Promise<Float32Array>;

/** A text that was found. */
export interface Hypothesis {
  /** Without the end. */
  readonly ids: readonly number[];
  /** log P of ids and end. */
  readonly logProbability: number;
  /** What hypotheses are compared by: log P over n(length). */
  readonly score: number;
  /** Whether it came to an end of its own. */
  readonly ended: boolean;
  /** In which row of each call it stood: row rows[t] of call t gave its token t, or its end. */
  readonly rows: readonly number[];
}

/** A hypothesis that goes on. */
interface Live {
  readonly ids: readonly number[];
  readonly logProbability: number;
  readonly rows: readonly number[];
}

/** One of the texts. */
interface Search {
  live: Live[];
  /** The best, in the order of their scores. */
  readonly done: Hypothesis[];
  readonly longest: number;
}

interface Candidate {
  readonly from: Live;
  readonly row: number;
  readonly id: number;
  readonly logProbability: number;
}

/** log Σ e^logit. Throws CheckpointError where a logit is NaN or Infinity. */
function logTotal(logits: Float64Array): number {
  const top = largest(logits);
  if (!(top < Number.POSITIVE_INFINITY))
    throw new CheckpointError(
      "beam search: the model gives logits that are not finite; its weights are not finite, take another checkpoint",
    );
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += Math.exp((logits[id] as number) - top);
  return top + Math.log(sum);
}

/** The likeliest continuations of a hypothesis, whose logits stand in row `row`. */
function candidatesOf(
  from: Live,
  row: number,
  given: Float32Array,
  count: number,
  never: readonly number[],
): Candidate[] {
  const logits = new Float64Array(given);
  const total = logTotal(logits);
  for (const id of never) if (id < logits.length) logits[id] = Number.NEGATIVE_INFINITY;
  return Array.from(first(logits, count), (id) => ({
    from,
    row,
    id,
    logProbability: from.logProbability + (logits[id] as number) - total,
  }));
}

function finish(search: Search, found: Live, ended: boolean, { normalize, beam }: BeamSettings): void {
  const length = found.ids.length + Number(ended);
  const score = found.logProbability / normalize(length);
  const at = search.done.findIndex((other) => other.score < score);
  search.done.splice(at < 0 ? search.done.length : at, 0, { ...found, score, ended });
  if (search.done.length > beam) search.done.pop();
}

const continued = ({ from, row, id, logProbability }: Candidate, ended: boolean): Live => ({
  ids: ended ? from.ids : [...from.ids, id],
  rows: [...from.rows, row],
  logProbability,
});

/** Whether no hypothesis that lives is better than the last that is done. */
function isDecided({ live, done }: Search, { beam, normalize }: BeamSettings): boolean {
  const [best] = live;
  if (!best) return true;
  const last = done.length < beam ? undefined : done.at(-1);
  return last !== undefined && best.logProbability / normalize(best.ids.length) <= last.score;
}

/** Chooses among the continuations of a text's hypotheses, the first of which stands in row `from`. */
function choose(search: Search, logits: Float32Array, V: number, from: number, settings: BeamSettings): void {
  const { beam, end, suppress = [] } = settings;
  const count = beam + end.length; // enough where all ends are among them
  const all = search.live.flatMap((live, i) => {
    const row = from + i;
    return candidatesOf(live, row, logits.subarray(row * V, (row + 1) * V), count, suppress);
  });
  all.sort((a, b) => b.logProbability - a.logProbability); // stable: equal ones keep their order
  search.live = [];
  for (const [rank, candidate] of all.entries()) {
    if (search.live.length === beam) break;
    if (!end.includes(candidate.id)) search.live.push(continued(candidate, false));
    else if (rank < beam) finish(search, continued(candidate, true), true, settings);
  }
  const [one] = search.live;
  if (one && one.ids.length >= search.longest) {
    for (const live of search.live) finish(search, live, false, settings);
    search.live = [];
  }
  if (isDecided(search, settings)) search.live = [];
}

/**
 * The best `beam` continuations of each of `starts`, the best first; fewer where there are not as many. Throws
 * CheckpointError where logits are not finite, and the signal's reason where it is raised.
 */
export async function beamSearch(
  advance: Advance,
  starts: Int32Array,
  settings: BeamSettings,
): Promise<readonly Hypothesis[][]> {
  const searches = Array.from(starts, (_, i): Search => {
    const longest = settings.longest[i] ?? 0;
    return { live: longest > 0 ? [{ ids: [], logProbability: 0, rows: [] }] : [], done: [], longest };
  });
  let open = searches.filter(({ live }) => live.length > 0);
  let parents = Int32Array.from(open, (search) => searches.indexOf(search));
  let ids = parents.map((i) => starts[i] ?? 0);
  while (open.length > 0) {
    settings.signal?.throwIfAborted();
    const logits = await advance(ids, parents);
    const V = logits.length / ids.length;
    let row = 0;
    for (const search of open) {
      const { length } = search.live;
      choose(search, logits, V, row, settings);
      row += length;
    }
    open = open.filter(({ live }) => live.length > 0);
    const living = open.flatMap(({ live }) => live);
    ids = Int32Array.from(living, (live) => live.ids.at(-1) ?? 0);
    parents = Int32Array.from(living, (live) => live.rows.at(-1) ?? 0);
  }
  return searches.map(({ done }) => done);
}
