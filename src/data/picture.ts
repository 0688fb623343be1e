/**
 * A picture of 8 bits, and what is said of one.
 *
 * C channels · H height · W width
 */

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
