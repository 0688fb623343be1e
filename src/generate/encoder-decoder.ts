/** Encoder-decoders that write. B sources · S ids of the longest */
import { padded } from "../data/index.ts";
import { type EncoderDecoderModel, encoderDecoderInputs } from "../models/index.ts";
import type { HostTensor, RunOptions, Weights } from "../runtime/index.ts";
import { type BeamSettings, beamSearch, type Hypothesis } from "./beam.ts";
import { StepWriter, type Stepwise } from "./steps.ts";

/** A text that was written, and what it looked at. */
export interface Written extends Hypothesis {
  /** For each id, and then for the end, how much each id of the source counted: [ids + 1][S]; undefined without attention. */
  readonly attention: readonly Float32Array[] | undefined;
}

/** An encoder-decoder as what reads sources and then writes step by step. */
function stepwise(model: EncoderDecoderModel): Stepwise<"source" | "sourceLengths"> {
  const { source, sourceLengths } = encoderDecoderInputs;
  return {
    ...{ parts: model.parts, memory: model.memory, carried: model.carried },
    inputs: { source, sourceLengths },
    begin: (given) => model.encode(given.source, given.sourceLengths),
    step: (ids, memory, carried) => model.step(ids, memory, carried),
  };
}

/** An encoder-decoder, compiled to write. */
export class SequenceWriter implements AsyncDisposable {
  readonly #writer: StepWriter<"source" | "sourceLengths">;
  private constructor(writer: StepWriter<"source" | "sourceLengths">) {
    this.#writer = writer;
  }

  /** Compiles its graphs with their weights. */
  static async create(model: EncoderDecoderModel, weights: Weights, run: RunOptions = {}): Promise<SequenceWriter> {
    return new SequenceWriter(await StepWriter.create(stepwise(model), weights, run));
  }

  /** What is written for each of `sources`, at most `beam` texts each, the best first; each begins after the id `start`. */
  async write(sources: readonly Int32Array[], start: number, settings: BeamSettings): Promise<Written[][]> {
    const { ids: source, lengths: sourceLengths } = padded(sources);
    const { advance, attention } = await this.#writer.begin({ source, sourceLengths });
    const found = await beamSearch(advance, new Int32Array(sources.length).fill(start), settings);
    return found.map((texts, b) => texts.map((text) => ({ ...text, attention: seen(text, attention, sources[b]) })));
  }

  /** Gives the engine's memory back. */
  release(): Promise<void> {
    return this.#writer.release();
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
