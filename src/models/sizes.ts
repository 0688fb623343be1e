/** Sizes that follow from the data, and that some heads cannot do without. */
import { ConfigError } from "../errors.ts";

type Sizes<K extends string> = { readonly [key in K]?: number | undefined };

/** `config[key]`. Throws ConfigError that says what it is for where it is missing. */
function required<K extends string>(config: Sizes<K>, key: K, what: string): number {
  const value = config[key];
  if (value !== undefined) return value;
  throw new ConfigError(`config: ${key}: ${what}, got nothing; give ${key}`);
}

/** The number of classes that a configuration names. Throws ConfigError where it names none. */
export const classCount = (config: Sizes<"num_labels">): number =>
  required(config, "num_labels", "a classifier needs the number of its classes");

/** The number of tokens that a configuration names. Throws ConfigError where it names none. */
export const vocabularySize = (config: Sizes<"vocab_size">): number =>
  required(config, "vocab_size", "a model of tokens needs the number of them");

/** The number of channels that a configuration names. Throws ConfigError where it names none. */
export const channelCount = (config: Sizes<"input_size">): number =>
  required(config, "input_size", "a model of numbers needs the number of their channels");

/** Steps that are seen and steps that are foretold. Throws ConfigError where a configuration names none. */
export const forecastSizes = (config: Sizes<"window" | "horizon">): { window: number; horizon: number } => ({
  window: required(config, "window", "a forecast needs the number of steps that it sees"),
  horizon: required(config, "horizon", "a forecast needs the number of steps that it foretells"),
});

/** The number of target tokens that a configuration names. Throws ConfigError where it names none. */
export const targetVocabularySize = (config: Sizes<"target_vocab_size">): number =>
  required(config, "target_vocab_size", "an encoder-decoder needs the number of its target's tokens");

/** The number of characters that a configuration names. Throws ConfigError where it names none. */
export const characterCount = (config: Sizes<"char_vocab_size">): number =>
  required(config, "char_vocab_size", "a model that reads characters needs the number of them");
