/**
 * What recurrent models have in common, whatever kind of layer they are made of and whatever head they carry.
 *
 * B batch · T steps · I input width · H hidden width · L layers · D directions · V vocabulary
 */
import { Embedding } from "../../nn/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { vocabularySize } from "../sizes.ts";
import type { RecurrentConfig } from "./config.ts";

/** Layers over whole sequences: xs [B, T, I] -> outputs [B, T, D·H] and the last state, tensors [L·D, B, H]. */
export type Layers<S> = (xs: Tensor, options?: { state?: S; lengths?: Tensor; truncate?: number }) => [Tensor, S];

/** What one kind of layer states. */
export interface Recurrence<S> {
  readonly modelType: string;
  readonly about: string;
  layers(I: number, H: number, options: { layers: number; dropout: number; bidirectional: boolean }): Layers<S>;
  /** Names of the tensors of a state; the first is what is shown to others. */
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

/** The layers that a configuration asks for, over inputs of width I. */
export function layersOf<S>(recurrence: Recurrence<S>, I: number, config: RecurrentConfig): Layers<S> {
  const { hidden_size, num_layers: layers, dropout, bidirectional } = config;
  return recurrence.layers(I, hidden_size, { layers, dropout, bidirectional });
}

/** An embedding [V, I], normal with the given deviation, and the layers over it. */
export function overTokens<S>(recurrence: Recurrence<S>, config: RecurrentConfig, deviation?: number) {
  const { embedding_dim: I } = config;
  return {
    embedding: Embedding(vocabularySize(config), I, deviation),
    layers: layersOf(recurrence, I, config),
  };
}

/** Directions. */
export const directions = ({ bidirectional }: RecurrentConfig): 1 | 2 => (bidirectional ? 2 : 1);
