/** Values of a model of your own in one file, as safetensors with the paths of its parameters as names. */
import { files } from "#files";
import { fromFile, readSafetensors, type StoredTensor, toFile, writeSafetensors } from "../checkpoint/index.ts";
import { ConfigError } from "../errors.ts";
import { namedState } from "../nn/index.ts";
import type { Feeds } from "../runtime/index.ts";
import { requirePath } from "./files.ts";

/** Saves the values of parameters and buffers whole or not at all: `saveWeights("net.safetensors", fitted.values)`. */
export async function saveWeights(path: string, values: Feeds): Promise<void> {
  const entries = toFile(values, {});
  if (entries.length === 0) throw new ConfigError("saveWeights: expected values by name, got none; give fitted.values");
  await files.write(requirePath("saveWeights", path), writeSafetensors(entries, new Map([["format", "pt"]])));
}

/**
 * The values for `model` out of a file. Throws CheckpointError that lists what is missing, surplus or of another shape.
 */
export async function loadWeights(path: string, model: object): Promise<Feeds> {
  const state = namedState(model);
  const { tensors }: { tensors: ReadonlyMap<string, StoredTensor> } = readSafetensors(
    await files.read(requirePath("loadWeights", path)),
  );
  return fromFile(tensors, state, {}, "given");
}
