/**
 * Bits back: pictures and their codes on one stack, a block of pictures at a time.
 *
 *   pop z from q(z | x)      the stack gives -log q(z | x) bits back
 *   push x under p(x | z)
 *   push z under p(z)
 *
 * so that a picture costs log q(z | x) - log p(x | z) - log p(z), the negative ELBO in expectation. Decoding does the
 * opposite in the opposite order. The first block pops from an empty stack: what it needs is drawn by a seed, and when all
 * is decoded the stack holds just that again.
 * Reference: Townsend, Bird and Barber, "Practical lossless compression with latent variables using bits back coding"
 * (arXiv 1901.04866).
 */
import { DataError } from "../errors.ts";
import { threefry2x32 } from "../runtime/index.ts";
import type { Watch } from "../tasks/task.ts";
import { AnsStack, LEAST_HEAD } from "./ans.ts";
import { popUniform, pushUniform } from "./frequencies.ts";
import type { Networks } from "./networks.ts";
import type { PixelCode } from "./pixels.ts";

/** A picture as a coder sees it. */
export interface Item {
  /** [C, H, W], 0 ... 255. */
  readonly levels: Uint8Array;
  /** The number of its class; 0 where there are none. */
  readonly label: number;
}

/** What is written of a stack. */
export interface Message {
  readonly head: number;
  /** From the deepest word to the one on top. */
  readonly words: Uint16Array;
  /** How many words the first blocks took of those drawn by the seed. */
  readonly drawn: number;
}

const SITE = 0x62697473;

/** The stack before the first picture, drawn by `seed`: its head, and word i of what lies below. */
const firstHead = (seed: number): number => {
  const [high, low] = threefry2x32(seed, SITE, 0, 0);
  return LEAST_HEAD + (high % 16) * 2 ** 32 + low;
};
const firstWord = (seed: number, i: number): number => threefry2x32(seed, SITE, i, 1)[0] % 2 ** 16;

/** Bits that were there before the first picture: they are part of the message, and come back when it is decoded. */
export const initialBits = (seed: number, drawn: number): number => 16 * drawn + Math.log2(firstHead(seed));

const imageOf = (levels: Uint8Array): Float32Array => Float32Array.from(levels, (level) => level / 255);

/** Items as the networks take them. */
export const blockOf = (items: readonly Item[]) => ({
  images: items.map(({ levels }) => imageOf(levels)),
  labels: items.map(({ label }) => label),
});

/** What coding needs beside pictures. */
export interface Coder {
  readonly networks: Networks;
  readonly pixels: PixelCode;
  readonly seed: number;
}

/** The number of items of block `b` of `count` items. */
const sizeOf = (b: number, rows: number, count: number): number => Math.min(rows, count - b * rows);

async function pushBlock(stack: AnsStack, { networks, pixels }: Coder, items: readonly Item[]): Promise<void> {
  const { code, model } = networks;
  const rows = await networks.encode(blockOf(items));
  const codes = rows.map((row) => code.draw(stack, row));
  const given = await networks.decode(
    codes.map((drawn) => code.values(drawn)),
    items.map(({ label }) => label),
  );
  for (const [r, { levels }] of items.entries()) pixels.push(stack, given[r] as Float32Array, levels);
  for (const [r, { label }] of items.entries()) {
    code.push(stack, codes[r] as Uint32Array);
    if (model.classes > 0) pushUniform(stack, label, model.classes);
  }
}

/** The opposite of `pushBlock`: `count` items. */
async function popBlock(stack: AnsStack, { networks, pixels }: Coder, count: number): Promise<Item[]> {
  const { code, model } = networks;
  const places = Array.from({ length: count }, (_, i) => i);
  const backwards = places.toReversed();
  const [labels, codes] = [new Array<number>(count).fill(0), new Array<Uint32Array>(count)];
  for (const r of backwards) {
    if (model.classes > 0) labels[r] = popUniform(stack, model.classes);
    codes[r] = code.pop(stack);
  }
  const given = await networks.decode(
    codes.map((drawn) => code.values(drawn)),
    labels,
  );
  const size = model.image.reduce((a, b) => a * b, 1);
  const items = places.map((r) => ({ levels: new Uint8Array(size), label: labels[r] as number }));
  for (const r of backwards) pixels.pop(stack, given[r] as Float32Array, (items[r] as Item).levels);
  const rows = await networks.encode(blockOf(items));
  for (const r of backwards) code.restore(stack, rows[r] as Float32Array, codes[r] as Uint32Array);
  return items;
}

/** Where the prior of a code learns from codes, tells it all of them. */
async function foresee({ networks }: Coder, items: readonly Item[], stack: AnsStack, signal: Watch["signal"]) {
  const { code, rows } = networks;
  if (!code.foresee) return;
  for (let at = 0; at < items.length; at += rows) {
    signal?.throwIfAborted();
    const found = await networks.encode(blockOf(items.slice(at, at + rows)));
    code.foresee(found.map((row) => code.draw(stack, row)));
  }
}

/** All of `items` as a message. */
export async function encode(coder: Coder, items: readonly Item[], { signal, onProgress }: Watch): Promise<Message> {
  const { networks, seed } = coder;
  let taken = 0;
  const stack = new AnsStack(firstHead(seed), [], () => firstWord(seed, taken++));
  await foresee(coder, items, stack, signal);
  for (let at = 0; at < items.length; at += networks.rows) {
    signal?.throwIfAborted();
    await pushBlock(stack, coder, items.slice(at, at + networks.rows));
    onProgress?.(`compressed ${Math.min(items.length, at + networks.rows)} of ${items.length} pictures`);
  }
  return { head: stack.head, words: stack.words, drawn: stack.drawn };
}

/** The `count` items of a message. Throws DataError where it does not end as every message does. */
export async function decode(coder: Coder, message: Message, count: number, watch: Watch): Promise<Item[]> {
  const { networks, seed } = coder;
  const stack = new AnsStack(message.head, message.words);
  const items: Item[][] = [];
  for (let b = Math.ceil(count / networks.rows) - 1; b >= 0; b--) {
    watch.signal?.throwIfAborted();
    items.push(await popBlock(stack, coder, sizeOf(b, networks.rows, count)));
    watch.onProgress?.(`restored ${count - b * networks.rows} of ${count} pictures`);
  }
  requireStart(stack, seed, message.drawn);
  return items.toReversed().flat();
}

/** Throws DataError where the stack is not as it was before the first picture. */
function requireStart(stack: AnsStack, seed: number, drawn: number): void {
  const { head, words } = stack;
  const asDrawn = (word: number, i: number): boolean => word === firstWord(seed, drawn - 1 - i);
  if (head === firstHead(seed) && words.length === drawn && words.every(asDrawn)) return;
  throw new DataError(
    "decompress: the pictures do not end as they began, so the model's numbers here are others than where they were compressed; decompress on a machine and with an engine like there",
  );
}
