/** The training step compiled: weights and optimizer state go in and come out, and are kept in between. */
import { z } from "zod";
import { ConfigError, shown } from "../errors.ts";
import { lowerSimplified } from "../onnx/index.ts";
import {
  type CompileOptions,
  compileModel,
  type Engine,
  type Feeds,
  type HostTensor,
  type OrtTensor,
  type Place,
  type Program,
  Resident,
  type Settled,
} from "../runtime/index.ts";
import { checked, whole } from "../schema.ts";
import { formatShape } from "../tensor/index.ts";
import { type Bucket, Buckets, requireSizes, type Traced } from "./buckets.ts";
import { Feeder, scalarFeeds, scheduledFeeds } from "./feeder.ts";
import type { BatchGraph, Sizes } from "./graphs.ts";
import { needsOf } from "./memory.ts";
import { averageName, normName, termName } from "./names.ts";
import { type Plan, slotSpecs } from "./plan.ts";
import { type StartValues, trainedSpecs, trainedValues } from "./start.ts";
import type { StepGraph } from "./trace.ts";

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
  /** The named scalars beside the loss. */
  readonly terms: Readonly<Record<string, number>>;
  /** Gradient norms of the groups that ask for theirs. */
  readonly norms: Readonly<Record<string, number>>;
}

const MOST = Number.MAX_SAFE_INTEGER;
const places = z.object({ step: whole(1, MOST), lr: z.number().min(0), seed: whole(0, MOST) });

/** What the loop needs of a training step. Values are valid until the next step, and on `webgpu` are read after `download()`. */
export interface Stepper extends AsyncDisposable {
  /** One step over all its micro-batches. */
  run(batches: readonly Feeds[], at: StepAt): Promise<StepResult>;
  /** The numbers of all parameters, those that a group freezes included. */
  readonly weights: Feeds;
  readonly buffers: Feeds;
  /** What the optimizer remembers. */
  readonly slots: Feeds;
  /** Moving averages by parameter; none unless `average` asks for them. */
  readonly averages: Feeds;
  /** Brings the values to the host, if they are in the memory of a device. */
  download(): Promise<void>;
  /** Gives back the engine's memory; the values can still be read. */
  release(): Promise<void>;
}

/** The values that a training is for: the moving averages where there are any, else the weights, and the buffers. */
export const lasting = ({ weights, averages, buffers }: Pick<Stepper, "weights" | "averages" | "buffers">): Feeds => ({
  ...weights,
  ...averages,
  ...buffers,
});

/** How many numbers `values` hold together. */
export const countOf = (values: Feeds): number => Object.values(values).reduce((sum, { data }) => sum + data.length, 0);

export type Results = Readonly<Record<string, OrtTensor>>;
const scalarOf = (tensor: OrtTensor | undefined): number => Number((tensor?.data as Float32Array | undefined)?.[0]);

/** The outputs called `prefix` + name, by name. */
function scalarsOf(results: Results, prefix: string): Record<string, number> {
  const found = Object.keys(results).filter((name) => name.startsWith(prefix));
  return Object.fromEntries(found.map((name) => [name.slice(prefix.length), scalarOf(results[name])]));
}

/** Throws ConfigError where a feed holds nothing. */
function requireRows(batches: readonly Feeds[]): void {
  for (const [name, { shape, dtype }] of batches.flatMap((batch) => Object.entries(batch)))
    if (shape.includes(0))
      throw new ConfigError(
        `step: expected rows to take a mean of, got ${dtype}${formatShape(shape)} for "${name}"; leave out empty batches`,
      );
}

/** What every training step carries from run to run. */
export abstract class CarryingStep implements Stepper {
  protected readonly plan: Plan;
  protected readonly place: Place;
  protected readonly buckets: Buckets;
  protected readonly trained: Resident;
  readonly #buffers: Resident;
  /** The parameters that a group freezes. */
  readonly #still: Feeds;
  /** They and the frozen tensors. */
  readonly #fixed: Resident;
  readonly #run: Settled;
  #updateBytes = 0;
  #running = false;
  #released = false;

  constructor(plan: Plan, start: StartValues, { engine, run, ...traced }: StepContext) {
    this.plan = plan;
    this.place = { engine, device: run.device };
    this.#run = run;
    this.buckets = new Buckets(plan.options.batch, traced, (graph) => this.#bucket(graph));
    const { parameters, buffers = {} } = plan.options;
    const still = Object.keys(parameters).filter((name) => !Object.hasOwn(plan.trained, name));
    this.#still = Object.fromEntries(still.map((name) => [name, start.weights[name] as HostTensor]));
    const fixed = { ...start.frozen, ...this.#still };
    this.#fixed = new Resident(this.place, fixed, fixed);
    this.trained = new Resident(this.place, trainedSpecs(plan), trainedValues(plan, start));
    this.#buffers = new Resident(this.place, buffers, start.buffers ?? {});
  }

  protected abstract step(batches: readonly Feeds[], at: StepAt): Promise<StepResult>;

  async #compile({ inputs, outputs }: StepGraph, more: CompileOptions = {}): Promise<Program> {
    return compileModel(lowerSimplified(inputs, outputs), { ...this.#run, resident: true, ...more });
  }

  /** Compiles what goes with the first part. Throws ConfigError where it needs more memory than there is. */
  protected compile(graph: StepGraph, more: CompileOptions): Promise<Program> {
    this.#updateBytes = Math.max(this.#updateBytes, needsOf(graph)());
    return this.#compile(graph, more);
  }

  async #bucket({ graph, scope }: BatchGraph): Promise<Bucket> {
    const program = await this.#compile(graph);
    const feeder = new Feeder(this.place.engine, scope.batch, graph.noise);
    return { scope, program, feeder, reached: graph.reached };
  }

  /** One run over one batch; its sizes decide about the program. */
  protected async runBatch(batch: Feeds, at: StepAt, { part = 0, feeds, fetches }: PartOptions): Promise<Results> {
    const { program, feeder } = await this.buckets.of(batch);
    await this.#fixed.upload();
    const carried = { ...this.trained.inputs, ...this.#buffers.inputs, ...this.#fixed.inputs };
    const results = await program.runOrt(
      { ...carried, ...feeds, ...scheduledFeeds(this.place.engine, this.plan, at), ...feeder.feeds(batch, at, part) },
      { ...this.#buffers.outputs(), ...fetches },
    );
    this.#buffers.advance(results);
    return results;
  }

  /**
   * One step. Where loss or gradient norm is not finite it reports them, and nothing has changed. Throws ConfigError
   * and ShapeError for batches that do not fit, and ConfigError where a mean over no rows is no number.
   */
  async run(batches: readonly Feeds[], at: StepAt): Promise<StepResult> {
    this.#requireReady();
    this.#requireBatches(batches, at);
    this.#running = true;
    try {
      const result = await this.step(batches, at);
      if (!staysFinite(result)) requireRows(batches);
      return result;
    } finally {
      this.#buffers.restore(); // to what was kept
      this.#running = false;
    }
  }

  #requireReady(): void {
    if (this.#released) throw new ConfigError("step: it has been released; create it again");
    if (this.#running) throw new ConfigError("step: the step before is still running; await it first");
  }

  #requireBatches(batches: readonly Feeds[], at: StepAt): void {
    checked(places, at, "step");
    const expected = this.plan.options.accumulate ?? 1;
    if (!Array.isArray(batches) || batches.length !== expected)
      throw new ConfigError(
        `step: expected a list of ${expected} batch(es), as accumulate says, got ${Array.isArray(batches) ? batches.length : shown(batches)}; give as many`,
      );
  }

  /** Traces, checks and compiles the step for named sizes before they come, such as { B: 32 }; throws as `createStep` does. */
  async prepare(sizes: Sizes = {}): Promise<void> {
    this.#requireReady();
    requireSizes(this.plan.options.batch, sizes);
    await this.buckets.at(sizes);
  }

  /** The optimizer's scalars of a step. */
  protected scalars(at: StepAt): Readonly<Record<string, OrtTensor>> {
    return scalarFeeds(this.place.engine, this.plan, at);
  }

  /** All that the step changed stays. */
  protected keep(): void {
    this.trained.keep();
    this.#buffers.keep();
  }

  async download(): Promise<void> {
    await this.trained.download();
    await this.#buffers.download();
  }

  async release(): Promise<void> {
    this.#released = true;
    await this.download().catch(() => undefined); // the device may be lost, and its memory with it
    await Promise.all([this.buckets.release(), this.trained.release(), this.#buffers.release(), this.#fixed.release()]);
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** About how many bytes a step needs at its peak, the largest of the sizes that came. */
  get bytes(): number {
    return Math.max(this.buckets.bytes, this.#updateBytes);
  }
  /** The program that ran last. */
  get program(): Program {
    const { last } = this.buckets;
    if (!last) throw new ConfigError("step: nothing is compiled before the first batch; run it, or prepare its sizes");
    return last.program;
  }

  get weights(): Record<string, HostTensor> {
    const trained = this.trained.values(Object.keys(this.plan.trained));
    const names = Object.keys(this.plan.options.parameters);
    return Object.fromEntries(names.map((name) => [name, (trained[name] ?? this.#still[name]) as HostTensor]));
  }
  get buffers(): Record<string, HostTensor> {
    return this.#buffers.values(Object.keys(this.plan.options.buffers ?? {}));
  }
  get slots(): Record<string, HostTensor> {
    return this.trained.values(Object.keys(slotSpecs(this.plan)));
  }
  get averages(): Record<string, HostTensor> {
    if (this.plan.options.average === undefined) return {};
    const means = this.trained.values(Object.keys(this.plan.trained).map((name) => averageName(name)));
    const names = Object.keys(this.plan.options.parameters);
    return Object.fromEntries(
      names.map((name) => [name, (means[averageName(name)] ?? this.#still[name]) as HostTensor]),
    );
  }
}

/** Where a step runs. */
export interface StepContext extends Traced {
  readonly engine: Engine;
  readonly run: Settled;
}

interface PartOptions {
  readonly part?: number;
  readonly feeds: Readonly<Record<string, OrtTensor>>;
  readonly fetches: Readonly<Record<string, OrtTensor>>;
}

export const staysFinite = ({ loss, gradNorm }: StepResult): boolean =>
  Number.isFinite(loss) && Number.isFinite(gradNorm);

/** The numbers that a run reports. */
export const resultOf = (results: Results): StepResult => ({
  loss: scalarOf(results.loss),
  gradNorm: scalarOf(results.gradNorm),
  terms: scalarsOf(results, termName("")),
  norms: scalarsOf(results, normName("")),
});

/** A step over one batch, in one run of one graph. */
export class WholeStep extends CarryingStep {
  protected async step([batch = {}]: readonly Feeds[], at: StepAt): Promise<StepResult> {
    const results = await this.runBatch(batch, at, { feeds: this.scalars(at), fetches: this.trained.outputs() });
    const result = resultOf(results);
    this.trained.advance(results);
    if (staysFinite(result)) this.keep();
    else this.trained.restore();
    return result;
  }
}
