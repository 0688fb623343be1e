/** What an encoder is made of, whatever its configuration calls it. The letters are those of encoder.ts. */
import type { Activation } from "../../nn/index.ts";
import { requireHeads } from "./config.ts";

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
  /** Rows of the table of positions. */
  readonly positions: number;
  /** Of them, the row of the first token. */
  readonly first: number;
  /** Kinds of segments; 0 where they are not told apart. */
  readonly segments: number;
  readonly activation: Activation;
  /** Added to variances. */
  readonly epsilon: number;
  /** Deviation of initial weights. */
  readonly deviation: number;
  readonly dropout: {
    /** Of embeddings, and of what blocks add. */
    readonly hidden: number;
    /** Of attention weights. */
    readonly attention: number;
    /** Before the last layer of a classifier. */
    readonly classifier: number;
    /** Before the last layer of a tagger. */
    readonly tagger: number;
    /** Before the last layer of one that finds spans. */
    readonly spans: number;
  };
}

/** Keys of BERT and RoBERTa. */
export interface Sizes {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly hidden_act: Activation;
  readonly layer_norm_eps: number;
  readonly initializer_range: number;
  readonly hidden_dropout_prob: number;
  readonly attention_probs_dropout_prob: number;
  readonly classifier_dropout?: number | undefined;
}

/** The shape of a BERT with these sizes, of which others state what differs. Throws ConfigError where heads do not fit. */
export function shapeOf(config: Sizes): Shape {
  requireHeads(config.num_attention_heads, config.hidden_size, ["num_attention_heads", "hidden_size"]);
  const hidden = config.hidden_dropout_prob;
  const last = config.classifier_dropout ?? hidden;
  return {
    vocabulary: config.vocab_size,
    width: config.hidden_size,
    inner: config.intermediate_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    positions: config.max_position_embeddings,
    first: 0,
    segments: config.type_vocab_size,
    activation: config.hidden_act,
    epsilon: config.layer_norm_eps,
    deviation: config.initializer_range,
    dropout: { hidden, attention: config.attention_probs_dropout_prob, classifier: last, tagger: last, spans: 0 },
  };
}
