/**
 * Recurrent architectures around any kind of layer: an embedding, the layers, and a decoder for the next id or a
 * classifier of the whole sequence.
 *
 * B batch · T steps · I input width · H hidden width · L layers · D directions · V vocabulary · K classes
 */
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import { atLast, Dropout, Embedding, Linear, maxOf, meanOf } from "../nn/index.ts";
import { probability, whole } from "../schema.ts";
import type { Tensor } from "../tensor/index.ts";
import { type Architecture, architecture, labelCount } from "./architecture.ts";
import { classCount } from "./classes.ts";
import { type CausalModel, type ClassesModel, causalInputs, classesInputs, guarded, guardedCausal } from "./heads.ts";

/** Keys of the configuration, named as the arguments of torch.nn's layers. */
export const recurrentConfig = z.strictObject({
  vocab_size: whole(1, 1e7).describe("tokens; by default the tokenizer's"),
  embedding_dim: whole(1, 65536).default(128).describe("width of the embedding"),
  hidden_size: whole(1, 65536).default(256).describe("width of the state"),
  num_layers: whole(1, 64).default(1).describe("recurrent layers"),
  dropout: probability().default(0).describe("dropout between layers, and around a classifier's"),
  bidirectional: z.boolean().default(false).describe("reads from the end as well; for classifiers"),
  num_labels: whole(1, 1e6).optional().describe("classes, for a classifier"),
  pooling: z.enum(["last", "mean", "max"]).optional().describe("what a classifier sees (default: mean)"),
});
export type RecurrentConfig = z.infer<typeof recurrentConfig>;

/** Arguments of torch.nn's layers that these models leave at their defaults. */
const fixed = { nonlinearity: "tanh", bias: true, proj_size: 0 };

/** Layers over whole sequences: xs [B, T, I] -> outputs [B, T, D·H] and the last state, tensors [L·D, B, H]. */
export type Layers<S> = (xs: Tensor, options?: { state?: S; lengths?: Tensor }) => [Tensor, S];

/** What one kind of layer states. */
export interface Recurrence<S> {
  readonly modelType: "rnn" | "lstm" | "gru";
  readonly about: string;
  layers(I: number, H: number, options: { layers: number; dropout: number; bidirectional: boolean }): Layers<S>;
  /** Names of the tensors of a state; the first is what is shown to others. */
  readonly names: readonly [string, ...string[]];
  toRecord(state: S): Readonly<Record<string, Tensor>>;
  fromRecord(tensors: Readonly<Record<string, Tensor>>): S;
}

function body<S>(recurrence: Recurrence<S>, config: RecurrentConfig, deviation?: number) {
  const { vocab_size: V, embedding_dim: I, hidden_size: H, num_layers, dropout, bidirectional } = config;
  const layers = recurrence.layers(I, H, { layers: num_layers, dropout, bidirectional });
  return { embedding: Embedding(V, I, deviation), layers };
}

function causal<S>(recurrence: Recurrence<S>, config: RecurrentConfig): CausalModel {
  const { vocab_size: V, hidden_size: H, num_layers: L } = config;
  if (config.bidirectional)
    throw new ConfigError("config: bidirectional: a language model may not see what comes next; leave it out");
  const { embedding, layers } = body(recurrence, config);
  const decoder = Linear(H, V);
  return guardedCausal({
    parts: { embedding, [recurrence.modelType]: layers, decoder },
    inputs: causalInputs,
    head: ["decoder"],
    vocabulary: V,
    context: undefined,
    forward: ({ ids }) => ({ logits: decoder(layers(embedding(ids))[0]) }),
    carried: Object.fromEntries(recurrence.names.map((name) => [name, { shape: [L, "B", H], dtype: "f32" }])),
    step({ ids, lengths }, carried) {
      const [hs, state] = layers(embedding(ids), { state: recurrence.fromRecord(carried), lengths });
      return { logits: decoder(atLast(hs, lengths)), carried: recurrence.toRecord(state) };
    },
  });
}

/** h [L·D, B, H] -> the last layer's, both directions side by side [B, D·H]. */
const lastLayer = (h: Tensor, D: number): Tensor => h.slice(0, -D).rearrange("d b h -> b (d h)");

/** Initial embeddings of a classifier are small, so that a word that is hardly ever seen says little. */
const WORD_DEVIATION = 0.1;

const POOLING = { mean: meanOf, max: maxOf } as const;

function classes<S>(recurrence: Recurrence<S>, config: RecurrentConfig): ClassesModel {
  const { vocab_size: V, hidden_size: H, bidirectional, dropout, pooling = "mean" } = config;
  const D = bidirectional ? 2 : 1;
  const { embedding, layers } = body(recurrence, config, WORD_DEVIATION);
  const classifier = Linear(D * H, classCount(config));
  const drop = Dropout(dropout);
  const pooled = (hs: Tensor, state: S, lengths: Tensor): Tensor => {
    if (pooling !== "last") return POOLING[pooling](hs, lengths);
    return lastLayer(recurrence.toRecord(state)[recurrence.names[0]] ?? hs, D);
  };
  return guarded<"ids" | "lengths", ClassesModel>({
    parts: { embedding, [recurrence.modelType]: layers, classifier },
    inputs: classesInputs,
    head: ["classifier"],
    vocabulary: V,
    context: undefined,
    classes: classCount(config),
    forward({ ids, lengths }) {
      const [hs, state] = layers(drop(embedding(ids)), { lengths });
      return { logits: classifier(drop(pooled(hs, state, lengths))) };
    },
  });
}

export const recurrent = <S>(recurrence: Recurrence<S>): Architecture =>
  architecture({
    modelType: recurrence.modelType,
    about: recurrence.about,
    config: recurrentConfig,
    fixed,
    spellings: { num_labels: labelCount },
    heads: {
      causal: (config) => causal(recurrence, config),
      classes: (config) => classes(recurrence, config),
    },
  });

/** A state that is h alone. */
export const hidden = {
  names: ["h"] as const,
  toRecord: (h: Tensor) => ({ h }),
  fromRecord: ({ h }: Readonly<Record<string, Tensor>>): Tensor => {
    if (!h) throw new Error("internal: a state without h");
    return h;
  },
};
