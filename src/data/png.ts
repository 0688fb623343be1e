/** PNG files (W3C PNG, Third Edition, 2023) of 8 bits, written without a library: a canvas would lose gray and round colors. */
import type { Picture } from "./picture.ts";

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Types of color by the count of channels: gray, RGB, RGBA. */
const COLORS: Readonly<Record<number, number>> = { 1: 0, 3: 2, 4: 6 };

/** The remainders of all bytes by the polynomial of CRC-32, annex D. */
const REMAINDERS = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  return value;
});

function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of bytes) value = (REMAINDERS[(value ^ byte) & 255] ?? 0) ^ (value >>> 8);
  return ~value >>> 0;
}

/** Length, type, data, and the checksum of the two. */
function chunk(type: string, data: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/** Rows with the byte of the filter, none, before each, packed as zlib does. */
async function packed({ height, data }: Picture): Promise<Uint8Array> {
  const row = data.length / height;
  const rows = new Uint8Array(data.length + height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const stream = new Blob([rows]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The file. */
export async function writePng(picture: Picture): Promise<Uint8Array> {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, picture.width);
  view.setUint32(4, picture.height);
  header.set([8, COLORS[picture.channels] ?? 0], 8);
  const chunks = [chunk("IHDR", header), chunk("IDAT", await packed(picture)), chunk("IEND", new Uint8Array())];
  return new Uint8Array(await new Blob([Uint8Array.from(SIGNATURE), ...chunks]).arrayBuffer());
}
