/** Inputs one by one, answers batch by batch: what predictors and measurements share. */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import { CheckpointError, DataError, shown } from "../errors.ts";
import { namedState } from "../nn/index.ts";
import type { Named } from "../onnx/index.ts";
import { compile, type Feeds, type GraphOptions, type Program } from "../runtime/index.ts";
import { abortable, callable, checked, requireRecord } from "../schema.ts";
import { inputsOf } from "../tensor/index.ts";
import { type BatchSpecs, mapNames } from "../train/index.ts";
import { noiseIn, noiseOfRows, type Sizes } from "./noise.ts";
import type { Watch } from "./task.ts";

const PREFIX = "row.";

/** A graph from batches to tensors with one row for each example. */
export class RowProgram implements AsyncDisposable {
  readonly #program: Program;
  readonly #noise: Named;
  readonly #specs: BatchSpecs;
  private constructor(program: Program, noise: Named, specs: BatchSpecs) {
    this.#program = program;
    this.#noise = noise;
    this.#specs = specs;
  }

  /** Compiles `outputs` for batches of any size. Values of parameters that are no weights are fed, and so is noise. */
  static async create(
    parts: object,
    specs: BatchSpecs,
    outputs: (batch: Named) => Named,
    run: GraphOptions,
  ): Promise<RowProgram> {
    const batch = inputsOf(specs);
    const measured = mapNames(outputs(batch), (name) => PREFIX + name); // it may be called as an input is
    const inputs = { ...batch, ...namedState(parts) };
    const noise = noiseIn(Object.values(measured), Object.values(inputs));
    return new RowProgram(await compile({ ...inputs, ...noise }, measured, run), noise, specs);
  }

  /** `numbers` are those of the examples, which decide about the noise of each. */
  async run(batch: Feeds, values: Feeds = {}, numbers: readonly number[] = []): Promise<Feeds> {
    const noise = noiseOfRows(this.#noise, numbers, this.#sizes(batch));
    return mapNames(await this.#program.run({ ...values, ...batch, ...noise }), (name) => name.slice(PREFIX.length));
  }

  /** The sizes that specs name, as a batch has them. */
  #sizes(batch: Feeds): Sizes {
    const named = Object.entries(this.#specs).flatMap(([name, { shape }]) =>
      shape.map((dim, axis) => [dim, batch[name]?.shape[axis] ?? 0] as const),
    );
    return Object.fromEntries(named.filter(([dim]) => typeof dim === "string"));
  }
  release(): Promise<void> {
    return this.#program.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

const watching = z.object({ signal: abortable().optional(), onProgress: callable("a line").optional() });

/** Throws ConfigError for what are no options of a prediction, or cannot watch it. */
export function requireWatch(options: Json & Watch): void {
  requireRecord(options, "predict");
  const { signal, onProgress } = options;
  checked(watching, { signal, onProgress }, "predict");
}

/** What no answer can be given to. Whoever handed it in knows where it came from. */
export class InputError extends DataError {
  static override readonly name = "DataError";
  readonly input: unknown;
  constructor(message: string, input: unknown) {
    super(message);
    this.input = input;
  }
}

/** `inputs`, where they come one by one. Throws DataError. */
export function several<T>(inputs: Iterable<T> | AsyncIterable<T>): Iterable<T> | AsyncIterable<T> {
  const given: unknown = inputs;
  if (typeof given === "object" && given !== null && (Symbol.iterator in given || Symbol.asyncIterator in given))
    return inputs;
  throw new DataError(`predict: expected a list of inputs, got ${shown(given)}; put one input in brackets`);
}

/** Items in groups of `size`, the last of them smaller. */
export async function* grouped<T>(items: Iterable<T> | AsyncIterable<T>, size: number): AsyncGenerator<T[]> {
  let group: T[] = [];
  for await (const item of items) {
    group.push(item);
    if (group.length < size) continue;
    yield group;
    group = [];
  }
  if (group.length) yield group;
}

/** Row `i` of [N, K]. */
export function rowOf({ data, shape }: Feeds[string], i: number): Float32Array {
  const width = data.length / (shape[0] ?? 1);
  return (data as Float32Array).subarray(i * width, (i + 1) * width);
}

/** Throws CheckpointError where a number is not finite: weights that stay in their file are not looked through. */
export function finite<N extends ArrayLike<unknown>>(numbers: N, given = "gives logits"): N {
  if (Array.prototype.every.call(numbers, Number.isFinite)) return numbers;
  throw new CheckpointError(
    `predict: the model ${given} that are not finite; its weights are not finite, take another checkpoint`,
  );
}
