/** Pixels inside an SVG. */
import { element, picture } from "./svg.ts";

/** Bytes as text of 64 letters. */
const base64 = (bytes: Uint8Array): string => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

/** Pixels of the screen for each of a small picture. */
const scaleOf = (longest: number): number => Math.max(1, Math.floor(480 / longest));

/** An SVG that holds a PNG of `width` by `height` pixels, each of them seen as a square. */
export function photo(title: string, png: Uint8Array, width: number, height: number): string {
  const scale = scaleOf(Math.max(width, height));
  const href = `data:image/png;base64,${base64(png)}`;
  const size = { width: width * scale, height: height * scale };
  return picture(size.width, size.height, title, [
    element("image", { ...size, href, style: "image-rendering:pixelated" }),
  ]);
}
