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
