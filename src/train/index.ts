/** Training: the step as a graph, the loop around it, and what it reports. */
export { createStep } from "./accumulate.ts";
export { type Columns, type Example, fromColumns } from "./columns.ts";
export type { Best, History, Scores, TrainingEvent } from "./events.ts";
export { type FitData, type FitOptions, fit } from "./fit.ts";
export { Fitted } from "./fitted.ts";
export { fixSizes } from "./graphs.ts";
export type { ParameterGroup } from "./groups.ts";
export { type Batches, type Evaluation, type LoopOptions, loop } from "./loop.ts";
export type { BatchSpecs, LossTerms, StepOptions } from "./plan.ts";
export { Run, type RunHistory, stoppable } from "./run.ts";
export {
  checkTraining,
  type TrainingInput,
  type TrainingSettings,
  trainingSchema,
  trainingSettings,
} from "./settings.ts";
export { type StartValues, startingAt } from "./start.ts";
export { countOf, lasting, type StepAt, type Stepper, type StepResult } from "./step.ts";
export { mapNames, traceStep } from "./trace.ts";
