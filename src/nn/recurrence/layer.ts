/**
 * Layers of this library's own cells, with torch.nn's names and initial values: what is drawn in training, and the engine's
 * own operators where no gradient is asked for.
 */
import type { StandardCell, Tree } from "../../graph/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { requireProbabilities } from "../arguments.ts";
import { isTraining } from "../mode.ts";
import type { Parts } from "../module.ts";
import type { Cell, Gates } from "./gates.ts";
import { drawn, NOISE, type NoiseOptions, requireNoise } from "./noise.ts";
import { orEngine, type Reading, scanned } from "./reading.ts";
import { STACK, type StackOptions, sequenceLayer } from "./stack.ts";

/** Options of all recurrent layers. */
export interface RecurrentOptions extends StackOptions, NoiseOptions {}
export const LAYER = { ...STACK, ...NOISE } as const;

/** One kind of layer. */
export interface Kind<P extends Gates & Parts, S extends Tree> {
  readonly cell: Cell<P, S>;
  /** Probability of zoneout of each tensor of the state. */
  readonly zones: readonly (number | undefined)[];
  /** What the engine knows its cell as, if it does. */
  readonly engine: StandardCell | undefined;
}

/** One layer in one direction, which the engine may compute in its own way; training needs what the scan computes. */
export function direction<P extends Gates & Parts, S extends Tree>(
  { cell: { step }, zones, engine }: Kind<P, S>,
  parts: P,
  first: S,
  reading: Reading<Tensor>,
  noise: NoiseOptions = {},
): readonly [S, Tensor] {
  const draws = drawn(step, noise, zones, reading.xs, first);
  if (draws)
    return scanned((state: S, x: typeof draws.xs) => draws.step(parts, state, x), first, { ...reading, xs: draws.xs });
  const plain = scanned((state: S, x: Tensor) => step(parts, state, x), first, reading);
  return isTraining() || !engine ? plain : orEngine(engine, plain, first, parts, reading);
}

/** xs [B, T, I] -> [outputs [B, T, D·P], last states, tensors [L·D, B, ..]]. */
export function layer<P extends Gates & Parts, S extends Tree>(kind: Kind<P, S>, I: number, options: RecurrentOptions) {
  const { name, width, parts, first } = kind.cell;
  requireNoise(name, options);
  requireProbabilities(name, { cellZoneout: kind.zones[1] ?? 0 });
  const run = (own: P, state: S, reading: Reading<Tensor>) => direction(kind, own, state, reading, options);
  return sequenceLayer<P, S>({ name, parts, first, run }, I, width, options);
}
