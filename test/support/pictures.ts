/** Files of pictures, made here. */
import { deflateSync } from "node:zlib";
import sharp from "sharp";

/** An IDX file of bytes. */
export const idx = (shape: readonly number[], data: ArrayLike<number>): Uint8Array =>
  Uint8Array.of(0, 0, 8, shape.length, ...shape.flatMap((size) => [0, 0, size >> 8, size & 255]), ...Array.from(data));

/** CRC-32 of PNG (W3C PNG, annex D). */
function crc(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return (value ^ 0xffffffff) >>> 0;
}

const big = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];

function chunk(type: string, data: readonly number[]): number[] {
  const named = [...new TextEncoder().encode(type), ...data];
  return [...big(data.length), ...named, ...big(crc(Uint8Array.from(named)))];
}

export interface PngForm {
  readonly width: number;
  readonly height: number;
  readonly bits?: number;
  /** 0 gray, 2 RGB, 3 palette, 4 gray and alpha, 6 RGBA. */
  readonly color?: number;
  /** Chunks before the pixels. */
  readonly more?: readonly (readonly [type: string, data: readonly number[]])[];
}

/** A PNG of rows of bytes as they are stored, without the byte of the filter. */
export function png(
  { width, height, bits = 8, color = 0, more = [] }: PngForm,
  rows: readonly (readonly number[])[],
): Uint8Array {
  const pixels = deflateSync(Uint8Array.from(rows.flatMap((row) => [0, ...row])));
  return Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10],
    ...chunk("IHDR", [...big(width), ...big(height), bits, color, 0, 0, 0]),
    ...more.flatMap(([type, data]) => chunk(type, data)),
    ...chunk("IDAT", [...pixels]),
    ...chunk("IEND", []),
  ]);
}

/** Pixels for sharp to write. */
export const drawn = (width: number, height: number, channels: 1 | 3 | 4, data: ArrayLike<number>) =>
  sharp(Uint8Array.from(data), { raw: { width, height, channels } });

/** The bytes of what sharp wrote. */
export const bytesFrom = async (image: { toBuffer(): Promise<Buffer> }): Promise<Uint8Array> =>
  new Uint8Array(await image.toBuffer());
