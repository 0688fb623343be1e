/**
 * What is drawn at random in a recurrent layer, in training: dropout of its input and of the state that its products see,
 * and zoneout of its states.
 *
 * B batch · T steps
 */
import { leaves, refill, type Tree } from "../../graph/index.ts";
import { noise, type Tensor } from "../../tensor/index.ts";
import { requireProbabilities } from "../arguments.ts";
import { dropoutMask } from "../dropout.ts";
import { isTraining } from "../mode.ts";
import { all, type CellStep, type Seen } from "./gates.ts";

/** What is drawn, layer by layer and direction by direction. */
export interface NoiseOptions {
  /** Probability of dropout of a layer's input. Default 0. */
  readonly inputDropout?: number;
  /** Probability of dropout of h where a step multiplies it by weights; what is carried on is h itself. Default 0. */
  readonly recurrentDropout?: number;
  /**
   * How often these two are drawn: once for all steps of a `"sequence"`, one mask for all gates (variational dropout, Gal &
   * Ghahramani 2016, arXiv 1512.05287), or anew at each `"step"`. Default `"sequence"`.
   */
  readonly dropoutMask?: "sequence" | "step";
  /**
   * Probability that an element of h keeps its value of the step before, drawn at each step (Krueger et al. 2016, arXiv
   * 1606.01305); outside training the expectation, p h + (1 - p) h'. Default 0.
   */
  readonly zoneout?: number;
}
export const NOISE = {
  inputDropout: "number",
  recurrentDropout: "number",
  dropoutMask: ["sequence", "step"],
  zoneout: "number",
} as const;

/** Throws ConfigError where one of the probabilities is none. */
export function requireNoise(
  name: string,
  { inputDropout = 0, recurrentDropout = 0, zoneout = 0 }: NoiseOptions,
): void {
  requireProbabilities(name, { inputDropout, recurrentDropout, zoneout });
}

/** A step with what it reads beside the input. */
export interface Drawn<P, S extends Tree, X extends Tree> {
  readonly xs: X;
  step(parts: P, state: S, x: X): readonly [S, Tensor];
}

/** By the place of a tensor in the state: true where its elements stay. */
type Stays = Readonly<Record<number, Tensor>>;

/** Sequences of a call: the input, what is seen of h [B, T, P], and where states stay [B, T, ..]. */
type Slices = { x: Tensor; seen?: Tensor; stays?: Stays };

/** Probabilities of zoneout in the order of the state's tensors. */
type Zones = readonly (number | undefined)[];

/** p h + (1 - p) h', or the one or the other where that was drawn. */
const zonedOut = (before: Tensor, after: Tensor, p: number, stays: Tensor | undefined): Tensor => {
  if (p === 0) return after;
  return stays ? stays.where(before, after) : after.add(before.sub(after).mul(p));
};

/** `step` with zoneout of its state, whose first tensor is its output. */
function withZoneout<P, S extends Tree>(step: CellStep<P, S>, zones: Zones) {
  return (parts: P, state: S, x: Tensor, seen: Seen, stays: Stays | undefined): readonly [S, Tensor] => {
    const [next, y] = step(parts, state, x, seen);
    if (!zones.some(Boolean)) return [next, y];
    const before = leaves(state);
    const kept = leaves(next).map((after, i) => zonedOut(before[i] ?? after, after, zones[i] ?? 0, stays?.[i]));
    return [refill(next, kept.values()), kept[0] ?? y];
  };
}

const drawStays = (xs: Tensor, first: Tree, zones: Zones): Stays =>
  Object.fromEntries(
    leaves(first).flatMap(({ shape }, i) => {
      const p = zones[i] ?? 0;
      return p === 0 ? [] : [[i, noise("uniform", [xs.dim(0), xs.dim(1), ...shape.slice(1)]).less(p)]];
    }),
  );

/** What a call draws and reads; the step alone where it draws nothing. */
export function drawn<P, S extends Tree>(
  step: CellStep<P, S>,
  { inputDropout = 0, recurrentDropout = 0, dropoutMask: pace = "sequence" }: NoiseOptions,
  zones: Zones,
  xs: Tensor,
  first: S,
): Drawn<P, S, Slices | Tensor> | undefined {
  const training = isTraining();
  const zoned = zones.some(Boolean);
  if (!zoned && !(training && inputDropout + recurrentDropout > 0)) return undefined;
  const mask = (p: number, steps: Tensor["shape"], width: Tensor["shape"]) =>
    training && p > 0 ? dropoutMask(p, [xs.dim(0), ...steps, ...width], xs.dtype) : undefined;
  const ofX = mask(inputDropout, [pace === "step" ? xs.dim(1) : 1], xs.shape.slice(2));
  const ofH = mask(recurrentDropout, pace === "step" ? [xs.dim(1)] : [], leaves(first)[0]?.shape.slice(1) ?? []);
  const stays = training && zoned ? drawStays(xs, first, zones) : undefined;
  const zonedStep = withZoneout(step, zones);
  return {
    xs: {
      x: ofX ? xs.mul(ofX) : xs,
      ...(ofH && pace === "step" ? { seen: ofH } : {}),
      ...(stays ? { stays } : {}),
    },
    step(parts, state, given) {
      const { x, seen = ofH, stays } = given as Slices;
      return zonedStep(parts, state, x, seen ? (h) => h.mul(seen) : all, stays);
    },
  };
}
