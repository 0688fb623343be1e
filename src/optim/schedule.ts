/** Learning rates by step. Steps count from 1. */
import type { Schedule } from "./optimizer.ts";

/** `lr` in every step. */
export const constantRate =
  (lr: number): Schedule =>
  () =>
    lr;

/** Rises in equal steps to `after` at step `steps`, then follows it. */
export const warmUp =
  (steps: number, after: Schedule): Schedule =>
  (step) =>
    step < steps ? after(steps) * (step / steps) : after(step);

/** From `lr` at step `from` down to `least` at step `to` along half a cosine. Loshchilov & Hutter 2017, arXiv 1608.03983. */
export const cosineDecay = (
  lr: number,
  { from = 0, to, least = 0 }: { from?: number; to: number; least?: number },
): Schedule => decay(lr, from, to, least, (done) => 0.5 * (1 + Math.cos(Math.PI * done)));

/** From `lr` at step `from` down to `least` at step `to` along a line. */
export const linearDecay = (
  lr: number,
  { from = 0, to, least = 0 }: { from?: number; to: number; least?: number },
): Schedule => decay(lr, from, to, least, (done) => 1 - done);

const decay =
  (lr: number, from: number, to: number, least: number, share: (done: number) => number): Schedule =>
  (step) =>
    least + (lr - least) * share(Math.min(Math.max((step - from) / Math.max(to - from, 1), 0), 1));
