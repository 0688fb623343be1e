/** A model that writes down what is said, with when each letter is said and how sure it is. */
import { z } from "zod";
import type { Json } from "../../checkpoint/index.ts";
import { bucket, type DataGiven, type Features, type Sound, type Source } from "../../data/index.ts";
import { DataError, shown } from "../../errors.ts";
import { openSource } from "../../files/index.ts";
import { ctcAlign, ctcBeam, ctcGreedy, type Emissions } from "../../generate/index.ts";
import type { FramesModel } from "../../models/index.ts";
import { type Heard, speech } from "../../pictures/index.ts";
import type { RunOptions, Weights } from "../../runtime/index.ts";
import { checked, whole } from "../../schema.ts";
import { finite, grouped, RowProgram, requireWatch, several } from "../batched.ts";
import { softmax } from "../classify/scores.ts";
import type { Predictor, Watch } from "../task.ts";
import type { Hearing } from "./features.ts";
import { soundOf } from "./recordings.ts";
import { type Alphabet, emissionsOf } from "./scores.ts";

export const transcriberOptions = z.strictObject({
  beam: whole(1, 1024)
    .default(1)
    .describe("texts that are followed side by side; 1 takes the likeliest class of each step"),
  batch: whole(1, 1024).default(8).describe("recordings at a time"),
});

/** One letter of a transcript. */
export interface SpokenCharacter {
  readonly character: string;
  /** Seconds from the beginning. */
  readonly start: number;
  readonly end: number;
  /** The highest that it is given while it is said, from 0 to 1. */
  readonly probability: number;
}

/** What is said in a recording. */
export interface Transcription {
  /** The name of the file. */
  readonly file: string;
  readonly transcript: string;
  /** Probability of this text and no other, over all ways to say it, from 0 to 1. */
  readonly confidence: number;
  /** How long the recording is. */
  readonly seconds: number;
  readonly characters: readonly SpokenCharacter[];
}

const answers = z.object({ transcript: z.string(), confidence: z.number() });

/** What a model must know to listen. */
interface Ears {
  readonly alphabet: Alphabet;
  readonly hearing: Hearing;
}

/** A sound with its name. */
interface Named extends Sound {
  readonly name: string;
}

async function soundFrom(input: unknown, i: number): Promise<Named> {
  const { samples, rate, bytes } = (typeof input === "object" && input !== null ? input : {}) as Partial<
    Sound & Source
  >;
  if (samples instanceof Float32Array && typeof rate === "number") return { name: `sound ${i}`, samples, rate };
  if (typeof input !== "string" && typeof bytes !== "function" && !((bytes as unknown) instanceof Uint8Array))
    throw new DataError(
      `sound ${i}: expected the name of a WAV file, { name, bytes } or { samples, rate }, got ${shown(input)}; give one of them`,
    );
  const source = openSource(input as DataGiven, {});
  return { name: source.name, ...(await soundOf(source)) };
}

/** Probabilities [T][K] of the classes at each step. */
const probabilitiesOf = ({ data, shape: [T = 0, K = 0] }: Emissions): number[][] =>
  Array.from({ length: T }, (_, t) => softmax(Array.from({ length: K }, (_, k) => data[t * K + k] ?? 0)));

/** Lowest and highest sample in each of at most `count` parts. */
function envelope(samples: Float32Array, count: number): [number, number][] {
  const size = Math.max(1, Math.ceil(samples.length / count));
  return Array.from({ length: Math.ceil(samples.length / size) }, (_, i) => {
    const part = samples.subarray(i * size, (i + 1) * size);
    return [part.reduce((a, b) => Math.min(a, b), 0), part.reduce((a, b) => Math.max(a, b), 0)];
  });
}

const ENVELOPE = 400;

/** Features [B, T, C] padded with 0, and lengths [B]. */
function feedsOf(all: readonly Features[], width: number) {
  const [B, T] = [all.length, bucket(Math.max(...all.map(({ frames }) => frames)))];
  const features = new Float32Array(B * T * width);
  for (const [b, { data }] of all.entries()) features.set(data, b * T * width);
  return {
    features: { data: features, shape: [B, T, width], dtype: "f32" },
    lengths: { data: Int32Array.from(all, ({ frames }) => frames), shape: [B], dtype: "i32" },
  } as const;
}

/** A model of speech with its alphabet. */
export class Transcriber implements Predictor<unknown, Transcription> {
  readonly #ears: Ears;
  readonly #program: RowProgram;
  readonly #heard = new WeakMap<object, Heard>();
  private constructor(ears: Ears, program: RowProgram) {
    [this.#ears, this.#program] = [ears, program];
  }

  static async open(ears: Ears, model: FramesModel, weights: Weights, run: RunOptions): Promise<Transcriber> {
    const outputs = (batch: Record<string, never>) => ({ logits: model.forward(batch as never).logits });
    const program = await RowProgram.create(model.parts, model.inputs, outputs as never, { ...run, weights });
    return new Transcriber(ears, program);
  }

  /** A transcript for each recording: the name of a WAV file, { name, bytes }, or { samples, rate }. */
  async *predict(inputs: Iterable<unknown> | AsyncIterable<unknown>, options: Json & Watch = {}) {
    requireWatch(options);
    const { signal, onProgress: _, ...given } = options;
    const { beam, batch } = checked(transcriberOptions, given, "option");
    let count = 0;
    for await (const group of grouped(several(inputs), batch)) {
      signal?.throwIfAborted();
      const sounds: Named[] = [];
      for (const input of group) sounds.push(await soundFrom(input, ++count));
      const { hearing } = this.#ears;
      const features = sounds.map((sound) => hearing.features(hearing.samples(sound)));
      const { logits } = await this.#program.run(feedsOf(features, hearing.width));
      if (!logits) throw new Error("internal: a transcription without logits");
      for (const [i, sound] of sounds.entries()) {
        const emissions = emissionsOf(logits, i, features[i]?.frames ?? 0);
        finite(emissions.data);
        yield this.#answer(sound, emissions, beam);
      }
    }
  }

  #answer({ name, samples, rate }: Named, emissions: Emissions, beam: number): Transcription {
    const { alphabet, hearing } = this.#ears;
    const { labels } = beam === 1 ? ctcGreedy(emissions) : ctcBeam(emissions, { width: beam });
    const aligned = ctcAlign(emissions, labels);
    const seconds = samples.length / rate;
    const rows = probabilitiesOf(emissions);
    const at = (step: number) => Math.min(seconds, step * hearing.seconds);
    const characters = labels.map((label, l) => {
      const [from, to] = aligned?.spans[l] ?? [0, 0];
      const probability = Math.max(...rows.slice(from, to).map((row) => row[label] ?? 0));
      return { character: alphabet.text([label]), start: at(from), end: at(to), probability };
    });
    const answer = {
      file: name,
      transcript: alphabet.text(labels).trim(),
      confidence: Math.exp(aligned?.logP ?? Number.NEGATIVE_INFINITY),
      seconds,
      characters,
    };
    const said = rows.map((row) => 1 - (row[0] ?? 0));
    this.#heard.set(answer, { ...answer, step: hearing.seconds, said, envelope: envelope(samples, ENVELOPE) });
    return answer;
  }

  line(answer: Transcription): string {
    const { transcript, confidence } = checked(answers, answer, "line");
    return `${transcript}\t${confidence.toFixed(4)}`;
  }

  /** The sound, and below it when something is said, and what. */
  picture(answer: Transcription): string | undefined {
    const heard = this.#heard.get(answer);
    return heard && speech(heard);
  }

  release(): Promise<void> {
    return this.#program.release();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
