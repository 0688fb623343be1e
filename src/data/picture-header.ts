/**
 * What the first bytes of a picture say of it, before anything is decoded. Its name is not asked.
 *
 * PNG: W3C PNG (Third Edition), 2023. JPEG: ITU-T T.81. WebP: RFC 9649.
 */
import { DataError, quoted } from "../errors.ts";

export interface PictureHeader {
  readonly format: "PNG" | "JPEG" | "WebP";
  /** As stored: an orientation in Exif may swap it with the height. */
  readonly width: number;
  readonly height: number;
  /** 1 (gray), 3 (color) or 4 (with alpha). */
  readonly channels: number;
  /** Whether colors are cyan, magenta, yellow and black. */
  readonly cmyk: boolean;
}

/** Most pixels of one picture: 8192 x 8192. */
const MOST_PIXELS = 2 ** 26;

/** How other files begin, from byte `at`. */
const OTHERS: readonly (readonly [name: string, at: number, start: string])[] = [
  ["GIF", 0, "GIF8"],
  ["BMP", 0, "BM"],
  ["TIFF", 0, "II*\0"],
  ["TIFF", 0, "MM\0*"],
  ["AVIF", 4, "ftypavif"],
  ["AVIF", 4, "ftypavis"],
  ["HEIC", 4, "ftyphei"],
  ["HEIC", 4, "ftypmif1"],
  ["JPEG XL", 0, "\u00ff\n"],
  ["JPEG XL", 4, "JXL "],
  ["JPEG 2000", 4, "jP  "],
  ["PSD", 0, "8BPS"],
  ["PDF", 0, "%PDF"],
  ["SVG", 0, "<svg"],
  ["SVG", 0, "<?xml"],
];

const PNG = "\u0089PNG\r\n\u001a\n";

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const latin = (bytes: Uint8Array, from: number, count: number): string =>
  String.fromCharCode(...bytes.subarray(from, from + count));

/** Throws what is wrong with a picture; the caller knows its name. */
const refuse = (message: string): never => {
  throw new DataError(message);
};
const cutOff = (format: string): never =>
  refuse(`expected a whole ${format}, got one that is cut off; copy or download it again`);
const animated = (): never => refuse("expected a still picture, got an animation; save the frame that is meant as PNG");

/** Throws where a picture has no pixels or too many, so that nothing is set aside for them. */
function requirePixels(width: number, height: number): void {
  if (width < 1 || height < 1) refuse(`expected pixels, got ${width}x${height}; the file is damaged`);
  if (width * height > MOST_PIXELS)
    refuse(`expected at most ${MOST_PIXELS} pixels, got ${width}x${height}; make it smaller`);
}

/** Color types of PNG: gray, RGB, palette, gray and alpha, RGBA. */
const PNG_CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 3, 4: 4, 6: 4 };

function pngHeader(bytes: Uint8Array): PictureHeader {
  if (bytes.length < 33) cutOff("PNG");
  const view = viewOf(bytes);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const kind = PNG_CHANNELS[bytes[25] ?? -1];
  if (latin(bytes, 12, 4) !== "IHDR" || !kind)
    return refuse("expected a PNG with a header, got one without; it is damaged");
  requirePixels(width, height);
  let channels = kind;
  for (let at = 8; ; at += 12 + view.getUint32(at)) {
    if (at + 12 > bytes.length) cutOff("PNG");
    const type = latin(bytes, at + 4, 4);
    if (type === "acTL" && at + 12 <= bytes.length && view.getUint32(at + 8) > 1) animated();
    if (type === "tRNS") channels = 4;
    if (type === "IEND") return { format: "PNG", width, height, channels, cmyk: false };
  }
}

/** Starts of a frame: all markers from C0 to CF but those of tables. */
const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
/** Markers that stand alone. */
const isBare = (marker: number): boolean => marker === 1 || (marker >= 0xd0 && marker <= 0xd8);

/** Where the frame of a JPEG is described. */
function frameOf(bytes: Uint8Array): number {
  for (let at = 2; at + 10 <= bytes.length; ) {
    const marker = bytes[at + 1] ?? 0;
    if (bytes[at] !== 0xff || marker === 0xff)
      at += 1; // what is between parts is passed over
    else if (isBare(marker)) at += 2;
    else if (isFrame(marker)) return at;
    else at += 2 + viewOf(bytes).getUint16(at + 2);
  }
  return cutOff("JPEG");
}

/** Whether the mark of the end comes after `from`. Within what is coded it cannot occur. */
function ends(bytes: Uint8Array, from: number): boolean {
  for (let at = bytes.length - 2; at > from; at--) if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return true;
  return false;
}

function jpegHeader(bytes: Uint8Array): PictureHeader {
  const at = frameOf(bytes);
  const view = viewOf(bytes);
  const [bits, height, width, parts = 0] = [
    bytes[at + 4],
    view.getUint16(at + 5),
    view.getUint16(at + 7),
    bytes[at + 9],
  ];
  requirePixels(width, height);
  if (bits !== 8) refuse(`expected a JPEG of 8 bits, got ${bits}; save it as PNG`);
  if (![1, 3, 4].includes(parts)) refuse(`expected a JPEG of 1, 3 or 4 components, got ${parts}; save it as PNG`);
  if (!ends(bytes, at)) cutOff("JPEG");
  return { format: "JPEG", width, height, channels: parts === 1 ? 1 : 3, cmyk: parts === 4 };
}

function webpHeader(bytes: Uint8Array): PictureHeader {
  if (bytes.length < 30 || viewOf(bytes).getUint32(4, true) + 8 > bytes.length) cutOff("WebP");
  const view = viewOf(bytes);
  const still = (width: number, height: number, alpha: number): PictureHeader => {
    requirePixels(width, height);
    return { format: "WebP", width, height, channels: alpha ? 4 : 3, cmyk: false };
  };
  const kind = latin(bytes, 12, 4);
  if (kind === "VP8 ") return still(view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff, 0);
  if (kind === "VP8L") {
    const bits = view.getUint32(21, true);
    return still((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1, (bits >>> 28) & 1);
  }
  const flags = view.getUint32(20, true);
  if (kind !== "VP8X") return refuse(`expected a part of WebP, got ${quoted(kind)}; the file is damaged`);
  if (flags & 2) animated();
  return still((view.getUint32(24, true) & 0xffffff) + 1, (view.getUint32(26, true) >>> 8) + 1, flags & 16);
}

/** What a file is that is no picture, or one of another kind. */
function otherKind(bytes: Uint8Array): never {
  if (bytes.length === 0) refuse("expected a picture, got an empty file; name a file that has one");
  const other = OTHERS.find(([, at, start]) => latin(bytes, at, start.length) === start);
  return refuse(
    `expected PNG, JPEG or WebP, got ${other ? `a ${other[0]}` : "bytes of none of them"}; ${other ? "save it as PNG" : "it is damaged or no picture"}`,
  );
}

/** The header of a picture. Throws DataError, without a name, on other files, animations, too many pixels, and what is cut off. */
export function pictureHeader(bytes: Uint8Array): PictureHeader {
  if (latin(bytes, 0, 8) === PNG) return pngHeader(bytes);
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegHeader(bytes);
  if (latin(bytes, 0, 4) === "RIFF" && latin(bytes, 8, 4) === "WEBP") return webpHeader(bytes);
  return otherKind(bytes);
}
