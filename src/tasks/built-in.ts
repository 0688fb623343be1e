/** The tasks that come with the library, and what their models become when they are opened. */
import { type Classifier, classify } from "./classify.ts";
import type { Detector } from "./detect/detector.ts";
import { detect } from "./detect.ts";
import type { SentenceEncoder } from "./embed/encoder.ts";
import { embed } from "./embed.ts";
import type { MaskFiller } from "./fill-mask/filler.ts";
import { fillMask } from "./fill-mask.ts";
import type { Forecaster } from "./forecast/forecaster.ts";
import { forecast } from "./forecast.ts";
import { language, type TextGenerator } from "./language.ts";
import type { Imager } from "./reconstruct/imager.ts";
import { reconstruct } from "./reconstruct.ts";
import type { TextAutoencoder } from "./reconstruct-text/autoencoder.ts";
import { reconstructText } from "./reconstruct-text.ts";
import { type SeriesClassifier, series } from "./series.ts";
import { type Tagger, tag } from "./tag.ts";
import type { Predictor, Task } from "./task.ts";
import type { Transcriber } from "./transcribe/transcriber.ts";
import { transcribe } from "./transcribe.ts";
import type { Translator } from "./translate/translator.ts";
import { translate } from "./translate.ts";

/** By name. */
export const builtIn = {
  language,
  classify,
  tag,
  translate,
  transcribe,
  forecast,
  series,
  detect,
  reconstruct,
  "reconstruct-text": reconstructText,
  embed,
  "fill-mask": fillMask,
} satisfies Record<string, Task>;

/** The tasks that come with the library, by name. */
export type Tasks = typeof builtIn;

/** What a task's model becomes when it is opened, by the name of the task. */
export interface Predictors {
  language: TextGenerator;
  classify: Classifier;
  tag: Tagger;
  translate: Translator;
  transcribe: Transcriber;
  forecast: Forecaster;
  series: SeriesClassifier;
  detect: Detector;
  reconstruct: Imager;
  "reconstruct-text": TextAutoencoder;
  embed: SentenceEncoder;
  "fill-mask": MaskFiller;
}
export type PredictorOf<T extends string> = T extends keyof Predictors ? Predictors[T] : Predictor;
