/**
 * Pictures of one size, with a label each where there are labels.
 *
 * B pictures · C channels · H height · W width
 */
import { z } from "zod";
import { DataError } from "../errors.ts";
import { type HostTensor, hash } from "../runtime/index.ts";
import { textDigest } from "./digest.ts";
import { isIdx } from "./idx.ts";
import { idxImagesIn, readIdxPictures } from "./idx-pictures.ts";
import { formOf, type Picture } from "./picture.ts";
import { bytesOf, type Source } from "./source.ts";

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
    .regex(/^[1-9]\d{0,4}(x[1-9]\d{0,4})?$/)
    .optional()
    .describe("resize pictures to 28 or 32x24, width by height (default: as they are)"),
};
const schema = z.object(pictureOptions);
export type PictureOptions = z.output<typeof schema>;

/** What is told while pictures are read, and what stops it. */
export interface PictureWatch {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((note: string) => void) | undefined;
}

/** Throws DataError where two pictures differ in size or channels. */
function requireAlike(what: string, pictures: readonly Picture[]): Picture {
  const [first] = pictures;
  if (!first) throw new DataError(`${what}: expected pictures, got none; give one or more`);
  const odd = pictures.find((picture) => formOf(picture) !== formOf(first));
  if (!odd) return first;
  const cure =
    odd.channels === first.channels
      ? `give a size, such as size=${first.width}x${first.height}`
      : "give color=rgb or gray";
  throw new DataError(
    `${what}: expected pictures of one size and as many channels, got ${first.name} of ${formOf(first)} and ${odd.name} of ${formOf(odd)}; ${cure}`,
  );
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

/**
 * All pictures of a source: an IDX file, with the file of its labels beside it where there is one, or a folder that
 * holds one. Throws DataError naming the file and what to do.
 */
export async function readPictures(
  source: Source,
  _options: PictureOptions = {},
  { signal }: PictureWatch = {},
): Promise<Pictures> {
  signal?.throwIfAborted();
  const files = await source.files?.();
  const images = files ? idxImagesIn(source.name, files) : source;
  const bytes = images && (await bytesOf(images));
  if (!bytes || !isIdx(bytes))
    throw new DataError(`data ${source.name}: expected an IDX file of images or a folder that holds one, got neither`);
  return gathered(source.name, await readIdxPictures(images, bytes));
}

/** Pictures of one size and as many channels as numbers from 0 to 1: f32 [B, C, H, W]. Throws DataError on others. */
export function imagesOf(pictures: readonly Picture[]): HostTensor {
  const { width, height, channels } = requireAlike("imagesOf", pictures);
  const plane = width * height;
  const values = new Float32Array(pictures.length * channels * plane);
  pictures.forEach(({ data }, b) => {
    for (let c = 0; c < channels; c++) {
      const to = (b * channels + c) * plane;
      for (let i = 0; i < plane; i++) values[to + i] = (data[i * channels + c] ?? 0) / 255;
    }
  });
  return { data: values, shape: [pictures.length, channels, height, width], dtype: "f32" };
}
