/** Architectures: their registry, what they state, and what they can do. */
export { type Architecture, architecture, build, type Config, type FileNames, labelCount } from "./architecture.ts";
export {
  type MaskedModel,
  type Segmented,
  type SentenceModel,
  type SpansModel,
  segmentedInputs,
} from "./encoder/head.ts";
export {
  type Carried,
  type CausalModel,
  CHARACTERS,
  type ClassesModel,
  causalInputs,
  classesInputs,
  type DecoderStep,
  type EncoderDecoderModel,
  encoderDecoderInputs,
  type ForecastModel,
  type FramesModel,
  type Head,
  type Heads,
  type Model,
  type Piece,
  type SeriesModel,
  SHAPES,
  type Spelled,
  spelledInputs,
  type TagsModel,
} from "./heads.ts";
export type { Codebook, LatentModel, Posterior } from "./latent/head.ts";
export { type LatentTextModel, latentTextInputs, type TextPosterior } from "./latent/text.ts";
export { addModel, loadArchitecture, modelName, modelNames, modelsWith } from "./registry.ts";
