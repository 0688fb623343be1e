/**
 * Encoder-decoders that write: one compiled graph reads sources, another one takes the next ids and what was carried so far.
 * The weights are constants of both. What a step carries is picked for it by row, as a beam search goes on from some rows
 * and leaves others.
 *
 * B sources · S ids of the longest · N rows
 */
import { padded } from "../data/index.ts";
import type { Spec } from "../graph/index.ts";
import type { EncoderDecoderModel } from "../models/index.ts";
import { namedParameters } from "../nn/index.ts";
import type { Named } from "../onnx/index.ts";
import { compile, type Feeds, type HostTensor, type Program, type RunOptions, type Weights } from "../runtime/index.ts";
import { input } from "../tensor/index.ts";
import { type Advance, type BeamSettings, beamSearch, type Hypothesis } from "./beam.ts";

/** A text that was written, and what it looked at. */
export interface Written extends Hypothesis {
  /** For each id, and then for the end, how much each id of the source counted: [ids + 1][S]; undefined without attention. */
  readonly attention: readonly Float32Array[] | undefined;
}

type Specs = Readonly<Record<string, Spec>>;

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

const takenRows = (specs: Specs, values: Feeds, rows: Int32Array): Feeds =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, taken(value, specs[name]?.shape.indexOf("B") ?? 0, rows)]),
  );

/** An encoder-decoder, compiled to write. */
export class SequenceWriter implements AsyncDisposable {
  readonly #model: EncoderDecoderModel;
  readonly #reader: Program;
  readonly #step: Program;
  private constructor(model: EncoderDecoderModel, reader: Program, step: Program) {
    [this.#model, this.#reader, this.#step] = [model, reader, step];
  }

  /** Compiles both graphs with their weights. */
  static async create(model: EncoderDecoderModel, weights: Weights, run: RunOptions = {}): Promise<SequenceWriter> {
    const parameters = namedParameters(model.parts);
    const options = { ...run, weights };
    const source = input("source", ["B", "S"], "i32");
    const lengths = input("sourceLengths", ["B"], "i32");
    const { memory, carried } = model.encode(source, lengths);
    const encoded = { ...under("memory", memory), ...under("carried", carried) };
    const reader = await compile({ source, sourceLengths: lengths, ...parameters }, encoded, options);
    const ids = input("ids", ["B"], "i32");
    const [read, before] = [inputs("memory", model.memory), inputs("carried", model.carried)];
    const step = model.step(ids, read, before);
    const given = { ids, ...under("memory", read), ...under("carried", before), ...parameters };
    const results = {
      logits: step.logits,
      ...(step.attention && { attention: step.attention }),
      ...under("next", step.carried),
    };
    return new SequenceWriter(model, reader, await compile(given, results, options));
  }

  /** What is written for each of `sources`, at most `beam` texts each, the best first; each begins after the id `start`. */
  async write(sources: readonly Int32Array[], start: number, settings: BeamSettings): Promise<Written[][]> {
    const { ids, lengths } = padded(sources);
    const encoded = await this.#reader.run({ source: ids, sourceLengths: lengths });
    const attention: HostTensor[] = [];
    const starts = new Int32Array(sources.length).fill(start);
    const found = await beamSearch(this.#advance(encoded, attention), starts, settings);
    return found.map((texts, b) => texts.map((text) => ({ ...text, attention: seen(text, attention, sources[b]) })));
  }

  #advance(encoded: Feeds, attention: HostTensor[]): Advance {
    const { memory: read, carried } = this.#model;
    const whole = pick("memory", read, encoded);
    let [memory, state] = [whole, pick("carried", carried, encoded)];
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

/** The rows of attention that a text was written with, as far as its source goes. */
function seen(
  { rows }: Hypothesis,
  attention: readonly HostTensor[],
  source: Int32Array | undefined,
): Float32Array[] | undefined {
  if (attention.length === 0) return undefined;
  return rows.map((row, t) => {
    const { data, shape } = attention[t] as HostTensor;
    const S = shape[1] ?? 0;
    return (data as Float32Array).slice(row * S, row * S + (source?.length ?? 0));
  });
}
