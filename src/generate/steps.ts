/**
 * Decoders that write step by step: one compiled graph makes of what is given what steps read and carry, another one takes
 * the next ids and what was carried so far. The weights are constants of both. What a step carries is picked for it by row,
 * as a beam search goes on from some rows and leaves others.
 */
import type { Spec } from "../graph/index.ts";
import type { Carried, DecoderStep } from "../models/index.ts";
import { namedState } from "../nn/index.ts";
import type { Named } from "../onnx/index.ts";
import { compile, type Feeds, type HostTensor, type Program, type RunOptions, type Weights } from "../runtime/index.ts";
import { input, inputsOf, type Tensor } from "../tensor/index.ts";
import type { Advance } from "./beam.ts";

type Specs = Readonly<Record<string, Spec>>;

/** What writes step by step. */
export interface Stepwise<I extends string = string> {
  readonly parts: object;
  /** What is given before the first step, with rows "B". */
  readonly inputs: Readonly<Record<I, Spec>>;
  /** What every step reads and none changes, and what each step replaces; one axis of each is called "B". */
  readonly memory: Specs;
  readonly carried: Specs;
  begin(given: Readonly<Record<I, Tensor>>): { readonly memory: Carried; readonly carried: Carried };
  /** The next ids [B]. */
  step(ids: Tensor, memory: Carried, carried: Carried): DecoderStep;
}

const under = <T>(group: string, values: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${group}.${name}`, value]));

const inputs = (group: string, specs: Specs): Named =>
  Object.fromEntries(
    Object.entries(specs).map(([name, { shape, dtype }]) => [name, input(`${group}.${name}`, shape, dtype)]),
  );

/** Of each of `specs` its value among `results`, where it is called after `group`. */
const pick = (group: string, specs: Specs, results: Feeds): Feeds =>
  Object.fromEntries(Object.keys(specs).map((name) => [name, results[`${group}.${name}`] as HostTensor]));

/** Slices `rows` of axis `axis`; the tensor itself where these are all of it in their order. */
function taken(tensor: HostTensor, axis: number, rows: Int32Array): HostTensor {
  const { shape, dtype } = tensor;
  const size = shape[axis] ?? 0;
  if (size === rows.length && rows.every((row, i) => row === i)) return tensor;
  const data = tensor.data as Float32Array;
  const width = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const blocks = shape.slice(0, axis).reduce((a, b) => a * b, 1);
  const out = new (data.constructor as Float32ArrayConstructor)(blocks * rows.length * width);
  for (let block = 0; block < blocks; block++)
    for (const [i, row] of rows.entries()) {
      const from = (block * size + row) * width;
      out.set(data.subarray(from, from + width), (block * rows.length + i) * width);
    }
  return { data: out, shape: shape.map((dim, i) => (i === axis ? rows.length : dim)), dtype };
}

/** Of each value the slices `rows` of the axis that its spec calls "B". */
export const takenRows = (specs: Specs, values: Feeds, rows: Int32Array): Feeds =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, taken(value, specs[name]?.shape.indexOf("B") ?? 0, rows)]),
  );

/** Texts that were begun, one for each row that was given. */
export interface Begun {
  /** Reads one more id in each row. */
  readonly advance: Advance;
  /** What each step looked at so far, where the model says so. */
  readonly attention: readonly HostTensor[];
}

/** A decoder, compiled to write. */
export class StepWriter<I extends string = string> implements AsyncDisposable {
  readonly #model: Stepwise<I>;
  readonly #reader: Program;
  readonly #step: Program;
  private constructor(model: Stepwise<I>, reader: Program, step: Program) {
    [this.#model, this.#reader, this.#step] = [model, reader, step];
  }

  /** Compiles both graphs with their weights. */
  static async create<I extends string>(model: Stepwise<I>, weights: Weights, run: RunOptions = {}) {
    const parameters = namedState(model.parts);
    const options = { ...run, weights };
    const given = inputsOf(model.inputs) as Readonly<Record<I, Tensor>>;
    const { memory, carried } = model.begin(given);
    const begun = { ...under("memory", memory), ...under("carried", carried) };
    const reader = await compile({ ...given, ...parameters }, begun, options);
    const ids = input("ids", ["B"], "i32");
    const [read, before] = [inputs("memory", model.memory), inputs("carried", model.carried)];
    const step = model.step(ids, read, before);
    const fed = { ids, ...under("memory", read), ...under("carried", before), ...parameters };
    const results = {
      logits: step.logits,
      ...(step.attention && { attention: step.attention }),
      ...under("next", step.carried),
    };
    return new StepWriter<I>(model, reader, await compile(fed, results, options));
  }

  /** Begins a text for each row of what is given. */
  async begin(given: Readonly<Record<I, HostTensor>>): Promise<Begun> {
    const begun = await this.#reader.run(given);
    const attention: HostTensor[] = [];
    return { advance: this.#advance(begun, attention), attention };
  }

  #advance(begun: Feeds, attention: HostTensor[]): Advance {
    const { memory: read, carried } = this.#model;
    const whole = pick("memory", read, begun);
    let [memory, state] = [whole, pick("carried", carried, begun)];
    let owners: Int32Array | undefined;
    return async (ids, parents) => {
      const next = owners === undefined ? parents : parents.map((row) => owners?.[row] ?? 0);
      if (owners?.length !== next.length || next.some((owner, i) => owner !== owners?.[i]))
        memory = takenRows(read, whole, next);
      owners = next;
      const results = await this.#step.run({
        ids: { data: ids, shape: [ids.length], dtype: "i32" },
        ...under("memory", memory),
        ...under("carried", takenRows(carried, state, parents)),
      });
      state = pick("next", carried, results);
      if (results.attention) attention.push(results.attention);
      return (results.logits as HostTensor).data as Float32Array;
    };
  }

  /** Gives the engine's memory back. */
  async release(): Promise<void> {
    await Promise.all([this.#reader.release(), this.#step.release()]);
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
