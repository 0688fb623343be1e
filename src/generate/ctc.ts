/**
 * Texts from a network that was trained with the CTC loss: what it says at every step -> the text that it means, and when
 * each letter is said. Class 0 is nothing.
 *
 * T steps · K classes · L letters · S = 2L + 1 places: the letters with blanks around them
 */
import { z } from "zod";
import { CheckpointError, ShapeError, shown } from "../errors.ts";
import { checked, whole } from "../schema.ts";

/** Logits or log-probabilities [T, K] on the host. */
export interface Emissions {
  readonly data: ArrayLike<number>;
  readonly shape: readonly number[];
}

/** A text by the numbers of its letters, and how likely it is. */
export interface Transcript {
  /** Classes from 1 on. */
  readonly labels: readonly number[];
  /** Log of its probability in nats: a sum over all paths of the text, or over those that a beam kept. */
  readonly logP: number;
}

const { NEGATIVE_INFINITY } = Number;

function logAdd(a: number, b: number): number {
  const [high, low] = a > b ? [a, b] : [b, a];
  return low === NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(low - high));
}

/** Log-probabilities of each step in double precision. Throws ShapeError, and CheckpointError where they are none. */
function logProbabilities(name: string, { data, shape }: Emissions): Float64Array[] {
  const [T = Number.NaN, K = Number.NaN] = shape;
  if (shape.length !== 2 || !(K > 0) || data.length !== T * K)
    throw new ShapeError(
      `${name}: expected numbers [T, K], got ${data.length} in the shape ${shown([...shape])}; give one row for each step`,
    );
  return Array.from({ length: T }, (_, t) => {
    const row = Float64Array.from({ length: K }, (_, k) => data[t * K + k] ?? 0);
    const total = row.reduce(logAdd, NEGATIVE_INFINITY);
    if (Number.isFinite(total)) return row.map((x) => x - total);
    throw new CheckpointError(
      `${name}: the model gives logits that are not finite at step ${t}; its weights are not finite, take another checkpoint`,
    );
  });
}

/** The likeliest class of each step, collapsed: repetitions count once, zeros are left out. `logP` is that of this one path. */
export function ctcGreedy(emissions: Emissions): Transcript {
  const labels: number[] = [];
  let [logP, before] = [0, 0];
  for (const row of logProbabilities("ctcGreedy", emissions)) {
    const best = row.indexOf(row.reduce((a, b) => Math.max(a, b)));
    if (best !== before && best !== 0) labels.push(best);
    logP += row[best] ?? 0;
    before = best;
  }
  return { labels, logP };
}

/** The beginning of a text, with the sums over its paths that end in a blank and in its last letter. */
class Prefix {
  readonly parent: Prefix | undefined;
  readonly label: number;
  readonly #longer = new Map<number, Prefix>();
  blank = NEGATIVE_INFINITY;
  letter = NEGATIVE_INFINITY;
  #nextBlank = NEGATIVE_INFINITY;
  #nextLetter = NEGATIVE_INFINITY;
  constructor(label = 0, parent?: Prefix) {
    [this.label, this.parent] = [label, parent];
  }
  get logP(): number {
    return logAdd(this.blank, this.letter);
  }
  /** This text and one letter more. */
  with(label: number): Prefix {
    const known = this.#longer.get(label) ?? new Prefix(label, this);
    this.#longer.set(label, known);
    return known;
  }
  /** One more step without a new letter. */
  stay(row: Float64Array): void {
    this.#nextBlank = logAdd(this.#nextBlank, this.logP + (row[0] ?? 0));
    if (this.parent) this.reach(this.letter + (row[this.label] ?? 0));
  }
  /** One more way to say the last letter at this step. */
  reach(logP: number): void {
    this.#nextLetter = logAdd(this.#nextLetter, logP);
  }
  /** What was summed up becomes what is. */
  advance(): void {
    [this.blank, this.letter] = [this.#nextBlank, this.#nextLetter];
    [this.#nextBlank, this.#nextLetter] = [NEGATIVE_INFINITY, NEGATIVE_INFINITY];
  }
  drop(): void {
    [this.blank, this.letter] = [NEGATIVE_INFINITY, NEGATIVE_INFINITY];
  }
  labels(): number[] {
    return this.parent ? [...this.parent.labels(), this.label] : [];
  }
}

/** All texts that one step makes of those in `beam`. */
function extended(beam: readonly Prefix[], row: Float64Array): Prefix[] {
  const reached = new Set<Prefix>(beam);
  for (const prefix of beam) {
    prefix.stay(row);
    for (let k = 1; k < row.length; k++) {
      const next = prefix.with(k);
      next.reach((k === prefix.label ? prefix.blank : prefix.logP) + (row[k] ?? 0)); // a letter twice needs a blank between
      reached.add(next);
    }
  }
  for (const prefix of reached) prefix.advance();
  return [...reached].filter(({ logP }) => logP > NEGATIVE_INFINITY);
}

/** How `ctcBeam` searches. */
export interface CTCBeamOptions {
  /** Texts that are followed side by side. Default 16. */
  readonly width?: number;
}

const beamOptions = z.strictObject({ width: whole(1, 65536).default(16) });

/**
 * The likeliest text, whatever its paths: beginnings of texts are followed step by step, the `width` best of them (Hannun
 * et al. 2014, arXiv 1408.2873). With a width above the number of all texts it is the likeliest of all.
 */
export function ctcBeam(emissions: Emissions, options: CTCBeamOptions = {}): Transcript {
  const { width } = checked(beamOptions, options, "ctcBeam");
  const start = new Prefix();
  start.blank = 0;
  let beam = [start];
  for (const row of logProbabilities("ctcBeam", emissions)) {
    const all = extended(beam, row).sort((a, b) => b.logP - a.logP);
    for (const prefix of all.slice(width)) prefix.drop();
    beam = all.slice(0, width);
  }
  const [best = start] = beam;
  return { labels: best.labels(), logP: best.logP };
}

/** A text on the steps at which it is said. */
export interface Alignment {
  /** Log of the probability of the text, all its paths together. */
  readonly logP: number;
  /** Of each letter the first step, and the first one after it. */
  readonly spans: readonly (readonly [from: number, to: number])[];
}

/** Places from which a path may come to place `s`. */
function sources(s: number, labels: readonly number[]): number[] {
  const letter = s % 2 === 1 && s > 1 && labels[(s - 1) / 2] !== labels[(s - 3) / 2];
  return [s, ...(s > 0 ? [s - 1] : []), ...(letter ? [s - 2] : [])];
}

const argMax = (places: readonly number[], of: Float64Array): number =>
  places.reduce((a, b) => ((of[b] ?? NEGATIVE_INFINITY) > (of[a] ?? NEGATIVE_INFINITY) ? b : a));

/** The steps of each letter on a path of places. */
function spansOf(path: readonly number[], L: number): [number, number][] {
  return Array.from({ length: L }, (_, l) => {
    const place = 2 * l + 1;
    return [path.indexOf(place), path.lastIndexOf(place) + 1];
  });
}

/** The likeliest path of a text (Viterbi 1967), and the sum over all of them; undefined where it has more letters than fit. */
export function ctcAlign(emissions: Emissions, labels: readonly number[]): Alignment | undefined {
  const S = 2 * labels.length + 1;
  const ways = Array.from({ length: S }, (_, s) => sources(s, labels));
  const start = () => Float64Array.from({ length: S }, (_, s) => (s === 0 ? 0 : NEGATIVE_INFINITY));
  let [best, sum] = [start(), start()];
  const came: Int32Array[] = [];
  for (const row of logProbabilities("ctcAlign", emissions)) {
    const emitted = (s: number) => row[s % 2 === 0 ? 0 : (labels[(s - 1) / 2] ?? 0)] ?? NEGATIVE_INFINITY;
    const from = Int32Array.from(ways, (places) => argMax(places, best));
    came.push(from);
    best = Float64Array.from(from, (place, s) => (best[place] ?? 0) + emitted(s));
    const sums = ways.map((places) => places.reduce((total, p) => logAdd(total, sum[p] ?? 0), NEGATIVE_INFINITY));
    sum = Float64Array.from(sums, (total, s) => total + emitted(s));
  }
  const ends = S > 1 ? [S - 1, S - 2] : [0];
  const logP = ends.reduce((total, s) => logAdd(total, sum[s] ?? 0), NEGATIVE_INFINITY);
  if (logP === NEGATIVE_INFINITY) return undefined;
  const path: number[] = [];
  let place = argMax(ends, best);
  for (const from of came.reverse()) {
    path.unshift(place);
    place = from[place] ?? 0;
  }
  return { logP, spans: spansOf(path, labels.length) };
}
