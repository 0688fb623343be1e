/** The public surface that needs no file system: what a page imports, and all but the last lines of what Node does. */

import * as metrics from "./metrics/index.ts";

// Tensors, and what is done to their graphs

export {
  gradient,
  type Initializer,
  recompute,
  type ScanOptions,
  type Spec,
  type Step,
  scan,
  type Tree,
  valueAndGradient,
} from "./graph/index.ts";
export {
  arange,
  buffer,
  type Dim,
  type DType,
  full,
  input,
  type Nested,
  noise,
  ones,
  parameter,
  type Shape,
  scalar,
  stack,
  Tensor,
  tensor,
  zeros,
} from "./tensor/index.ts";

// Running and exporting

export { lower, type Named, type OnnxModel } from "./onnx/index.ts";
export {
  array,
  compile,
  type Device,
  engineFiles,
  type Feeds,
  type HostTensor,
  initialValues,
  type Program,
  type RunOptions,
  run,
  stream,
  values,
} from "./runtime/index.ts";

// Layers and losses

export {
  type Activation,
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  type AttentionOptions,
  AvgPool1d,
  AvgPool2d,
  type AvgPoolOptions,
  activations,
  attention,
  BatchNorm1d,
  BatchNorm2d,
  type BatchNormOptions,
  type BinaryOptions,
  binaryCrossEntropy,
  type ContrastiveOptions,
  Conv1d,
  Conv2d,
  type ConvOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  type ConvTransposeOptions,
  type CrossEntropyOptions,
  causalAttention,
  constantInit,
  contrastive,
  cosineEmbedding,
  cosineSimilarity,
  crossEntropy,
  type DivergenceOptions,
  Dropout,
  ELU,
  Embedding,
  type EmbeddingOptions,
  Flatten,
  GELU,
  GLU,
  GRU,
  GRUCell,
  type GRUCellOptions,
  type GRUOptions,
  GroupNorm,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  type HuberOptions,
  huber,
  klDivergence,
  type LabelOptions,
  type Layer,
  LayerNorm,
  LeakyReLU,
  Linear,
  type LinearOptions,
  LogSigmoid,
  LogSoftmax,
  LSTM,
  LSTMCell,
  type LSTMCellOptions,
  type LSTMOptions,
  type LSTMState,
  type MarginOptions,
  MaxPool1d,
  MaxPool2d,
  Mish,
  MultiheadAttention,
  type MultiheadAttentionCall,
  type MultiheadAttentionOptions,
  meanAbsoluteError,
  meanSquaredError,
  module,
  type NormOptions,
  namedBuffers,
  namedParameters,
  negativeLogLikelihood,
  normalInit,
  normalize,
  type PerAxis,
  type PoolOptions,
  PReLU,
  parameters,
  type RecurrentOptions,
  type Reduction,
  type ReductionOption,
  ReLU,
  ReLU6,
  RMSNorm,
  RNN,
  RNNCell,
  type RNNCellOptions,
  type RNNOptions,
  type RotaryOptions,
  type RotaryPlaces,
  rotary,
  SELU,
  type SequenceOptions,
  Sequential,
  Sigmoid,
  SiLU,
  type SmoothL1Options,
  Softmax,
  Softplus,
  Softsign,
  smoothL1,
  Tanh,
  type Transform,
  times,
  tripletMargin,
  uniformInit,
  update,
} from "./nn/index.ts";

// Metrics

export type { ClassOptions, ClassScores, Metric, Numbers, Running, ScoreOptions, Tally } from "./metrics/index.ts";
export { metrics };

// Optimizers

export {
  type AdamOptions,
  adam,
  adamW,
  constantRate,
  cosineDecay,
  linearDecay,
  type Optimizer,
  type Schedule,
  type SGDOptions,
  sgd,
  warmUp,
} from "./optim/index.ts";

// Training

export {
  createStep,
  type History,
  type LoopOptions,
  type LossTerms,
  type ParameterGroup,
  Run,
  type StartValues,
  type StepAt,
  type StepOptions,
  type Stepper,
  type StepResult,
  type TrainingEvent,
  train,
} from "./train/index.ts";

// Text and language models

export { readSafetensors, type Store, writeSafetensors } from "./checkpoint/index.ts";
export { builtInText, prepareText, type TextData } from "./data/index.ts";
export type { SampleOptions, WriteOptions } from "./generate/index.ts";
export { type LanguageModel, loadArchitecture, modelNames } from "./models/index.ts";
export { exportForward, exportTraining } from "./tasks/export.ts";
export {
  type LanguageHistory,
  type LanguageTraining,
  LanguageWriter,
  loadLanguageModel,
  type ResumeOptions,
  resumeLanguageModel,
  trainLanguageModel,
} from "./tasks/language.ts";
export { readTokenizer, type Tokenizer, trainBpe, trainChar } from "./tokenizers/index.ts";

// Computing in a Worker

export { type Answers, type Ask, connectWorker, serveWorker, transfer } from "./worker/index.ts";

// Errors

export {
  CheckpointError,
  ConfigError,
  DataError,
  DescentError,
  DeviceError,
  DTypeError,
  GradientError,
  NonFiniteError,
  nearest,
  ShapeError,
  TokenizerError,
} from "./errors.ts";
