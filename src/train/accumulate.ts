/**
 * The step in two parts, gradients and update, run one after the other. The update starts when loss and gradient norm
 * are known to be finite, so it may write over what it reads. With gradients accumulated over micro-batches the first
 * part runs for each of them, which is one step over all of them in less memory; every one has the same weight,
 * whatever its size, and updates the buffers in turn.
 */
import type { Spec } from "../graph/index.ts";
import {
  type Feeds,
  loadEngine,
  nextName,
  type OrtTensor,
  type Program,
  Resident,
  type RunOptions,
  requireRunOptions,
  settle,
} from "../runtime/index.ts";
import { bytesPerElement, sizeOf, type Tensor } from "../tensor/index.ts";
import { namedSizes, requireSizes } from "./buckets.ts";
import { fixSizes, Graphs, type Sizes, type Trace } from "./graphs.ts";
import { replaceable } from "./in-place.ts";
import { simplified } from "./memory.ts";
import { gradientName } from "./names.ts";
import { type BatchSpecs, type Plan, planStep, type StepOptions } from "./plan.ts";
import { copyOf, requireStart, type StartValues } from "./start.ts";
import { CarryingStep, type Results, resultOf, type StepAt, type StepResult, staysFinite, WholeStep } from "./step.ts";
import {
  mapNames,
  traceAccumulation,
  traceGivenUpdate,
  traceGradientNorms,
  traceGradients,
  traceWhole,
} from "./trace.ts";

/** The second part, for one set of parameters that have gradients. */
interface Update {
  /** The norms of sums of gradients; without accumulation the first part gives them. */
  readonly norms: Program | undefined;
  readonly pieces: readonly Piece[];
}

/** The update of some parameters: what it changes, and what of it it writes over. */
interface Piece {
  readonly program: Program;
  readonly changed: readonly string[];
  readonly over: ReadonlySet<string>;
}

/**
 * Bytes that a piece of the update changes at most, unless one parameter has more. The engine makes a copy of them, and
 * every piece is a call: of 16, 32, 64 and 1,024 MiB, 64 was the fastest and hardly larger (bench/LOG.md).
 */
const PIECE = 2 ** 26;
/** Bytes of parameters, slots and averages from which on memory counts more than the time to hand over gradients. */
const LARGE = 2 ** 26;

const bytesOfSpec = ({ shape, dtype }: Spec): number => Number(sizeOf(shape)) * bytesPerElement(dtype);

/** Bytes that a step changes for every byte of a parameter. */
const kinds = ({ options: { optimizer, average } }: Plan): number =>
  1 + optimizer.slots.length + (average === undefined ? 0 : 1);

export const isLarge = (plan: Plan): boolean =>
  kinds(plan) * Object.values(plan.trained).reduce((sum, spec) => sum + bytesOfSpec(spec), 0) > LARGE;

/** The names in lists that are updated at once. */
function inPieces(plan: Plan, names: readonly string[]): string[][] {
  const pieces: string[][] = [];
  let bytes = PIECE;
  for (const name of names) {
    const more = kinds(plan) * bytesOfSpec(plan.trained[name] as Tensor);
    if (bytes + more > PIECE) pieces.push([]);
    bytes = bytes + more > PIECE ? more : bytes + more;
    pieces.at(-1)?.push(name);
  }
  return pieces;
}

/** Beside the first part these are short: they need no memory of their own, and no profile. */
const SMALL = { arena: false, profile: undefined } as const;

const isAccumulated = ({ options }: Plan): boolean => (options.accumulate ?? 1) > 1;

/** What is computed of one batch, in a step of one part or of two. */
export function tracing(plan: Plan, parted: boolean): Trace {
  if (!parted) return traceWhole;
  return isAccumulated(plan) ? traceAccumulation : traceGradients;
}

/** The mean of results, whose norms are those of the last. */
function mean(results: readonly StepResult[], norms: Results): StepResult {
  const of = (value: (result: StepResult) => number) =>
    results.reduce((sum, result) => sum + value(result) / results.length, 0);
  const terms = Object.keys(results[0]?.terms ?? {}).map((name) => [name, of((result) => result.terms[name] ?? 0)]);
  return { ...resultOf(norms), loss: of(({ loss }) => loss), terms: Object.fromEntries(terms) };
}

/** A step in two parts. */
export class PartedStep extends CarryingStep {
  readonly #gradients = new Resident(this.place, mapNames(this.plan.trained, gradientName));
  /** By the names of the parameters that have gradients: almost always one. */
  readonly #updates = new Map<string, Update>();

  async #update(reached: ReadonlySet<string>): Promise<Update> {
    const names = Object.keys(this.plan.trained).filter((name) => reached.has(name));
    const key = JSON.stringify(names);
    const known = this.#updates.get(key) ?? (await this.#compileUpdate(names));
    this.#updates.set(key, known);
    return known;
  }

  async #compileUpdate(names: readonly string[]): Promise<Update> {
    const norms = isAccumulated(this.plan) ? simplified(traceGradientNorms(this.plan, names)) : undefined;
    const pieces: Piece[] = [];
    for (const piece of inPieces(this.plan, names)) {
      const graph = simplified(traceGivenUpdate(this.plan, piece));
      const over = this.trained.writesOver ? replaceable(graph.inputs, graph.outputs) : new Set<string>();
      const changed = Object.keys(graph.inputs).filter((name) => Object.hasOwn(graph.outputs, nextName(name)));
      pieces.push({ program: await this.compile(graph, SMALL), changed, over });
    }
    return { norms: norms && (await this.compile(norms, SMALL)), pieces };
  }

  override async prepare(sizes: Sizes = {}): Promise<void> {
    await super.prepare(sizes);
    await this.#update(new Set(this.buckets.last?.reached));
  }

  /** The first part over every micro-batch: what each reports, and all that the last one gave. */
  async #runBatches(batches: readonly Feeds[], at: StepAt, reached: Set<string>): Promise<[StepResult[], Results]> {
    const gradients = this.#gradients;
    const all = Object.keys(gradients.inputs);
    const over = new Set(this.trained.writesOver ? all : []);
    const reports: StepResult[] = [];
    let last: Results = {};
    for (const [part, batch] of batches.entries()) {
      const feeds = isAccumulated(this.plan) ? gradients.inputs : {};
      last = await this.runBatch(batch, at, { part, feeds, fetches: gradients.outputs(all, over) });
      gradients.advance(last, over);
      gradients.keep();
      for (const name of this.buckets.last?.reached ?? []) reached.add(name);
      reports.push(resultOf(last));
    }
    return [reports, last];
  }

  protected async step(batches: readonly Feeds[], at: StepAt): Promise<StepResult> {
    if (isAccumulated(this.plan)) this.#gradients.clear();
    const reached = new Set<string>();
    const [reports, last] = await this.#runBatches(batches, at, reached);
    const { norms, pieces } = await this.#update(reached);
    const gradients = this.#gradients.inputs;
    const measured = norms ? await norms.runOrt(gradients) : last;
    const result = mean(reports, measured);
    if (!staysFinite(result)) return result;
    await this.#runUpdate(pieces, { ...gradients, ...this.scalars(at), gradNorm: measured.gradNorm as OrtTensor });
    return result;
  }

  /** The second part. If the engine fails in the middle, the state is of no use: nothing can continue from it. */
  async #runUpdate(pieces: readonly Piece[], feeds: Results): Promise<void> {
    try {
      for (const { program, changed, over } of pieces) {
        const fetches = this.trained.outputs(changed, over);
        const updated = await program.runOrt({ ...this.trained.inputs, ...feeds }, fetches);
        this.trained.advance(updated, over);
      }
    } catch (error) {
      await this.release();
      throw error;
    }
    this.keep();
  }

  override async release(): Promise<void> {
    await super.release();
    await this.#gradients.release();
    const updates = [...this.#updates.values()];
    this.#updates.clear();
    const programs = updates.flatMap(({ norms, pieces }) => [norms, ...pieces.map(({ program }) => program)]);
    await Promise.all(programs.map((program) => program?.release()));
  }
}

/**
 * The training step that `options` describe, compiled where the sizes of the batch are numbers, and otherwise when
 * they are known; `sizes` are those of the largest batch, for a batch whose sizes have names. `start` may be a function, which is called when the step is known to fit into memory, and whose
 * values then belong to the step; otherwise they are copied. Throws ConfigError for options and start values that do
 * not make sense, for a loss that reads what is in none of `batch`, `parameters`, `frozen` and `buffers`, and for a
 * step that needs more memory than there is.
 */
export async function createStep<B extends BatchSpecs>(
  options: StepOptions<B>,
  start: StartValues | (() => StartValues),
  where: RunOptions = {},
  sizes: Sizes = {},
): Promise<CarryingStep> {
  const plan = planStep(options);
  await requireRunOptions(where, "step");
  requireSizes(plan.options.batch, sizes);
  const run = await settle(where);
  const batch = fixSizes(plan.options.batch, sizes);
  const fixed = namedSizes(batch).length === 0;
  const parted = isAccumulated(plan) || (run.device === "cpu" && isLarge(plan));
  if (typeof start !== "function") requireStart(plan, start);
  const graphs = new Graphs(plan, tracing(plan, parted), sizes);
  const first = fixed ? graphs.at(sizes) : undefined;
  first?.scope.bytes(sizes); // throws where it does not fit
  const values = typeof start === "function" ? start() : copyOf(start);
  requireStart(plan, values);
  const context = { engine: await loadEngine(run.device, run.threads), run, graphs, first };
  const step = parted ? new PartedStep(plan, values, context) : new WholeStep(plan, values, context);
  if (fixed) await step.prepare(sizes);
  return step;
}
