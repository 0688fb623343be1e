/** Pixels inside an SVG. */
import { element, picture } from "./svg.ts";

/** Bytes as text of 64 letters. */
const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** Pixels of the screen that a side has at most, unless there are more in the picture: of one, and of rows of them. */
const [SIDE, WIDE] = [480, 720];
/** Pixels of the screen for each of a small picture. */
const scaleOf = (longest: number, most: number): number => Math.max(1, Math.floor(most / longest));

/** A PNG, and how many pixels it has. */
export interface Pixels {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
}

/** A PNG in a box, each of its pixels seen as a rectangle. */
const image = (
  png: Uint8Array,
  box: { readonly width: number; readonly height: number; readonly y?: number },
): string =>
  element("image", { ...box, href: `data:image/png;base64,${base64(png)}`, style: "image-rendering:pixelated" });

/** An SVG that holds a PNG of `width` by `height` pixels, each of them seen as a square. */
export function photo(title: string, png: Uint8Array, width: number, height: number): string {
  const scale = scaleOf(Math.max(width, height), SIDE);
  const size = { width: width * scale, height: height * scale };
  return picture(size.width, size.height, title, [image(png, size)]);
}

/** Room for a name. */
const NAME = 24;

/** An SVG of pixels below each other, each under its name, all at the same scale. */
export function photos(title: string, rows: readonly (Pixels & { readonly name: string })[]): string {
  const widest = Math.max(1, ...rows.map(({ width }) => width));
  const scale = scaleOf(widest, WIDE);
  let top = 0;
  const content = rows.flatMap(({ name, png, width, height }) => {
    const y = top + NAME;
    top = y + height * scale;
    return [element("text", { x: 0, y: y - 8 }, name), image(png, { y, width: width * scale, height: height * scale })];
  });
  return picture(widest * scale, top, title, content);
}
