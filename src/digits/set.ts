/** Many drawn digits at once, and the files that would hold them: IDX as MNIST has them, and the factors as csv. */
import { z } from "zod";
import { checked, whole } from "../schema.ts";
import { DIGIT_FACTORS, type DigitFactors, drawDigit, givenFactors } from "./draw.ts";

/** Drawn digits. N of them, each S x S. */
export interface DrawnDigits {
  readonly count: number;
  readonly size: number;
  /** Brightness, 0 to 255: [N, S, S]. */
  readonly images: Uint8Array;
  /** Which digit: [N]. */
  readonly labels: Uint8Array;
  /** What each was made from: N of them. */
  readonly factors: readonly DigitFactors[];
}

/** As many as fit into one array of a machine. */
const shape = z.strictObject({
  count: whole(1, 1_000_000).default(20_000),
  seed: whole(0, Number.MAX_SAFE_INTEGER).default(0),
  size: whole(8, 1024).default(28),
  ...givenFactors,
});

/** How many digits, of which seed, how large, and factors that all of them have alike. */
export type DrawnDigitsOptions = z.input<typeof shape>;

/**
 * The first `count` digits of `seed` (default 20,000 of seed 0), each `size` pixels wide and high (default 28): the same on
 * every machine, and the first of more. Throws ConfigError.
 */
export function drawnDigits(options: DrawnDigitsOptions = {}): DrawnDigits {
  const { count, seed, size, ...given } = checked(shape, options, "drawnDigits");
  const images = new Uint8Array(count * size * size);
  const factors = Array.from({ length: count }, (_, index) => {
    const digit = drawDigit({ seed, index, size, ...given });
    images.set(digit.pixels, index * size * size);
    return digit.factors;
  });
  return { count, size, images, labels: Uint8Array.from(factors, (of) => of.class), factors };
}

/** An IDX file of bytes: type 8, number of axes, sizes as big-endian 32-bit numbers, then the bytes. */
function idx(sizes: readonly number[], data: Uint8Array): Uint8Array {
  const start = 4 + 4 * sizes.length;
  const file = new Uint8Array(start + data.length);
  file.set([0, 0, 8, sizes.length]);
  const view = new DataView(file.buffer);
  for (const [axis, size] of sizes.entries()) view.setUint32(4 + 4 * axis, size);
  file.set(data, start);
  return file;
}

/** The images as an IDX file: [N, S, S]. */
export const digitImages = ({ count, size, images }: DrawnDigits): Uint8Array => idx([count, size, size], images);

/** The labels as an IDX file: [N]. */
export const digitLabels = ({ count, labels }: DrawnDigits): Uint8Array => idx([count], labels);

/** The factors as csv: a line of names, then one line for each digit. */
export const digitFactors = ({ factors }: DrawnDigits): string =>
  [DIGIT_FACTORS.join(","), ...factors.map((of) => DIGIT_FACTORS.map((name) => of[name]).join(",")), ""].join("\n");
