/** From logits to ids, and from ids to text, one after another. */

export {
  type Advance,
  type BeamSettings,
  beamSearch,
  type Hypothesis,
  lengthPenalty,
  lengthPower,
  type Normalize,
  perToken,
} from "./beam.ts";
export { CodeWriter } from "./codes.ts";
export {
  type Alignment,
  type CTCBeamOptions,
  ctcAlign,
  ctcBeam,
  ctcGreedy,
  type Emissions,
  type Transcript,
} from "./ctc.ts";
export { type Drawn, type DrawSettings, drawTexts } from "./draw.ts";
export { SequenceWriter, type Written } from "./encoder-decoder.ts";
export { IdGenerator } from "./generator.ts";
export type { LogitsContext, LogitsProcessor } from "./processors.ts";
export * as processors from "./processors.ts";
export { sampler, type TokenLogprob } from "./sample.ts";
export { sourcesOf } from "./search.ts";
export {
  type GenerateOptions,
  generateSettings,
  generationFlags,
  isSearched,
  prediction,
  type SampleOptions,
  type Settings,
} from "./settings.ts";
export type { SideBySide, Text } from "./side-by-side.ts";
export { type Generated, spell } from "./text.ts";
export { type Chosen, type Ending, writing } from "./writing.ts";
