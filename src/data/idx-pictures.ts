/**
 * Pictures of IDX files: bytes [N, H, W] or [N, H, W, C], and their labels [N] in the file beside, named as MNIST's:
 * train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz.
 */
import { DataError, quoted } from "../errors.ts";
import { parseIdxBytes } from "./idx.ts";
import type { Picture } from "./picture.ts";
import { bytesOf, isAbsent, type Source } from "./source.ts";

const IMAGES = /images?(?=[^/\\]*(idx|ubyte)[^/\\]*$)/i;

export const baseName = (name: string): string => name.split(/[\\/]/).at(-1) ?? name;

/**
 * The file of images among those of a folder, undefined where there is none; of several the one that begins with
 * "train". Throws DataError where it is not clear which is meant.
 */
export function idxImagesIn(name: string, files: readonly Source[]): Source | undefined {
  const found = files.filter((file) => IMAGES.test(file.name));
  const training = found.filter((file) => /^train/i.test(baseName(file.name)));
  const [one, other] = found.length === 1 ? found : training;
  if (found.length === 0 || (one && !other)) return one;
  throw new DataError(
    `data ${name}: expected one file of images, got ${found.map((file) => baseName(file.name)).join(" and ")}; name the one that is meant`,
  );
}

/** What the file of the labels may be called. */
function labelNames(images: string): string[] {
  if (!IMAGES.test(images)) return [];
  const labels = baseName(images)
    .replace(IMAGES, (word) => (word === word.toUpperCase() ? "LABELS" : "labels"))
    .replace(/idx\d/i, "idx1");
  return labels.endsWith(".gz") ? [labels, labels.slice(0, -3)] : [labels, `${labels}.gz`];
}

/** The labels beside the images; undefined where no file is called so. */
async function labelsBeside(source: Source): Promise<{ name: string; bytes: Uint8Array } | undefined> {
  for (const name of source.beside ? labelNames(source.name) : []) {
    try {
      const labels = source.beside?.(name);
      if (labels) return { name: labels.name, bytes: await bytesOf(labels) };
    } catch (cause) {
      if (!isAbsent(cause)) throw cause;
    }
  }
  return undefined;
}

async function readLabels(source: Source, count: number): Promise<Uint8Array | undefined> {
  const beside = await labelsBeside(source);
  if (!beside) return undefined;
  const { data, shape } = parseIdxBytes(beside.bytes, beside.name);
  if (shape.length === 1 && data.length === count) return data;
  throw new DataError(
    `idx ${beside.name}: expected the labels of the ${count} pictures in ${source.name}, got ${shape.join("x")}; one of the files belongs to another set`,
  );
}

/** The pictures in the bytes of an IDX file, labelled where the file of their labels is beside it. Throws DataError. */
export async function readIdxPictures(source: Source, bytes: Uint8Array): Promise<Picture[]> {
  const { data, shape } = parseIdxBytes(bytes, source.name);
  const [count = 0, height = 0, width = 0, channels = 1] = shape;
  if (shape.length < 3 || shape.length > 4 || ![1, 3, 4].includes(channels) || height * width === 0)
    throw new DataError(
      `idx ${source.name}: expected pictures as [count, height, width] or [count, height, width, channels], got [${shape.join(", ")}]; name the file of the images, such as ${quoted("train-images-idx3-ubyte.gz")}`,
    );
  const labels = await readLabels(source, count);
  const size = height * width * channels;
  return Array.from({ length: count }, (_, i) => ({
    ...{ name: String(i), width, height, channels, data: data.subarray(i * size, (i + 1) * size) },
    ...(labels && { label: String(labels[i]) }),
  }));
}
