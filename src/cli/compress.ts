/** `descent compress`: pictures in one small file, by a model of them. */
import { basename } from "node:path";
import { writeAtomic } from "../checkpoint/node-files.ts";
import { type Compressed, compress as compressPictures } from "../compress/index.ts";
import { type FormatSize, otherFormats } from "../compress/node-formats.ts";
import { type Picture, readPictures } from "../data/index.ts";
import { DataError } from "../errors.ts";
import { openSource } from "../files/index.ts";
import { counted, grouped } from "./format.ts";
import type { Interruption } from "./interruption.ts";
import { emit, type IO } from "./io.ts";
import { requireFile } from "./latent/output.ts";
import { createNotes } from "./notes.ts";

export interface CompressFlags {
  readonly out: string;
  /** How many pictures to pass over, and how many then. */
  readonly skip?: number | undefined;
  readonly n?: number | undefined;
  readonly binarize?: true | undefined;
  readonly compare?: boolean | undefined;
  readonly rows?: number | undefined;
  readonly seed?: number | undefined;
  readonly dataDir?: string | undefined;
  readonly json?: true | undefined;
  readonly quiet?: true | undefined;
}

/** Each level to 0 or 255, whichever is nearer. */
const binarized = (picture: Picture): Picture => ({
  ...picture,
  data: picture.data.map((level) => (level < 128 ? 0 : 255)),
});

/** The pictures of `files`, called as in their folder, or as the file where it is one. */
async function read(files: readonly string[], flags: CompressFlags, signal: AbortSignal): Promise<Picture[]> {
  const { dataDir, skip = 0, n } = flags;
  const all: Picture[] = [];
  for (const file of files) {
    const { pictures } = await readPictures(openSource(file, { dataDir, signal }), {}, { signal });
    for (const picture of pictures)
      all.push(
        picture.name === file
          ? { ...picture, name: basename(file) }
          : { ...picture, name: inside(files, file, picture) },
      );
  }
  const chosen = all.slice(skip, n === undefined ? undefined : skip + n);
  if (chosen.length < (n ?? 1))
    throw new DataError(
      `compress: expected ${counted(n ?? 1, "picture")} after ${skip}, got ${chosen.length} of ${all.length}; ask for fewer`,
    );
  return chosen.map((picture) => (flags.binarize ? binarized(picture) : picture));
}

/** Where there are several folders, a name begins with its folder. */
const inside = (files: readonly string[], file: string, { name }: Picture): string =>
  files.length > 1 ? `${basename(file)}/${name}` : name;

const LEFT = 28;
const line = (name: string, bytes: string, rate: string): string =>
  `${name.padEnd(LEFT)}${bytes.padStart(12)}${rate.padStart(18)}\n`;

/** Bytes and bits per dimension, of the file and of what it is beside. */
function report({ values, bytes, payload, rate }: Compressed, others: readonly FormatSize[]): string {
  const of = (name: string, size: number | undefined, bits: number) =>
    line(name, size === undefined ? "" : grouped(size), bits.toFixed(4));
  return [
    line("", "bytes", "bits/dimension"),
    of("file", bytes.length, rate.file),
    of("gross, pictures alone", payload, rate.gross),
    of("net, without first bits", undefined, rate.net),
    of("negative ELBO", undefined, rate.elbo),
    ...others.map(({ name, bytes }) => of(name, bytes, (8 * bytes) / values)),
  ].join("");
}

export async function compress(
  run: string,
  files: readonly string[],
  flags: CompressFlags,
  io: IO,
  { signal }: Interruption,
): Promise<void> {
  const { out, json, rows, seed, compare = true } = flags;
  const notes = createNotes(io, flags.quiet === true);
  try {
    await requireFile("--out", out);
    const pictures = await read(files, flags, signal);
    const watch = { signal, onProgress: (note: string) => notes.show(note) };
    const compressed = await compressPictures(run, pictures, { rows, seed, ...watch });
    const others = compare ? await otherFormats(pictures, signal) : [];
    await writeAtomic(out, [compressed.bytes]);
    notes.clear();
    const { bytes, ...found } = compressed;
    if (json) return emit(io, { out, bytes: bytes.length, ...found, others });
    io.out(`${grouped(pictures.length)} pictures of ${formOf(pictures)} -> ${out}\n\n${report(compressed, others)}`);
  } finally {
    notes.clear();
  }
}

const formOf = ([first]: readonly Picture[]): string => (first ? `${first.width}x${first.height}` : "");
