/** The values that a step starts from, checked against its parameters and buffers. */
import { ConfigError, nearest, ShapeError, shown } from "../errors.ts";
import type { Spec } from "../graph/index.ts";
import type { Feeds, HostTensor } from "../runtime/index.ts";
import { isRecord } from "../schema.ts";
import { formatShape, sameShape } from "../tensor/index.ts";
import { averageName } from "./names.ts";
import { averageSpecs, type Plan, slotSpecs } from "./plan.ts";

/** Values to start from, by name. Those of `frozen` are read at every step: do not change them meanwhile. */
export interface StartValues {
  /** The numbers of all parameters. */
  readonly weights: Feeds;
  /** Needed where there are buffers. */
  readonly buffers?: Feeds | undefined;
  /** Needed where there are frozen tensors. */
  readonly frozen?: Feeds | undefined;
  /** What the optimizer remembers, all of it; zeros if left out. */
  readonly slots?: Feeds | undefined;
  /** The moving averages by parameter, all of them; the weights if left out. */
  readonly averages?: Feeds | undefined;
}

/** Where parameters and buffers start, from the values of both by name. */
export function startingAt(values: Feeds, { parameters, buffers }: Record<"parameters" | "buffers", object>) {
  const pick = (names: object): Feeds =>
    Object.fromEntries(Object.keys(names).map((name) => [name, values[name] as HostTensor]));
  return { weights: pick(parameters), buffers: pick(buffers) } satisfies StartValues;
}

/** Throws ConfigError or ShapeError unless `values` has each of `specs`, and nothing else. */
function requireExact(kind: string, specs: Readonly<Record<string, Spec>>, values: unknown): void {
  if (!isRecord(values))
    throw new ConfigError(
      `step: expected start values { ${kind}: ... } by name, got ${shown(values)}; give one for each`,
    );
  const given = values as Readonly<Record<string, Partial<HostTensor> | undefined>>;
  for (const [name, spec] of Object.entries(specs)) {
    const problem = misfit(spec, given[name]);
    if (!problem) continue;
    const hint = given[name] ? "" : nearest(name, Object.keys(given));
    throw new ShapeError(
      `step: ${kind} "${name}" starts at ${spec.dtype}${formatShape(spec.shape)}, got ${problem}${hint}; give one value for each`,
    );
  }
  const surplus = Object.keys(given).find((name) => !Object.hasOwn(specs, name));
  if (surplus !== undefined)
    throw new ConfigError(
      `step: start value "${surplus}" belongs to none of the ${kind}${nearest(surplus, Object.keys(specs))}; leave it out`,
    );
}

/** What was given instead of a value of `spec`. */
function misfit({ shape, dtype }: Spec, value: Partial<HostTensor> | undefined): string | undefined {
  if (!value || !Array.isArray(value.shape) || !value.data) return value ? "no { data, shape, dtype }" : "nothing";
  const got = `${value.dtype}${formatShape(value.shape)}`;
  if (value.dtype !== dtype || !sameShape(value.shape, shape)) return got;
  const count = value.shape.reduce((a, b) => a * b, 1);
  return value.data.length === count ? undefined : `${value.data.length} numbers`;
}

/** Throws ConfigError or ShapeError that names the value that is missing, surplus or of another shape. */
export function requireStart(plan: Plan, start: unknown): asserts start is StartValues {
  if (!isRecord(start))
    throw new ConfigError(
      `step: expected start values { weights }, got ${shown(start)}; give for instance { weights: initialValues(parameters, 0) }`,
    );
  const { weights, buffers = {}, frozen = {}, slots, averages } = start as unknown as StartValues;
  const { options } = plan;
  requireExact("weights", options.parameters, weights);
  requireExact("buffers", options.buffers ?? {}, buffers);
  requireExact("frozen", options.frozen ?? {}, frozen);
  if (slots !== undefined) requireExact("slots", slotSpecs(plan), slots);
  if (averages !== undefined)
    requireExact("averages", options.average === undefined ? {} : options.parameters, averages);
}

const copies = (values: Feeds | undefined): Feeds | undefined =>
  values &&
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { ...value, data: value.data.slice() }]));

/** Copies of all that a step changes. */
export const copyOf = ({ weights, buffers, frozen, slots, averages }: StartValues): StartValues => ({
  weights: copies(weights) ?? {},
  buffers: copies(buffers),
  frozen,
  slots: copies(slots),
  averages: copies(averages),
});

/** All that a step trains, by name: parameters, slots, averages. */
export const trainedSpecs = (plan: Plan): Record<string, Spec> => ({
  ...plan.trained,
  ...slotSpecs(plan),
  ...averageSpecs(plan),
});

/** Where all of it starts. */
export function trainedValues({ trained, options }: Plan, { weights, slots, averages }: StartValues): Feeds {
  if (options.average === undefined) return { ...weights, ...slots };
  const means = averages ?? copies(weights);
  const named = Object.keys(trained).map((name) => [averageName(name), means?.[name]]);
  return { ...weights, ...slots, ...Object.fromEntries(named) };
}
