/**
 * What autoencoders have in common, of pictures and of texts: inputs become codes, and codes become pictures or texts. What samples,
 * walks from code to code or along one dimension needs to know no more.
 *
 * L code · S steps
 */
import type { z } from "zod";
import type { Picture } from "../data/index.ts";
import type { Predictor, Watch } from "./task.ts";

/** What is made of a code. */
export type Made = Picture | string;

/** The code of an input, whose name or text is said with it. */
export interface Coded {
  readonly name?: string;
  readonly text?: string;
  readonly label?: string;
  /** [L]; where codes are drawn, their mean. */
  readonly code: readonly number[];
}

/** An input and what is made of its code. */
export interface Remade extends Coded {
  /** -log p of the input, given its code, in nats. */
  readonly nats: number;
  /** What the code costs, in nats, where that is known. */
  readonly rate?: number;
  readonly original: Made;
  readonly reconstruction: Made;
}

/**
 * Options of what is done with codes, as schemas from which flags, help and checks come. Nothing is made of codes where there is
 * `embed` alone.
 */
export interface CodeOptions {
  readonly embed: z.ZodObject;
  readonly sample?: z.ZodObject;
  readonly interpolate?: z.ZodObject;
  readonly traverse?: z.ZodObject;
}

/** An opened autoencoder, whatever its data. */
export interface LatentPredictor<I = unknown, M extends Made = Made> extends Predictor<I, Remade> {
  /** Names of the classes that it is told; none where it is not conditional. */
  readonly classes: readonly string[];
  /** Every picture of a file, folder or set. */
  pictures?(given: I, watch?: Watch): Promise<readonly Picture[]>;
  embed(inputs: Iterable<I> | AsyncIterable<I>, options?: object & Watch): AsyncIterable<Coded>;
  /** Of codes that are drawn. */
  sample(options?: object & Watch): Promise<M[]>;
  /** Of codes from that of `a` to that of `b`: [S]. */
  interpolate(a: I, b: I, options?: object & Watch): Promise<M[]>;
  /** A row for each dimension, which takes one value after the other while the others stay as they are: [L][S]. */
  traverse(given?: I, options?: object & Watch): Promise<M[][]>;
}

const isPicture = (made: Made): made is Picture => typeof made !== "string";

/** Root mean square of how far values are from their mean over the pictures, on a scale from 0 to 1. */
function deviation(pictures: readonly Picture[]): number {
  const size = pictures[0]?.data.length ?? 0;
  let sum = 0;
  for (let d = 0; d < size; d++) {
    const mean = pictures.reduce((total, { data }) => total + (data[d] ?? 0) / pictures.length, 0);
    for (const { data } of pictures) sum += ((data[d] ?? 0) - mean) ** 2;
  }
  return Math.sqrt(sum / (size * pictures.length)) / 255;
}

/**
 * How much a row of a traversal changes, which says how active its dimension is: of pictures the root mean square deviation of their
 * values, from 0 to 1; of texts how many there are beside the first, as a share. A dimension that the decoder passes over has 0.
 */
export function change(row: readonly Made[]): number {
  const pictures = row.filter(isPicture);
  if (pictures.length > 0) return deviation(pictures);
  return row.length > 1 ? (new Set(row).size - 1) / (row.length - 1) : 0;
}
