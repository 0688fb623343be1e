/** The registry: name -> architecture, imported when it is asked for. */
import { ConfigError, nearest, shown } from "../errors.ts";
import { type Architecture, requireArchitecture } from "./architecture.ts";
import type { Head } from "./heads.ts";

const registry = new Map<string, () => Promise<Architecture>>([
  ["rnn", async () => (await import("./rnn.ts")).rnn],
  ["lstm", async () => (await import("./lstm.ts")).lstm],
  ["gru", async () => (await import("./gru.ts")).gru],
  ["mingru", async () => (await import("./mingru.ts")).mingru],
  ["minlstm", async () => (await import("./minlstm.ts")).minlstm],
  ["gpt", async () => (await import("./gpt.ts")).gpt],
  ["gpt_neo", async () => (await import("./gpt-neo.ts")).gptNeo],
  ["llama", async () => (await import("./llama.ts")).llama],
  ["mistral", async () => (await import("./mistral.ts")).mistral],
  ["mixtral", async () => (await import("./mixtral.ts")).mixtral],
  ["qwen2", async () => (await import("./qwen2.ts")).qwen2],
  ["qwen3", async () => (await import("./qwen3.ts")).qwen3],
  ["phi3", async () => (await import("./phi3.ts")).phi3],
  ["gemma3_text", async () => (await import("./gemma3-text.ts")).gemma3Text],
  ["bert", async () => (await import("./bert.ts")).bert],
  ["roberta", async () => (await import("./roberta.ts")).roberta],
  ["modernbert", async () => (await import("./modernbert.ts")).modernbert],
  ["distilbert", async () => (await import("./distilbert.ts")).distilbert],
  ["t5", async () => (await import("./t5.ts")).t5],
  ["marian", async () => (await import("./marian.ts")).marian],
  ["ae", async () => (await import("./ae.ts")).ae],
  ["vae", async () => (await import("./vae.ts")).vae],
  ["vqvae", async () => (await import("./vqvae.ts")).vqvae],
]);

/** `model_type` of files -> the name that people use, where the two differ. */
const MODEL_TYPES: Readonly<Record<string, string>> = { gpt2: "gpt" };

/** The name that people use for a `model_type`. */
export const modelName = (modelType: string): string => MODEL_TYPES[modelType] ?? modelType;

/** The names of all architectures. */
export const modelNames = (): string[] => [...registry.keys()];

/** Adds an architecture of your own under its `model_type`. Throws ConfigError for what is none. */
export function addModel(architecture: Architecture): void {
  requireArchitecture(architecture);
  registry.set(architecture.modelType, async () => architecture);
}

/** The architecture called `name`, a `model_type` or a common name. Throws ConfigError with the nearest known one. */
export async function loadArchitecture(name: string): Promise<Architecture> {
  const load = registry.get(typeof name === "string" ? (MODEL_TYPES[name] ?? name) : name);
  if (load) return load();
  const known = modelNames();
  throw new ConfigError(
    `model: expected one of ${known.join(", ")}, got ${shown(name)}${typeof name === "string" ? nearest(name, known) : ""}; choose one of them`,
  );
}

/** The names of the architectures that carry `head`. */
export async function modelsWith(head: Head): Promise<string[]> {
  const all = await Promise.all([...registry].map(async ([name, load]) => [name, await load()] as const));
  return all.filter(([, { heads }]) => heads[head]).map(([name]) => name);
}
