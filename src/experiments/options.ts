/** Options that several experiments have. */
import { z } from "zod";
import { ConfigError, quoted } from "../errors.ts";
import { real, whole } from "../schema.ts";

export const seeds = (initial: number) =>
  whole(1, 100).default(initial).describe("how often it is repeated, with seeds from 0 on");
export const nonlinearity = () =>
  z.enum(["tanh", "relu"]).default("tanh").describe("what bounds the state of the simple RNN");
export const forgetBias = () => real(-10, 10).default(1).describe("is added to the bias of the LSTM's forget gate");

/** 0, 1, ... n - 1 */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Whole numbers, separated by commas: "50,100,200". */
export const numberList = (initial: string) => z.string().default(initial);

/** The numbers of `text`, which is option `name`. Throws ConfigError where they are none, or not from `least` to `most`. */
export function numbersIn(name: string, text: string, least: number, most: number): number[] {
  const found = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (found.every((value) => Number.isInteger(value) && value >= least && value <= most)) return found;
  throw new ConfigError(
    `experiment: ${name}: expected whole numbers from ${least} to ${most} with commas between them, got ${quoted(text.slice(0, 60))}`,
  );
}
