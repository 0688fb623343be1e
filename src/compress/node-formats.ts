/** How many bytes the same pictures take in formats that know no model, at their smallest settings. */
import { promisify } from "node:util";
import { crc32, deflate, gzip } from "node:zlib";
import { encodePng, encodeWebp, grid, type Picture } from "../data/index.ts";

/** A format, and the bytes of all pictures in it. */
export interface FormatSize {
  readonly name: string;
  readonly bytes: number;
}

const smallest = { level: 9, memLevel: 9 } as const;
const [deflated, gzipped] = [promisify(deflate), promisify(gzip)];

/** Whether all levels are 0 or 255. */
const isTwoLevels = ({ data }: Picture): boolean => data.every((level) => level === 0 || level === 255);

/** Levels of 0 and 255 as bits, each row from the first bit of a byte on; `lead` is what stands before a row. */
function bitRows({ width, height, data }: Picture, lead: readonly number[] = []): Uint8Array {
  const row = lead.length + Math.ceil(width / 8);
  const rows = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    rows.set(lead, y * row);
    for (let x = 0; x < width; x++)
      if (data[y * width + x]) {
        const at = y * row + lead.length + (x >> 3);
        rows[at] = (rows[at] as number) | (0x80 >> (x & 7));
      }
  }
  return rows;
}

/** All bits without a gap. */
function bitsOf(pictures: readonly Picture[]): Uint8Array {
  const levels = Buffer.concat(pictures.map(({ data }) => data));
  return bitRows({ name: "", width: levels.length, height: 1, channels: 1, data: levels });
}

function chunk(type: string, content: Uint8Array): Uint8Array {
  const named = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(content.length, 0);
  frame.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)]);
}

/** A PNG of one bit for each pixel, without filters, which help levels only. */
export async function bitPng(picture: Picture): Promise<Uint8Array> {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(picture.width, 0);
  header.writeUInt32BE(picture.height, 4);
  header[8] = 1; // bits; then gray, deflate, no filters, not interlaced
  const signature = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const rows = await deflated(bitRows(picture, [0]), smallest);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", rows), chunk("IEND", new Uint8Array(0))]);
}

type Encode = (picture: Picture) => Promise<Uint8Array>;

async function total(pictures: readonly Picture[], encode: Encode, signal: AbortSignal | undefined): Promise<number> {
  let bytes = 0;
  for (const picture of pictures) {
    signal?.throwIfAborted();
    bytes += (await encode(picture)).length;
  }
  return bytes;
}

/** WebP has sides of 2^14 - 1 at most; a square of them is far from it for any number that is compressed at once. */
const MOST_SIDE = 16_383;

/** All pictures in one, about as wide as high; undefined where that is too large for WebP. */
function sheet(pictures: readonly Picture[]): Picture | undefined {
  const [{ width, height } = { width: 1, height: 1 }] = pictures;
  const columns = Math.max(1, Math.round(Math.sqrt((pictures.length * height) / width)));
  const rows = Math.ceil(pictures.length / columns);
  return columns * width > MOST_SIDE || rows * height > MOST_SIDE ? undefined : grid(pictures, columns, 0);
}

/** The sizes of pictures, alike in size and channels, in other formats: each as a file, and all of them in one. */
export async function otherFormats(pictures: readonly Picture[], signal?: AbortSignal): Promise<FormatSize[]> {
  const two = pictures.every((picture) => picture.channels === 1 && isTwoLevels(picture));
  const raw = two ? bitsOf(pictures) : Buffer.concat(pictures.map(({ data }) => data));
  const png: Encode = two ? bitPng : encodePng;
  const all = sheet(pictures);
  return [
    { name: "PNG, each a file", bytes: await total(pictures, png, signal) },
    ...(all ? [{ name: "PNG, one sheet", bytes: (await png(all)).length }] : []),
    { name: `gzip of all ${two ? "bits" : "levels"}`, bytes: (await gzipped(raw, smallest)).length },
    { name: "WebP lossless, each a file", bytes: await total(pictures, encodeWebp, signal) },
    ...(all ? [{ name: "WebP lossless, one sheet", bytes: (await encodeWebp(all)).length }] : []),
  ];
}
