/**
 * What a training step computes: forward, loss, backward, clipping, update. Traced as one graph, or as two that hand
 * over gradients: the first may run once for every micro-batch, and the second writes over what it reads.
 */
import { ConfigError } from "../errors.ts";
import { gradient, rowOf, type Spec, sortNodes } from "../graph/index.ts";
import { nameOf, traceTraining, type Updates } from "../nn/index.ts";
import { freeLeaves, type Named } from "../onnx/index.ts";
import { clipByNorm, globalNorm } from "../optim/index.ts";
import { nextName } from "../runtime/index.ts";
import { requireRecord } from "../schema.ts";
import { dimAt, formatShape, input, inputsOf, isTensor, requireTensor, scalar, type Tensor } from "../tensor/index.ts";
import { averageName, gradientName, normName, scalarName, scheduledName, slotName, termName } from "./names.ts";
import type { BatchSpecs, Plan, StepOptions } from "./plan.ts";
import { planStep } from "./plan.ts";

/** A graph by the names under which it is fed and fetched. */
export interface StepGraph {
  readonly inputs: Named;
  readonly outputs: Named;
  /** Inputs that the host fills with random numbers. */
  readonly noise: Named;
  /** Names of the outputs that there are without a derivative: the loss, its terms, and the next values of buffers. */
  readonly forward: readonly string[];
  /** Names of the parameters that the loss depends on; the others stay as they are. */
  readonly reached: readonly string[];
}

/** A record under other names. */
export const mapNames = <T>(record: Readonly<Record<string, T>>, name: (key: string) => string): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [name(key), value]));

const only = <T>(record: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => names.includes(name)));

/** The tables as one. Throws ConfigError where a name occurs in two. */
function join(tables: readonly Named[]): Record<string, Tensor> {
  const all: Record<string, Tensor> = {};
  for (const [name, tensor] of tables.flatMap((table) => Object.entries(table))) {
    if (Object.hasOwn(all, name))
      throw new ConfigError(`step: "${name}" names two things that are fed; rename one of them`);
    all[name] = tensor;
  }
  return all;
}

/** What the loss gave, its parts by name. Throws ConfigError for what is no scalar. */
function lossTerms(result: unknown): { value: Tensor; terms: Named } {
  const { loss: value, ...terms } = (isTensor(result) ? { loss: result } : (result ?? {})) as Record<string, unknown>;
  for (const [name, term] of Object.entries({ loss: value, ...terms }))
    if (!isTensor(term) || term.rank !== 0)
      throw new ConfigError(
        `step: expected ${name === "loss" ? "the loss" : `term ${name}`} to be a scalar tensor, got ${isTensor(term) ? `${term.dtype}${formatShape(term.shape)}` : typeof term}; reduce it with .mean() or .sum()`,
      );
  return { value, terms } as { value: Tensor; terms: Named };
}

/** What to do about a leaf that nothing feeds. */
const advice: Readonly<Record<string, (tensor: Tensor) => string>> = {
  input: ({ node }) =>
    `input "${(node.attrs as { name: string }).name}", which is not in batch; add it there, or to frozen if it never changes`,
  parameter: (tensor) =>
    `the parameter ${nameOf(tensor)}, which is neither in parameters nor in frozen; add its layer, for instance namedParameters({ first, second })`,
  buffer: (tensor) => `the buffer ${nameOf(tensor)}, which is not in buffers; pass buffers: namedBuffers(model)`,
};

/** The noise among the leaves that are not bound, whose sizes are `known`. Throws ConfigError for every other one. */
function noiseOf(outputs: readonly Tensor[], bound: readonly Tensor[], known: ReadonlyMap<string, number>): Named {
  const leaves = freeLeaves(outputs, bound);
  for (const leaf of leaves) {
    if (leaf.node.op !== "noise")
      throw new ConfigError(
        `step: the loss reads ${advice[leaf.node.op]?.(leaf) ?? leaf.node.op} (${leaf.dtype}${formatShape(leaf.shape)})`,
      );
    const symbol = leaf.shape.find((dim) => Number.isNaN(dimAt(dim, known)));
    if (symbol !== undefined)
      throw new ConfigError(
        `step: noise of ${formatShape(leaf.shape)} names the size ${symbol}, but a step is traced with numbers; take the size from a tensor of the batch, such as x.shape`,
      );
  }
  return Object.fromEntries(leaves.map((leaf, i) => [`noise.${i}`, leaf]));
}

/** Names of those that a derivative of `loss` leads to. Throws ConfigError where there are none. */
function reachedBy(loss: Tensor, trained: Named): string[] {
  const open = sortNodes([loss], ({ node }) => rowOf(node.op).grad === "stop");
  const seen = new Set([loss, ...open.flatMap(({ inputs }) => inputs)]);
  const names = Object.keys(trained).filter((name) => seen.has(trained[name] as Tensor));
  if (names.length > 0) return names;
  throw new ConfigError(
    `step: the loss depends on none of the parameters (${Object.keys(trained).slice(0, 3).join(", ")}); compute it from them`,
  );
}

function nextBuffers(buffers: Named, updates: Updates): Record<string, Tensor> {
  const listed = new Set(Object.values(buffers));
  for (const buffer of updates.keys())
    if (!listed.has(buffer))
      throw new ConfigError(
        `step: the loss updates ${nameOf(buffer)}, which is not in buffers; pass buffers: namedBuffers(model)`,
      );
  const updated = Object.entries(buffers).flatMap(([name, buffer]) => {
    const value = updates.get(buffer);
    return value ? [[nextName(name), value] as const] : [];
  });
  return Object.fromEntries(updated);
}

/** The loss without its derivative. */
export interface Forward {
  /** Batch, scheduled scalars, parameters, frozen tensors and buffers. */
  readonly inputs: Named;
  /** The loss, its terms, and the next values of buffers. */
  readonly outputs: Named & { readonly loss: Tensor };
}

interface TracedLoss extends Forward {
  readonly noise: Named;
  /** By parameter, for those that are reached. */
  readonly gradients: Named;
}

export function traceForward({ options }: Plan, batch: BatchSpecs): Forward {
  const { parameters, frozen = {}, buffers = {}, scheduled = {} } = options;
  const fed = inputsOf(batch);
  const scalars = inputsOf(mapSpecs(Object.keys(scheduled), { shape: [], dtype: "f32" }));
  const inputs = join([fed, mapNames(scalars, scheduledName), parameters, frozen, buffers]);
  const { result, updates } = traceTraining(() => options.loss(fed, scalars));
  const { value, terms } = lossTerms(result);
  return { inputs, outputs: { loss: value, ...mapNames(terms, termName), ...nextBuffers(buffers, updates) } };
}

function traceLoss(plan: Plan, batch: BatchSpecs): TracedLoss {
  const { trained } = plan;
  const { inputs, outputs } = traceForward(plan, batch);
  const value = outputs.loss;
  const named = Object.values(batch).flatMap(({ shape }) => shape.filter((dim) => typeof dim === "string"));
  const known = new Map(named.map((name) => [name, 1]));
  const noise = noiseOf(Object.values(outputs), Object.values(inputs), known);
  const names = reachedBy(value, trained);
  const slopes = gradient(
    value,
    names.map((name) => trained[name] as Tensor),
  );
  return { inputs, outputs, noise, gradients: Object.fromEntries(names.map((name, i) => [name, slopes[i] as Tensor])) };
}

/** The norm of all gradients, and those of the groups that ask for theirs. */
function traceNorms({ treatments, norms, scalarType }: Plan, gradients: Named): { readonly gradNorm: Tensor } & Named {
  const of = (names: readonly string[]): Tensor =>
    names.length === 0 ? scalar(0) : globalNorm(names.map((name) => gradients[name] as Tensor));
  const reached = Object.keys(gradients);
  const asked = norms.map((norm) => [
    normName(norm),
    of(reached.filter((name) => treatments[name]?.norms.includes(norm))),
  ]);
  return { ...(Object.fromEntries(asked) as Named), gradNorm: of(reached).cast(scalarType) };
}

/** The update of every parameter that has a gradient, with the inputs that its state and the step's scalars come in through. */
function traceUpdate(plan: Plan, gradients: Named, gradNorm: Tensor) {
  const { clip } = plan.options;
  const all = Object.values(gradients);
  const clipped = clip === undefined ? all : clipByNorm(all, gradNorm, clip);
  const scalars = inputsOf(mapSpecs(plan.scalars, { shape: [], dtype: plan.scalarType }));
  const inputs: Record<string, Tensor> = { ...scalars };
  const outputs: Record<string, Tensor> = {};
  for (const [i, name] of Object.keys(gradients).entries()) {
    const { before, after } = updateOne(plan, name, clipped[i] as Tensor, scalars);
    Object.assign(inputs, before);
    const changed = Object.keys(after).filter((key) => after[key] !== before[key]);
    Object.assign(outputs, mapNames(only(after, changed), nextName));
  }
  return { inputs, outputs };
}

function updateOne({ options, trained, treatments }: Plan, name: string, gradient: Tensor, scalars: Named) {
  const { optimizer, average } = options;
  const parameter = trained[name] as Tensor;
  const { rate = 1, decay = false } = treatments[name] ?? {};
  const own = Object.keys(optimizer.scalars(1, 1)).map(
    (key) => [key, (scalars[scalarName(key, rate)] as Tensor).cast(parameter.dtype)] as const,
  );
  const slots = Object.fromEntries(
    optimizer.slots.map((slot) => [slot, input(slotName(slot, name), parameter.shape, parameter.dtype)]),
  );
  const updated = optimizer.update(parameter, gradient, slots, Object.fromEntries(own), decay);
  requireRecord(updated, "step: the optimizer's update");
  const { parameter: next, slots: nextSlots = {} } = updated;
  for (const tensor of [next, ...Object.values(nextSlots)]) requireTensor("step: the optimizer's update", tensor);
  const before: Named = { [name]: parameter, ...mapNames(slots, (slot) => slotName(slot, name)) };
  const after: Named = { [name]: next, ...mapNames(nextSlots, (slot) => slotName(slot, name)) };
  if (average === undefined) return { before, after };
  const mean = input(averageName(name), parameter.shape, parameter.dtype);
  const nextMean = mean.mul(average).add(next.mul(1 - average));
  return { before: { ...before, [averageName(name)]: mean }, after: { ...after, [averageName(name)]: nextMean } };
}

const mapSpecs = (names: readonly string[], spec: Spec): Record<string, Spec> =>
  Object.fromEntries(names.map((name) => [name, spec]));

/** The whole step. Its outputs are `loss`, `term.<name>`, `gradNorm`, `norm.<group>` and the next value of all that changes. */
export function traceWhole(plan: Plan, batch: BatchSpecs): StepGraph {
  const { inputs, outputs, noise, gradients } = traceLoss(plan, batch);
  const norms = traceNorms(plan, gradients);
  const update = traceUpdate(plan, gradients, norms.gradNorm);
  return {
    inputs: { ...join([inputs, noise]), ...update.inputs },
    outputs: { ...outputs, ...norms, ...update.outputs },
    noise,
    forward: Object.keys(outputs),
    reached: Object.keys(gradients),
  };
}

/** The whole step of `options`, for export. */
export const traceStep = <B extends BatchSpecs>(options: StepOptions<B>): StepGraph => {
  const plan = planStep(options);
  return traceWhole(plan, plan.options.batch);
};

/** The first part of a step: loss, gradients and norms. */
export function traceGradients(plan: Plan, batch: BatchSpecs): StepGraph {
  const { inputs, outputs, noise, gradients } = traceLoss(plan, batch);
  return {
    inputs: join([inputs, noise]),
    outputs: {
      ...outputs,
      ...traceNorms(plan, gradients),
      ...mapNames(gradients, (name) => nextName(gradientName(name))),
    },
    noise,
    forward: Object.keys(outputs),
    reached: Object.keys(gradients),
  };
}

/** One micro-batch of n = `accumulate`: its gradients, divided by n, added to those so far. */
export function traceAccumulation(plan: Plan, batch: BatchSpecs): StepGraph {
  const { inputs, outputs, noise, gradients } = traceLoss(plan, batch);
  const reached = Object.keys(gradients);
  const sums = gradientInputs(plan, reached);
  const added = Object.entries(gradients).map(([name, gradient]) => [
    nextName(gradientName(name)),
    (sums[name] as Tensor).add(gradient.div(plan.options.accumulate ?? 1)),
  ]);
  return {
    inputs: join([inputs, mapNames(sums, gradientName), noise]),
    outputs: { ...outputs, ...Object.fromEntries(added) },
    noise,
    forward: Object.keys(outputs),
    reached,
  };
}

/** The gradients of `names`, as inputs. */
const gradientInputs = ({ trained }: Plan, names: readonly string[]): Record<string, Tensor> =>
  Object.fromEntries(
    names.map((name) => {
      const { shape, dtype } = trained[name] as Tensor;
      return [name, input(gradientName(name), shape, dtype)];
    }),
  );

/** The norms alone, from the gradients of `reached`. */
export function traceGradientNorms(plan: Plan, reached: readonly string[]): StepGraph {
  const gradients = gradientInputs(plan, reached);
  return {
    inputs: mapNames(gradients, gradientName),
    outputs: traceNorms(plan, gradients),
    noise: {},
    forward: [],
    reached,
  };
}

/** The second part of a step: the update, from the gradients of `reached` and their norm. */
export function traceGivenUpdate(plan: Plan, reached: readonly string[]): StepGraph {
  const gradients = gradientInputs(plan, reached);
  const gradNorm = input("gradNorm", [], plan.scalarType);
  const update = traceUpdate(plan, gradients, gradNorm);
  const { outputs } = update;
  const inputs = join([mapNames(gradients, gradientName), { gradNorm }, update.inputs]);
  return { inputs, outputs, noise: {}, forward: [], reached };
}
