/** Options that several experiments have. */
import { z } from "zod";
import { ConfigError, quoted } from "../errors.ts";
import { real, whole } from "../schema.ts";

export const seeds = (initial: number) =>
  whole(1, 100).default(initial).describe("how often it is repeated, with seeds from 0 on");
export const nonlinearity = () =>
  z.enum(["tanh", "relu"]).default("tanh").describe("what bounds the state of the simple RNN");
export const forgetBias = () => real(-10, 10).default(1).describe("is added to the bias of the LSTM's forget gate");

/** Of cells of equal size that are trained on sequences made for each step. */
export const comparison = {
  parameters: whole(100, 1e7).default(16_000).describe("about so many has each model"),
  steps: whole(1, 1e6).default(2000).describe("training steps"),
  batch: whole(1, 4096).default(32).describe("sequences in a batch"),
  lr: real(1e-6, 1).default(0.003).describe("learning rate of Adam"),
  clip: real(0, 1e6).default(1).describe("limit of the gradient's norm; 0 for none"),
  nonlinearity: nonlinearity(),
  forgetBias: forgetBias(),
  seeds: seeds(1),
};

/** 0, 1, ... n - 1 */
export const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

export const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/** Numbers, separated by commas: "50,100,200". */
export const numberList = (initial: string) => z.string().default(initial);

/** The numbers of `text` if all are as `fits` has them. Throws ConfigError. */
function listed(name: string, text: string, expected: string, fits: (value: number) => boolean): number[] {
  const found = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (found.every(fits)) return found;
  throw new ConfigError(
    `experiment: ${name}: expected ${expected} with commas between them, got ${quoted(text.slice(0, 60))}`,
  );
}

/** The whole numbers of `text`, which is option `name`. Throws ConfigError where they are none, or not from `least` to `most`. */
export const numbersIn = (name: string, text: string, least: number, most: number): number[] =>
  listed(
    name,
    text,
    `whole numbers from ${least} to ${most}`,
    (value) => Number.isInteger(value) && value >= least && value <= most,
  );

/** The numbers of `text`, which is option `name`. Throws ConfigError where they are none, or not from `least` to `most`. */
export const realsIn = (name: string, text: string, least: number, most: number): number[] =>
  listed(name, text, `numbers from ${least} to ${most}`, (value) => value >= least && value <= most);
