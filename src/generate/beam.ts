/**
 * Beam search: the likeliest texts, several hypotheses of each read side by side, of any number of texts at once.
 *
 * After each step the `beam` likeliest continuations of a text's hypotheses live on, and those that end among them are
 * done. Done ones are compared by log P(y) / n(|y|), tokens with the end counted:
 *
 *   lengthPenalty(α)   n(l) = ((5 + l) / 6)^α     Wu et al. 2016, arXiv 1609.08144, equation 14; α = 0 compares log P itself
 *   lengthPower(α)     n(l) = l^α                 `length_penalty` of Hugging Face's transformers
 *   perToken           n(l) = l                   the mean of log p
 *
 * A text is done when as many hypotheses are, and none that lives is likelier, at its length, than the last of them; or, with
 * `earlyStopping`, as soon as as many are. That is how transformers' `generate` ends, with `early_stopping` False and True.
 * A beam of 1 is greedy search. Equal hypotheses stand in the order of what they continue, then of their ids.
 *
 * N hypotheses that live, of all texts together · V vocabulary
 */
import { CheckpointError } from "../errors.ts";
import type { LogitsProcessor } from "./processors.ts";
import { first, largest } from "./select.ts";

/** By what log P of l tokens is divided. */
export type Normalize = (length: number) => number;

export const lengthPenalty =
  (alpha: number): Normalize =>
  (length) =>
    ((5 + length) / 6) ** alpha;

export const perToken: Normalize = (length) => length;

export const lengthPower =
  (alpha: number): Normalize =>
  (length) =>
    length ** alpha;

export interface BeamSettings {
  /** Hypotheses of each text. */
  readonly beam: number;
  /** Tokens at most, the end among them, of each text. */
  readonly longest: readonly number[];
  /** Ids that end a text. */
  readonly end: readonly number[];
  readonly normalize: Normalize;
  /** Whether a text is done as soon as `beam` hypotheses are. Default: it goes on while one that lives is likelier. */
  readonly earlyStopping?: boolean | undefined;
  /** Ids that never come. */
  readonly suppress?: readonly number[];
  /** They change log p of the next ids, in this order, as they change logits elsewhere. */
  readonly processors?: readonly LogitsProcessor[];
  /** What stands before each text, for the processors. Default: nothing. */
  readonly prompts?: readonly ArrayLike<number>[];
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
  /** log p of each of the ids, and of the end where there is one. */
  readonly logProbabilities: readonly number[];
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
  readonly logProbabilities: readonly number[];
  readonly rows: readonly number[];
}

/** One of the texts. */
interface Search {
  readonly prompt: ArrayLike<number>;
  live: Live[];
  /** The best, in the order of their scores. */
  readonly done: Hypothesis[];
  readonly longest: number;
}

interface Candidate {
  readonly from: Live;
  readonly row: number;
  readonly id: number;
  /** Of the id alone. */
  readonly added: number;
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

/** log p [V] of the ids after a hypothesis, processed. */
function logProbabilitiesOf(from: Live, given: Float32Array, prompt: ArrayLike<number>, settings: BeamSettings) {
  const { suppress = [], processors = [] } = settings;
  const logits = new Float64Array(given);
  const total = logTotal(logits);
  const found = logits.map((logit) => logit - total);
  for (const id of suppress) if (id < found.length) found[id] = Number.NEGATIVE_INFINITY;
  if (processors.length === 0) return found;
  const step = from.ids.length;
  const context = { ids: [...Array.from(prompt), ...from.ids], promptLength: prompt.length, step };
  return processors.reduce<Float64Array>((changed, process) => process(changed, context) ?? changed, found);
}

/** The likeliest continuations of a hypothesis, whose row is `row`. */
const candidatesOf = (from: Live, row: number, scores: Float64Array, count: number): Candidate[] =>
  Array.from(first(scores, count), (id) => {
    const added = scores[id] as number;
    return { from, row, id, added, logProbability: from.logProbability + added };
  });

function finish(search: Search, found: Live, ended: boolean, { normalize, beam }: BeamSettings): void {
  const length = found.ids.length + Number(ended);
  const score = found.logProbability / normalize(length);
  const at = search.done.findIndex((other) => other.score < score);
  search.done.splice(at < 0 ? search.done.length : at, 0, { ...found, score, ended });
  if (search.done.length > beam) search.done.pop();
}

const continued = ({ from, row, id, added, logProbability }: Candidate, ended: boolean): Live => ({
  ids: ended ? from.ids : [...from.ids, id],
  logProbabilities: [...from.logProbabilities, added],
  rows: [...from.rows, row],
  logProbability,
});

/** Whether enough are done, and no hypothesis that lives is better than the last of them where that counts. */
function isDecided({ live, done }: Search, { beam, normalize, earlyStopping }: BeamSettings): boolean {
  const [best] = live;
  if (!best) return true;
  const last = done.length < beam ? undefined : done.at(-1);
  if (last && earlyStopping) return true;
  return last !== undefined && best.logProbability / normalize(best.ids.length) <= last.score;
}

/** Chooses among the continuations of a text's hypotheses, the first of which stands in row `from`. */
function choose(search: Search, logits: Float32Array, V: number, from: number, settings: BeamSettings): void {
  const { beam, end } = settings;
  const count = beam + end.length; // enough where all ends are among them
  const all = search.live.flatMap((live, i) => {
    const row = from + i;
    const given = logits.subarray(row * V, (row + 1) * V);
    return candidatesOf(live, row, logProbabilitiesOf(live, given, search.prompt, settings), count);
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
    const live = longest > 0 ? [{ ids: [], logProbability: 0, logProbabilities: [], rows: [] }] : [];
    return { prompt: settings.prompts?.[i] ?? [], live, done: [], longest };
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
