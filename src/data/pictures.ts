/**
 * Pictures of one size, with a label each where there are labels.
 *
 * B pictures · C channels · H height · W width
 */
import { z } from "zod";
import { DataError } from "../errors.ts";
import { hash } from "../runtime/index.ts";
import { checked } from "../schema.ts";
import { recolored } from "./color.ts";
import { textDigest } from "./digest.ts";
import { isIdx } from "./idx.ts";
import { idxImagesIn, readIdxPictures } from "./idx-pictures.ts";
import { type Picture, requireAlike } from "./picture.ts";
import { decodePicture } from "./picture-codec.ts";
import { contentOf, filesOfTable, isTable, namesPictures, type PictureFile } from "./picture-files.ts";
import { readPixelTable } from "./pixel-table.ts";
import { fitted, resized } from "./resize.ts";
import { bytesOf, isAbsent, type Source } from "./source.ts";

/** Pictures that belong together: all of one size, all labelled or none. */
export interface Pictures {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly pictures: readonly Picture[];
  /** The labels, sorted, each once; none where pictures have no label. */
  readonly classes: readonly string[];
  /** Equal for equal content. */
  readonly digest: string;
}

/** Options of tasks that learn from pictures. */
export const pictureOptions = {
  size: z
    .string()
    .refine((given) => /^[1-9]\d{0,4}(x[1-9]\d{0,4})?$/.test(given), "expected 28 or 32x24, width by height")
    .optional()
    .describe("resize pictures to 28 or 32x24, width by height (default: as they are)"),
  fit: z
    .enum(["stretch", "cover", "contain"])
    .default("stretch")
    .describe("how: stretch; cover keeps proportions and cuts off; contain keeps them and pads with black"),
  color: z.enum(["gray", "rgb"]).optional().describe("make pictures gray or colored (default: as they are)"),
  path: z.string().optional().describe("column of the paths in a table of pictures (default: path, file, ...)"),
  label: z.string().optional().describe("column of the labels in a table (default: label, class, ...)"),
};
const schema = z.object(pictureOptions);
export type PictureOptions = z.input<typeof schema>;
type Chosen = z.output<typeof schema>;

/** What is told while pictures are read, and what stops it. */
export interface PictureWatch {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((note: string) => void) | undefined;
}

/** Numbers read as numbers, others by their letters. */
const inOrder = (a: string, b: string): number => Number(a) - Number(b) || (a < b ? -1 : Number(a > b));

function gathered(name: string, pictures: readonly Picture[]): Pictures {
  const { width, height, channels } = requireAlike(`data ${name}`, pictures);
  const labels = pictures.flatMap(({ label }) => (label === undefined ? [] : [label]));
  const digest = textDigest(pictures.map(({ label = "", data }) => `${label} ${hash(data)}`).join("\n"));
  const classes = [...new Set(labels)].sort(inOrder);
  return { name, width, height, channels, pictures, classes, digest: `${width}x${height}x${channels}-${digest}` };
}

/** Pictures decoded at the same time. */
const AT_ONCE = 4;
/** Between notes of how far it is. */
const NOTED = 500;
/** Bytes of pixels that are kept in memory at most: 2 GiB. */
const MOST_BYTES = 2 ** 31;

/** A picture in the color and size that were asked for. */
function shaped(picture: Picture, { size, fit, color }: Chosen): Picture {
  const colored = color ? recolored(picture, color) : picture;
  if (size === undefined) return colored;
  const [width = 0, height = width] = size.split("x").map(Number);
  if (colored.width === width && colored.height === height) return colored;
  return fit === "stretch" ? resized(colored, width, height) : fitted(colored, width, height, fit);
}

/** Reads files, several at a time. Throws DataError naming the file, and where they do not fit into memory. */
async function decodeFiles(
  what: string,
  files: readonly PictureFile[],
  options: Chosen,
  { signal, onProgress }: PictureWatch,
): Promise<Picture[]> {
  const pictures: Picture[] = [];
  let [next, done, bytes] = [0, 0, 0];
  const one = async ({ name, label, read }: PictureFile): Promise<Picture> => {
    const picture = shaped(await decodePicture(await read(), name), options);
    bytes += picture.data.length;
    if (++done % NOTED === 0) onProgress?.(`pictures of ${what}: ${done} of ${files.length}`);
    return { ...picture, ...(label !== undefined && { label }) };
  };
  const work = async (): Promise<void> => {
    for (let i = next++; i < files.length && bytes <= MOST_BYTES; i = next++) {
      signal?.throwIfAborted();
      pictures[i] = await one(files[i] as PictureFile);
    }
  };
  const stop = (cause: unknown): never => {
    next = files.length; // for the others
    throw cause;
  };
  await Promise.all(Array.from({ length: AT_ONCE }, () => work().catch(stop)));
  if (bytes <= MOST_BYTES) return pictures;
  throw new DataError(
    `data ${what}: expected at most ${MOST_BYTES} bytes of pixels, got more in ${done} of ${files.length} pictures; give a size, such as size=64`,
  );
}

/** What a source holds, when it is neither a folder nor a table. */
async function fromFile(source: Source): Promise<Picture[]> {
  const { name } = source;
  const bytes = await bytesOf(source).catch((cause: unknown) => {
    if (!isAbsent(cause)) throw cause;
    throw new DataError(
      `data ${name}: expected a file, a folder or a folder in the data directory, got none of that name; name the directory with --data-dir or DESCENT_DATA`,
      { cause },
    );
  });
  return isIdx(bytes) ? readIdxPictures(source, bytes) : [await decodePicture(bytes, name)];
}

async function fromTable(source: Source, options: Chosen, watch: PictureWatch): Promise<Picture[]> {
  const { name } = source;
  if (await namesPictures(source, options))
    return decodeFiles(name, await filesOfTable(source, options), options, watch);
  return readPixelTable(source, options.label, watch.signal);
}

async function fromFolder({ name }: Source, files: readonly Source[], options: Chosen, watch: PictureWatch) {
  const images = idxImagesIn(name, files);
  if (images) return fromFile(images);
  const content = await contentOf(name, files, options);
  return "table" in content
    ? readPixelTable(content.table, options.label, watch.signal)
    : decodeFiles(name, content.files, options, watch);
}

/**
 * All pictures of a source, which is a folder of PNG, JPEG and WebP files, in folders of their classes where they have
 * labels; a table (csv, tsv, JSON Lines) with their paths and labels, or with their pixels; an IDX file with its labels
 * beside it, or a folder that holds these; or one picture. Throws DataError naming the file and what to do.
 */
export async function readPictures(
  source: Source,
  options: PictureOptions = {},
  watch: PictureWatch = {},
): Promise<Pictures> {
  const chosen = checked(schema, options, "readPictures");
  watch.signal?.throwIfAborted();
  const files = await source.files?.();
  const reading = files
    ? fromFolder(source, files, chosen, watch)
    : isTable(source)
      ? fromTable(source, chosen, watch)
      : fromFile(source);
  const pictures = (await reading).map((picture) => shaped(picture, chosen));
  return gathered(source.name, pictures);
}
