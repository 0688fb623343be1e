/** Layers, none of them an architecture. */
export { causalAttention, type KVCache, type LayerCache } from "./attention.ts";
export { Dropout } from "./dropout.ts";
export { Embedding } from "./embedding.ts";
export { constantInit, normalInit, uniformInit } from "./init.ts";
export { Conv1D, Linear } from "./linear.ts";
export { crossEntropy, meanSquaredError } from "./loss.ts";
export { isTraining, traceTraining, type Updates, update } from "./mode.ts";
export {
  type Layer,
  module,
  namedBuffers,
  namedParameters,
  nameOf,
  type Part,
  type Parts,
  parameters,
  times,
} from "./module.ts";
export { LayerNorm, RMSNorm } from "./norm.ts";
export { GRUCell, LSTMCell, type LSTMState, RNNCell } from "./recurrent.ts";
