/** Pictures into fewer bytes, and back, each as it was: a VAE as a model of them, bits back as the code. */
import { z } from "zod";
import type { Store } from "../checkpoint/index.ts";
import type { Picture } from "../data/index.ts";
import { formOf } from "../data/picture.ts";
import { CheckpointError, ConfigError, DataError, quoted, shown } from "../errors.ts";
import { stream } from "../runtime/index.ts";
import { abortable, callable, checked, whole } from "../schema.ts";
import type { Watch } from "../tasks/task.ts";
import { blockOf, decode, encode, type Item, initialBits, type Message } from "./bits-back.ts";
import {
  type Container,
  checksum,
  type Header,
  MOST_LEVELS,
  MOST_PICTURES,
  readContainer,
  sha256,
  writeContainer,
} from "./container.ts";
import { fileName, isSafe } from "./names.ts";
import { PLACE } from "./networks.ts";
import {
  classOf,
  engineHere,
  loadSubject,
  type Opened,
  openCoder,
  probe,
  requireProbe,
  type Subject,
  subjectDigest,
} from "./subject.ts";

/** Options of `compress`. */
export interface CompressOptions extends Watch {
  /**
   * Pictures whose networks run together. The first ones take as many bits from elsewhere, which makes the file larger.
   * Default: one of a hundred pictures, 64 at most.
   */
  readonly rows?: number | undefined;
  /** Of the bits that are there before the first picture. Default 0. */
  readonly seed?: number | undefined;
}

/** What compression cost, in bits for each value of a picture: bits per dimension. */
export interface CompressionRate {
  /** Without the bits that were there before the first picture, which come back when all are restored. */
  readonly net: number;
  /** With these. */
  readonly gross: number;
  /** Of the whole file: names and checksums as well. */
  readonly file: number;
  /** What the model promises: its negative ELBO, from one drawn code for each picture. */
  readonly elbo: number;
}

/** Pictures in few bytes. */
export interface Compressed {
  /** The file. */
  readonly bytes: Uint8Array;
  readonly pictures: number;
  /** Values of all pictures. */
  readonly values: number;
  /** Bytes of the pictures themselves, names and checksums aside. */
  readonly payload: number;
  readonly rate: CompressionRate;
}

/** Options of `decompress`. */
export interface DecompressOptions extends Watch {
  /** The run whose model compressed the pictures. Default: the folder that the file names, where it names one. */
  readonly run?: Store | string | undefined;
  /** What messages call the file. */
  readonly name?: string | undefined;
}

const watching = { signal: abortable().optional(), onProgress: callable<(note: string) => void>("a line").optional() };
const compressing = z.strictObject({
  ...watching,
  rows: whole(1, 1024).optional(),
  seed: whole(0, 2 ** 32 - 1).optional(),
});
const decompressing = z.strictObject({
  ...watching,
  run: z.unknown().optional(),
  name: z.string().optional(),
});

const isPicture = (value: unknown): value is Picture => {
  const { name, width, height, channels, data } = (value ?? {}) as Picture;
  return typeof name === "string" && data instanceof Uint8Array && data.length === width * height * channels;
};

/** Throws DataError where a picture cannot be coded by the model, or has a name that cannot be a file's. */
function requireFit({ model }: Subject, { pixels }: Opened, picture: Picture): void {
  if (!isPicture(picture)) throw new DataError(`compress: expected pictures, got ${shown(picture)}; use readPictures`);
  const [channels, height, width] = model.image;
  const expected = { channels, height, width };
  if (formOf(picture) !== formOf(expected))
    throw new DataError(
      `compress ${picture.name}: expected a picture of ${formOf(expected)}, as the model was trained with, got one of ${formOf(picture)}; convert it, or train a model on pictures of that kind`,
    );
  if (!isSafe(picture.name))
    throw new DataError(`compress: expected names of files inside a folder, got ${quoted(picture.name)}; rename it`);
  if (pixels.levels === "all") return;
  const grey = [...new Set(picture.data)].filter((level) => level !== 0 && level !== 255).sort((a, b) => a - b);
  if (grey.length > 0)
    throw new DataError(
      `compress ${picture.name}: a model with a bernoulli likelihood codes the levels 0 and 255, got ${grey.length} more, such as ${grey.slice(0, 3).join(", ")}; train with --set likelihood=logistic, which codes all 256`,
    );
}

/** [H, W, C] -> [C, H, W] */
function levelsOf({ data, channels }: Picture): Uint8Array {
  const plane = data.length / channels;
  return Uint8Array.from(data, (_, i) => data[(i % plane) * channels + Math.floor(i / plane)] as number);
}

/** [C, H, W] -> a picture. */
function pictureOf(levels: Uint8Array, name: string, [channels, height, width]: Header["image"]): Picture {
  const plane = height * width;
  const data = Uint8Array.from(levels, (_, i) => levels[(i % channels) * plane + Math.floor(i / channels)] as number);
  return { name, width, height, channels, data };
}

/** Throws DataError where there are none, too many, or two would be one file. */
function requireNames(pictures: readonly Picture[]): void {
  if (!Array.isArray(pictures) || pictures.length === 0)
    throw new DataError(
      `compress: expected pictures, got ${pictures?.length === 0 ? "none" : shown(pictures)}; give one or more`,
    );
  const levels = pictures.reduce((sum, { data }) => sum + (data?.length ?? 0), 0);
  if (pictures.length > MOST_PICTURES || levels > MOST_LEVELS)
    throw new DataError(
      `compress: expected at most ${MOST_PICTURES} pictures and ${MOST_LEVELS} levels, got ${pictures.length} and ${levels}; divide them`,
    );
  const names = new Set<string>();
  for (const { name } of pictures) {
    const folded = fileName(String(name)).toLowerCase();
    if (names.has(folded))
      throw new DataError(`compress: two pictures would be the file ${quoted(fileName(name))}; rename one`);
    names.add(folded);
  }
}

/** Blocks of items. */
const blocks = (items: readonly Item[], rows: number): Item[][] =>
  Array.from({ length: Math.ceil(items.length / rows) }, (_, b) => items.slice(b * rows, (b + 1) * rows));

/** The negative ELBO of all items, in bits. A density becomes the probability of a level by the level's width, 1/255. */
async function promised({ networks }: Opened, items: readonly Item[], seed: number): Promise<number> {
  const { latent: L, likelihood, image } = networks.model;
  const draw = stream(seed, 0, "elbo");
  let [bits, at] = [0, 0];
  for (const block of blocks(items, networks.rows)) {
    const epsilon = block.map((_, r) => draw.fillNormal(new Float32Array(L), (at + r) * L));
    for (const nats of await networks.bound(blockOf(block), epsilon)) bits -= nats / Math.LN2;
    at += block.length;
  }
  const density = likelihood.name === "gaussian";
  return density ? bits + items.length * image.reduce((a, b) => a * b, 1) * Math.log2(255) : bits;
}

/** All levels one after the other. */
function together(items: readonly Item[]): Uint8Array {
  const size = items[0]?.levels.length ?? 0;
  const all = new Uint8Array(items.length * size);
  for (const [i, { levels }] of items.entries()) all.set(levels, i * size);
  return all;
}

/** One of a hundred, at least 1 and at most 64. */
const defaultRows = (count: number): number => Math.max(1, Math.min(64, Math.floor(count / 100)));

/** Where a run is, if whoever gets the file may know: a path inside the working folder. */
function mentioned(run: Store | string): string | undefined {
  if (typeof run !== "string") return undefined;
  const path = run.replace(/^(\.\/)+|\/+$/g, "");
  return isSafe(path) ? path : undefined;
}

async function headerOf(
  subject: Subject,
  opened: Opened,
  items: readonly Item[],
  rest: Pick<Header, "names" | "seed" | "drawn"> & { readonly run: string | undefined },
): Promise<Header> {
  const { run, ...others } = rest;
  const { model, type } = subject;
  return {
    model: { type, digest: await subjectDigest(subject), ...(run !== undefined && { run }) },
    engine: { ...(await engineHere()), ...PLACE, probe: await probe(opened) },
    likelihood: model.likelihood.name,
    image: [...model.image],
    rows: opened.networks.rows,
    ...others,
    levels: await sha256(together(items)),
  };
}

const HEAD_BYTES = 7;

/** Compresses pictures with a model that is loaded already. */
export async function compressWith(
  subject: Subject,
  pictures: readonly Picture[],
  options: CompressOptions & { readonly mention?: string | undefined } = {},
): Promise<Compressed> {
  const { mention, ...given } = options;
  const { rows, seed = 0, ...watch } = checked(compressing, given, "compress");
  requireNames(pictures);
  const opened = await openCoder(subject, rows ?? defaultRows(pictures.length));
  await using _ = opened.networks;
  for (const picture of pictures) requireFit(subject, opened, picture);
  const items = pictures.map((picture) => ({
    levels: levelsOf(picture),
    label: classOf(subject, picture.label, picture.name),
  }));
  const message = await encode({ ...opened, seed }, items, watch);
  const names = pictures.map(({ name }) => name);
  const header = await headerOf(subject, opened, items, { names, seed, drawn: message.drawn, run: mention });
  const checksums = Uint8Array.from(items, ({ levels }) => checksum(levels));
  const bytes = await writeContainer({ header, checksums, message });
  return report(bytes, message, seed, items, await promised(opened, items, seed));
}

function report(bytes: Uint8Array, message: Message, seed: number, items: readonly Item[], elbo: number): Compressed {
  const values = items.length * (items[0]?.levels.length ?? 0);
  const gross = 16 * message.words.length + Math.log2(message.head);
  const net = gross - initialBits(seed, message.drawn);
  return {
    bytes,
    pictures: items.length,
    values,
    payload: HEAD_BYTES + 2 * message.words.length,
    rate: { net: net / values, gross: gross / values, file: (8 * bytes.length) / values, elbo: elbo / values },
  };
}

/**
 * Compresses `pictures` without loss with the model of a run: a VAE whose codes are normally distributed, or a VQ-VAE. It
 * always computes on the device `cpu` with one thread, since decompression needs the same numbers to the bit. Throws
 * ConfigError where the run has no such model, DataError naming a picture that it cannot code.
 */
export async function compress(
  run: Store | string,
  pictures: readonly Picture[],
  options: CompressOptions = {},
): Promise<Compressed> {
  checked(compressing, options, "compress");
  return compressWith(await loadSubject(run), pictures, { ...options, mention: mentioned(run) });
}

/** Throws CheckpointError where the file was written with another model. */
async function requireModel(subject: Subject, { model, image, likelihood }: Header, what: string): Promise<void> {
  const found = subject.model;
  const same =
    subject.type === model.type &&
    found.likelihood.name === likelihood &&
    found.image.every((size, i) => size === image[i]) &&
    (await subjectDigest(subject)) === model.digest;
  if (same) return;
  throw new CheckpointError(
    `decompress ${what}: expected the ${model.type} whose weights have the digest ${model.digest.slice(0, 12)}, got another ${subject.type}; name the run that compressed it, as it was then`,
  );
}

/** Throws DataError naming a picture that is not as it was. */
async function requireSame({ header, checksums }: Container, items: readonly Item[], what: string): Promise<void> {
  const odd = items.findIndex(({ levels }, i) => checksum(levels) !== checksums[i]);
  if (odd < 0 && (await sha256(together(items))) === header.levels) return;
  const which = odd < 0 ? "a picture" : quoted(header.names[odd] as string);
  throw new DataError(
    `decompress ${what}: ${which} is not as it was, so the file was changed or the model's numbers are others here; nothing was written`,
  );
}

/** Restores the pictures of a file with a model that is loaded already. */
export async function decompressWith(
  subject: Subject,
  container: Container,
  what: string,
  watch: Watch = {},
): Promise<Picture[]> {
  const { header, message } = container;
  await requireModel(subject, header, what);
  const opened = await openCoder(subject, header.rows);
  await using _ = opened.networks;
  await requireProbe(opened, header.engine);
  const items = await decode({ ...opened, seed: header.seed }, message, header.names.length, watch);
  await requireSame(container, items, what);
  const { labels, model } = subject;
  return items.map(({ levels, label }, i) => ({
    ...pictureOf(levels, header.names[i] as string, header.image),
    ...(model.classes > 0 && { label: labels[label] ?? String(label) }),
  }));
}

/**
 * The pictures in a file that `compress` wrote, each as it was, with the model that compressed them. Throws DataError where
 * the file is damaged, CheckpointError where the run is another one, DeviceError where the model gives other numbers here.
 */
export async function decompress(bytes: Uint8Array, options: DecompressOptions = {}): Promise<Picture[]> {
  const { run, name = "file", ...watch } = checked(decompressing, options, "decompress") as DecompressOptions;
  const container = await readContainer(bytes, name);
  const place = run ?? container.header.model.run;
  if (place === undefined)
    throw new ConfigError(`decompress ${name}: the file does not say where its model is; name the run`);
  return decompressWith(await loadSubject(place), container, name, watch);
}
