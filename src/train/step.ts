/** The training step compiled: parameters and optimizer state go in and come out, and are kept in between. */
import { ConfigError, nearest, ShapeError } from "../errors.ts";
import { lower, type Named, type OnnxModel } from "../onnx/index.ts";
import {
  compileModel,
  type Feeds,
  type HostTensor,
  type OrtTensor,
  type Program,
  type RunOptions,
} from "../runtime/index.ts";
import { formatShape, type Shape, sameShape } from "../tensor/index.ts";
import { Feeder } from "./feeder.ts";
import { State } from "./state.ts";
import { type BatchSpecs, type StepOptions, stateSpecs, traceStep } from "./trace.ts";

/** Which step, at what learning rate, with whose random numbers. */
export interface StepAt {
  /** Counted from 1. */
  readonly step: number;
  readonly lr: number;
  readonly seed: number;
}

/** What one step reports. */
export interface StepResult {
  readonly loss: number;
  /** The norm of all gradients before clipping. */
  readonly gradNorm: number;
}

/** What the loop needs of a training step. */
export interface Stepper {
  /** One step over all its micro-batches. */
  run(batches: readonly Feeds[], at: StepAt): Promise<StepResult>;
  /** Current values, valid until the next step. */
  readonly parameters: Feeds;
  readonly slots: Feeds;
}

/** Values of parameters, and of the optimizer's slots where a training goes on. */
export interface StartValues {
  readonly parameters: Feeds;
  readonly slots?: Feeds;
}

type Results = Readonly<Record<string, OrtTensor>>;
export const scalarOf = (tensor: OrtTensor | undefined): number =>
  Number((tensor?.data as Float32Array | undefined)?.[0]);

function requireValue(name: string, shape: Shape, values: Feeds): void {
  const got = values[name];
  if (got && sameShape(got.shape, shape)) return;
  const what = got ? formatShape(got.shape) : `nothing${nearest(name, Object.keys(values))}`;
  throw new ShapeError(
    `step: parameter ${name} starts at values of ${formatShape(shape)}, got ${what}; give one for each`,
  );
}

/** What every training step carries from run to run: parameters and the optimizer's slots. */
export abstract class CarryingStep implements Stepper {
  /** The program that computes gradients. */
  readonly program: Program;
  protected readonly options: StepOptions;
  protected readonly state: State;
  protected readonly feeder: Feeder;
  /** `updating` is the program that takes and gives the state. */
  protected constructor(options: StepOptions, start: StartValues, program: Program, updating: Program, noise: Named) {
    this.program = program;
    this.options = options;
    for (const [name, { shape }] of Object.entries(options.parameters)) requireValue(name, shape, start.parameters);
    this.state = new State(updating, stateSpecs(options), { ...start.parameters, ...start.slots });
    this.feeder = new Feeder(program, Object.keys(options.batch), noise);
  }

  abstract run(batches: readonly Feeds[], at: StepAt): Promise<StepResult>;

  /** Throws ConfigError unless there is one batch for every micro-batch of a step, and the step's numbers make sense. */
  protected requireBatches({ length }: readonly Feeds[], { step, lr, seed }: StepAt): void {
    if (!Number.isInteger(step) || step < 1)
      throw new ConfigError(`step: expected a whole number from 1 on, got ${step}`);
    if (!Number.isFinite(lr) || lr < 0) throw new ConfigError(`lr: expected a finite number from 0 on, got ${lr}`);
    if (!Number.isInteger(seed)) throw new ConfigError(`seed: expected a whole number, got ${seed}`);
    const expected = this.options.accumulate ?? 1;
    if (length === expected) return;
    throw new ConfigError(`step: expected ${expected} batch(es), as accumulate says, got ${length}; give as many`);
  }

  /** Gives back the engine's memory; the values can still be read. */
  async release(): Promise<void> {
    await this.program.release();
  }

  /** Makes the results the current state if loss and gradient norm are finite; otherwise nothing changes. */
  protected keep(results: Results, loss: number): StepResult {
    const gradNorm = scalarOf(results.gradNorm);
    if (Number.isFinite(loss) && Number.isFinite(gradNorm)) this.state.advance(results);
    return { loss, gradNorm };
  }

  get parameters(): Record<string, HostTensor> {
    return this.state.values(Object.keys(this.options.parameters));
  }
  get slots(): Record<string, HostTensor> {
    const all = Object.keys(stateSpecs(this.options));
    return this.state.values(all.filter((name) => !Object.hasOwn(this.options.parameters, name)));
  }
}

/** A step over one batch, in one run of one graph. */
export class TrainingStep extends CarryingStep {
  /** Traces and compiles the step; slots that are not given start at zero. */
  static async create<B extends BatchSpecs>(
    options: StepOptions<B>,
    start: StartValues,
    run: RunOptions = {},
  ): Promise<TrainingStep> {
    const { inputs, outputs, noise } = traceStep(options);
    const program = await compileModel(lower(inputs, outputs), run);
    return new TrainingStep(options, start, program, program, noise);
  }

  /** One step. Where loss or gradient norm is not finite it reports them, and nothing has changed. */
  async run(batches: readonly Feeds[], at: StepAt): Promise<StepResult> {
    this.requireBatches(batches, at);
    const [batch = {}] = batches;
    const scalars = this.options.optimizer.scalars(at.step, at.lr);
    const feeds = { ...this.state.inputs, ...this.feeder.feeds(batch, scalars, at) };
    const results = await this.program.runOrt(feeds, this.state.outputs);
    return this.keep(results, scalarOf(results.loss));
  }

  /** The step as an .onnx file holds it. */
  get model(): OnnxModel {
    return this.program.model;
  }
}
