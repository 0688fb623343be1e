/** Layers and losses, none of them an architecture. */
export * from "./activation.ts";
export { AdditiveAttention, DotAttention, GeneralAttention, type MemoryOptions } from "./alignment.ts";
export * from "./attention.ts";
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions } from "./batch-norm.ts";
export * from "./cache.ts";
export { Codebook, type CodebookOptions, type Quantised } from "./codebook.ts";
export * from "./convolution.ts";
export { CRF, type CRFScores, crfLoss } from "./crf.ts";
export { type CTCOptions, ctcLoss } from "./ctc.ts";
export { Dropout } from "./dropout.ts";
export { Embedding, type EmbeddingOptions } from "./embedding.ts";
export { constantInit, normalInit, orthogonalInit, uniformInit } from "./init.ts";
export * from "./latent.ts";
export { bernoulli, gaussian, type Likelihood, logistic } from "./likelihood.ts";
export { Linear, type LinearOptions } from "./linear.ts";
export * from "./loss.ts";
export * from "./minimal.ts";
export { isTraining, traceTraining, type Updates, update } from "./mode.ts";
export {
  type Layer,
  module,
  namedBuffers,
  namedParameters,
  namedState,
  nameOf,
  type Part,
  type Parts,
  times,
} from "./module.ts";
export { MultiheadAttention, type MultiheadAttentionCall, type MultiheadAttentionOptions } from "./multihead.ts";
export { GroupNorm, LayerNorm, type NormOptions, RMSNorm } from "./norm.ts";
export * from "./pool.ts";
export { GRU, GRUCell, type GRUCellOptions, type GRUOptions } from "./recurrence/gru.ts";
export type { RecurrentOptions } from "./recurrence/layer.ts";
export { LSTM, LSTMCell, type LSTMCellOptions, type LSTMOptions, type LSTMState } from "./recurrence/lstm.ts";
export { RNN, RNNCell, type RNNCellOptions, type RNNOptions } from "./recurrence/rnn.ts";
export { type RecurrentCell, recurrent, type SequenceOptions, type StackOptions } from "./recurrence/stack.ts";
export { resetStates, Stateful, type StatefulOptions } from "./recurrence/stateful.ts";
export type { Reduction, ReductionOption } from "./reduction.ts";
export * from "./rotary.ts";
export * from "./sequential.ts";
export * from "./similarity.ts";
export type { PerAxis } from "./sizes.ts";
export * from "./summary.ts";
export { type ChainScores, viterbi } from "./viterbi.ts";
