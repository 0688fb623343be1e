/**
 * What latents say about true factors: mutual information by histograms, and the mutual information gap (Chen, Li, Grosse & Duvenaud
 * 2018; estimated as Locatello et al. 2019 do):
 *
 *   I(z; v) = Σ p(z, v) ln(p(z, v) / (p(z) p(v)))    MIG = 1/K Σ_k (I(z_best; v_k) - I(z_second; v_k)) / H(v_k)
 *
 * A value is in one of `bins` boxes of equal width from the lowest to the highest. What takes no more values than there are bins is not put
 * into boxes. Of N independent examples a histogram finds about (boxes_z - 1)(boxes_v - 1)/(2N) nats too many.
 *
 * N examples · L latents · K factors
 */
import { ShapeError } from "../../errors.ts";
import { requireOptions, requireSizes } from "../../nn/arguments.ts";
import { type Numbers, numberAt, requireLists } from "../metric.ts";
import { type Points, requirePoints, tableOf } from "./points.ts";

/** How values become boxes. */
export interface BinOptions {
  /** Boxes of each variable; default 20. */
  readonly bins?: number;
}

/** Values as numbers of boxes: 0 to count - 1. */
interface Boxed {
  readonly box: Int32Array;
  readonly count: number;
}

function boxed(values: Float64Array, bins: number): Boxed {
  const different = [...new Set(values)].sort((a, b) => a - b);
  if (different.length <= bins) {
    const at = new Map(different.map((value, i) => [value, i]));
    return { box: Int32Array.from(values, (value) => at.get(value) ?? 0), count: different.length };
  }
  const [low, high] = [different[0] ?? 0, different.at(-1) ?? 0];
  const place = (value: number) => Math.min(bins - 1, Math.floor((bins * (value - low)) / (high - low)));
  return { box: Int32Array.from(values, place), count: bins };
}

/** H = -Σ p ln p of counts, in nats. */
function entropyOf(counts: Float64Array, N: number): number {
  return counts.reduce((sum, count) => (count > 0 ? sum - (count / N) * Math.log(count / N) : sum), 0);
}

function countsOf({ box, count }: Boxed): Float64Array {
  const counts = new Float64Array(count);
  for (const i of box) counts[i] = (counts[i] ?? 0) + 1;
  return counts;
}

/** I = H(a) + H(b) - H(a, b). */
function informationOf(a: Boxed, b: Boxed): number {
  const N = a.box.length;
  const both = a.box.map((i, n) => i * b.count + (b.box[n] ?? 0));
  const joint = entropyOf(countsOf({ box: both, count: a.count * b.count }), N);
  return Math.max(0, entropyOf(countsOf(a), N) + entropyOf(countsOf(b), N) - joint);
}

const column = (name: string, values: Numbers): Float64Array => {
  requireLists(name, values);
  return Float64Array.from({ length: values.length }, (_, i) => numberAt(name, values, i));
};

function binsOf(name: string, options: BinOptions): number {
  requireOptions(name, options, { bins: "number" });
  const { bins = 20 } = options;
  requireSizes(name, { bins });
  return bins;
}

function requireOneEach(name: string, expected: number, got: number): void {
  if (expected !== got || got === 0)
    throw new ShapeError(
      `${name}: expected two values of each example, got ${expected} and ${got}; give both for the same examples`,
    );
}

/** I(a; b) in nats, of two lists of N values. 0 of one example. Throws ShapeError where counts differ or are 0. */
export function mutualInformation(a: Numbers, b: Numbers, options: BinOptions = {}): number {
  const bins = binsOf("mutualInformation", options);
  const [one, other] = [column("mutualInformation", a), column("mutualInformation", b)];
  requireOneEach("mutualInformation", one.length, other.length);
  return informationOf(boxed(one, bins), boxed(other, bins));
}

/** What latents say about one factor. */
export interface FactorInformation {
  /** H(v) in nats. */
  readonly entropy: number;
  /** I(z; v) in nats of each latent: L of them. */
  readonly latents: readonly number[];
  /** The latent that says most about it. */
  readonly best: number;
  /** (I of the best - I of the second) / H(v): 0 to 1; 0 where the factor never changes. One latent has no second: its share of H(v). */
  readonly gap: number;
}

/** What latents say about each factor, and the mean gap. */
export interface InformationGap {
  readonly factors: Readonly<Record<string, FactorInformation>>;
  readonly mig: number;
}

function about(latents: readonly Boxed[], factor: Boxed): FactorInformation {
  const found = latents.map((latent) => informationOf(latent, factor));
  const order = [...found.keys()].sort((i, j) => (found[j] ?? 0) - (found[i] ?? 0));
  const [best = 0, second] = order;
  const whole = entropyOf(countsOf(factor), factor.box.length);
  const gap = (found[best] ?? 0) - (second === undefined ? 0 : (found[second] ?? 0));
  return { entropy: whole, latents: found, best, gap: whole > 0 ? gap / whole : 0 };
}

/**
 * The mutual information gap of codes [N, L] and factors by name, N values of each. Throws ShapeError where counts differ, or
 * there are no examples, latents or factors.
 */
export function mutualInformationGap(
  codes: Points,
  factors: Readonly<Record<string, Numbers>>,
  options: BinOptions = {},
): InformationGap {
  const bins = binsOf("mutualInformationGap", options);
  const table = tableOf("mutualInformationGap", codes);
  requirePoints("mutualInformationGap", table);
  const { N, D, at } = table;
  const latents = Array.from({ length: D }, (_, d) =>
    boxed(
      Float64Array.from({ length: N }, (_, n) => at[n * D + d] ?? 0),
      bins,
    ),
  );
  const names = Object.keys(factors);
  if (names.length === 0)
    throw new ShapeError("mutualInformationGap: expected at least one factor, got none; give { name: values }");
  const found = Object.entries(factors).map(([name, values]) => {
    const own = column("mutualInformationGap", values);
    requireOneEach(`mutualInformationGap of ${name}`, N, own.length);
    return [name, about(latents, boxed(own, bins))] as const;
  });
  return { factors: Object.fromEntries(found), mig: found.reduce((sum, [, { gap }]) => sum + gap / found.length, 0) };
}
