/**
 * Pixels as symbols, by what a decoder says of them: the same numbers that the likelihoods in `nn/likelihood.ts` take.
 *
 *   bernoulli  two levels, 0 and 255: 255 with probability σ(l)
 *   gaussian   256 levels: the mass of N(σ(m), s) from half a level below to half a level above, in units of 255 levels
 *   logistic   256 levels of the same kind, between -1 and 1
 */
import type { Likelihood } from "../nn/index.ts";
import type { AnsStack } from "./ans.ts";
import { exp, logisticCdf, softplus } from "./elementary.ts";
import { Bins, LOGISTIC, NORMAL, ofTwo, popBit, pushBit } from "./frequencies.ts";

/** How levels are coded. `given` are the numbers of one picture: P planes of as many values as it has. */
export interface PixelCode {
  /** Values that can be coded, of 0 ... 255. */
  readonly levels: "two" | "all";
  push(stack: AnsStack, given: Float32Array, levels: Uint8Array): void;
  /** Fills `levels` with what was pushed. */
  pop(stack: AnsStack, given: Float32Array, levels: Uint8Array): void;
  /** The whole numbers that decide the code, in an order that never changes: what a digest is taken of. */
  numbers(given: Float32Array): Iterable<number>;
}

const two: PixelCode = {
  levels: "two",
  push(stack, given, levels) {
    for (let i = 0; i < levels.length; i++) pushBit(stack, Number(levels[i] !== 0), ones(given, i));
  },
  pop(stack, given, levels) {
    for (let i = levels.length - 1; i >= 0; i--) levels[i] = 255 * popBit(stack, ones(given, i));
  },
  numbers: (given) => Array.from(given, (_, i) => ones(given, i)),
};

const ones = (logits: Float32Array, i: number): number => ofTwo(logisticCdf(logits[i] as number));

/** Where 256 levels meet: level v from (v - 1/2) / 255 to (v + 1/2) / 255, times `scale` plus `shift`. */
const levelEdges = (scale: number, shift: number): Float64Array =>
  Float64Array.from({ length: 255 }, (_, v) => ((v + 0.5) / 255) * scale + shift);

/** Levels whose beginnings tell distributions apart. */
const PROBED = [64, 128, 192];

/** The distribution of each value of a picture. */
type Spread = (given: Float32Array) => { readonly means: Float64Array; readonly widths: Float64Array };

/** 256 levels. */
function binned(bins: Bins, spread: Spread): PixelCode {
  return {
    levels: "all",
    push(stack, given, levels) {
      const { means, widths } = spread(given);
      for (let i = 0; i < levels.length; i++)
        bins.push(stack, levels[i] as number, means[i] as number, widths[i] as number);
    },
    pop(stack, given, levels) {
      const { means, widths } = spread(given);
      for (let i = levels.length - 1; i >= 0; i--) levels[i] = bins.pop(stack, means[i] as number, widths[i] as number);
    },
    *numbers(given) {
      const { means, widths } = spread(given);
      for (let i = 0; i < means.length; i++)
        for (const level of PROBED) yield bins.start(level, means[i] as number, widths[i] as number);
    },
  };
}

/** The first of two planes through `mean`, the second through `width`. */
const ofPlanes =
  (mean: (m: number) => number, width: (s: number) => number): Spread =>
  (given) => ({
    means: Float64Array.from(given.subarray(0, given.length / 2), mean),
    widths: Float64Array.from(given.subarray(given.length / 2), width),
  });

/** As in `nn/likelihood.ts`: the least log-deviation, and the bounds of a log-scale. */
const [LEAST_DEVIATION, LOG_SCALE] = [-6, 7];

const learnedDeviation: Spread = ofPlanes(logisticCdf, (s) => exp(LEAST_DEVIATION + softplus(s - LEAST_DEVIATION)));
const oneDeviation =
  (deviation: number): Spread =>
  (given) => ({
    means: Float64Array.from(given, logisticCdf),
    widths: new Float64Array(given.length).fill(deviation),
  });
const scales: Spread = ofPlanes(
  (location) => location,
  (s) => exp(Math.min(LOG_SCALE, Math.max(-LOG_SCALE, s))),
);

/** The code of pictures under `likelihood`. */
export function pixelCode({ name, deviation }: Likelihood): PixelCode {
  if (name === "bernoulli") return two;
  if (name === "logistic") return binned(new Bins(LOGISTIC, levelEdges(2, -1), 1), scales);
  return binned(
    new Bins(NORMAL, levelEdges(1, 0), 1),
    deviation === undefined ? learnedDeviation : oneDeviation(deviation),
  );
}
