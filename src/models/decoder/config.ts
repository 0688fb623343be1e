/**
 * Configuration of decoders: the keys that all have, as transformers 4 spells them in config.json. Version 5 reads these
 * and writes others: what is said of rotary positions stands in one object, `rope_parameters`.
 */
import { z } from "zod";
import { activations } from "../../nn/index.ts";
import { probability, such, whole } from "../../schema.ts";
import type { Config } from "../architecture.ts";
import { isRopeScaling, kindOf, type RopeScaling } from "./rope.ts";

const names = Object.keys(activations) as (keyof typeof activations)[];

/** The activation of the MLP. */
export const activation = (initial: (typeof names)[number]) =>
  z.enum(names).default(initial).describe("activation of the MLP");

/** Sizes of the blocks. */
export const sizes = {
  vocab_size: whole(1, 1e7).describe("tokens; by default the tokenizer's"),
  hidden_size: whole(1, 65536).default(128).describe("width"),
  intermediate_size: whole(1, 1e6).default(344).describe("width inside of a block's MLP"),
  num_hidden_layers: whole(1, 512).default(4).describe("blocks"),
  num_attention_heads: whole(1, 1024).default(4).describe("heads of attention in a block"),
  num_key_value_heads: whole(1, 1024).optional().describe("those of keys and values (default: as many)"),
  head_dim: whole(1, 4096).optional().describe("width of a head (default: width / heads)"),
  max_position_embeddings: whole(1, 1e8)
    .default(64)
    .describe("tokens it sees together (default: the context or length)"),
};

/** What is the same in all of them but for its values. */
export const shared = {
  hidden_act: activation("silu"),
  rms_norm_eps: z.number().min(0).max(1).default(1e-6).describe("added to mean squares"),
  tie_word_embeddings: z.boolean().default(true).describe("whether the head is the embedding once more"),
  initializer_range: z.number().gt(0).max(10).default(0.02).describe("deviation of initial weights"),
  attention_dropout: probability().default(0).describe("dropout of attention weights"),
  num_labels: whole(1, 1e6).optional().describe("classes, for a classifier"),
};

export const scaling = () =>
  such<RopeScaling>(
    'an object of one kind, such as { "rope_type": "linear", "factor": 2 }, or null; known are linear, dynamic, yarn, llama3 and longrope, each with its numbers',
    isRopeScaling,
  )
    .nullable()
    .default(null)
    .describe("how positions are stretched for longer texts");

export const theta = (initial = 10_000) =>
  z.number().gt(1).max(1e12).default(initial).describe("base of the rotary positions");

/** Rotary positions of one kind in all blocks. */
export const rotary = { rope_theta: theta(), rope_scaling: scaling() };

/** One kind's numbers in the spelling of version 5, without the base; undefined where they are the plain ones. */
export function scalingOf(parameters: unknown): RopeScaling | undefined {
  if (typeof parameters !== "object" || parameters === null) return undefined;
  const { rope_theta: _, partial_rotary_factor: __, ...scaling } = parameters as RopeScaling;
  return kindOf(scaling) === "default" ? undefined : scaling;
}

/** A number of `rope_parameters`. */
export const inRope =
  (key: string) =>
  ({ rope_parameters: rope }: Config): unknown =>
    (rope as Config | null | undefined)?.[key];

/** Where version 5 has what stands here. */
export const ropeSpellings = {
  rope_theta: inRope("rope_theta"),
  rope_scaling: ({ rope_parameters }: Config) => scalingOf(rope_parameters),
};
