/** The public surface that needs no file system: what a page imports, and all but the last lines of what Node does. */

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
  type Feeds,
  type HostTensor,
  initialValues,
  type Program,
  type RunOptions,
  run,
  stream,
  values,
} from "./runtime/index.ts";

// Layers, losses, optimizers

export {
  Conv1D,
  causalAttention,
  constantInit,
  crossEntropy,
  Dropout,
  Embedding,
  GRUCell,
  type Layer,
  LayerNorm,
  Linear,
  LSTMCell,
  type LSTMState,
  meanSquaredError,
  module,
  namedBuffers,
  namedParameters,
  normalInit,
  parameters,
  RMSNorm,
  RNNCell,
  times,
  uniformInit,
  update,
} from "./nn/index.ts";
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

// Errors

export * from "./errors.ts";
