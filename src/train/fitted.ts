/** A model of your own with values: to predict with, to measure, to keep. */
import type { Dataset } from "../data/index.ts";
import { ConfigError, DataError } from "../errors.ts";
import { namedState } from "../nn/index.ts";
import type { Named } from "../onnx/index.ts";
import { compile, type Feeds, type HostTensor, type Program, type RunOptions } from "../runtime/index.ts";
import { input, isTensor, type Shape, type Tensor } from "../tensor/index.ts";
import { type Columns, fromColumns, hostColumns, isDataset } from "./columns.ts";
import type { Scores } from "./events.ts";
import type { FitOptions } from "./fit.ts";

/** Parameters and buffers by path. */
export type Values = Feeds;

type Forward = (batch: Readonly<Record<string, Tensor>>) => Named;

/** Name, shape and type of what is fed. */
type Shapes = readonly (readonly [name: string, shape: Shape, dtype: HostTensor["dtype"]])[];

/** Programs of one function of a batch, one for each shape that examples have. */
class Programs {
  readonly #made = new Map<string, Promise<Program>>();
  readonly #model: object;
  readonly #forward: Forward;
  readonly #run: RunOptions;
  constructor(model: object, forward: Forward, run: RunOptions) {
    [this.#model, this.#forward, this.#run] = [model, forward, run];
  }

  async run(values: Values, feeds: Feeds): Promise<Feeds> {
    const shapes = Object.entries(feeds).map(
      ([name, { shape, dtype }]) => [name, ["B", ...shape.slice(1)], dtype] as const,
    );
    const key = JSON.stringify(shapes);
    const program = this.#made.get(key) ?? this.#compile(shapes);
    this.#made.set(key, program);
    return (await program).run({ ...values, ...feeds });
  }
  #compile(shapes: Shapes): Promise<Program> {
    const batch = Object.fromEntries(shapes.map(([name, shape, dtype]) => [name, input(name, shape, dtype)]));
    return compile({ ...batch, ...namedState(this.#model) }, this.#forward(batch), this.#run);
  }
  async release(): Promise<void> {
    const all = await Promise.all(this.#made.values());
    this.#made.clear();
    await Promise.all(all.map((program) => program.release()));
  }
}

const copied = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, { ...value, data: value.data.slice() }]));

export class Fitted implements AsyncDisposable {
  readonly model: object;
  readonly #current: () => Values;
  readonly #options: FitOptions<string, never>;
  readonly #collate: (rows: readonly never[]) => Feeds;
  readonly #measure: Programs;
  readonly #answer: Programs;
  #settled: Values | undefined;
  #best: Values | undefined;
  constructor(
    model: object,
    current: () => Values,
    options: FitOptions<string, never>,
    collate: (rows: readonly never[]) => Feeds,
  ) {
    [this.model, this.#current, this.#options, this.#collate] = [model, current, options, collate];
    const run = { device: options.device, threads: options.threads };
    this.#measure = new Programs(model, (batch) => measured(options, batch), run);
    this.#answer = new Programs(model, (batch) => ({ answer: called(model, Object.values(batch)) }), run);
  }

  /** Parameters and buffers by path, as they are now. */
  get values(): Values {
    return this.#settled ?? this.#current();
  }

  /** What `model(...)` gives for columns, in their order: x [B, ..] -> its output. Throws ShapeError where they do not fit. */
  async predict(columns: Columns): Promise<HostTensor> {
    const { answer } = await this.#answer.run(this.values, hostColumns(columns));
    if (!answer) throw new Error("internal: no answer");
    return answer;
  }

  /** The loss, its terms and the metrics, means over all examples. */
  async evaluate(data: Columns | Dataset<never>): Promise<Scores> {
    const examples = (isDataset(data) ? data : fromColumns(data)) as Dataset<never>;
    if (examples.size === 0) throw new DataError("evaluate: expected at least one example, got none");
    const { batch = 32 } = this.#options;
    const sums: Record<string, number> = {};
    for (let from = 0; from < examples.size; from += batch) {
      const rows = Array.from({ length: Math.min(batch, examples.size - from) }, (_, i) => examples.at(from + i));
      const found = await this.#measure.run(this.values, this.#collate(rows));
      for (const [name, { data: value }] of Object.entries(found))
        sums[name] = (sums[name] ?? 0) + (Number(value[0]) * rows.length) / examples.size;
    }
    return sums;
  }

  /** Keeps the values of this moment as the best so far. */
  remember(): void {
    this.#best = copied(this.#current());
  }
  /** Ends the training: values no longer change. With `best` they are the best ones, where any were kept. */
  settle(best: boolean): this {
    this.#settled = (best ? this.#best : undefined) ?? copied(this.#current());
    return this;
  }

  /** Gives the engine's memory back. */
  async release(): Promise<void> {
    await Promise.all([this.#measure.release(), this.#answer.release()]);
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

function measured({ loss, metrics }: FitOptions<string, never>, batch: Readonly<Record<string, Tensor>>): Named {
  const value = loss(batch);
  return { ...(isTensor(value) ? { loss: value } : value), ...metrics?.(batch) };
}

/** The model called with tensors; its first result where there are several. */
function called(model: object, inputs: readonly Tensor[]): Tensor {
  if (typeof model !== "function")
    throw new ConfigError("predict: expected a model that can be called, such as a layer, got an object of parts");
  const result: unknown = (model as (...tensors: Tensor[]) => unknown)(...inputs);
  const first = Array.isArray(result) ? result[0] : result;
  if (isTensor(first)) return first;
  throw new ConfigError(
    `predict: expected the model to give a tensor, got ${typeof result}; call compile for other results`,
  );
}
