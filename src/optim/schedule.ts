/** Learning rates by step. Steps count from 1. */
import { z } from "zod";
import { ConfigError, shown } from "../errors.ts";
import { callable, checked } from "../schema.ts";
import type { Schedule } from "./optimizer.ts";

/** Where a rate falls: from `from` (default 0) to `to`, down to `least` (default 0). */
interface Range {
  readonly from?: number;
  readonly to: number;
  readonly least?: number;
}

const number = z.number().min(0);
const ranges = z.strictObject({ from: number.default(0), to: number, least: number.default(0) });

/** `rate`, which is asked for steps only. */
const byStep =
  (name: string, rate: Schedule): Schedule =>
  (step) => {
    if (Number.isFinite(step) && step >= 0) return rate(step);
    throw new ConfigError(`${name}: expected the number of a step, got ${shown(step)}; steps count from 1`);
  };

/** `lr` in every step. Throws ConfigError, as all of these do, for numbers that are none or below 0. */
export function constantRate(lr: number): Schedule {
  checked(z.object({ lr: number }), { lr }, "constantRate");
  return byStep("constantRate", () => lr);
}

/** Rises in equal steps to `after` at step `steps`, then follows it. */
export function warmUp(steps: number, after: Schedule): Schedule {
  checked(z.object({ steps: number, after: callable("the step") }), { steps, after }, "warmUp");
  return byStep("warmUp", (step) => (step < steps ? after(steps) * (step / steps) : after(step)));
}

/** From `lr` at step `from` down to `least` at step `to` along half a cosine. Loshchilov & Hutter 2017, arXiv 1608.03983. */
export const cosineDecay = (lr: number, range: Range): Schedule =>
  decay("cosineDecay", lr, range, (done) => 0.5 * (1 + Math.cos(Math.PI * done)));

/** From `lr` at step `from` down to `least` at step `to` along a line. */
export const linearDecay = (lr: number, range: Range): Schedule => decay("linearDecay", lr, range, (done) => 1 - done);

function decay(name: string, lr: number, range: Range, share: (done: number) => number): Schedule {
  checked(z.object({ lr: number }), { lr }, name);
  const { from, to, least } = checked(ranges, range, name);
  const done = (step: number) => Math.min(Math.max((step - from) / Math.max(to - from, 1), 0), 1);
  return byStep(name, (step) => least + (lr - least) * share(done(step)));
}
