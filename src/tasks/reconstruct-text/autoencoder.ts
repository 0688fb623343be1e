/**
 * An autoencoder of texts that answers: texts become codes, codes texts.
 *
 * B texts · T ids of the longest, and its end · L code · S samples
 */
import { z } from "zod";
import type { Json } from "../../checkpoint/index.ts";
import { ConfigError, spelled } from "../../errors.ts";
import { CodeWriter, lengthPenalty } from "../../generate/index.ts";
import type { LatentTextModel } from "../../models/index.ts";
import { drawSamples, normalKL, repeatRows } from "../../nn/index.ts";
import type { Named } from "../../onnx/index.ts";
import { type Feeds, type HostTensor, type RunOptions, stream, type Weights } from "../../runtime/index.ts";
import { checked, real, whole } from "../../schema.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { BatchSpecs } from "../../train/index.ts";
import { finite, grouped, InputError, RowProgram, requireWatch, rowOf, several } from "../batched.ts";
import type { CodeOptions, LatentPredictor } from "../latent.ts";
import { type Between, between, normalCode } from "../reconstruct/codes.ts";
import type { Watch } from "../task.ts";
import { batchSpecs, type Column, collate, encoderSpecs, textNats } from "./batch.ts";
import type { Lines } from "./lines.ts";

const seed = whole(0, Number.MAX_SAFE_INTEGER);
const writing = {
  beam: whole(1, 1000).default(4).describe("hypotheses of each text; 1 takes the likeliest token each time"),
  tokenTemperature: real(0, 100).default(0).describe("above 0, tokens are drawn instead, 1 as the model says"),
  maxLength: whole(1, 1e5).optional().describe("tokens that are written at most (default: as long as in training)"),
};
export const prediction = z.strictObject({
  ...writing,
  seed: seed.default(0).describe("chooses the tokens that are drawn"),
  batch: whole(1, 4096).default(32).describe("texts at a time"),
});
const embedding = prediction.pick({ batch: true });
const drawing = { ...writing, seed: seed.default(0).describe("chooses the codes and tokens that are drawn") };
const sampling = z.strictObject({
  n: whole(1, 1_000_000).default(16).describe("how many"),
  temperature: real(0, 100)
    .default(1)
    .describe("deviation of the codes; below 1 they are nearer to the most usual one"),
  ...drawing,
});
const walking = z.strictObject({
  steps: whole(2, 10_000).default(9).describe("texts from one to the other, both ends included"),
  how: z.enum(["linear", "spherical"]).default("linear").describe("along a line, or along the arc around 0"),
  ...drawing,
});
const traversing = z.strictObject({
  from: real(-100, 100).default(-3).describe("first value of a dimension, in deviations of the prior"),
  to: real(-100, 100).default(3).describe("last value"),
  steps: whole(2, 1000).default(7).describe("values, both ends included"),
  dimensions: z.array(whole(0, 65535)).optional(),
  ...drawing,
});
export const codes = {
  ...{ embed: embedding, sample: sampling, interpolate: walking, traverse: traversing },
} satisfies CodeOptions;
type Writing = Pick<z.output<typeof prediction>, keyof typeof drawing>;

/** What samples are written, and how. */
export interface TextSampleOptions extends z.input<typeof sampling>, Watch {}
/** How many texts from one to another, along what, and how they are written. */
export interface TextInterpolateOptions extends z.input<typeof walking>, Watch {
  readonly how?: Between | undefined;
}
/** Values of one dimension after the other: `steps` of them in deviations of the prior, of the `dimensions` named or of all. */
export interface TextTraverseOptions extends z.input<typeof traversing>, Watch {}

/** The code of a text. */
export interface EmbeddedText {
  readonly text: string;
  /** The mean of its code: [L]. */
  readonly code: readonly number[];
}

/** A text and what is written of the mean of its code. */
export interface ReconstructedText extends EmbeddedText {
  /** The text, as its tokens spell it. */
  readonly original: string;
  readonly reconstruction: string;
  /** Whether these are the same tokens. */
  readonly exact: boolean;
  /** -log p of the text and its end, given that code, in nats. */
  readonly nats: number;
  /** What the code costs: KL(q(z | x) ‖ p(z)), in nats. */
  readonly rate: number;
  /** Whether only the first tokens of a long text were read. */
  readonly cut: boolean;
}

/** The text of an input: itself, or in a record. */
function textOf(input: unknown): string {
  const record = typeof input === "object" && input !== null ? (input as Json) : { text: input };
  if (typeof record.text === "string") return record.text.trim();
  throw new InputError(`text: expected a text, or a record with text, got ${spelled(input)}`, input);
}

/** A text as it is read: as many ids as a model has seen together, and whether it has more. */
interface Read {
  readonly text: string;
  readonly ids: Int32Array;
  readonly cut: boolean;
}

const codesOf = (rows: readonly Float32Array[], L: number): HostTensor => {
  const data = new Float32Array(rows.length * L);
  for (const [i, row] of rows.entries()) data.set(row, i * L);
  return { data, shape: [rows.length, L], dtype: "f32" };
};

/** What a graph gives, by names that it must have. */
function results<N extends string>(found: Feeds, ...names: readonly N[]): Record<N, HostTensor> {
  const missing = names.find((name) => !found[name]);
  if (missing !== undefined) throw new Error(`internal: a graph gave no ${missing}`);
  return found as Record<N, HostTensor>;
}

/** Codes that are weighed at a time, and how many logits of theirs there may be. */
const [ROWS, LOGITS] = [1024, 2 ** 25];
/** Codes that are written of at a time. */
const WRITTEN = 64;

const answers = z.object({ reconstruction: z.string() });

/** A model with its tokens, ready to reconstruct, embed, sample, and walk between codes. */
export class TextAutoencoder implements LatentPredictor<unknown, string> {
  readonly model: LatentTextModel;
  readonly lines: Lines;
  /** Tokens of a text that are read. */
  readonly length: number;
  readonly #weights: Weights;
  readonly #run: RunOptions;
  readonly #programs = new Map<string, Promise<RowProgram>>();
  #writer: Promise<CodeWriter> | undefined;
  constructor(model: LatentTextModel, lines: Lines, length: number, weights: Weights, run: RunOptions) {
    [this.model, this.lines, this.length] = [model, lines, length];
    [this.#weights, this.#run] = [weights, run];
  }

  /** Names of classes that it is told: none. */
  get classes(): readonly string[] {
    return [];
  }

  /** The program called `name`, compiled when it is first asked for. */
  #program(name: string, specs: BatchSpecs, outputs: (batch: Named) => Named): Promise<RowProgram> {
    const run = { ...this.#run, weights: this.#weights };
    const made = this.#programs.get(name) ?? RowProgram.create(this.model.parts, specs, outputs, run);
    this.#programs.set(name, made);
    return made;
  }

  /** Ids of a text, as many as are read. */
  #read(text: string): Read {
    const ids = this.lines.ids(text);
    return { text, ids: ids.subarray(0, this.length), cut: ids.length > this.length };
  }

  /** The mean of the code of each text. */
  async #encode(texts: readonly Read[]): Promise<Float32Array[]> {
    const { model, lines } = this;
    const program = await this.#program("encode", encoderSpecs, ({ ids, lengths }) => ({
      mean: model.encode(ids as Tensor, lengths as Tensor).mean,
    }));
    const { ids, lengths } = collate(texts, lines.boundary);
    const { mean } = results(await program.run({ ids, lengths }), "mean");
    return texts.map((_, i) => finite(rowOf(mean, i), "gives codes").slice());
  }

  /** The same, what each text costs in nats, given that, and what its code does. */
  async #cost(texts: readonly Read[]) {
    const { model } = this;
    const program = await this.#program("cost", batchSpecs, (batch) => {
      const { ids, lengths, target, labels } = batch as Record<Column, Tensor>;
      const { mean, logVariance } = model.encode(ids, lengths);
      return { mean, rate: normalKL(mean, logVariance).sum(1), nats: textNats(model, mean, { target, labels }) };
    });
    const found = results(await program.run(collate(texts, this.lines.boundary)), "mean", "rate", "nats");
    return texts.map((text, i) => ({
      ...text,
      code: finite(rowOf(found.mean, i), "gives codes").slice(),
      rate: rowOf(found.rate, i)[0] ?? Number.NaN,
      nats: finite(rowOf(found.nats, i), "gives losses")[0] ?? Number.NaN,
    }));
  }

  /** The ids that are written of each code, by its number where they are drawn. */
  async #write(codes: readonly Float32Array[], from: number, chosen: Writing, { signal }: Watch) {
    this.#writer ??= CodeWriter.create(this.model, this.#weights, this.#run);
    const { boundary, unsaid } = this.lines;
    const given = codesOf(codes, this.model.latent);
    const most = chosen.maxLength ?? this.length;
    const longest = most + 1; // with the end
    const shared = { end: [boundary], signal };
    if (chosen.tokenTemperature > 0) {
      const drawn = await (await this.#writer).draw(given, boundary, {
        ...{ ...shared, longest, seeds: codes.map((_, i) => chosen.seed + from + i) },
        sampling: { temperature: chosen.tokenTemperature, suppress: unsaid },
      });
      return drawn.map(({ ids }) => ids.slice(0, most));
    }
    const found = await (await this.#writer).write(given, boundary, {
      ...{ ...shared, beam: chosen.beam, suppress: unsaid, normalize: lengthPenalty(0) },
      longest: codes.map(() => longest),
    });
    return found.map(([best]) => best?.ids.slice(0, most) ?? []);
  }

  /** The text of each code [L]. */
  async #texts(codes: readonly Float32Array[], chosen: Writing, watch: Watch): Promise<string[]> {
    const texts: string[] = [];
    for (let from = 0; from < codes.length; from += WRITTEN) {
      watch.signal?.throwIfAborted();
      const written = await this.#write(codes.slice(from, from + WRITTEN), from, chosen, watch);
      texts.push(...written.map((ids) => this.lines.text(ids)));
    }
    return texts;
  }

  /** What comes of the mean of the code of each text: a string, or a record with `text`. */
  async *predict(inputs: Iterable<unknown> | AsyncIterable<unknown>, options: Json & Watch = {}) {
    requireWatch(options);
    const { signal, onProgress: _, ...given } = options;
    const chosen = checked(prediction, given, "option");
    let from = 0;
    for await (const group of grouped(several(inputs), chosen.batch)) {
      signal?.throwIfAborted();
      const texts = await this.#cost(group.map((input) => this.#read(textOf(input))));
      const codes = texts.map(({ code }) => code);
      const written = await this.#write(codes, from, chosen, { signal });
      from += group.length;
      for (const [i, { ids, code, ...rest }] of texts.entries()) {
        const own = written[i] ?? [];
        const exact = own.length === ids.length && own.every((id, t) => id === ids[t]);
        const answer: ReconstructedText = {
          ...{ ...rest, original: this.lines.text(ids), reconstruction: this.lines.text(own), exact },
          code: Array.from(code),
        };
        yield answer;
      }
    }
  }

  /** The mean of the code of each text. */
  async *embed(
    inputs: Iterable<unknown> | AsyncIterable<unknown>,
    options: Json & Watch = {},
  ): AsyncGenerator<EmbeddedText> {
    requireWatch(options);
    const { signal, onProgress: _, ...given } = options;
    const { batch } = checked(embedding, given, "option");
    for await (const group of grouped(several(inputs), batch)) {
      signal?.throwIfAborted();
      const texts = group.map((input) => this.#read(textOf(input)));
      const codes = await this.#encode(texts);
      for (const [i, { text }] of texts.entries()) yield { text, code: Array.from(codes[i] ?? []) };
    }
  }

  /** The text that is written of each code [L]. Throws ConfigError for codes of another size. */
  async decode(codes: readonly Float32Array[], options: Json & Watch = {}): Promise<string[]> {
    const { signal, onProgress: _, ...given } = options;
    const odd = codes.find(({ length }) => length !== this.model.latent);
    if (odd)
      throw new ConfigError(`decode: expected codes of ${this.model.latent} numbers, got ${odd.length}; give as many`);
    return this.#texts(codes, checked(prediction, given, "option"), { signal });
  }

  /**
   * Texts of codes that are drawn of the prior: the standard normal, times `temperature`. Sample i of a seed is the same
   * whatever n is.
   */
  async sample(options: TextSampleOptions = {}): Promise<string[]> {
    const { signal, onProgress: _, ...given } = options;
    const { n, temperature, ...chosen } = checked(sampling, given, "sample");
    const codes = Array.from({ length: n }, (_, i) =>
      normalCode(this.model.latent, chosen.seed, i).map((value) => temperature * value),
    );
    return this.#texts(codes, chosen, { signal });
  }

  /** `steps` texts from that of a's code to that of b's. */
  async interpolate(a: unknown, b: unknown, options: TextInterpolateOptions = {}): Promise<string[]> {
    const { signal, onProgress: _, ...given } = options;
    const { steps, how, ...chosen } = checked(walking, given, "interpolate");
    const [from, to] = await this.#encode([this.#read(textOf(a)), this.#read(textOf(b))]);
    if (!from || !to) throw new Error("internal: two texts have two codes");
    const codes = Array.from({ length: steps }, (_, i) => between(from, to, i / (steps - 1), how));
    return this.#texts(codes, chosen, { signal });
  }

  /**
   * For each dimension, texts of the code of `given`, or of 0, with that dimension at one value after the other. Throws
   * ConfigError for a dimension that there is none of.
   */
  async traverse(given?: unknown, options: TextTraverseOptions = {}): Promise<string[][]> {
    const { signal, onProgress: _, ...rest } = options;
    const { from, to, steps, dimensions, ...chosen } = checked(traversing, rest, "traverse");
    const { latent: L } = this.model;
    const odd = dimensions?.find((l) => l >= L);
    if (odd !== undefined)
      throw new ConfigError(`traverse: expected dimensions from 0 to ${L - 1}, got ${odd}; leave it out`);
    const [code] = given === undefined ? [] : await this.#encode([this.#read(textOf(given))]);
    const base = code ?? new Float32Array(L);
    const values = Array.from({ length: steps }, (_, i) => from + ((to - from) * i) / (steps - 1));
    const rows: string[][] = [];
    for (const l of dimensions ?? base.keys()) {
      const moved = values.map((value) => base.map((x, at) => (at === l ? value : x)));
      rows.push(await this.#texts(moved, chosen, { signal }));
    }
    return rows;
  }

  /**
   * -log p of each text in nats, estimated with `samples` codes drawn of its posterior (Burda et al. 2016, equation 8), whose
   * mean is never below the truth. The draws are those of the text's place in the list.
   */
  async importance(texts: readonly string[], samples: number, { signal }: Watch = {}): Promise<number[]> {
    const rows = Math.max(1, Math.min(ROWS, Math.floor(LOGITS / (this.length * this.model.vocabulary))));
    const S = Math.min(samples, rows);
    const size = Math.floor(rows / S);
    const nats: number[] = [];
    for (let from = 0; from < texts.length; from += size) {
      const group = texts.slice(from, from + size).map((text) => this.#read(text));
      const logs = group.map((): number[] => []);
      for (let done = 0; done < samples; done += S) {
        signal?.throwIfAborted();
        const epsilon = normals([group.length, Math.min(S, samples - done), this.model.latent], from, done);
        const found = await (await this.#weigh()).run({ ...collate(group, this.lines.boundary), epsilon });
        for (const [i, list] of logs.entries()) list.push(...rowOf(results(found, "logs").logs, i));
      }
      nats.push(...logs.map((list) => -logMean(list)));
    }
    return nats;
  }

  /** log p(x, z)/q(z | x) of every sample: [B, S]. */
  #weigh(): Promise<RowProgram> {
    const { model } = this;
    const specs = { ...batchSpecs, epsilon: { shape: ["B", "S", model.latent], dtype: "f32" } } as const;
    return this.#program("weigh", specs, (batch) => {
      const { ids, lengths, target, labels, epsilon } = batch as Record<keyof typeof specs, Tensor>;
      const { mean, logVariance } = model.encode(ids, lengths);
      const { codes, logRatio } = drawSamples(mean, logVariance, "S", epsilon);
      const each = { target: repeatRows(target, "S"), labels: repeatRows(labels, "S") };
      return { logs: logRatio.sub(textNats(model, codes, each).reshape(logRatio.shape)) };
    });
  }

  line(answer: ReconstructedText): string {
    return checked(answers, answer, "line").reconstruction;
  }

  async release(): Promise<void> {
    const [programs, writer] = [[...this.#programs.values()], this.#writer];
    this.#programs.clear();
    this.#writer = undefined;
    await Promise.all([...programs, ...(writer ? [writer] : [])].map(async (made) => (await made).release()));
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}

/** Numbers [B, S, L] for samples from `done` on of the texts from `from` on. */
function normals([B, S, L]: readonly [number, number, number], from: number, done: number): HostTensor {
  const data = new Float32Array(B * S * L);
  for (let b = 0; b < B; b++)
    stream(0, from + b, `importance ${done}`).fillNormal(data.subarray(b * S * L, (b + 1) * S * L));
  return { data, shape: [B, S, L], dtype: "f32" };
}

/** The log of the mean of e^x. */
function logMean(logs: readonly number[]): number {
  const most = logs.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length);
}
