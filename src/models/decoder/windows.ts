/** Which blocks see all tokens and which only the last ones, as configurations say it. */
import { z } from "zod";
import { ConfigError } from "../../errors.ts";
import { such, whole } from "../../schema.ts";

const KINDS = ["full_attention", "sliding_attention"];
const isKinds = (value: unknown): boolean => Array.isArray(value) && value.every((kind) => KINDS.includes(kind));

/** A window of the blocks that have one. */
export const window = () =>
  whole(1, 1e8).nullable().default(null).describe("tokens that a block sees, where it has a window");

/** Of every block. */
export const layerTypes = () =>
  such<readonly string[]>(`a list of ${KINDS.join(" and ")}, or null`, isKinds)
    .nullable()
    .default(null)
    .describe("what each block sees (default: as the other keys say)");

/** Windows from some block on, as Qwen has them. */
export const lateWindows = {
  use_sliding_window: z.boolean().default(false).describe("whether blocks have windows"),
  sliding_window: window(),
  max_window_layers: whole(0, 512).default(28).describe("blocks before those with windows"),
  layer_types: layerTypes(),
};

interface Windows {
  readonly num_hidden_layers: number;
  readonly sliding_window: number | null;
  readonly layer_types: readonly string[] | null;
}

/** Whether each block has a window. Throws ConfigError where `layer_types` is of another length. */
export function slidingBlocks(
  { num_hidden_layers: L, layer_types }: Omit<Windows, "sliding_window">,
  otherwise: (layer: number) => boolean,
) {
  if (layer_types && layer_types.length !== L)
    throw new ConfigError(
      `config: layer_types: expected one for each of ${L} blocks, got ${layer_types.length}; correct it`,
    );
  return (layer: number): boolean => (layer_types ? layer_types[layer] === "sliding_attention" : otherwise(layer));
}

/** How far each block sees. */
export function windowsOf(config: Windows, otherwise: (layer: number) => boolean) {
  const slides = slidingBlocks(config, otherwise);
  return (layer: number): number | undefined => (slides(layer) ? (config.sliding_window ?? undefined) : undefined);
}

/** The same with Qwen's keys. */
export const lateWindowsOf = (
  config: Windows & { readonly use_sliding_window: boolean; readonly max_window_layers: number },
) =>
  windowsOf(
    { ...config, sliding_window: config.use_sliding_window ? config.sliding_window : null },
    (layer) => layer >= config.max_window_layers,
  );
