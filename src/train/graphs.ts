/**
 * The graphs of a step for batches of several sizes. The number of rows stays a name in the graph where that is the graph
 * that is recorded with the number as well, so that one program serves every number of rows. Whether it is depends on the
 * step and the sizes alone, never on what came before, or a resumed training would not be the one that was not interrupted.
 */
import { forRows, sameAt } from "../graph/index.ts";
import type { Named } from "../onnx/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { type Needs, needsOf, simplified } from "./memory.ts";
import { scheduledName } from "./names.ts";
import type { BatchSpecs, Plan } from "./plan.ts";
import { type StepGraph, traceForward } from "./trace.ts";

export type Sizes = Readonly<Record<string, number>>;
export type Trace = (plan: Plan, batch: BatchSpecs) => StepGraph;

/** `specs` with numbers for names. */
export const fixSizes = (specs: BatchSpecs, sizes: Sizes): BatchSpecs =>
  Object.fromEntries(
    Object.entries(specs).map(([name, { shape, dtype }]) => [
      name,
      { shape: shape.map((dim) => (typeof dim === "string" ? (sizes[dim] ?? dim) : dim)), dtype },
    ]),
  );

/** The name of the first axis of everything in a batch, if it is one and the same. */
function rowsName(specs: BatchSpecs): string | undefined {
  const [name, ...others] = new Set(Object.values(specs).map(({ shape }) => shape[0]));
  return typeof name === "string" && /^\w+$/.test(name) && others.length === 0 ? name : undefined;
}

/** What `trace` gives, or nothing where it throws: whoever records with numbers next throws what is to be said. */
function attempt<T>(trace: () => T): T | undefined {
  try {
    return trace();
  } catch {
    return undefined;
  }
}

/** What a graph is for. It is asked at every batch, and answers for sizes that it knows at once. */
export class Scope {
  /** Shapes and types of the batch, in which the number of rows may have a name. */
  readonly batch: BatchSpecs;
  readonly #needs: Needs;
  readonly #isFor: (sizes: Sizes) => boolean;
  readonly #served = new Map<string, boolean>();
  readonly #bytes = new Map<string, number>();
  constructor(batch: BatchSpecs, needs: Needs, isFor: (sizes: Sizes) => boolean) {
    this.batch = batch;
    this.#needs = needs;
    this.#isFor = isFor;
  }

  /** Whether the graph is the one for batches of `sizes`. */
  serves(sizes: Sizes): boolean {
    const key = JSON.stringify(sizes);
    const served = this.#served.get(key) ?? this.#isFor(sizes);
    this.#served.set(key, served);
    return served;
  }

  /** About how many bytes it needs at its peak. Throws ConfigError where there are fewer. */
  bytes(sizes: Sizes): number {
    const key = JSON.stringify(sizes);
    const bytes = this.#bytes.get(key) ?? this.#needs(sizes);
    this.#bytes.set(key, bytes);
    return bytes;
  }
}

const sameNames = (a: Named, b: Named): boolean => Object.keys(a).join() === Object.keys(b).join();

/** A graph as it is lowered, and what it is for. */
export interface BatchGraph {
  readonly graph: StepGraph;
  readonly scope: Scope;
}

function batchGraph(traced: StepGraph, batch: BatchSpecs, isFor: (sizes: Sizes) => boolean): BatchGraph {
  const graph = simplified(traced);
  return { graph, scope: new Scope(batch, needsOf(graph), isFor) };
}

export class Graphs {
  readonly #plan: Plan;
  readonly #trace: Trace;
  readonly #name: string | undefined;
  readonly #rows: number;
  /** `sizes` are those of the largest batch; where the number of its rows is not among them, they are taken to be many. */
  constructor(plan: Plan, trace: Trace, sizes: Sizes) {
    this.#plan = plan;
    this.#trace = trace;
    this.#name = rowsName(plan.options.batch);
    this.#rows = (this.#name === undefined ? undefined : sizes[this.#name]) ?? Number.POSITIVE_INFINITY;
  }

  /** Shapes and types of batches of `sizes`: with the name of their rows, if one can be left open, and with numbers alone. */
  specs(sizes: Sizes): BatchSpecs[] {
    const fixed = fixSizes(this.#plan.options.batch, sizes);
    if (this.#name === undefined) return [fixed];
    const { [this.#name]: _, ...others } = sizes;
    return [fixSizes(this.#plan.options.batch, others), fixed];
  }

  /** The graph for batches of `sizes`. Throws what recording with their numbers throws. */
  at(sizes: Sizes): BatchGraph {
    const [batch = {}, fixed = batch] = this.specs(sizes);
    const open = batch === fixed ? undefined : this.#open(batch);
    return open?.scope.serves(sizes) ? open : batchGraph(this.#trace(this.#plan, fixed), fixed, () => true);
  }

  #open(batch: BatchSpecs): BatchGraph | undefined {
    const traced = attempt(() => forRows(this.#rows, () => this.#trace(this.#plan, batch)));
    if (!traced) return undefined;
    const { inputs, outputs, forward } = traced;
    const loss = Object.fromEntries(forward.map((name) => [name, outputs[name] as Tensor])); // keeps no derivative
    return batchGraph(traced, batch, (sizes) => this.#isSame(inputs, loss, fixSizes(batch, sizes), sizes));
  }

  /** Code may look at a size and do something else: the loss is recorded with the number as well, and compared. */
  #isSame(inputs: Named, outputs: Named, batch: BatchSpecs, sizes: Sizes): boolean {
    const fixed = attempt(() => forRows(this.#rows, () => traceForward(this.#plan, batch)));
    if (!fixed || !sameNames(fixed.outputs, outputs)) return false;
    const scheduled = Object.keys(this.#plan.options.scheduled ?? {}).map((name) => scheduledName(name));
    const given = [...Object.keys(batch), ...scheduled].map(
      (name) => [inputs[name] as Tensor, fixed.inputs[name] as Tensor] as const,
    );
    return sameAt(Object.values(outputs), Object.values(fixed.outputs), given, new Map(Object.entries(sizes)));
  }
}
