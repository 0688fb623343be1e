/** The registry: `model_type` -> file, imported when it is asked for. */
import { ConfigError, nearest } from "../errors.ts";
import type { Architecture } from "./language-model.ts";

const registry = {
  rnn: async () => (await import("./rnn.ts")).architecture,
  lstm: async () => (await import("./lstm.ts")).architecture,
  gru: async () => (await import("./gru.ts")).architecture,
  gpt2: async () => (await import("./gpt.ts")).architecture,
} satisfies Record<string, () => Promise<Architecture>>;

/** Names that people use for what files call otherwise. */
const aliases: Readonly<Record<string, string>> = { gpt: "gpt2" };

export const modelNames = ["rnn", "lstm", "gru", "gpt"] as const;

/** The architecture called `name`, a `model_type` or a common name. Throws ConfigError with the nearest known one. */
export async function loadArchitecture(name: string): Promise<Architecture> {
  const entry = Object.entries(registry).find(([key]) => key === (aliases[name] ?? name));
  if (entry) return entry[1]();
  throw new ConfigError(
    `model: expected one of ${modelNames.join(", ")}, got "${name}"${nearest(name, modelNames)}; choose one of them`,
  );
}

export type { Architecture, Carried, CheckpointNames, Config, LanguageModel } from "./language-model.ts";
