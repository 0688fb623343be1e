/**
 * What recurrent models have in common, whatever kind of layer they are made of and whatever head they carry.
 *
 * B batch · T steps · I input width · H hidden width · L layers · D directions · V vocabulary
 */
import type { z } from "zod";
import { Embedding } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { vocabularySize } from "../sizes.ts";
import { type RecurrentConfig, stateWidth } from "./config.ts";

/** Layers over whole sequences: xs [B, T, I] -> outputs [B, T, D·H] and the last state, tensors [L·D, B, H]. */
export type Layers<S> = (xs: Tensor, options?: { state?: S; lengths?: Tensor; truncate?: number }) => [Tensor, S];

/** What one kind of layer states. */
export interface Recurrence<S, K extends z.ZodRawShape = z.ZodRawShape> {
  readonly modelType: string;
  readonly about: string;
  /** Keys of the configuration that not all have. */
  readonly keys?: K;
  /** The layers that a configuration asks for, over inputs of width I. */
  layers(I: number, config: RecurrentConfig & z.infer<z.ZodObject<K>>): Layers<S>;
  /** Names of the tensors of a state; the first is what is shown to others, the only one that may be projected. */
  readonly names: readonly [string, ...string[]];
  toRecord(state: S): Readonly<Record<string, Tensor>>;
  fromRecord(tensors: Readonly<Record<string, Tensor>>): S;
}

/** A state that is h alone. */
export const hidden = {
  names: ["h"] as const,
  toRecord: (h: Tensor) => ({ h }),
  fromRecord: ({ h }: Readonly<Record<string, Tensor>>): Tensor => {
    if (!h) throw new Error("internal: a state without h");
    return h;
  },
};

/** Width of each tensor of a state by its name. */
export const stateWidths = (
  { names }: Pick<Recurrence<unknown>, "names">,
  config: RecurrentConfig,
): Readonly<Record<string, number>> =>
  Object.fromEntries(names.map((name, i) => [name, i === 0 ? stateWidth(config) : config.hidden_size]));

/** An embedding [V, I], normal with the given deviation, and the layers over it. */
export function overTokens<S>(recurrence: Recurrence<S>, config: RecurrentConfig, deviation?: number) {
  const { embedding_dim: I } = config;
  return {
    embedding: Embedding(vocabularySize(config), I, deviation),
    layers: recurrence.layers(I, config),
  };
}
