/** What a decoder is made of, whatever its configuration calls it. The letters are those of decoder.ts. */
import { ConfigError } from "../../errors.ts";
import { type Activation, RMSNorm } from "../../nn/index.ts";
import { contextOf, type Rope, type RopeScaling } from "./rope.ts";

/** Mixtures of experts in place of one MLP. */
export interface Experts {
  /** E. */
  readonly count: number;
  /** How many of them each token goes to. */
  readonly chosen: number;
  /** Weight of the loss that keeps them equally busy; 0 where it is not wanted. */
  readonly balance: number;
}

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
  /** Longer texts than this are read anew; undefined where what was kept of them stays right. */
  readonly anew: number | undefined;
  readonly activation: Activation;
  /** A normalisation of so many numbers. */
  readonly norm: (size: number) => ReturnType<typeof RMSNorm>;
  /** Deviation of initial weights. */
  readonly deviation: number;
  /** Of attention weights. */
  readonly dropout: number;
  readonly tied: boolean;
  /** Factor of the scores of attention. */
  readonly scale: number;
  /** Whether queries and keys are normalised, each head by itself. */
  readonly headNorms: boolean;
  /** Whether blocks normalise what attention and MLP give as well. */
  readonly normsAfter: boolean;
  /** Whether queries, keys and values stand below each other in one matrix, and the MLP's gate and its other half. */
  readonly fused: boolean;
  readonly experts: Experts | undefined;
  /** Factor of the embedding. */
  readonly embeddingScale: number;
  /** Logits stay below this: c·tanh(x/c); undefined where they may be any. */
  readonly cap: number | undefined;
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
  readonly num_key_value_heads?: number | undefined;
  readonly head_dim?: number | undefined;
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
  if (D !== undefined) return D;
  if (C % H === 0) return C / H;
  throw new ConfigError(
    `config: num_attention_heads: expected a divisor of hidden_size ${C}, got ${H}; or give head_dim`,
  );
}

function keyHeads({ num_attention_heads: H, num_key_value_heads: G }: Sizes): number {
  if (G === undefined) return H;
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
    anew: undefined,
    context: contextOf(positions, rope_scaling),
    activation: config.hidden_act,
    norm: (size) => RMSNorm(size, config.rms_norm_eps),
    deviation: config.initializer_range,
    dropout: config.attention_dropout,
    tied: config.tie_word_embeddings,
    scale: D ** -0.5,
    headNorms: false,
    normsAfter: false,
    fused: false,
    experts: undefined,
    embeddingScale: 1,
    cap: undefined,
    bias: { projections: false, output: false, mlp: false },
    rope: () => rope,
    window: () => undefined,
  };
}
