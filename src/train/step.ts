/**
 * The training step as one graph: forward, loss, backward, clipping, update. Parameters and optimizer state go in and
 * come out; on the host two sets of buffers take turns, so no output overwrites an input that is still to be read.
 */
import type { Tensor as OrtTensor } from "onnxruntime-common";
import { gradient, type Spec } from "../graph/index.ts";
import { traceTraining } from "../nn/index.ts";
import { freeLeaves, lower, type Named, type OnnxModel } from "../onnx/index.ts";
import { clipByNorm, globalNorm, type Optimizer, type Slots } from "../optim/index.ts";
import { compileModel, type Feeds, fillNoise, type HostTensor, type Program, type RunOptions, toOrt } from "../runtime/index.ts";
import { emptyArray, input, type Tensor } from "../tensor/index.ts";
import { numberOfElements } from "../tensor/dim.ts";

/** What a training step is made of. */
export interface StepOptions {
  /** Parameters by checkpoint name. */
  readonly parameters: Named;
  /** What is fed with every batch. */
  readonly batch: Readonly<Record<string, Spec>>;
  /** The scalar to be made small. */
  readonly loss: (batch: Named) => Tensor;
  readonly optimizer: Optimizer;
  /** Limit of the norm of all gradients together; undefined leaves them as they are. */
  readonly clip?: number | undefined;
}

/** The graph of one step, by the names under which it is fed and fetched. */
export interface StepGraph {
  readonly inputs: Named;
  readonly outputs: Named;
  /** Inputs that the host fills with random numbers. */
  readonly noise: Named;
}

export const slotName = (slot: string, parameter: string): string => `optimizer.${slot}.${parameter}`;
const nextName = (name: string): string => `${name}.next`;

const inputsOf = (specs: Readonly<Record<string, Spec>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(specs).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]));

const named = (prefix: string, tensors: readonly Tensor[]): Record<string, Tensor> =>
  Object.fromEntries(tensors.map((tensor, i) => [`${prefix}.${i}`, tensor]));

/** The update of every parameter, with the inputs that its state and the step's scalars come in through. */
function traceUpdate({ parameters, optimizer }: StepOptions, gradients: readonly Tensor[]) {
  const scalars = inputsOf(Object.fromEntries(Object.keys(optimizer.scalars(1, 1)).map((name) => [name, { shape: [], dtype: "f32" }])));
  const inputs: Record<string, Tensor> = {};
  const outputs: Record<string, Tensor> = {};
  for (const [i, [name, parameter]] of Object.entries(parameters).entries()) {
    const slots = inputsOf(Object.fromEntries(optimizer.slots.map((slot) => [slot, parameter])));
    const g = gradients[i] ?? parameter.zerosLike();
    const next = optimizer.update(parameter, g, slots, scalars, parameter.rank >= 2);
    outputs[nextName(name)] = next.parameter;
    rename(inputs, slots, (slot) => slotName(slot, name));
    rename(outputs, next.slots, (slot) => nextName(slotName(slot, name)));
  }
  return { inputs: { ...inputs, ...prefixed(scalars) }, outputs };
}

function rename(into: Record<string, Tensor>, tensors: Slots, name: (key: string) => string): void {
  for (const [key, tensor] of Object.entries(tensors)) into[name(key)] = tensor;
}

const prefixed = (scalars: Named): Named => Object.fromEntries(Object.entries(scalars).map(([name, tensor]) => [`scalar.${name}`, tensor]));

/** Traces forward, backward and update. The outputs are `loss`, `gradNorm` and everything's next value. */
export function traceStep(options: StepOptions): StepGraph {
  const { parameters, batch, clip } = options;
  const fed = inputsOf(batch);
  const loss = traceTraining(() => options.loss(fed));
  const gradients = gradient(loss, Object.values(parameters));
  const gradNorm = globalNorm(gradients);
  const update = traceUpdate(options, clip === undefined ? gradients : clipByNorm(gradients, gradNorm, clip));
  const outputs = { loss, gradNorm, ...update.outputs };
  const inputs = { ...fed, ...parameters, ...update.inputs };
  const noise = named("noise", freeLeaves(Object.values(outputs), Object.values(inputs)));
  return { inputs: { ...inputs, ...noise }, outputs, noise };
}

/** What one step reports. */
export interface StepResult {
  readonly loss: number;
  /** The norm of all gradients before clipping. */
  readonly gradNorm: number;
}

const zerosOf = ({ shape, dtype }: Spec): HostTensor => {
  const sizes = shape.map(Number);
  return { data: emptyArray(dtype, numberOfElements(shape, "training step")), shape: sizes, dtype };
};

const scalarOf = (tensor: OrtTensor | undefined): number => Number((tensor?.data as Float32Array)[0]);

/** A compiled training step with the state that it carries: parameters and optimizer slots. */
export class TrainingStep {
  readonly program: Program;
  readonly #options: StepOptions;
  readonly #noise: readonly [string, HostTensor, "uniform" | "normal"][];
  #current: Record<string, OrtTensor> = {};
  #spare: Record<string, OrtTensor> = {};

  private constructor(program: Program, options: StepOptions, noise: Named) {
    this.program = program;
    this.#options = options;
    this.#noise = Object.entries(noise).map(([name, tensor]) => {
      const { distribution } = tensor.node.attrs as { distribution: "uniform" | "normal" };
      return [name, zerosOf(tensor), distribution];
    });
  }

  /** Traces and compiles a step whose parameters start at `values`, its optimizer at zero or at `slots`. */
  static async create(options: StepOptions, values: Feeds, run: RunOptions & { slots?: Feeds } = {}): Promise<TrainingStep> {
    const { inputs, outputs, noise } = traceStep(options);
    const step = new TrainingStep(await compileModel(lower(inputs, outputs), run), options, noise);
    step.load(values, run.slots);
    return step;
  }

  /** The state's names: parameters, then slots. */
  get #names(): string[] {
    const { parameters, optimizer } = this.#options;
    return Object.keys(parameters).flatMap((name) => [name, ...optimizer.slots.map((slot) => slotName(slot, name))]);
  }

  /** Takes copies of the values; slots that are not given start at zero. */
  load(values: Feeds, slots: Feeds = {}): void {
    const specs = Object.fromEntries(this.program.model.inputs.map(({ name, spec }) => [name, spec]));
    for (const name of this.#names) {
      const spec = specs[name];
      const given = values[name] ?? slots[name];
      if (!spec) throw new Error(`internal: the step has no input ${name}`);
      const own = given ? { ...given, data: given.data.slice() } : zerosOf(spec);
      this.#current[name] = toOrt(this.program.engine, own);
      this.#spare[nextName(name)] = toOrt(this.program.engine, zerosOf(spec));
    }
  }

  /**
   * One step, numbered from 1. The new state is kept only if loss and gradient norm are finite; otherwise the step
   * reports them and nothing has changed.
   */
  async run(batch: Feeds, { step, lr, seed }: { step: number; lr: number; seed: number }): Promise<StepResult> {
    const { engine } = this.program;
    const feeds: Record<string, OrtTensor> = { ...this.#current };
    for (const [name, tensor] of Object.entries(batch)) feeds[name] = toOrt(engine, tensor);
    for (const [name, value] of Object.entries(this.#options.optimizer.scalars(step, lr)))
      feeds[`scalar.${name}`] = new engine.Tensor("float32", Float32Array.of(value), []);
    for (const [site, [name, tensor, distribution]] of this.#noise.entries()) {
      fillNoise(tensor.data as Float32Array, distribution, { seed, step, site });
      feeds[name] = toOrt(engine, tensor);
    }
    const results = await this.program.runOrt(feeds, this.#spare);
    const report = { loss: scalarOf(results.loss), gradNorm: scalarOf(results.gradNorm) };
    if (Number.isFinite(report.loss) && Number.isFinite(report.gradNorm)) this.#keep(results);
    return report;
  }

  #keep(results: Readonly<Record<string, OrtTensor>>): void {
    for (const name of this.#names) {
      const [next, before] = [results[nextName(name)], this.#current[name]];
      if (!next || !before) throw new Error(`internal: the step gave no ${name}`);
      this.#current[name] = next;
      this.#spare[nextName(name)] = before;
    }
  }

  /** The values of all parameters, valid until the next step. */
  get parameters(): Record<string, HostTensor> {
    return this.#select(Object.keys(this.#options.parameters));
  }
  /** The optimizer's state, valid until the next step. */
  get slots(): Record<string, HostTensor> {
    const all = new Set(Object.keys(this.#options.parameters));
    return this.#select(this.#names.filter((name) => !all.has(name)));
  }
  #select(names: readonly string[]): Record<string, HostTensor> {
    const shapes = new Map(this.program.model.inputs.map(({ name, spec }) => [name, spec]));
    return Object.fromEntries(
      names.map((name) => {
        const [spec, tensor] = [shapes.get(name), this.#current[name]];
        if (!spec || !tensor) throw new Error(`internal: no state called ${name}`);
        return [name, { data: tensor.data as Float32Array, shape: spec.shape.map(Number), dtype: spec.dtype }];
      }),
    );
  }

  /** The step as an .onnx file holds it. */
  get model(): OnnxModel {
    return this.program.model;
  }
}
