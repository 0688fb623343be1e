/**
 * Counter-based random numbers: Threefry-2x32 with 20 rounds.
 * Reference: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011); Random123.
 *
 * A stream is keyed by (seed, step, site), and number i of a stream is a pure function of the key and i. Nothing is
 * remembered between calls, so filling an array in two parts gives what filling it at once gives.
 */
import { ConfigError, shown } from "../errors.ts";

/** Skein's key schedule parity for 32-bit words, C240 of Random123. */
const PARITY = 0x1bd11bda;
const TWO_32 = 2 ** 32;
/** Words generated at a time, in blocks of two. */
const CHUNK = 2048;

/** The second counter word keeps the numbers of one kind apart from those of another. */
const Kind = { uniform: 0, uniform64: 1, normal: 2, integers: 3, permutation: 4 } as const;
type Kind = (typeof Kind)[keyof typeof Kind];
type Key = readonly [number, number];

/** Blocks (k, (first + i, c1)) for each pair of `out`: four rounds, then the next key words and the group's number, five times. */
function blocks(k0: number, k1: number, first: number, c1: number, out: Int32Array): void {
  const k2 = k0 ^ k1 ^ PARITY;
  for (let i = 0; i + 1 < out.length; i += 2) {
    let a = (first + (i >>> 1) + k0) | 0;
    let b = (c1 + k1) | 0;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    a = (a + k1) | 0;
    b = (b + k2 + 1) | 0;
    a = (a + b) | 0;
    b = ((b << 17) | (b >>> 15)) ^ a;
    a = (a + b) | 0;
    b = ((b << 29) | (b >>> 3)) ^ a;
    a = (a + b) | 0;
    b = ((b << 16) | (b >>> 16)) ^ a;
    a = (a + b) | 0;
    b = ((b << 24) | (b >>> 8)) ^ a;
    a = (a + k2) | 0;
    b = (b + k0 + 2) | 0;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    a = (a + k0) | 0;
    b = (b + k1 + 3) | 0;
    a = (a + b) | 0;
    b = ((b << 17) | (b >>> 15)) ^ a;
    a = (a + b) | 0;
    b = ((b << 29) | (b >>> 3)) ^ a;
    a = (a + b) | 0;
    b = ((b << 16) | (b >>> 16)) ^ a;
    a = (a + b) | 0;
    b = ((b << 24) | (b >>> 8)) ^ a;
    a = (a + k1) | 0;
    b = (b + k2 + 4) | 0;
    a = (a + b) | 0;
    b = ((b << 13) | (b >>> 19)) ^ a;
    a = (a + b) | 0;
    b = ((b << 15) | (b >>> 17)) ^ a;
    a = (a + b) | 0;
    b = ((b << 26) | (b >>> 6)) ^ a;
    a = (a + b) | 0;
    b = ((b << 6) | (b >>> 26)) ^ a;
    out[i] = a + k2;
    out[i + 1] = b + k0 + 5;
  }
}

/** One block of Threefry-2x32-20: two unsigned words from a key and a counter of two 32-bit words each. */
export function threefry2x32(k0: number, k1: number, c0: number, c1: number): [number, number] {
  const out = new Int32Array(2);
  blocks(k0 | 0, k1 | 0, c0 | 0, c1 | 0, out);
  return [(out[0] ?? 0) >>> 0, (out[1] ?? 0) >>> 0];
}

/** The low and high words of a whole number below 2^53. */
function halves(what: string, value: number): Key {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new ConfigError(`random stream: ${what} must be a whole number from 0 to 2^53 - 1, got ${shown(value)}`);
  return [value >>> 0, Math.floor(value / TWO_32)];
}

/** A name as two words: each UTF-16 unit and its position are chained through the block function. */
function nameWords(name: string): Key {
  let key: Key = [name.length, 0x73697465];
  for (let i = 0; i < name.length; i++) key = threefry2x32(...key, name.charCodeAt(i), i);
  return key;
}

function streamKey(seed: number, step: number, site: string | number): Key {
  const ofStep = threefry2x32(...halves("seed", seed), ...halves("step", step));
  return threefry2x32(...ofStep, ...(typeof site === "string" ? nameWords(site) : halves("site", site)));
}

/** Calls `use(words, block)` with the words of blocks [first, end), a chunk at a time; `block` numbers the chunk's first. */
function forBlocks(key: Key, kind: Kind, first: number, end: number, use: (words: Int32Array, block: number) => void) {
  if (end > TWO_32)
    throw new ConfigError(`random stream: holds 2^32 blocks, block ${end} was asked for; use another site`);
  const scratch = new Int32Array(Math.min(CHUNK, 2 * (end - first)));
  for (let at = first; at < end; at += CHUNK / 2) {
    const words = scratch.subarray(0, Math.min(CHUNK, 2 * (end - at)));
    blocks(key[0] | 0, key[1] | 0, at | 0, kind, words);
    use(words, at);
  }
}

/** Number i is word i: its upper 24 bits × 2^-24. */
function uniform32(key: Key, out: Float32Array, offset: number): void {
  forBlocks(key, Kind.uniform, Math.floor(offset / 2), Math.ceil((offset + out.length) / 2), (words, block) => {
    const shift = 2 * block - offset;
    const end = Math.min(words.length, out.length - shift);
    for (let j = Math.max(0, -shift); j < end; j++) out[shift + j] = ((words[j] ?? 0) >>> 8) * 2 ** -24;
  });
}

/** Number i is block i: the upper 27 and 26 bits of its words × 2^-53. */
function uniform64(key: Key, kind: Kind, out: Float64Array, offset: number): void {
  forBlocks(key, kind, offset, offset + out.length, (words, block) => {
    const shift = block - offset;
    for (let j = 0; j < words.length; j += 2)
      out[shift + (j >>> 1)] = (((words[j] ?? 0) >>> 5) * 2 ** 26 + ((words[j + 1] ?? 0) >>> 6)) * 2 ** -53;
  });
}

/** Numbers 2i and 2i + 1 are r cos θ and r sin θ, with r = sqrt(-2 ln u), u in (0, 1] and θ in [0, 2π) from block i. */
function normal(key: Key, out: Float32Array | Float64Array, offset: number): void {
  forBlocks(key, Kind.normal, Math.floor(offset / 2), Math.ceil((offset + out.length) / 2), (words, block) => {
    const shift = 2 * block - offset;
    for (let j = 0; j < words.length; j += 2) {
      const radius = Math.sqrt(-2 * Math.log((((words[j] ?? 0) >>> 0) + 1) / TWO_32));
      const angle = ((words[j + 1] ?? 0) >>> 0) * ((2 * Math.PI) / TWO_32);
      if (shift + j >= 0) out[shift + j] = radius * Math.cos(angle);
      if (shift + j + 1 < out.length) out[shift + j + 1] = radius * Math.sin(angle);
    }
  });
}

/** Numbers that are asked for at once or passed over. */
function requireCount(what: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0 && value <= TWO_32) return;
  throw new ConfigError(`random stream: expected ${what} as a whole number from 0 to 2^32, got ${shown(value)}`);
}

function requireFloats(out: unknown, offset: number): void {
  requireCount("an offset", offset);
  if (out instanceof Float32Array || out instanceof Float64Array) return;
  throw new ConfigError(`random stream: expected a Float32Array or Float64Array to fill, got ${shown(out)}`);
}

function integers(key: Key, count: number, below: number, offset: number): Int32Array {
  requireCount("a count", count);
  requireCount("an offset", offset);
  if (!Number.isInteger(below) || below < 1 || below > 2 ** 31)
    throw new ConfigError(`random integers: below must be a whole number from 1 to 2^31, got ${shown(below)}`);
  const draws = new Float64Array(count);
  uniform64(key, Kind.integers, draws, offset);
  return Int32Array.from(draws, (u) => Math.floor(u * below));
}

/** Fisher and Yates, from the end. */
function permutation(key: Key, count: number): Int32Array {
  requireCount("a count", count);
  const draws = new Float64Array(count);
  uniform64(key, Kind.permutation, draws, 0);
  const order = Int32Array.from(draws, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const j = Math.floor((draws[i] ?? 0) * (i + 1));
    const swapped = order[j] ?? 0;
    order[j] = order[i] ?? 0;
    order[i] = swapped;
  }
  return order;
}

/** The random numbers of one (seed, step, site). `offset` is the index within the stream of the first number asked for. */
export interface RandomStream {
  /** Uniform in [0, 1): 24 random bits in a Float32Array, 53 in a Float64Array. Returns `out`. */
  fillUniform<A extends Float32Array | Float64Array>(out: A, offset?: number): A;
  /** Normal with mean 0 and deviation 1, at most 6.66 from the mean (Box and Muller 1958). Returns `out`. */
  fillNormal<A extends Float32Array | Float64Array>(out: A, offset?: number): A;
  /** Whole numbers in [0, below), below at most 2^31; each value's probability is within 2^-52 of 1 / below. */
  integers(count: number, below: number, offset?: number): Int32Array;
  /** The numbers 0 to count - 1 in a random order. */
  permutation(count: number): Int32Array;
}

/** The stream of a use of randomness, `site`, in a step; seed, step and numeric site are whole numbers below 2^53 (ConfigError). */
export function stream(seed: number, step: number, site: string | number): RandomStream {
  const key = streamKey(seed, step, site);
  return {
    fillUniform(out, offset = 0) {
      requireFloats(out, offset);
      if (out instanceof Float64Array) uniform64(key, Kind.uniform64, out, offset);
      else uniform32(key, out, offset);
      return out;
    },
    fillNormal(out, offset = 0) {
      requireFloats(out, offset);
      normal(key, out, offset);
      return out;
    },
    integers: (count, below, offset = 0) => integers(key, count, below, offset),
    permutation: (count) => permutation(key, count),
  };
}
