/** Pictures in gray and in color. */
import { ConfigError, shown } from "../errors.ts";
import { type Picture, requirePicture } from "./picture.ts";

/** What is seen of a value with alpha before white. */
const overWhite = (value: number, alpha: number): number => Math.round((value * alpha + 255 * (255 - alpha)) / 255);

/** Luma of ITU-R BT.601 in 16 bits, as Pillow's "L": (19595 R + 38470 G + 7471 B + 2^15) / 2^16. */
const luma = (r: number, g: number, b: number): number => (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16;

/** A picture in gray (1 channel) or in red, green and blue (3 channels); what has alpha is laid over white. Throws ConfigError. */
export function recolored(picture: Picture, color: "gray" | "rgb"): Picture {
  requirePicture("recolored", picture);
  if (color !== "gray" && color !== "rgb")
    throw new ConfigError(`recolored: expected "gray" or "rgb", got ${shown(color)}`);
  const { channels: from, data } = picture;
  const channels = color === "gray" ? 1 : 3;
  if (from === channels) return picture;
  const count = picture.width * picture.height;
  const out = new Uint8Array(count * channels);
  for (let i = 0; i < count; i++) {
    const alpha = from === 4 ? (data[4 * i + 3] ?? 0) : 255;
    const [r = 0, g = 0, b = 0] = [0, 1, 2].map((c) => overWhite(data[i * from + (from === 1 ? 0 : c)] ?? 0, alpha));
    if (color === "gray") out[i] = luma(r, g, b);
    else out.set([r, g, b], 3 * i);
  }
  return { ...picture, channels, data: out };
}
