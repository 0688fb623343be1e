/** What a training step is made of, checked and completed. */
import { ConfigError, nearest, shown } from "../errors.ts";
import type { Spec } from "../graph/index.ts";
import type { Named } from "../onnx/index.ts";
import type { Optimizer } from "../optim/index.ts";
import { isRecord } from "../schema.ts";
import { input, isFloat, isTensor, type Tensor } from "../tensor/index.ts";
import { type ParameterGroup, type Treatment, treatments } from "./groups.ts";
import { averageName, scalarName, slotName } from "./names.ts";

/** What is fed with every batch, by name. */
export type BatchSpecs = Readonly<Record<string, Spec>>;

/** A loss with named scalars beside it: parts of the loss, or metrics, which are only reported. */
export interface LossTerms {
  readonly loss: Tensor;
  readonly [term: string]: Tensor;
}

/** What a training step is made of. */
export interface StepOptions<B extends BatchSpecs = BatchSpecs> {
  /** What is trained, by checkpoint name. A parameter that the loss does not depend on stays as it is. */
  readonly parameters: Named;
  /** Tensors that the loss reads and that never change. */
  readonly frozen?: Named | undefined;
  /** Tensors that are carried from step to step; `update(buffer, value)` in the loss gives their next values. */
  readonly buffers?: Named | undefined;
  /**
   * Shapes and types of what is fed. Named sizes, as in `["B", 3]`, are known when a batch comes. The name that is the
   * first axis of everything stays open where the loss allows it; other sizes are compiled once for each value.
   */
  readonly batch: B;
  /**
   * Scalars that the loss reads and that change from step to step, such as the weight of a term that rises: functions of the
   * step, counted from 1, and of nothing else, so that a resumed training is the one that was not interrupted.
   */
  readonly scheduled?: Readonly<Record<string, (step: number) => number>> | undefined;
  /** The scalar to be made small, alone or with named scalars that are reported. */
  loss(batch: { readonly [K in keyof B]: Tensor }, scheduled: Named): Tensor | LossTerms;
  readonly optimizer: Optimizer;
  /** Limit of the norm of all gradients together; undefined leaves them as they are. */
  readonly clip?: number | undefined;
  /** Micro-batches whose gradients are averaged before one update, each with the same weight. Default 1. */
  readonly accumulate?: number | undefined;
  /** Parameters that are treated in another way, by name. */
  readonly groups?: readonly ParameterGroup[] | undefined;
  /** Decay d of a moving average of the weights, a' = d·a + (1-d)·p', which starts at their initial values. */
  readonly average?: number | undefined;
}

/** Options with all that follows from them. */
export interface Plan {
  readonly options: StepOptions;
  /** The parameters that no group freezes. */
  readonly trained: Named;
  readonly treatments: Readonly<Record<string, Treatment>>;
  /** Names of the norms that groups ask for. */
  readonly norms: readonly string[];
  /** Names of the optimizer's scalars, for every learning rate there is. */
  readonly scalars: readonly string[];
  readonly rates: readonly number[];
  readonly scalarType: "f32" | "f64";
}

type Check = readonly [expected: string, holds: (value: unknown) => boolean];

const tensors: Check = [
  "an object of tensors by name",
  (value) => isRecord(value) && Object.values(value).every(isTensor),
];
const isSpec = (value: unknown) => isRecord(value) && Array.isArray(value.shape) && typeof value.dtype === "string";
const optional = ([expected, holds]: Check): Check => [expected, (value) => value === undefined || holds(value)];

const checks: Readonly<Record<keyof StepOptions, Check>> = {
  parameters: tensors,
  frozen: optional(tensors),
  buffers: optional(tensors),
  batch: [
    "an object of { shape, dtype } by name",
    (value) => isRecord(value) && Object.values(value).every((spec) => isSpec(spec)),
  ],
  scheduled: optional([
    "an object of functions of the step by name",
    (value) => isRecord(value) && Object.values(value).every((part) => typeof part === "function"),
  ]),
  loss: ["a function of the batch", (value) => typeof value === "function"],
  optimizer: ["an optimizer, such as adam()", (value) => isRecord(value) && isOptimizer(value)],
  clip: optional(["a number above 0", (value) => typeof value === "number" && value > 0]),
  accumulate: optional(["a whole number from 1 on", (value) => Number.isInteger(value) && Number(value) >= 1]),
  groups: optional([
    "a list of { match: RegExp, rate?, decay?, freeze?, norm? }",
    (value) => Array.isArray(value) && value.every((group) => isRecord(group) && isGroup(group)),
  ]),
  average: optional(["a number from 0 to below 1", (value) => typeof value === "number" && value >= 0 && value < 1]),
};

const isOptimizer = ({ slots, scalars, update }: Readonly<Record<string, unknown>>): boolean =>
  Array.isArray(slots) &&
  slots.every((slot) => typeof slot === "string") &&
  [scalars, update].every((part) => typeof part === "function");

const isGroup = ({ match, rate, decay, freeze, norm }: Readonly<Record<string, unknown>>): boolean =>
  match instanceof RegExp &&
  (rate === undefined || (typeof rate === "number" && Number.isFinite(rate) && rate >= 0)) &&
  [decay, freeze].every((flag) => flag === undefined || typeof flag === "boolean") &&
  (norm === undefined || typeof norm === "string");

function requireOptions(options: unknown): asserts options is StepOptions {
  if (!isRecord(options))
    throw new ConfigError(
      `step: expected options { parameters, batch, loss, optimizer }, got ${shown(options)}; give them first`,
    );
  const known = Object.keys(checks);
  for (const key of Object.keys(options))
    if (!known.includes(key)) throw new ConfigError(`step: unknown option "${key}"${nearest(key, known)}`);
  for (const [key, [expected, holds]] of Object.entries(checks))
    if (!holds(options[key]))
      throw new ConfigError(`step: expected ${key} to be ${expected}, got ${shown(options[key])}`);
}

const LEAVES = new Set(["parameter", "buffer", "input"]);

/** Throws ConfigError where a tensor is computed, or stands under two names. */
function requireLeaves({ parameters, frozen = {}, buffers = {} }: StepOptions): void {
  const seen = new Map<Tensor, string>();
  const all = Object.entries({ parameters, frozen, buffers }).flatMap(([kind, named]) =>
    Object.entries(named).map(([name, tensor]) => [`${kind} "${name}"`, tensor] as const),
  );
  for (const [what, tensor] of all) {
    if (!LEAVES.has(tensor.node.op))
      throw new ConfigError(`step: ${what} is computed by ${tensor.node.op}; pass the parameters it is made of`);
    const other = seen.get(tensor);
    if (other) throw new ConfigError(`step: ${other} and ${what} are one tensor; give it once`);
    seen.set(tensor, what);
  }
  const odd = Object.entries(parameters).find(([, { dtype }]) => !isFloat(dtype));
  if (odd) throw new ConfigError(`step: parameter "${odd[0]}" is ${odd[1].dtype}, which cannot be trained; freeze it`);
}

/** Checks the options. Throws ConfigError that names what is wrong, ShapeError or DTypeError for a batch that none is. */
export function planStep(options: unknown): Plan {
  requireOptions(options);
  for (const [name, { shape, dtype }] of Object.entries(options.batch)) input(name, shape, dtype);
  requireLeaves(options);
  const { parameters, groups, optimizer } = options;
  const treated = treatments(parameters, groups);
  const trained = Object.fromEntries(Object.entries(parameters).filter(([name]) => !treated[name]?.freeze));
  if (Object.keys(trained).length === 0)
    throw new ConfigError("step: no parameter is left to train; pass parameters: namedParameters(model)");
  const rates = [...new Set(Object.keys(trained).map((name) => treated[name]?.rate ?? 1))];
  return {
    options,
    trained,
    treatments: treated,
    norms: [...new Set((groups ?? []).flatMap(({ norm }) => norm ?? []))],
    rates,
    scalars: rates.flatMap((rate) => Object.keys(optimizer.scalars(1, 1)).map((key) => scalarName(key, rate))),
    scalarType: Object.values(trained).some(({ dtype }) => dtype === "f64") ? "f64" : "f32",
  };
}

/** The optimizer's slots, by name. */
export const slotSpecs = ({ trained, options: { optimizer } }: Plan): Record<string, Spec> =>
  Object.fromEntries(
    Object.entries(trained).flatMap(([name, spec]) => optimizer.slots.map((slot) => [slotName(slot, name), spec])),
  );

/** The moving averages by name, where they are asked for. */
export const averageSpecs = ({ trained, options: { average } }: Plan): Record<string, Spec> =>
  average === undefined
    ? {}
    : Object.fromEntries(Object.entries(trained).map(([name, spec]) => [averageName(name), spec]));
