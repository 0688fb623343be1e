/** Gradients accumulated over micro-batches: equal to one step over all of them together, in less memory. */
import { lower } from "../onnx/index.ts";
import { compileModel, type Feeds, type Program, type RunOptions } from "../runtime/index.ts";
import { Feeder } from "./feeder.ts";
import { State } from "./state.ts";
import { CarryingStep, type StartValues, type StepAt, type StepResult, scalarOf, TrainingStep } from "./step.ts";
import {
  type BatchSpecs,
  mapNames,
  type StepGraph,
  type StepOptions,
  sumName,
  traceAccumulation,
  traceSummedUpdate,
} from "./trace.ts";

const compileGraph = ({ inputs, outputs }: StepGraph, run: RunOptions): Promise<Program> =>
  compileModel(lower(inputs, outputs), run);

/** A step over several micro-batches. */
export class AccumulatedStep extends CarryingStep {
  readonly #update: Program;
  readonly #sums: State;
  private constructor(options: StepOptions, start: StartValues, programs: [Program, Program], { noise }: StepGraph) {
    const [adding, updating] = programs;
    super(options, start, adding, updating, noise);
    this.#update = updating;
    this.#sums = new State(adding, mapNames(options.parameters, sumName), {});
  }

  /** Traces and compiles both graphs; slots that are not given start at zero. */
  static async create<B extends BatchSpecs>(
    options: StepOptions<B>,
    start: StartValues,
    run: RunOptions = {},
  ): Promise<AccumulatedStep> {
    const adding = traceAccumulation(options, options.accumulate ?? 1);
    const programs = [await compileGraph(adding, run), await compileGraph(traceSummedUpdate(options), run)] as const;
    return new AccumulatedStep(options, start, [...programs], adding);
  }

  async run(batches: readonly Feeds[], at: StepAt): Promise<StepResult> {
    this.requireBatches(batches, at);
    this.#sums.clear();
    let loss = 0;
    for (const [part, batch] of batches.entries()) {
      const feeds = { ...this.state.inputs, ...this.#sums.inputs, ...this.feeder.feeds(batch, {}, at, part) };
      const results = await this.program.runOrt(feeds, this.#sums.outputs);
      loss += scalarOf(results.loss) / batches.length;
      this.#sums.advance(results);
    }
    const scalars = new Feeder(this.#update, [], {}).feeds({}, this.options.optimizer.scalars(at.step, at.lr), at);
    const feeds = { ...this.state.inputs, ...this.#sums.inputs, ...scalars };
    return this.keep(await this.#update.runOrt(feeds, this.state.outputs), loss);
  }

  override async release(): Promise<void> {
    await super.release();
    await this.#update.release();
  }
}

/** The step that the options ask for, compiled. */
export const createStep = <B extends BatchSpecs>(
  options: StepOptions<B>,
  start: StartValues,
  run?: RunOptions,
): Promise<TrainingStep | AccumulatedStep> =>
  (options.accumulate ?? 1) > 1
    ? AccumulatedStep.create(options, start, run)
    : TrainingStep.create(options, start, run);
