/** The public surface that needs no file system: what a page imports, and all but the last lines of what Node does. */

import * as metrics from "./metrics/index.ts";

// Tensors, and what is done to their graphs

export {
  gradient,
  type Initializer,
  type LinearScanOptions,
  linearScan,
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
  type Choice,
  chooseDevice,
  compile,
  type Device,
  type DeviceReport,
  engineFiles,
  type Feeds,
  type FileWeight,
  type GraphOptions,
  type HostTensor,
  initialValues,
  measureDevices,
  type Program,
  type RunOptions,
  run,
  type StoredWeight,
  stream,
  values,
  type Weight,
  type Weights,
} from "./runtime/index.ts";

// Layers and losses

export {
  type Activation,
  AdaptiveAvgPool1d,
  AdaptiveAvgPool2d,
  AdaptiveMaxPool1d,
  AdaptiveMaxPool2d,
  AdditiveAttention,
  type Annealing,
  type AttentionOptions,
  AttentionPooling,
  AvgPool1d,
  AvgPool2d,
  type AvgPoolOptions,
  activations,
  annealed,
  atLast,
  attention,
  attentionAfter,
  BatchNorm1d,
  BatchNorm2d,
  type BatchNormOptions,
  type BinaryOptions,
  bernoulli,
  binaryCrossEntropy,
  type CachedOptions,
  type ChainScores,
  Codebook,
  type CodebookOptions,
  type ContrastiveOptions,
  Conv1d,
  Conv2d,
  type ConvOptions,
  ConvTranspose1d,
  ConvTranspose2d,
  type ConvTransposeOptions,
  CRF,
  type CRFScores,
  type CrossEntropyOptions,
  type CTCOptions,
  causalAttention,
  constantInit,
  contrastive,
  cosineEmbedding,
  cosineSimilarity,
  crfLoss,
  crossEntropy,
  ctcLoss,
  type DivergenceOptions,
  DotAttention,
  Dropout,
  drawSamples,
  ELU,
  Embedding,
  type EmbeddingOptions,
  Flatten,
  freeBits,
  GELU,
  GeneralAttention,
  GLU,
  GRU,
  GRUCell,
  type GRUCellOptions,
  type GRUOptions,
  GroupNorm,
  gaussian,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  type HuberOptions,
  huber,
  importanceBound,
  KeyValueCache,
  klDivergence,
  type LabelOptions,
  type Layer,
  type LayerCache,
  LayerNorm,
  LeakyReLU,
  type Likelihood,
  Linear,
  type LinearOptions,
  LogSigmoid,
  LogSoftmax,
  LSTM,
  LSTMCell,
  type LSTMCellOptions,
  type LSTMOptions,
  type LSTMState,
  logistic,
  logMeanExp,
  logNormal,
  type MarginOptions,
  MaxPool1d,
  MaxPool2d,
  type MemoryOptions,
  MinGRU,
  MinGRUCell,
  type MinimalCellOptions,
  type MinimalOptions,
  type MinimalParts,
  MinLSTM,
  MinLSTMCell,
  Mish,
  MultiheadAttention,
  type MultiheadAttentionCall,
  type MultiheadAttentionOptions,
  maxOf,
  meanAbsoluteError,
  meanOf,
  meanSquaredError,
  module,
  type NormOptions,
  namedBuffers,
  namedParameters,
  negativeLogLikelihood,
  normalInit,
  normalize,
  normalKL,
  orthogonalInit,
  type PerAxis,
  type PoolOptions,
  PReLU,
  type Quantised,
  type RateParts,
  type RecurrentCell,
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
  rateParts,
  recurrent,
  reparameterise,
  repeatRows,
  resetStates,
  rotary,
  type Samples,
  SELU,
  type SequenceOptions,
  Sequential,
  Sigmoid,
  SiLU,
  type SmoothL1Options,
  Softmax,
  Softplus,
  Softsign,
  type StackOptions,
  Stateful,
  type StatefulOptions,
  smoothL1,
  Tanh,
  type Transform,
  times,
  tripletMargin,
  uniformInit,
  update,
  viterbi,
} from "./nn/index.ts";

// Metrics

export type {
  BleuOptions,
  ClassOptions,
  ClassScores,
  EntityCounts,
  EntityScores,
  Metric,
  NabOptions,
  Numbers,
  Running,
  ScoreOptions,
  TagLists,
  Tally,
  Windows,
} from "./metrics/index.ts";
export {
  type ActiveUnits,
  activeUnits,
  adjustedRandIndex,
  type BinOptions,
  type Clusters,
  type FactorInformation,
  type Flat,
  type FlattenOptions,
  flatten,
  frechetDistance,
  type InformationGap,
  type KMeansOptions,
  kMeans,
  type LinearClassifier,
  type LinearFitOptions,
  linearClassifier,
  mutualInformation,
  mutualInformationGap,
  type NeighborOptions,
  nearestNeighbors,
  normalizedMutualInformation,
  type PCA,
  type Points,
  pca,
} from "./metrics/points/index.ts";
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
  type Columns,
  createStep,
  type FitData,
  type FitOptions,
  Fitted,
  fit,
  type History,
  type LoopOptions,
  type LossTerms,
  loop,
  type ParameterGroup,
  Run,
  type StartValues,
  type StepAt,
  type StepOptions,
  type Stepper,
  type StepResult,
  type TrainingEvent,
} from "./train/index.ts";

// Data

export {
  type AugmentedAt,
  type AugmentOptions,
  augmented,
  centered,
  cropped,
  type DataGiven,
  type Dataset,
  decodePicture,
  encodePng,
  encodeWebp,
  epochs,
  type Features,
  fitted,
  grid,
  imagesOf,
  listed,
  logMel,
  type MelSettings,
  normalized,
  type Picture,
  type PictureOptions,
  type Pictures,
  padded,
  picturesOf,
  type Resampling,
  type Row,
  readWav,
  recolored,
  resample,
  resized,
  type Sound,
  type Source,
  writeNpy,
} from "./data/index.ts";
export {
  type Digit,
  type DigitFactors,
  type DigitOptions,
  type DrawnDigits,
  type DrawnDigitsOptions,
  drawDigit,
  drawnDigits,
} from "./digits/index.ts";
export { builtInText } from "./stories/index.ts";
export { type Decoder, readTokenizer, type Tokenizer, trainBpe, trainChar, trainWords } from "./tokenizers/index.ts";

// Files

export { loadIdx, loadWeights, type ReadPicturesOptions, readPictures, saveWeights } from "./files/index.ts";

// Models and tasks

export {
  fromBasicLSTM,
  fromKeras,
  fromOnnx,
  type GatePlace,
  type ImportedLayer,
  ImportedLayers,
  type ImportedMaker,
  type KerasKind,
  type RecurrentKind,
  readKeras,
  readOnnx,
  readSafetensors,
  type Store,
  writeSafetensors,
} from "./checkpoint/index.ts";
export {
  addExperiment,
  type Experiment,
  type ExperimentWatch,
  experimentNames,
  type Findings,
  loadExperiment,
  type Result,
  runExperiment,
} from "./experiments/index.ts";
export {
  type Advance,
  type Alignment,
  type BeamSettings,
  beamSearch,
  type Chosen,
  type CTCBeamOptions,
  ctcAlign,
  ctcBeam,
  ctcGreedy,
  type Emissions,
  type Ending,
  type GenerateOptions,
  type Hypothesis,
  type LogitsContext,
  type LogitsProcessor,
  lengthPenalty,
  lengthPower,
  type Normalize,
  perToken,
  processors,
  type SampleOptions,
  type TokenLogprob,
  type Transcript,
} from "./generate/index.ts";
export {
  type Architecture,
  addModel,
  architecture,
  type Head,
  type Heads,
  loadArchitecture,
  type Model,
  modelNames,
  type Piece,
} from "./models/index.ts";
export type { Classification, Classifier } from "./tasks/classify.ts";
export type { DetectedRow, Detection, Detector } from "./tasks/detect/detector.ts";
export type { EmbeddedSentence, SentenceEncoder } from "./tasks/embed/encoder.ts";
export { type Evaluated, type EvaluateOptions, evaluate } from "./tasks/evaluate.ts";
export { exportForward, exportTraining } from "./tasks/export.ts";
export type { Filled, Filling, MaskFiller } from "./tasks/fill-mask/filler.ts";
export type { ChannelForecast, Forecast, Forecaster } from "./tasks/forecast/forecaster.ts";
export { addTask, loadTask, type Predictor, type Problem, type Task, taskNames } from "./tasks/index.ts";
export type { Continuation, TextGenerator } from "./tasks/language.ts";
export type { Coded, CodeOptions, LatentPredictor, Made, Remade } from "./tasks/latent.ts";
export { loadModel, type Opened, open } from "./tasks/open.ts";
export { type Probed, type ProbedSamples, type ProbeOptions, type ProbeScores, probe } from "./tasks/probe.ts";
export type { Embedded, Imager, Pictured, Reconstructed } from "./tasks/reconstruct/imager.ts";
export type {
  PictureInterpolateOptions,
  PictureSampleOptions,
  PictureTraverseOptions,
} from "./tasks/reconstruct/imager-options.ts";
export type {
  EmbeddedText,
  ReconstructedText,
  TextAutoencoder,
  TextInterpolateOptions,
  TextSampleOptions,
  TextTraverseOptions,
} from "./tasks/reconstruct-text/autoencoder.ts";
export type { SeriesClass, SeriesClassifier } from "./tasks/series.ts";
export type { Tagged, TaggedEntity, Tagger } from "./tasks/tag.ts";
export { type ResumeOptions, resume, type Trained, type TrainOptions, train } from "./tasks/train.ts";
export type { SpokenCharacter, Transcriber, Transcription } from "./tasks/transcribe/transcriber.ts";
export type { Translation, Translator } from "./tasks/translate/translator.ts";

// Compression

export {
  type Compressed,
  type CompressionRate,
  type CompressOptions,
  compress,
  type DecompressOptions,
  decompress,
} from "./compress/index.ts";

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
