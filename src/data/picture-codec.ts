/** Pictures of files, and files of pictures: PNG, JPEG and WebP. */
import { codec } from "#codec";
import { DataError, printable, shown } from "../errors.ts";
import type { Pixels } from "./codec.ts";
import { type Picture, requirePicture } from "./picture.ts";
import { type PictureHeader, pictureHeader } from "./picture-header.ts";

/** What a decoder says that went wrong, in brackets, where it says anything. */
function why(cause: unknown): string {
  const [line = ""] = String((cause as Error)?.message ?? cause)
    .replace(/^Input buffer has corrupt header:/, "")
    .trim()
    .split("\n");
  return line === "" || line === "Unknown error" ? "" : ` (${printable(line, 100)})`;
}

/** Pixels with the channels that the file has. */
function narrowed({ width, height, channels: from, data }: Pixels, channels: number): Uint8Array {
  if (from === channels) return data;
  const kept = new Uint8Array(width * height * channels).fill(255); // where alpha is announced and there is none
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < Math.min(from, channels); c++) kept[i * channels + c] = data[i * from + c] ?? 0;
  return kept;
}

async function decoded(bytes: Uint8Array, header: PictureHeader): Promise<Omit<Picture, "name">> {
  const { format, channels } = header;
  const pixels = await codec.decode(bytes, header).catch((cause: unknown) => {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`expected a whole ${format}, got a damaged one${why(cause)}; copy or download it again`, {
      cause,
    });
  });
  const { width, height } = pixels;
  if (width * height !== header.width * header.height)
    throw new DataError(
      `expected ${header.width}x${header.height} pixels as the ${format} says, got ${width}x${height}; it is damaged`,
    );
  return { width, height, channels, data: narrowed(pixels, channels) };
}

/**
 * The picture in the bytes of a PNG, JPEG or WebP, upright as Exif says; of 16 bits the upper 8, colors as they are
 * stored, whatever profile is with them. Throws DataError with `name` on anything else, on animations, more than 2^26
 * pixels, and damage.
 */
export async function decodePicture(bytes: Uint8Array, name: string): Promise<Picture> {
  if (!(bytes instanceof Uint8Array))
    throw new DataError(`decodePicture: expected bytes, got ${shown(bytes)}; give a Uint8Array`);
  if (typeof name !== "string")
    throw new DataError(`decodePicture: expected a name for messages, got ${shown(name)}; give a text`);
  try {
    return { name, ...(await decoded(bytes, pictureHeader(bytes))) };
  } catch (cause) {
    throw cause instanceof DataError ? new DataError(`picture ${name}: ${cause.message}`, { cause }) : cause;
  }
}

async function encoded(what: string, picture: Picture, format: "PNG" | "WebP"): Promise<Uint8Array> {
  requirePicture(what, picture);
  return codec.encode(picture, format);
}

/** A PNG of a picture, which decodes to the same pixels. Throws DataError. */
export const encodePng = (picture: Picture): Promise<Uint8Array> => encoded("encodePng", picture, "PNG");

/** A lossless WebP of a picture (Node), of gray ones as colors. Throws DataError, always in a page. */
export const encodeWebp = (picture: Picture): Promise<Uint8Array> => encoded("encodeWebp", picture, "WebP");
