/** PNG files byte by byte, in Node and in a page. */

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

/** Adler-32 and blocks that are not compressed (RFC 1950 and 1951). */
function stored(data: readonly number[]): number[] {
  let [a, b] = [1, 0];
  for (const byte of data) [a, b] = [(a + byte) % 65521, (b + a + byte) % 65521];
  const starts = Array.from({ length: Math.max(1, Math.ceil(data.length / 65535)) }, (_, i) => i * 65535);
  const blocks = starts.flatMap((at) => {
    const part = data.slice(at, at + 65535);
    const size = [part.length & 255, part.length >> 8];
    return [Number(at + 65535 >= data.length), ...size, ...size.map((byte) => 255 - byte), ...part];
  });
  return [0x78, 1, ...blocks, b >> 8, b & 255, a >> 8, a & 255];
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
  const pixels = stored(rows.flatMap((row) => [0, ...row]));
  return Uint8Array.from([
    ...[0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10],
    ...chunk("IHDR", [...big(width), ...big(height), bits, color, 0, 0, 0]),
    ...more.flatMap(([type, data]) => chunk(type, data)),
    ...chunk("IDAT", pixels),
    ...chunk("IEND", []),
  ]);
}
