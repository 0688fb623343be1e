/**
 * Transcription of speech: recordings and what is said in them become a model that writes down what it hears, letter by
 * letter, without being told when each is said (Graves et al. 2006).
 *
 * B recordings · T steps · C numbers of a step · L letters · K characters and one class for nothing
 */
import { z } from "zod";
import type { Json } from "../checkpoint/index.ts";
import { bucket, type Dataset, type Source } from "../data/index.ts";
import { CheckpointError, ConfigError, DataError, quoted } from "../errors.ts";
import { ctcLoss } from "../nn/index.ts";
import type { HostTensor } from "../runtime/index.ts";
import { real, whole } from "../schema.ts";
import type { Description, Problem, Task, Watch } from "./task.ts";
import { Hearing, type Norm, normOf } from "./transcribe/features.ts";
import { masked } from "./transcribe/masks.ts";
import { type Recording, readRecordings } from "./transcribe/recordings.ts";
import { Alphabet, baselines, transcriptScorer } from "./transcribe/scores.ts";
import { fixedParts, parseJoin, partsOf, type Utterance, utterances } from "./transcribe/strings.ts";
import { Transcriber, transcriberOptions } from "./transcribe/transcriber.ts";

const options = z.strictObject({
  path: z
    .string()
    .optional()
    .describe("column of a table with the recordings' paths (default: path, file, ... or the first)"),
  text: z.string().optional().describe("column of the transcripts (default: transcript, text, ... or the last)"),
  case: z.enum(["lower", "keep"]).default("lower").describe("letters of transcripts: small ones, or as they are"),
  rate: whole(1000, 192_000)
    .optional()
    .describe("samples a second that are heard (default: those of the first recording, 16000 at most)"),
  mels: whole(4, 256).default(40).describe("bands of the spectrum"),
  window: real(2, 200).default(25).describe("milliseconds of a spectrum"),
  hop: real(1, 200).default(10).describe("milliseconds from one spectrum to the next"),
  scale: z.enum(["htk", "slaney"]).default("htk").describe("which mel scale"),
  stack: whole(1, 16).default(2).describe("spectra that a step hears together"),
  normalize: z.enum(["training", "utterance"]).default("training").describe("by what spectra are normalised"),
  mask: real(0, 0.5)
    .default(0.2)
    .describe(
      "share of the steps and of the bands that each of two masks hides at most while it learns; 0 hides nothing",
    ),
  join: z
    .string()
    .default("1")
    .describe("how many recordings of one speaker stand in a row in an example, such as 1-6"),
  strings: whole(1, 1000)
    .default(1)
    .describe("different examples that begin with each recording, where several stand in a row"),
  speakerHoldout: z.string().optional().describe("the speaker who is only measured"),
  holdout: real(0.001, 0.9).default(0.1).describe("share that is only measured, where nothing else says which"),
});
type Options = z.output<typeof options>;

type Column = "features" | "lengths" | "labels" | "labelLengths";

/** What a run has learned of its data. */
interface Learned {
  readonly alphabet: Alphabet;
  readonly rate: number;
  readonly norm: Norm | undefined;
}

const MOST_RATE = 16_000;
const MOST_CHARACTERS = 20_000;

/** Every character of the transcripts, and the space where several stand in a row. */
function charactersOf(all: readonly Recording[], inARow: boolean, name: string): string[] {
  const texts = [...all.map(({ transcript }) => transcript), ...(inARow ? [" "] : [])];
  const characters = [...new Set(texts.flatMap((text) => Array.from(text)))].sort();
  if (characters.length > MOST_CHARACTERS)
    throw new DataError(`data ${name}: expected at most ${MOST_CHARACTERS} characters, got ${characters.length}`);
  return characters;
}

const hearingOf = (
  { rate, norm }: Pick<Learned, "rate" | "norm">,
  { mels, window, hop, scale, stack }: Options,
): Hearing => new Hearing({ rate, norm, mels, window, hop, scale, stack });

/** Steps that a text takes at least: one for each letter, and one between two that are alike. */
const stepsOf = (labels: Int32Array): number =>
  labels.reduce((steps, label, i) => steps + 1 + Number(i > 0 && label === labels[i - 1]), 0);

/** Throws DataError for a recording in which its transcript cannot be said. */
function requireRoom(data: Dataset<Utterance>, alphabet: Alphabet): void {
  for (let i = 0; i < data.size; i++) {
    const { name, transcript, features } = data.at(i);
    const needed = stepsOf(alphabet.labels(transcript));
    if (needed > features.frames)
      throw new DataError(
        `data ${name}: expected ${needed} steps or more for ${quoted(transcript)}, got ${features.frames}; lower stack or hop, or correct the transcript`,
      );
  }
}

/** Features and labels padded with 0 to one length each. */
function feedsOf(
  rows: readonly Utterance[],
  alphabet: Alphabet,
  width: number,
  letters: number,
): Record<Column, HostTensor> {
  const [B, T] = [rows.length, bucket(Math.max(...rows.map(({ features }) => features.frames)))];
  const texts = rows.map(({ transcript }) => alphabet.labels(transcript));
  const L = bucket(Math.max(letters, ...texts.map(({ length }) => length)));
  const [features, labels] = [new Float32Array(B * T * width), new Int32Array(B * L)];
  for (const [b, row] of rows.entries()) features.set(row.features.data, b * T * width);
  for (const [b, text] of texts.entries()) labels.set(text, b * L);
  const counts = (of: ArrayLike<number>): HostTensor => ({ data: Int32Array.from(of), shape: [B], dtype: "i32" });
  return {
    features: { data: features, shape: [B, T, width], dtype: "f32" },
    lengths: counts(rows.map((row) => row.features.frames)),
    labels: { data: labels, shape: [B, L], dtype: "i32" },
    labelLengths: counts(texts.map(({ length }) => length)),
  };
}

/** Reads sources, each of them once. */
type Read = (source: Source) => Promise<readonly Recording[]>;

function reader(chosen: Options, watch: Watch = {}): Read {
  const known = new Map<Source, Promise<readonly Recording[]>>();
  return (source) => {
    const found = known.get(source) ?? readRecordings(source, chosen, watch);
    known.set(source, found);
    return found;
  };
}

const describe = ({ alphabet, rate, norm }: Learned): Description => ({
  "config.json": {
    id2label: Object.fromEntries(["", ...alphabet.characters].map((character, i) => [i, character])),
    label2id: Object.fromEntries(["", ...alphabet.characters].map((character, i) => [character, i])),
  },
  "task.json": { learned: { rate, ...(norm && { norm }) } as Json },
});

/** Both directions see what comes, as a transcript is written when all is said. */
const MODEL = { hidden_size: 128, num_layers: 2, dropout: 0.2, bidirectional: true };

function problem(learned: Learned, chosen: Options, read: Read): Problem<"frames", Utterance, Column> {
  const { alphabet } = learned;
  const hearing = hearingOf(learned, chosen);
  const join = parseJoin(chosen.join);
  const heard = (all: readonly Recording[], strings: number, seed: number) =>
    utterances(hearing, all, { join, strings, seed });
  let letters = 1; // of the longest training text, so that all batches of a training have one width
  return {
    config: { num_labels: alphabet.size, input_size: hearing.width, ...MODEL },
    files: describe(learned),
    accept({ channels, classes }) {
      if (channels !== hearing.width)
        throw new ConfigError(`input_size: expected mels × stack, ${hearing.width}, got ${channels}; leave it out`);
      if (classes !== alphabet.size)
        throw new ConfigError(
          `num_labels: expected the ${alphabet.size - 1} characters of the data and one, got ${classes}; leave it out`,
        );
    },
    async split(train, validation, seed) {
      const all = await read(train);
      const [own, held] = validation ? [all, await read(validation)] : partsOf(all, chosen, seed, train.name);
      const examples = heard(own, chosen.strings, seed);
      requireRoom(examples, alphabet);
      for (const { transcript } of own)
        letters = Math.max(letters, alphabet.labels(transcript).length * join[1] + join[1] - 1);
      return { train: examples, validation: heard(held, 1, 0) };
    },
    async examples(source) {
      const all = await read(source);
      const [, held] = fixedParts(all, chosen) ?? [[], all];
      return heard(held, 1, 0);
    },
    order: "epochs",
    batch: {
      features: { shape: ["B", "T", hearing.width], dtype: "f32" },
      lengths: { shape: ["B"], dtype: "i32" },
      labels: { shape: ["B", "L"], dtype: "i32" },
      labelLengths: { shape: ["B"], dtype: "i32" },
    },
    collate: (rows) => feedsOf(rows, alphabet, hearing.width, letters),
    loss(model, { features, lengths, labels, labelLengths }) {
      const { logits } = model.forward({ features: masked(features, lengths, chosen.mels, chosen.mask), lengths });
      return ctcLoss(logits, labels, lengths, labelLengths);
    },
    measure(model, { features, lengths, labels, labelLengths }) {
      const { logits } = model.forward({ features, lengths });
      return {
        logits,
        losses: ctcLoss(logits, labels, lengths, labelLengths, { reduction: "none", zeroInfinity: true }),
      };
    },
    scorer: () => transcriptScorer(alphabet),
    baselines: async (train, test) => baselines(train, test),
    open: (model, weights, run) => Transcriber.open({ alphabet, hearing }, model, weights, run),
  };
}

/** The characters that a configuration names. */
function namedCharacters({ id2label }: Json): string[] | undefined {
  const names = id2label as Readonly<Record<string, unknown>> | null | undefined;
  return names
    ? Object.keys(names)
        .slice(1)
        .map((_, i) => String(names[i + 1] ?? ""))
    : undefined;
}

const saved = z.object({
  rate: whole(1000, 192_000),
  norm: z.object({ mean: z.array(z.number()), deviation: z.array(z.number()) }).optional(),
});

/** Transcription of speech as a task. */
export const transcribe: Task<"frames", Utterance, typeof options, Column> = {
  name: "transcribe",
  about: "what is said in a recording, letter by letter",
  head: "frames",
  options,
  prediction: transcriberOptions,
  defaults: { epochs: 30, batch: 32, lr: 4e-3 },
  reads: "files",
  unit: "recordings",
  scores: { loss: "lower", cer: "lower", wer: "lower", accuracy: "higher" },
  best: "cer",
  async learn(source, chosen, watch, { "config.json": base = {} } = {}) {
    const read = reader(chosen, watch);
    const all = await read(source);
    const rate = chosen.rate ?? Math.min(all[0]?.rate ?? MOST_RATE, MOST_RATE);
    const alphabet = new Alphabet(
      namedCharacters(base) ?? charactersOf(all, parseJoin(chosen.join)[1] > 1, source.name),
    );
    const own = fixedParts(all, chosen)?.[0] ?? all;
    const plain = hearingOf({ rate, norm: undefined }, chosen);
    const norm =
      chosen.normalize === "training" ? normOf(own.map((one) => plain.spectra(plain.samples(one)))) : undefined;
    return problem({ alphabet, rate, norm }, chosen, read);
  },
  async reopen(files, chosen) {
    const characters = namedCharacters(files["config.json"] ?? {});
    const { success, data } = saved.safeParse(files["task.json"]?.learned);
    if (!characters || !success)
      throw new CheckpointError(
        "run: expected id2label in config.json, which names the characters, and the rate in task.json, got neither or one; copy the whole run",
      );
    return problem({ alphabet: new Alphabet(characters), rate: data.rate, norm: data.norm }, chosen, reader(chosen));
  },
};
