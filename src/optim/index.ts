/** Functions on parameters, traced into the step that uses them. */
export { type AdamOptions, adam, adamW } from "./adam.ts";
export { clipByNorm, globalNorm } from "./clip.ts";
export type { Optimizer, Schedule, Slots } from "./optimizer.ts";
export { constantRate, cosineDecay, linearDecay, warmUp } from "./schedule.ts";
export { type SGDOptions, sgd } from "./sgd.ts";
