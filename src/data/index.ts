/** Examples: where they come from, in which order they are seen, how they become batches. */

export {
  type AugmentedAt,
  type AugmentOptions,
  augment,
  augmented,
  augmentOptions,
  erased,
  flipped,
  rotated,
  shifted,
} from "./augment.ts";
export { type CaseOptions, readCases } from "./cases.ts";
export { recolored } from "./color.ts";
export { type ConllColumns, readConll, readWords, type TaggedSentence } from "./conll.ts";
export { type Dataset, divided, listed, spread } from "./dataset.ts";
export { clockOf, later, seasonOf, type TimeStep } from "./dates.ts";
export { digest, textDigest } from "./digest.ts";
export { drawnSource } from "./drawn.ts";
export { gunzipped } from "./gzip.ts";
export { parseIdx } from "./idx.ts";
export { grid, imagesOf, normalized, picturesOf } from "./images.ts";
export { type Features, logMel, type MelSettings, melFilters, powerSpectrum } from "./mel.ts";
export { writeNpy } from "./npy.ts";
export { batchesPerEpoch, draws, type EpochOptions, epochs, type Order, streams } from "./order.ts";
export { bucket, padded } from "./padding.ts";
export { readParallel, type SentencePair } from "./parallel.ts";
export { formOf, type Picture } from "./picture.ts";
export { decodePicture, encodePng, encodeWebp } from "./picture-codec.ts";
export {
  type PictureOptions,
  type Pictures,
  type PictureWatch,
  pictureOptions,
  readPictures,
} from "./pictures.ts";
export { resample } from "./resample.ts";
export { centered, cropped, fitted, type Resampling, resized } from "./resize.ts";
export {
  type Grid,
  isMissing,
  numberIn,
  placeOf,
  readGrid,
  readSeries,
  type Series,
  type SeriesOptions,
  seriesOptions,
  type Times,
} from "./series.ts";
export { asSource, bytesOf, type DataGiven, formatOf, isAbsent, linesOf, type Row, type Source } from "./source.ts";
export {
  column,
  type Header,
  LABEL_COLUMNS,
  parseRow,
  readTable,
  type Table,
  TEXT_COLUMNS,
  usualName,
} from "./table.ts";
export { firstIllegal, legalScores, mayFollow, SCHEMES, type Scheme, tagsOf, tagsOfTypes } from "./tags.ts";
export { requireVariety, splitText, type WindowOptions, windows } from "./text.ts";
export { type Case, type Cases, parseTs } from "./ts-file.ts";
export { readVectors, type Vectors } from "./vectors.ts";
export { readWav, type Sound } from "./wav.ts";
