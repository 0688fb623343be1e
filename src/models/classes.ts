/** What classifiers share. */
import { ConfigError } from "../errors.ts";

/** The number of classes that a configuration names. Throws ConfigError where it names none. */
export function classCount({ num_labels }: { readonly num_labels?: number | undefined }): number {
  if (num_labels !== undefined) return num_labels;
  throw new ConfigError(
    "config: num_labels: a classifier needs the number of its classes, got nothing; give num_labels",
  );
}
