/**
 * An autoencoder that answers: pictures become codes, codes pictures.
 *
 * B pictures · C channels · H height · W width · L code · S samples · K classes
 */
import type { Json } from "../../checkpoint/index.ts";
import { type DataGiven, formOf, imagesOf, type Picture, picturesOf, readPictures } from "../../data/index.ts";
import { ConfigError, DataError, nearest, quoted } from "../../errors.ts";
import { openSource } from "../../files/index.ts";
import type { LatentModel } from "../../models/index.ts";
import { drawSamples, normalKL, repeatRows } from "../../nn/index.ts";
import type { Named } from "../../onnx/index.ts";
import { type Feeds, type HostTensor, type RunOptions, stream, type Weights } from "../../runtime/index.ts";
import { checked } from "../../schema.ts";
import { inputsOf, type Tensor } from "../../tensor/index.ts";
import type { BatchSpecs } from "../../train/index.ts";
import { finite, grouped, RowProgram, requireWatch, rowOf, several } from "../batched.ts";
import type { LatentPredictor } from "../latent.ts";
import type { Watch } from "../task.ts";
import { between, drawnIds, normalCode } from "./codes.ts";
import {
  type PictureInterpolateOptions,
  type PictureSampleOptions,
  type PictureTraverseOptions,
  prediction,
  sampling,
  traversing,
  walking,
} from "./imager-options.ts";
import { type Options, seen } from "./options.ts";

/** A file of pictures, or one picture. */
export type Pictured = DataGiven | Picture;

/** The code of a picture. */
export interface Embedded {
  readonly name: string;
  readonly label?: string;
  /** [L]; where codes are drawn, their mean. */
  readonly code: readonly number[];
}

/** A picture and what comes of its code. In JSON it is its name and numbers. */
export interface Reconstructed extends Embedded {
  /** -log p of the picture, given its code, in nats. */
  readonly nats: number;
  /** What the code costs, in nats, where that is known. */
  readonly rate?: number;
  /** As the model sees it: of 0 and 1 where values are made so. */
  readonly original: Picture;
  readonly reconstruction: Picture;
}

/** What an autoencoder has learned of its data. */
export interface Known {
  readonly options: Options;
  /** The labels of the training data, in order; of a conditional model those that it is told. */
  readonly labels: readonly string[];
  /** How often each row of a codebook stood at each place. */
  readonly counts?: readonly (readonly number[])[] | undefined;
}

/** Rows that a decoder makes at a time. */
const ROWS = 512;
/** Codes that are drawn of a picture at a time. */
const MOST_SAMPLES = 128;

const isPicture = (given: unknown): given is Picture =>
  typeof given === "object" && given !== null && "data" in given && "channels" in given;

/** Images [B, C, H, W] of 0 to 1 as pictures with these names. */
const pictured = (images: HostTensor, names: readonly string[]): Picture[] =>
  picturesOf({ ...images, data: finite(images.data as Float32Array, "gives pictures") }).map((picture, i) => ({
    ...picture,
    name: names[i] ?? picture.name,
  }));

/** Images and labels among what a graph takes. */
const givenIn = ({ images, labels }: Named): [images: Tensor, labels: Tensor | undefined] => {
  if (!images) throw new Error("internal: a graph of pictures takes none");
  return [images, labels];
};

/** What a graph gives, by names that it must have. */
function results<N extends string>(found: Feeds, ...names: readonly N[]): Record<N, HostTensor> {
  const missing = names.find((name) => !found[name]);
  if (missing !== undefined) throw new Error(`internal: a graph gave no ${missing}`);
  return found as Record<N, HostTensor>;
}

/** What `Imager.predict` computes of each of `pictures`. */
function answers(pictures: readonly Picture[], found: Feeds): Reconstructed[] {
  const { mean, nats, original, reconstruction } = results(found, "mean", "nats", "original", "reconstruction");
  const names = pictures.map(({ name }) => name);
  const [originals, reconstructions] = [pictured(original, names), pictured(reconstruction, names)];
  return pictures.map(({ name, label }, i) => {
    const numbers = {
      name,
      ...(label !== undefined && { label }),
      nats: finite(rowOf(nats, i), "gives losses")[0] ?? Number.NaN,
      ...(found.rate && { rate: rowOf(found.rate, i)[0] ?? Number.NaN }),
      code: Array.from(finite(rowOf(mean, i), "gives codes")),
    };
    const both = { original: originals[i] as Picture, reconstruction: reconstructions[i] as Picture };
    return Object.defineProperty({ ...numbers, ...both }, "toJSON", { value: () => numbers, enumerable: false });
  });
}

/** The log of the mean of e^x. */
function logMean(logs: readonly number[]): number {
  const most = Math.max(...logs);
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0) / logs.length);
}

/** A model ready to reconstruct, embed, sample, and walk between codes. */
export class Imager implements LatentPredictor<Pictured, Picture> {
  readonly model: LatentModel;
  readonly known: Known;
  readonly #weights: Weights;
  readonly #run: RunOptions;
  readonly #programs = new Map<string, Promise<RowProgram>>();
  #drawn: boolean | undefined;
  constructor(model: LatentModel, known: Known, weights: Weights, run: RunOptions) {
    [this.model, this.known, this.#weights, this.#run] = [model, known, weights, run];
  }

  /** The program called `name`, compiled when it is first asked for. */
  #program(name: string, specs: BatchSpecs, outputs: (batch: Named) => Named): Promise<RowProgram> {
    const { parts } = this.model;
    const made =
      this.#programs.get(name) ?? RowProgram.create(parts, specs, outputs, { ...this.#run, weights: this.#weights });
    this.#programs.set(name, made);
    return made;
  }

  /** Names of the classes that it is told; none where it is not conditional. */
  get classes(): readonly string[] {
    return this.model.classes > 0 ? this.known.labels : [];
  }

  get #labels(): BatchSpecs {
    return this.model.classes > 0 ? { labels: { shape: ["B"], dtype: "i32" } } : {};
  }

  get #images(): BatchSpecs {
    const [C, H, W] = this.model.image;
    return { images: { shape: ["B", C, H, W], dtype: "f32" }, ...this.#labels };
  }

  get #codes(): BatchSpecs {
    return { codes: { shape: ["B", this.model.latent], dtype: "f32" }, ...this.#labels };
  }

  /** The number of a class. Throws ConfigError for one that there is none of. */
  #classAt(name: string): number {
    const at = this.classes.indexOf(name);
    if (at >= 0) return at;
    throw new ConfigError(
      this.classes.length === 0
        ? `class: the model is not conditional, got ${quoted(name)}; train it with conditional=true`
        : `class: expected one of ${this.classes.slice(0, 20).join(", ")}, got ${quoted(name)}${nearest(name, this.classes)}`,
    );
  }

  /**
   * The number of a picture's class, which is `other` where it has no label, and 0 where the model is told none. Throws DataError
   * where it has none that is known, ConfigError for another that there is none of.
   */
  #labelOf({ name, label }: Picture, other: string | undefined): number {
    if (other !== undefined) this.#classAt(other);
    const said = label ?? other;
    if (this.model.classes === 0) return 0;
    if (said !== undefined && this.classes.includes(said)) return this.classes.indexOf(said);
    throw new DataError(
      `picture ${name}: expected a label, as the model is conditional, of ${this.classes.slice(0, 20).join(", ")}, got ${said === undefined ? "none" : quoted(said)}; name its class`,
    );
  }

  /** The pictures of what is given. Throws DataError where they are not of the model's size. */
  async pictures(given: Pictured, watch: Watch = {}): Promise<readonly Picture[]> {
    const found = isPicture(given)
      ? [given]
      : (await readPictures(openSource(given, { signal: watch.signal }), this.known.options, watch)).pictures;
    const [channels, height, width] = this.model.image;
    for (const picture of found)
      if (picture.channels !== channels || picture.height !== height || picture.width !== width)
        throw new DataError(
          `picture ${picture.name}: expected ${formOf({ width, height, channels })} as in training, got ${formOf(picture)}; give pictures of that size`,
        );
    return found;
  }

  async *#picturesIn(inputs: Iterable<Pictured> | AsyncIterable<Pictured>, watch: Watch): AsyncGenerator<Picture> {
    for await (const input of several(inputs)) yield* await this.pictures(input, watch);
  }

  /** Pictures in groups, with the number of each, and what goes into a program of them. */
  async *#groups(inputs: Iterable<Pictured> | AsyncIterable<Pictured>, options: Json & Watch) {
    requireWatch(options);
    const { signal, onProgress, ...given } = options;
    const { batch, class: other } = checked(prediction, given, "option");
    let number = 0;
    for await (const pictures of grouped(this.#picturesIn(inputs, { signal, onProgress }), batch)) {
      signal?.throwIfAborted();
      const numbers = pictures.map(() => number++);
      yield { pictures, numbers, feeds: this.#feeds(pictures, other) };
    }
  }

  /** What goes into a program of these pictures. */
  #feeds(pictures: readonly Picture[], other?: string): Feeds {
    const data = Int32Array.from(pictures, (picture) => this.#labelOf(picture, other));
    const labels: HostTensor = { data, shape: [data.length], dtype: "i32" };
    return { images: imagesOf(pictures), ...(this.model.classes > 0 && { labels }) };
  }

  #reconstruct(): Promise<RowProgram> {
    const { model, known } = this;
    return this.#program("reconstruct", this.#images, (batch) => {
      const [images, labels] = givenIn(batch);
      const original = seen(images, model, known.options);
      const { mean, logVariance, rate } = model.encode(original, labels);
      const given = model.decode(mean, labels);
      const nats = model.likelihood.logProbability(given, original).neg();
      const cost: Named = rate ? { rate } : logVariance ? { rate: normalKL(mean, logVariance).sum(1) } : {};
      return { original, mean, nats, reconstruction: model.likelihood.mean(given), ...cost };
    });
  }

  /** What comes of the code of every picture in every file. Of a code that is drawn it is the mean. */
  async *predict(
    inputs: Iterable<Pictured> | AsyncIterable<Pictured>,
    options: Json & Watch = {},
  ): AsyncGenerator<Reconstructed> {
    for await (const { pictures, numbers, feeds } of this.#groups(inputs, options)) {
      const found = await (await this.#reconstruct()).run(feeds, {}, numbers);
      yield* answers(pictures, found);
    }
  }

  /** The code of every picture in every file. */
  async *embed(
    inputs: Iterable<Pictured> | AsyncIterable<Pictured>,
    options: Json & Watch = {},
  ): AsyncGenerator<Embedded> {
    for await (const { pictures, numbers, feeds } of this.#groups(inputs, options)) {
      const { mean } = await this.#encode(feeds, numbers);
      for (const [i, { name, label }] of pictures.entries())
        yield { name, ...(label !== undefined && { label }), code: Array.from(finite(rowOf(mean, i), "gives codes")) };
    }
  }

  /** The codes of pictures of the model's size: [B, L]; where codes are drawn, their means. */
  async codes(pictures: readonly Picture[], { signal }: Watch = {}): Promise<HostTensor> {
    const L = this.model.latent;
    const data = new Float32Array(pictures.length * L);
    for (let from = 0; from < pictures.length; from += ROWS) {
      signal?.throwIfAborted();
      const group = pictures.slice(from, from + ROWS);
      const { mean } = await this.#encode(
        this.#feeds(group),
        group.map((_, i) => from + i),
      );
      data.set(mean.data as Float32Array, from * L);
    }
    return { data, shape: [pictures.length, L], dtype: "f32" };
  }

  async #encode(feeds: Feeds, numbers: readonly number[]): Promise<{ readonly mean: HostTensor }> {
    const { model, known } = this;
    const program = await this.#program("encode", this.#images, (batch) => {
      const [images, labels] = givenIn(batch);
      return { mean: model.encode(seen(images, model, known.options), labels).mean };
    });
    return results(await program.run(feeds, {}, numbers), "mean");
  }

  /** The picture that is expected of each code [L], with the number of its class where the model is told one. */
  async decode(codes: readonly Float32Array[], classes: readonly number[] = [], watch: Watch = {}): Promise<Picture[]> {
    const { model } = this;
    const program = await this.#program("decode", this.#codes, ({ codes: given, labels }) => ({
      pictures: model.likelihood.mean(model.decode(given as Tensor, labels)),
    }));
    const made: Picture[] = [];
    for (let from = 0; from < codes.length; from += ROWS) {
      watch.signal?.throwIfAborted();
      const rows = codes.slice(from, from + ROWS);
      const found = await program.run(this.#codeFeeds(rows, classes.slice(from, from + ROWS)));
      const { pictures } = results(found, "pictures");
      made.push(
        ...pictured(
          pictures,
          rows.map((_, i) => String(from + i)),
        ),
      );
      if (made.length < codes.length) watch.onProgress?.(`made ${made.length} of ${codes.length} pictures`);
    }
    return made;
  }

  #codeFeeds(rows: readonly Float32Array[], classes: readonly number[]): Feeds {
    const L = this.model.latent;
    const data = new Float32Array(rows.length * L);
    for (const [i, row] of rows.entries()) data.set(row, i * L);
    const labels = Int32Array.from(rows, (_, i) => classes[i] ?? 0);
    return {
      codes: { data, shape: [rows.length, L], dtype: "f32" },
      ...(this.model.classes > 0 && { labels: { data: labels, shape: [rows.length], dtype: "i32" as const } }),
    };
  }

  /**
   * Pictures of codes that are drawn of the prior: the standard normal, times `temperature`, or rows of the codebook by how
   * often each stood at each place. Where the model is told classes, they take turns unless one is named. Sample i of a seed
   * is the same whatever n is. Throws ConfigError.
   */
  async sample(options: PictureSampleOptions = {}): Promise<Picture[]> {
    const { signal, onProgress, ...given } = options;
    const { n, seed, temperature, class: name } = checked(sampling, given, "sample");
    const chosen = name === undefined ? undefined : this.#classAt(name);
    const numbers = Array.from({ length: n }, (_, i) => i);
    const codes = this.model.codebook
      ? await this.#codesOf(numbers.map((i) => this.#drawIds(seed, i)))
      : numbers.map((i) => normalCode(this.model.latent, seed, i).map((value) => temperature * value));
    const classes = numbers.map((i) => chosen ?? i % Math.max(1, this.model.classes));
    return this.decode(codes, classes, { signal, onProgress });
  }

  #drawIds(seed: number, i: number): Int32Array {
    const { size = 1, places = 0 } = this.model.codebook ?? {};
    return drawnIds(places, size, this.known.counts, seed, i);
  }

  /** Rows of the codebook [P] as codes [L]. */
  async #codesOf(ids: readonly Int32Array[]): Promise<Float32Array[]> {
    const { codebook } = this.model;
    if (!codebook) throw new Error("internal: a model without a codebook has no rows");
    const specs = { ids: { shape: ["B", codebook.places], dtype: "i32" } } as const;
    const program = await this.#program("codes", specs, ({ ids: given }) => ({
      codes: codebook.codes(given as Tensor),
    }));
    const data = Int32Array.from(ids.flatMap((row) => [...row]));
    const found = await program.run({ ids: { data, shape: [ids.length, codebook.places], dtype: "i32" } });
    const { codes } = results(found, "codes");
    return ids.map((_, i) => rowOf(codes, i));
  }

  /** The code of the one picture that is given, and its class, which is `other` where it has no label. Throws DataError for several. */
  async #codeOf(given: Pictured, other: string | undefined, watch: Watch) {
    const [picture, ...more] = await this.pictures(given, watch);
    if (!picture) throw new DataError("picture: expected one, got none; give a file of a picture");
    if (more.length > 0)
      throw new DataError(
        `picture: expected one, got ${more.length + 1} beginning with ${picture.name}; give the file of one of them`,
      );
    const { mean } = await this.#encode(this.#feeds([picture], other), [0]);
    return { code: finite(rowOf(mean, 0), "gives codes").slice(), label: this.#labelOf(picture, other) };
  }

  /** `steps` pictures from that of a's code to that of b's; a conditional model is told the class of the nearer one. */
  async interpolate(a: Pictured, b: Pictured, options: PictureInterpolateOptions = {}): Promise<Picture[]> {
    const { signal, onProgress, ...given } = options;
    const { steps, how, class: other } = checked(walking, given, "interpolate");
    const watch = { signal, onProgress };
    const [from, to] = [await this.#codeOf(a, other, watch), await this.#codeOf(b, other, watch)];
    const places = Array.from({ length: steps }, (_, i) => i / (steps - 1));
    const codes = places.map((t) => between(from.code, to.code, t, how));
    const classes = places.map((t) => (t < 0.5 ? from : to).label);
    return this.decode(codes, classes, watch);
  }

  /**
   * For each dimension, pictures of the code of `given`, or of 0, with that dimension at one value after the other. From 0 a
   * conditional model is told its first class, unless one is named. Throws ConfigError for a dimension that there is none of.
   */
  async traverse(given?: Pictured, options: PictureTraverseOptions = {}): Promise<Picture[][]> {
    const { signal, onProgress, ...rest } = options;
    const { from, to, steps, class: name, dimensions } = checked(traversing, rest, "traverse");
    const L = this.model.latent;
    const odd = dimensions?.find((l) => l >= L);
    if (odd !== undefined)
      throw new ConfigError(`traverse: expected dimensions from 0 to ${L - 1}, got ${odd}; leave it out`);
    const base =
      given === undefined
        ? { code: new Float32Array(L), label: 0 }
        : await this.#codeOf(given, name, { signal, onProgress });
    const label = name === undefined ? base.label : this.#classAt(name);
    const values = Array.from({ length: steps }, (_, i) => from + ((to - from) * i) / (steps - 1));
    const rows: Picture[][] = [];
    for await (const group of grouped(dimensions ?? base.code.keys(), Math.max(1, Math.floor(ROWS / steps)))) {
      const codes = group.flatMap((l) => values.map((value) => base.code.map((x, at) => (at === l ? value : x))));
      const classes = codes.map(() => label);
      const made = await this.decode(codes, classes, { signal });
      const row = (i: number) => made.slice(i * steps, (i + 1) * steps);
      rows.push(...group.map((_, i) => row(i).map((picture, step) => ({ ...picture, name: String(step) }))));
      const all = dimensions?.length ?? L;
      if (rows.length < all) onProgress?.(`traversed ${rows.length} of ${all} dimensions`);
    }
    return rows;
  }

  /** Whether codes are drawn around a mean. */
  get draws(): boolean {
    this.#drawn ??= this.model.encode(...givenIn(inputsOf(this.#images))).logVariance !== undefined;
    return this.#drawn;
  }

  /**
   * -log p of each picture in nats, estimated with `samples` codes drawn of its posterior (Burda et al. 2016, equation 8),
   * whose mean is never below the truth. The draws are those of the picture's place in the list. Throws ConfigError where
   * codes are not drawn.
   */
  async importance(pictures: readonly Picture[], samples: number, watch: Watch = {}): Promise<number[]> {
    if (!this.draws)
      throw new ConfigError("importance: the model draws no codes, so there is nothing to weigh; choose vae");
    const S = Math.min(samples, MOST_SAMPLES);
    const size = Math.max(1, Math.floor(ROWS / S));
    const nats: number[] = [];
    for (let from = 0; from < pictures.length; from += size) {
      const group = pictures.slice(from, from + size);
      const logs = group.map((): number[] => []);
      for (let done = 0; done < samples; done += S) {
        watch.signal?.throwIfAborted();
        const epsilon = this.#normals(group.length, Math.min(S, samples - done), from, done);
        const found = await (await this.#weigh()).run(
          { ...this.#feeds(group), epsilon },
          {},
          group.map((_, i) => from + i),
        );
        for (const [i, list] of logs.entries()) list.push(...rowOf(results(found, "logs").logs, i));
      }
      nats.push(...logs.map((list) => -logMean(list)));
    }
    return nats;
  }

  /** Numbers [B, S, L] for samples from `done` on of the pictures from `from` on. */
  #normals(B: number, S: number, from: number, done: number): HostTensor {
    const L = this.model.latent;
    const data = new Float32Array(B * S * L);
    for (let b = 0; b < B; b++)
      stream(0, from + b, `importance ${done}`).fillNormal(data.subarray(b * S * L, (b + 1) * S * L));
    return { data, shape: [B, S, L], dtype: "f32" };
  }

  /** log p(x, z)/q(z | x) of every sample: [B, S]. */
  #weigh(): Promise<RowProgram> {
    const { model, known } = this;
    const specs = { ...this.#images, epsilon: { shape: ["B", "S", model.latent], dtype: "f32" } } as const;
    return this.#program("weigh", specs, (batch) => {
      const [given, labels] = givenIn(batch);
      const images = seen(given, model, known.options);
      const { mean, logVariance } = model.encode(images, labels);
      if (!logVariance) throw new Error("internal: a code that is not drawn has no weight");
      const { codes, logRatio } = drawSamples(mean, logVariance, "S", batch.epsilon);
      const decoded = model.decode(codes, labels && repeatRows(labels, "S"));
      const logs = model.likelihood.logProbability(decoded, repeatRows(images, "S"));
      return { logs: logs.reshape(logRatio.shape).add(logRatio) };
    });
  }

  /** A picture as a line: its name, what is lost of it and what its code costs, in nats. */
  line({ name, nats, rate }: Reconstructed): string {
    return [name, nats.toFixed(2), ...(rate === undefined ? [] : [rate.toFixed(2)])].join("\t");
  }

  async release(): Promise<void> {
    const programs = [...this.#programs.values()];
    this.#programs.clear();
    await Promise.all(programs.map(async (program) => (await program).release()));
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
