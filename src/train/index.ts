/** Training: the step as a graph, the loop around it, and what it reports. */
export { AccumulatedStep, createStep } from "./accumulate.ts";
export type { History, TrainingEvent } from "./events.ts";
export { type Best, type LoopOptions, loop, train } from "./loop.ts";
export { Run } from "./run.ts";
export { type StartValues, type StepAt, type Stepper, type StepResult, TrainingStep } from "./step.ts";
export { type StepOptions, traceStep } from "./trace.ts";
