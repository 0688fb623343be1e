/** Training: the step as a graph, the loop around it, and what it reports. */
export { createStep } from "./accumulate.ts";
export type { History, TrainingEvent } from "./events.ts";
export type { ParameterGroup } from "./groups.ts";
export { type Best, type LoopOptions, loop, train } from "./loop.ts";
export type { BatchSpecs, LossTerms, StepOptions } from "./plan.ts";
export { Run } from "./run.ts";
export type { StartValues } from "./start.ts";
export type { StepAt, Stepper, StepResult } from "./step.ts";
export { traceStep } from "./trace.ts";
