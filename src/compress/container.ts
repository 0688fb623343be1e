/**
 * A file of compressed pictures. Numbers are little endian.
 *
 *   8   89 44 53 43 0D 0A 1A 0A, of which a transfer as text would change some
 *   2   version of the format
 *   4   bytes of the header, unpacked
 *   4   bytes of the header, deflated
 *   …   header: JSON as UTF-8, deflated
 *   n   a checksum of each of the n pictures
 *   7   the head of the stack
 *   2w  its words, from the deepest on
 *   32  SHA-256 of all before
 */
import { z } from "zod";
import { parseJson, safeParts } from "../checkpoint/index.ts";
import { DataError, shown } from "../errors.ts";
import { hash } from "../runtime/index.ts";
import { whole } from "../schema.ts";
import type { Message } from "./bits-back.ts";

const MAGIC = [0x89, 0x44, 0x53, 0x43, 0x0d, 0x0a, 0x1a, 0x0a];
const VERSION = 1;
/** Of what stands before the header, of the head and of the digest at the end. */
const [FIXED, HEAD, DIGEST] = [MAGIC.length + 10, 7, 32];
/** Most bytes of a header, and most pictures. */
const MOST_HEADER = 2 ** 26;
export const MOST_PICTURES = 1_000_000;
/** Most levels of all pictures. */
export const MOST_LEVELS = 2 ** 31;

/** Largest number that is a name. */
const MOST_NUMBER = 2 ** 32;

const digest = z.string().regex(/^[0-9a-f]{64}$/);
const name = z.string().min(1).max(4096);

const headerSchema = z.strictObject({
  /** The model: what it is, a digest of its configuration and weights, and where it was, if that may be said. */
  model: z.strictObject({ type: name, digest, run: name.optional() }),
  /** What computed its numbers, and a digest of whole numbers that follow from them. */
  engine: z.strictObject({ name, version: name, device: z.literal("cpu"), threads: z.literal(1), probe: digest }),
  likelihood: z.enum(["bernoulli", "gaussian", "logistic"]),
  /** Channels, height, width. */
  image: z.tuple([whole(1, 4), whole(1, 65536), whole(1, 65536)]),
  /** Pictures in a block. */
  rows: whole(1, 1024),
  seed: whole(0, 2 ** 32 - 1),
  /** Words that were drawn by the seed. */
  drawn: whole(0, 2 ** 31),
  /** Digest of all levels. */
  levels: digest,
  /** One for each picture, or the first and how many where they are numbers one after the other. */
  names: z.union([
    z.array(name).min(1).max(MOST_PICTURES),
    z.strictObject({ first: whole(0, MOST_NUMBER), count: whole(1, MOST_PICTURES) }),
  ]),
});

type Stored = z.output<typeof headerSchema>;
/** What stands before the pictures. */
export type Header = Omit<Stored, "names"> & { readonly names: readonly string[] };

/** Names as they are stored, and as they were. */
function shortened(names: readonly string[]): Stored["names"] {
  const first = Number(names[0]);
  const numbered = first >= 0 && first <= MOST_NUMBER && names.every((name, i) => name === String(first + i));
  return numbered ? { first, count: names.length } : [...names];
}
const lengthened = (names: Stored["names"]): readonly string[] =>
  "first" in names ? Array.from({ length: names.count }, (_, i) => String(names.first + i)) : names;

/** What a file of compressed pictures holds. */
export interface Container {
  readonly header: Header;
  /** One for each picture. */
  readonly checksums: Uint8Array;
  readonly message: Message;
}

/** SHA-256 as 64 hexadecimal digits. */
export const sha256 = async (bytes: Uint8Array): Promise<string> =>
  Array.from(await rawDigest(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");

const rawDigest = async (bytes: Uint8Array): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>));

/** 8 bits of FNV-1a, enough to say which picture is another one: whether one is, the digest of all says. */
export const checksum = (levels: Uint8Array): number => hash(levels) >>> 24;

function joined(parts: readonly ArrayLike<number>[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Whole numbers of `bytes` bytes each. */
const spelled = (numbers: ArrayLike<number>, bytes: number): Uint8Array =>
  Uint8Array.from({ length: numbers.length * bytes }, (_, i) => {
    const number = numbers[Math.floor(i / bytes)] as number;
    return Math.floor(number / 256 ** (i % bytes)) % 256;
  });

const numberAt = (bytes: Uint8Array, at: number, length: number): number =>
  bytes.subarray(at, at + length).reduceRight((sum, byte) => sum * 256 + byte, 0);

const wordsAt = (bytes: Uint8Array, at: number, count: number): Uint16Array =>
  Uint16Array.from({ length: count }, (_, i) => numberAt(bytes, at + 2 * i, 2));

/** The bytes of a file. */
export async function writeContainer({ header, checksums, message }: Container): Promise<Uint8Array> {
  const { deflateSync } = await import("fflate");
  const json = new TextEncoder().encode(JSON.stringify({ ...header, names: shortened(header.names) }));
  const packed = deflateSync(json, { level: 9 });
  const before = joined([
    MAGIC,
    spelled([VERSION], 2),
    spelled([json.length, packed.length], 4),
    packed,
    checksums,
    spelled([message.head], HEAD),
    spelled(message.words, 2),
  ]);
  return joined([before, await rawDigest(before)]);
}

const damaged = (what: string, detail: string): never => {
  throw new DataError(`decompress ${what}: ${detail}; the file is damaged or cut off, take another copy`);
};

/** The header, which takes no more room than it says. */
async function readHeader(what: string, packed: Uint8Array, length: number): Promise<Header> {
  const { inflateSync } = await import("fflate");
  try {
    const json = inflateSync(packed, { out: new Uint8Array(length) });
    const found = headerSchema.safeParse(parseJson(json, "header"));
    const issue = found.error?.issues[0];
    if (issue) throw new DataError(`${issue.path.join(".") || "header"}: ${issue.message}`);
    const stored = found.data as Stored;
    const header = { ...stored, names: lengthened(stored.names) };
    for (const path of [...header.names, ...(header.model.run === undefined ? [] : [header.model.run])])
      safeParts(path);
    return header;
  } catch (cause) {
    return damaged(what, `its header cannot be read: ${(cause as Error).message}`);
  }
}

/** What `bytes` hold. `what` is their name in messages. Throws DataError where they are no such file, or a damaged one. */
export async function readContainer(bytes: Uint8Array, what: string): Promise<Container> {
  if (!(bytes instanceof Uint8Array)) throw new DataError(`decompress: expected bytes, got ${shown(bytes)}`);
  if (!MAGIC.every((byte, i) => bytes[i] === byte))
    throw new DataError(
      `decompress ${what}: expected a file that descent compress wrote, got another one; name one, or run descent compress first`,
    );
  if (bytes.length < FIXED + HEAD + DIGEST) damaged(what, `it has ${bytes.length} bytes`);
  const version = numberAt(bytes, MAGIC.length, 2);
  const end = bytes.length - DIGEST;
  const given = bytes.subarray(end);
  if (!(await rawDigest(bytes.subarray(0, end))).every((byte, i) => byte === given[i]))
    damaged(what, "its digest is not that of its content");
  if (version !== VERSION)
    throw new DataError(
      `decompress ${what}: expected version ${VERSION} of the format, got ${version}; use the version of Descent that wrote it`,
    );
  return readParts(bytes.subarray(0, end), what);
}

async function readParts(bytes: Uint8Array, what: string): Promise<Container> {
  const [length, packed] = [numberAt(bytes, MAGIC.length + 2, 4), numberAt(bytes, MAGIC.length + 6, 4)];
  if (length > MOST_HEADER || FIXED + packed + HEAD > bytes.length) damaged(what, "its header is too long");
  const header = await readHeader(what, bytes.subarray(FIXED, FIXED + packed), length);
  const [C, H, W] = header.image;
  const at = FIXED + packed + header.names.length;
  const words = (bytes.length - at - HEAD) / 2;
  const levels = C * H * W * header.names.length;
  if (levels > MOST_LEVELS) damaged(what, `its pictures have ${levels} levels`);
  if (!Number.isInteger(words) || words < 0) damaged(what, "its parts do not add up");
  const message = {
    head: numberAt(bytes, at, HEAD),
    words: wordsAt(bytes, at + HEAD, words),
    drawn: header.drawn,
  };
  return { header, checksums: bytes.slice(FIXED + packed, at), message };
}
