/**
 * Gradients accumulated over micro-batches, which is one step over all of them in less memory. Every micro-batch has
 * the same weight, whatever its size. Buffers are updated by each of them in their order.
 */
import { type Feeds, loadEngine, type Program, type RunOptions } from "../runtime/index.ts";
import { namedSizes, type Sizes } from "./buckets.ts";
import { requireMemory } from "./memory.ts";
import { sumName, termName } from "./names.ts";
import { type BatchSpecs, planStep, type StepOptions } from "./plan.ts";
import { copyOf, requireStart, type StartValues } from "./start.ts";
import { State } from "./state.ts";
import { CarryingStep, type StepAt, type StepResult, scalarOf, scalarsOf, TrainingStep } from "./step.ts";
import { mapNames, type StepGraph, traceAccumulation, traceSummedUpdate, traceWhole } from "./trace.ts";

/** A step over several micro-batches: one run of a graph for each, and one of the update. */
export class AccumulatedStep extends CarryingStep {
  readonly #sums = new State(this.engine, mapNames(this.plan.trained, sumName), {});
  /** The update by the names of the parameters that have gradients: almost always one. */
  readonly #updates = new Map<string, Program>();

  protected trace(batch: BatchSpecs): StepGraph {
    return traceAccumulation(this.plan, batch);
  }

  async #update(reached: ReadonlySet<string>): Promise<Program> {
    const names = Object.keys(this.plan.trained).filter((name) => reached.has(name));
    const key = JSON.stringify(names);
    const known = this.#updates.get(key) ?? (await this.compile(requireMemory(traceSummedUpdate(this.plan, names))));
    this.#updates.set(key, known);
    return known;
  }

  override async prepare(sizes: Sizes = {}): Promise<void> {
    await super.prepare(sizes);
    await this.#update(new Set(this.buckets.last?.reached));
  }

  protected async step(batches: readonly Feeds[], at: StepAt): Promise<StepResult> {
    this.#sums.clear();
    const reached = new Set<string>();
    let loss = 0;
    const terms: Record<string, number> = {};
    for (const [part, batch] of batches.entries()) {
      const results = await this.runBatch(batch, at, { part, feeds: this.#sums.inputs, fetches: this.#sums.outputs });
      this.#sums.advance(results);
      this.#sums.keep();
      for (const name of this.buckets.last?.reached ?? []) reached.add(name);
      loss += scalarOf(results.loss) / batches.length;
      for (const [name, value] of Object.entries(scalarsOf(results, termName(""))))
        terms[name] = (terms[name] ?? 0) + value / batches.length;
    }
    const update = await this.#update(reached);
    const feeds = { ...this.trained.inputs, ...this.#sums.inputs, ...this.scalars(at) };
    return this.finish(await update.runOrt(feeds, this.trained.outputs), loss, terms);
  }

  override async release(): Promise<void> {
    await super.release();
    const updates = [...this.#updates.values()];
    this.#updates.clear();
    await Promise.all(updates.map((program) => program.release()));
  }
}

/**
 * The training step that `options` describe, compiled where the sizes of the batch are numbers, and otherwise when
 * they are known. `start` may be a function, which is called when the step is known to fit into memory, and whose
 * values then belong to the step; otherwise they are copied. Throws ConfigError for options and start values that do
 * not make sense, for a loss that reads what is in none of `batch`, `parameters`, `frozen` and `buffers`, and for a
 * step that needs more memory than there is.
 */
export async function createStep<B extends BatchSpecs>(
  options: StepOptions<B>,
  start: StartValues | (() => StartValues),
  run: RunOptions = {},
): Promise<TrainingStep | AccumulatedStep> {
  const plan = planStep(options);
  const fixed = namedSizes(plan.options.batch).length === 0;
  const parted = (plan.options.accumulate ?? 1) > 1;
  if (typeof start !== "function") requireStart(plan, start);
  const trace = parted ? traceAccumulation : traceWhole;
  const first = fixed ? requireMemory(trace(plan, plan.options.batch)) : undefined;
  const values = typeof start === "function" ? start() : copyOf(start);
  requireStart(plan, values);
  const context = { engine: await loadEngine(run.device, run.threads), run, first };
  const step = parted ? new AccumulatedStep(plan, values, context) : new TrainingStep(plan, values, context);
  if (fixed) await step.prepare();
  return step;
}
