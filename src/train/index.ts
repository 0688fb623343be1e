/** Training: the step as a graph, the loop around it, and what it reports. */
export type { History, TrainingEvent } from "./events.ts";
export { type Best, type LoopOptions, loop, train } from "./loop.ts";
export { Run } from "./run.ts";
export {
  AccumulatedStep,
  createStep,
  type StartValues,
  type StepOptions,
  type Stepper,
  TrainingStep,
  traceStep,
} from "./step.ts";
