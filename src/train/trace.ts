/**
 * What a training step computes: forward, loss, backward, clipping, update, as one graph; or, with gradients accumulated
 * over several micro-batches, as two, of which one adds gradients up and one updates.
 */
import { gradient, type Spec } from "../graph/index.ts";
import { traceTraining } from "../nn/index.ts";
import { freeLeaves, type Named } from "../onnx/index.ts";
import { clipByNorm, globalNorm, type Optimizer } from "../optim/index.ts";
import { input, type Tensor } from "../tensor/index.ts";
import { nextName } from "./state.ts";

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

const slotName = (slot: string, parameter: string): string => `optimizer.${slot}.${parameter}`;
/** The name of the sum of a parameter's gradients. */
export const sumName = (parameter: string): string => `sum.${parameter}`;
export const scalarName = (scalar: string): string => `scalar.${scalar}`;

const inputsOf = (specs: Readonly<Record<string, Spec>>): Record<string, Tensor> =>
  Object.fromEntries(Object.entries(specs).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)]));

/** A record under other names. */
export const mapNames = <T>(record: Readonly<Record<string, T>>, name: (key: string) => string): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [name(key), value]));

function traceLoss({ parameters, batch, loss }: StepOptions) {
  const fed = inputsOf(batch);
  const { result: value } = traceTraining(() => loss(fed));
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

/** All that the optimizer changes: parameters, then slots. */
export const stateSpecs = ({ parameters, optimizer }: StepOptions): Record<string, Spec> => ({
  ...parameters,
  ...Object.fromEntries(
    Object.entries(parameters).flatMap(([name, spec]) => optimizer.slots.map((slot) => [slotName(slot, name), spec])),
  ),
});
