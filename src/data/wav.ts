/**
 * WAV files (RIFF, "Multimedia Programming Interface and Data Specifications 1.0", 1991; WAVE_FORMAT_EXTENSIBLE of 2001):
 * samples that are not compressed, of 8, 16, 24 and 32 bits, and floats of 32 and 64.
 */
import { DataError, quoted, shown } from "../errors.ts";

/** One channel of sound. */
export interface Sound {
  /** From -1 to 1; of several channels the mean. */
  readonly samples: Float32Array;
  /** Samples a second. */
  readonly rate: number;
}

/** Rates of anything that is heard. */
const RATES = { least: 1000, most: 768_000 } as const;
const MOST_CHANNELS = 64;

const PCM = 1;
const FLOAT = 3;
const EXTENSIBLE = 0xfffe;
/** Compressed forms by their tag. */
const COMPRESSED: Readonly<Record<number, string>> = {
  2: "Microsoft ADPCM",
  6: "A-law",
  7: "µ-law",
  17: "IMA ADPCM",
  34: "TrueSpeech",
  49: "GSM 6.10",
  80: "MPEG",
  85: "MP3",
};
/** Beginnings of other files that hold sound. */
const OTHERS: Readonly<Record<string, string>> = {
  fLaC: "FLAC",
  OggS: "Ogg",
  "ID3\u0003": "MP3",
  "ID3\u0004": "MP3",
  RIFX: "a big-endian WAV",
  RF64: "RF64",
  FORM: "AIFF",
};

const fourLetters = (bytes: Uint8Array, at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface Chunk {
  readonly name: string;
  readonly from: number;
  /** Bytes that are announced. */
  readonly size: number;
}

/** The chunks of a RIFF file; they begin at even places. */
function* chunksOf(bytes: Uint8Array): Generator<Chunk> {
  const view = viewOf(bytes);
  for (let at = 12; at + 8 <= bytes.length; ) {
    const size = view.getUint32(at + 4, true);
    yield { name: fourLetters(bytes, at), from: at + 8, size };
    at += 8 + size + (size % 2);
  }
}

/** How samples are written. */
interface Form {
  readonly tag: number;
  readonly channels: number;
  readonly rate: number;
  readonly bits: number;
  /** Bytes of a sample of every channel. */
  readonly frame: number;
}

const refuse = (name: string, message: string): never => {
  throw new DataError(`wav ${name}: ${message}`);
};

function readForm(bytes: Uint8Array, { from, size }: Chunk, name: string): Form {
  if (size < 16 || from + 16 > bytes.length) refuse(name, "expected a format of 16 bytes or more, got a shorter one");
  const view = viewOf(bytes);
  const [tag, channels, rate] = [
    view.getUint16(from, true),
    view.getUint16(from + 2, true),
    view.getUint32(from + 4, true),
  ];
  const extended = tag === EXTENSIBLE && size >= 40 && from + 40 <= bytes.length;
  return {
    tag: extended ? view.getUint16(from + 24, true) : tag, // the first bytes of the GUID
    channels,
    rate,
    frame: view.getUint16(from + 12, true),
    bits: view.getUint16(from + 14, true),
  };
}

function requireForm({ tag, channels, rate, bits, frame }: Form, name: string): void {
  if (tag !== PCM && tag !== FLOAT)
    refuse(
      name,
      `expected samples that are not compressed, got ${COMPRESSED[tag] ?? `format ${tag}`}; save it as 16-bit PCM`,
    );
  const widths = tag === PCM ? [8, 16, 24, 32] : [32, 64];
  if (!widths.includes(bits))
    refuse(name, `expected samples of ${widths.join(", ")} bits, got ${bits}; save it as 16-bit PCM`);
  if (channels < 1 || channels > MOST_CHANNELS)
    refuse(name, `expected 1 to ${MOST_CHANNELS} channels, got ${channels}`);
  if (frame !== (channels * bits) / 8)
    refuse(
      name,
      `expected ${(channels * bits) / 8} bytes for ${channels} × ${bits} bits, got ${frame}; the header is damaged`,
    );
  if (rate < RATES.least || rate > RATES.most)
    refuse(name, `expected ${RATES.least} to ${RATES.most} samples a second, got ${rate}; correct the header`);
}

/** Reads one sample. */
function reader({ tag, bits }: Form): (view: DataView, at: number) => number {
  if (tag === FLOAT)
    return bits === 32 ? (view, at) => view.getFloat32(at, true) : (view, at) => view.getFloat64(at, true);
  if (bits === 8) return (view, at) => (view.getUint8(at) - 128) / 128;
  if (bits === 16) return (view, at) => view.getInt16(at, true) / 2 ** 15;
  if (bits === 24) return (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 2 ** 16) / 2 ** 23;
  return (view, at) => view.getInt32(at, true) / 2 ** 31;
}

/** Bytes of samples that are there. A program that writes to a pipe leaves 0 or the largest number as their count. */
function dataSize(bytes: Uint8Array, { from, size }: Chunk, name: string): number {
  const there = bytes.length - from;
  const whole = viewOf(bytes).getUint32(4, true) + 8 === bytes.length;
  if (size === 0xffffffff || (size === 0 && !whole)) return there;
  if (size > there) refuse(name, `expected ${size} bytes of samples, got ${there}; the file is cut off`);
  return size;
}

/** Samples as one channel. */
function mixed(bytes: Uint8Array, form: Form, count: number): Float32Array {
  const [view, read, width] = [viewOf(bytes), reader(form), form.bits / 8];
  const samples = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    let sum = 0;
    for (let c = 0; c < form.channels; c++) sum += read(view, i * form.frame + c * width);
    samples[i] = sum / form.channels;
  }
  return samples;
}

function requireWav(bytes: Uint8Array, name: string): void {
  if (!(bytes instanceof Uint8Array)) refuse(name, `expected its bytes as a Uint8Array, got ${shown(bytes)}`);
  const start = fourLetters(bytes, 0);
  if (start === "RIFF" && fourLetters(bytes, 8) === "WAVE") return;
  const other = OTHERS[start] ?? quoted(fourLetters(bytes, 0));
  refuse(
    name,
    bytes.length === 0
      ? "expected a WAV file, got an empty one"
      : `expected a WAV file, got ${other}; convert it to WAV`,
  );
}

/** The sound of a WAV file called `name` in messages. Throws DataError on what is none, is cut off, compressed or empty. */
export function readWav(bytes: Uint8Array, name: string): Sound {
  requireWav(bytes, name);
  let form: Form | undefined;
  for (const chunk of chunksOf(bytes)) {
    if (chunk.name === "fmt ") {
      form = readForm(bytes, chunk, name);
      requireForm(form, name);
    }
    if (chunk.name !== "data") continue;
    if (!form) return refuse(name, "expected a format before the samples, got none; the file is damaged");
    const count = Math.floor(dataSize(bytes, chunk, name) / form.frame);
    if (count === 0) refuse(name, "expected sound, got 0 samples; leave it out");
    const samples = mixed(bytes.subarray(chunk.from), form, count);
    if (!samples.every(Number.isFinite)) refuse(name, "expected finite samples, got NaN or infinity; save it again");
    return { samples, rate: form.rate };
  }
  return refuse(
    name,
    `expected samples, got ${form ? "a format without any" : "no chunk of them"}; the file is cut off`,
  );
}
