/**
 * A picture of 8 bits, and what is said of one.
 *
 * C channels · H height · W width
 */
import { DataError, shown } from "../errors.ts";

export interface Picture {
  /** The file's path in its folder, or the number of the picture in its file, from 0. */
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** 1 (gray), 3 (red, green, blue) or 4 (and alpha, by which they are not multiplied). */
  readonly channels: number;
  /** [H, W, C] */
  readonly data: Uint8Array;
  readonly label?: string;
}

/** Size and channels, as messages say them. */
export const formOf = ({ width, height, channels }: Pick<Picture, "width" | "height" | "channels">): string =>
  `${width}x${height} with ${channels === 1 ? "1 channel" : `${channels} channels`}`;

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

/** Throws DataError on what is no picture. */
export function requirePicture(what: string, given: unknown): asserts given is Picture {
  const { name, width, height, channels, data } = (given ?? {}) as Partial<Picture>;
  const sizes = isWhole(width) && isWhole(height) && [1, 3, 4].includes(channels ?? 0);
  if (
    sizes &&
    typeof name === "string" &&
    data instanceof Uint8Array &&
    data.length === width * height * (channels ?? 0)
  )
    return;
  throw new DataError(
    `${what}: expected a picture { name, width, height, channels, data } with a byte for each value, got ${shown(given)}; see readPictures`,
  );
}

/** The first of pictures that are alike. Throws DataError where there are none, or two differ in size or channels. */
export function requireAlike(what: string, pictures: readonly Picture[]): Picture {
  const [first] = Array.isArray(pictures) ? pictures : [];
  if (!first) throw new DataError(`${what}: expected pictures, got none; give one or more`);
  for (const picture of pictures) requirePicture(what, picture);
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
