/** What a decoder is made of, whatever its configuration calls it. The letters are those of decoder.ts. */
import { ConfigError } from "../../errors.ts";
import type { Activation, LayerNorm, RMSNorm } from "../../nn/index.ts";
import { contextOf, type Rope, type RopeScaling } from "./rope.ts";

/** A normalisation of the last axis. */
export type Norm = ReturnType<typeof RMSNorm> | ReturnType<typeof LayerNorm>;

export interface Shape {
  /** V. */
  readonly vocabulary: number;
  /** C. */
  readonly width: number;
  /** I. */
  readonly inner: number;
  readonly layers: number;
  /** H. */
  readonly heads: number;
  /** G. */
  readonly keyHeads: number;
  /** D. */
  readonly headWidth: number;
  /** Tokens it sees together. */
  readonly context: number;
  readonly activation: Activation;
  readonly epsilon: number;
  /** Deviation of initial weights. */
  readonly deviation: number;
  /** Of attention weights. */
  readonly dropout: number;
  readonly tied: boolean;
  readonly bias: { readonly projections: boolean; readonly output: boolean; readonly mlp: boolean };
  /** Rotary positions of a block. */
  readonly rope: (layer: number) => Rope;
  /** How far a block sees, its own place counted; undefined where it sees all. */
  readonly window: (layer: number) => number | undefined;
}

/** Keys that all decoders have. */
export interface Sizes {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number | null;
  readonly head_dim: number | null;
  readonly max_position_embeddings: number;
  readonly hidden_act: Activation;
  readonly rms_norm_eps: number;
  readonly tie_word_embeddings: boolean;
  readonly initializer_range: number;
  readonly attention_dropout: number;
  readonly rope_theta: number;
  readonly rope_scaling: RopeScaling | null;
}

function headWidth({ hidden_size: C, num_attention_heads: H, head_dim: D }: Sizes): number {
  if (D !== null) return D;
  if (C % H === 0) return C / H;
  throw new ConfigError(
    `config: num_attention_heads: expected a divisor of hidden_size ${C}, got ${H}; or give head_dim`,
  );
}

function keyHeads({ num_attention_heads: H, num_key_value_heads: G }: Sizes): number {
  if (G === null) return H;
  if (H % G === 0) return G;
  throw new ConfigError(`config: num_key_value_heads: expected a divisor of the ${H} heads, got ${G}; choose another`);
}

/** The shape of a Llama with these sizes, of which others state what differs. Throws ConfigError where heads do not fit. */
export function shapeOf(config: Sizes): Shape {
  const D = headWidth(config);
  const { rope_theta, rope_scaling, max_position_embeddings: positions } = config;
  const rope = { theta: rope_theta, scaling: rope_scaling, width: D, positions };
  return {
    vocabulary: config.vocab_size,
    width: config.hidden_size,
    inner: config.intermediate_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    keyHeads: keyHeads(config),
    headWidth: D,
    context: contextOf(positions, rope_scaling),
    activation: config.hidden_act,
    epsilon: config.rms_norm_eps,
    deviation: config.initializer_range,
    dropout: config.attention_dropout,
    tied: config.tie_word_embeddings,
    bias: { projections: false, output: false, mlp: false },
    rope: () => rope,
    window: () => undefined,
  };
}
