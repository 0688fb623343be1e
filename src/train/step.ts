/**
 * The training step as one graph: forward, loss, backward, clipping, update. Parameters and optimizer state go in and
 * come out. With gradients accumulated over several micro-batches it is two graphs: one adds gradients up, one updates.
 */
import { gradient, type Spec } from "../graph/index.ts";
import { traceTraining } from "../nn/index.ts";
import { freeLeaves, lower, type Named, type OnnxModel } from "../onnx/index.ts";
import { clipByNorm, globalNorm, type Optimizer } from "../optim/index.ts";
import {
  compileModel,
  type Feeds,
  fillNoise,
  type HostTensor,
  type OrtTensor,
  type Program,
  type RunOptions,
  toOrt,
} from "../runtime/index.ts";
import { emptyArray, input, type Tensor } from "../tensor/index.ts";
import { nextName, State } from "./state.ts";

/** What is fed with every batch, by name. */
export type BatchSpecs = Readonly<Record<string, Spec>>;

/** What a training step is made of. */
export interface StepOptions<B extends BatchSpecs = BatchSpecs> {
  /** Parameters by checkpoint name. */
  readonly parameters: Named;
  readonly batch: B;
  /** The scalar to be made small. */
  loss(batch: { readonly [K in keyof B]: Tensor }): Tensor;
  readonly optimizer: Optimizer;
  /** Limit of the norm of all gradients together; undefined leaves them as they are. */
  readonly clip?: number | undefined;
  /** Micro-batches whose gradients are averaged before one update. Default 1. */
  readonly accumulate?: number | undefined;
}

/** A graph by the names under which it is fed and fetched. */
export interface StepGraph {
  readonly inputs: Named;
  readonly outputs: Named;
  /** Inputs that the host fills with random numbers. */
  readonly noise: Named;
}

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

const slotName = (slot: string, parameter: string): string => `optimizer.${slot}.${parameter}`;
const sumName = (parameter: string): string => `sum.${parameter}`;
const scalarName = (scalar: string): string => `scalar.${scalar}`;

const inputsOf = (specs: Readonly<Record<string, Spec>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(specs).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]));

const mapNames = <T>(record: Readonly<Record<string, T>>, name: (key: string) => string): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [name(key), value]));

function traceLoss({ parameters, batch, loss }: StepOptions) {
  const fed = inputsOf(batch);
  const value = traceTraining(() => loss(fed));
  const gradients = gradient(value, Object.values(parameters));
  const leaves = freeLeaves([value, ...gradients], [...Object.values(fed), ...Object.values(parameters)]);
  const noise = Object.fromEntries(leaves.map((tensor, i) => [`noise.${i}`, tensor]));
  return { fed, value, gradients, noise };
}

/** The update of every parameter, with the inputs that its state and the step's scalars come in through. */
function traceUpdate({ parameters, optimizer, clip }: StepOptions, gradients: readonly Tensor[]) {
  const gradNorm = globalNorm(gradients);
  const clipped = clip === undefined ? gradients : clipByNorm(gradients, gradNorm, clip);
  const scalars = inputsOf(mapSpecs(Object.keys(optimizer.scalars(1, 1)), { shape: [], dtype: "f32" }));
  const inputs: Record<string, Tensor> = mapNames(scalars, scalarName);
  const outputs: Record<string, Tensor> = { gradNorm };
  for (const [i, [name, parameter]] of Object.entries(parameters).entries()) {
    const slots = inputsOf(mapSpecs(optimizer.slots, parameter));
    const next = optimizer.update(parameter, clipped[i] ?? parameter, slots, scalars, parameter.rank >= 2);
    Object.assign(
      inputs,
      mapNames(slots, (slot) => slotName(slot, name)),
    );
    Object.assign(
      outputs,
      { [nextName(name)]: next.parameter },
      mapNames(next.slots, (slot) => nextName(slotName(slot, name))),
    );
  }
  return { inputs, outputs };
}

const mapSpecs = (names: readonly string[], spec: Spec): Record<string, Spec> =>
  Object.fromEntries(names.map((name) => [name, spec]));

/** The whole step. Its outputs are `loss`, `gradNorm` and everything's next value. */
export function traceStep<B extends BatchSpecs>(options: StepOptions<B>): StepGraph {
  const { fed, value, gradients, noise } = traceLoss(options);
  const update = traceUpdate(options, gradients);
  return {
    inputs: { ...fed, ...options.parameters, ...update.inputs, ...noise },
    outputs: { loss: value, ...update.outputs },
    noise,
  };
}

/** One micro-batch of `count`: its gradients, divided by `count`, added to the sums so far. */
export function traceAccumulation(options: StepOptions, count: number): StepGraph {
  const { fed, value, gradients, noise } = traceLoss(options);
  const sums = inputsOf(mapNames(options.parameters, sumName));
  const added = Object.values(sums).map((sum, i) => sum.add(gradients[i]?.div(count) ?? sum));
  const next = Object.fromEntries(Object.keys(sums).map((name, i) => [nextName(name), added[i] ?? value]));
  return { inputs: { ...fed, ...options.parameters, ...sums, ...noise }, outputs: { loss: value, ...next }, noise };
}

/** The update alone, from sums of gradients. */
export function traceSummedUpdate(options: StepOptions): StepGraph {
  const sums = inputsOf(mapNames(options.parameters, sumName));
  const update = traceUpdate(options, Object.values(sums));
  return { inputs: { ...sums, ...options.parameters, ...update.inputs }, outputs: update.outputs, noise: {} };
}

/** Names of all that the optimizer changes: parameters, then slots. */
const stateSpecs = ({ parameters, optimizer }: StepOptions): Record<string, Spec> => ({
  ...parameters,
  ...Object.fromEntries(
    Object.entries(parameters).flatMap(([name, spec]) => optimizer.slots.map((slot) => [slotName(slot, name), spec])),
  ),
});

type OrtTensors = Record<string, OrtTensor>;
const scalarOf = (tensor: OrtTensor | undefined): number => Number((tensor?.data as Float32Array | undefined)?.[0]);

/** Fills and feeds what changes from run to run: batch, noise, scalars. */
class Feeder {
  readonly #program: Program;
  readonly #noise: readonly [name: string, buffer: HostTensor, distribution: "uniform" | "normal"][];
  constructor(program: Program, noise: Named) {
    this.#program = program;
    this.#noise = Object.entries(noise).map(([name, { node, shape, dtype }]) => {
      const sizes = shape.map(Number);
      const { distribution } = node.attrs as { distribution: "uniform" | "normal" };
      return [
        name,
        {
          data: emptyArray(
            dtype,
            sizes.reduce((a, b) => a * b, 1),
          ),
          shape: sizes,
          dtype,
        },
        distribution,
      ];
    });
  }

  feeds(batch: Feeds, scalars: Readonly<Record<string, number>>, at: StepAt, part = 0): OrtTensors {
    const { engine } = this.#program;
    const feeds: OrtTensors = {};
    for (const [name, tensor] of Object.entries(batch)) feeds[name] = toOrt(engine, tensor);
    for (const [name, value] of Object.entries(scalars))
      feeds[scalarName(name)] = new engine.Tensor("float32", Float32Array.of(value), []);
    for (const [i, [name, buffer, distribution]] of this.#noise.entries()) {
      fillNoise(buffer.data as Float32Array, distribution, {
        seed: at.seed,
        step: at.step,
        site: part * this.#noise.length + i,
      });
      feeds[name] = toOrt(engine, buffer);
    }
    return feeds;
  }
}

/** Values of parameters, and of the optimizer's slots where a training goes on. */
export interface StartValues {
  readonly parameters: Feeds;
  readonly slots?: Feeds;
}

/** A compiled training step with the state that it carries. */
export class TrainingStep implements Stepper {
  readonly program: Program;
  readonly #options: StepOptions;
  readonly #state: State;
  readonly #feeder: Feeder;
  private constructor(program: Program, options: StepOptions, state: State, feeder: Feeder) {
    this.program = program;
    this.#options = options;
    this.#state = state;
    this.#feeder = feeder;
  }

  /** Traces and compiles the step; slots that are not given start at zero. */
  static async create<B extends BatchSpecs>(
    options: StepOptions<B>,
    start: StartValues,
    run: RunOptions = {},
  ): Promise<TrainingStep> {
    const { inputs, outputs, noise } = traceStep(options);
    const program = await compileModel(lower(inputs, outputs), run);
    const state = new State(program, stateSpecs(options), { ...start.parameters, ...start.slots });
    return new TrainingStep(program, options, state, new Feeder(program, noise));
  }

  /**
   * One step. The new state is kept only if loss and gradient norm are finite; otherwise the step reports them and
   * nothing has changed.
   */
  async run([batch = {}]: readonly Feeds[], at: StepAt): Promise<StepResult> {
    const scalars = this.#options.optimizer.scalars(at.step, at.lr);
    const feeds = { ...this.#state.inputs, ...this.#feeder.feeds(batch, scalars, at) };
    const results = await this.program.runOrt(feeds, this.#state.outputs);
    const report = { loss: scalarOf(results.loss), gradNorm: scalarOf(results.gradNorm) };
    if (allFinite(report)) this.#state.advance(results);
    return report;
  }

  get parameters(): Record<string, HostTensor> {
    return this.#state.values(Object.keys(this.#options.parameters));
  }
  get slots(): Record<string, HostTensor> {
    return slotsOf(this.#state, this.#options);
  }
  /** The step as an .onnx file holds it. */
  get model(): OnnxModel {
    return this.program.model;
  }
}

const allFinite = ({ loss, gradNorm }: StepResult): boolean => Number.isFinite(loss) && Number.isFinite(gradNorm);

const slotsOf = (state: State, options: StepOptions): Record<string, HostTensor> =>
  state.values(Object.keys(stateSpecs(options)).filter((name) => !Object.hasOwn(options.parameters, name)));

/** A step over several micro-batches: equal to one step over all of them together. */
export class AccumulatedStep implements Stepper {
  readonly program: Program;
  readonly #update: Program;
  readonly #options: StepOptions;
  readonly #state: State;
  readonly #sums: State;
  readonly #feeder: Feeder;
  private constructor(programs: [Program, Program], options: StepOptions, states: [State, State], feeder: Feeder) {
    [this.program, this.#update] = programs;
    this.#options = options;
    [this.#state, this.#sums] = states;
    this.#feeder = feeder;
  }

  static async create<B extends BatchSpecs>(
    options: StepOptions<B>,
    start: StartValues,
    run: RunOptions = {},
  ): Promise<AccumulatedStep> {
    const { inputs, outputs, noise } = traceAccumulation(options, options.accumulate ?? 1);
    const update = traceSummedUpdate(options);
    const adding = await compileModel(lower(inputs, outputs), run);
    const updating = await compileModel(lower(update.inputs, update.outputs), run);
    const state = new State(updating, stateSpecs(options), { ...start.parameters, ...start.slots });
    const sums = new State(adding, mapNames(options.parameters, sumName), {});
    return new AccumulatedStep([adding, updating], options, [state, sums], new Feeder(adding, noise));
  }

  async run(batches: readonly Feeds[], at: StepAt): Promise<StepResult> {
    this.#sums.clear();
    let loss = 0;
    for (const [part, batch] of batches.entries()) {
      const feeds = { ...this.#state.inputs, ...this.#sums.inputs, ...this.#feeder.feeds(batch, {}, at, part) };
      const results = await this.program.runOrt(feeds, this.#sums.outputs);
      loss += scalarOf(results.loss) / batches.length;
      this.#sums.advance(results);
    }
    const scalars = new Feeder(this.#update, {}).feeds({}, this.#options.optimizer.scalars(at.step, at.lr), at);
    const results = await this.#update.runOrt(
      { ...this.#state.inputs, ...this.#sums.inputs, ...scalars },
      this.#state.outputs,
    );
    const report = { loss, gradNorm: scalarOf(results.gradNorm) };
    if (allFinite(report)) this.#state.advance(results);
    return report;
  }

  get parameters(): Record<string, HostTensor> {
    return this.#state.values(Object.keys(this.#options.parameters));
  }
  get slots(): Record<string, HostTensor> {
    return slotsOf(this.#state, this.#options);
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
