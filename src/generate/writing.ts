/** The loop that generates: read, choose, and again, until there is a reason to end. */
import { ConfigError } from "../errors.ts";
import { sampler } from "./sample.ts";
import type { Settings } from "./settings.ts";

/**
 * Why a text ended: there are as many tokens as were asked for, a stop text came, the model ended the text, or the signal
 * was raised.
 */
export type Ending = "length" | "stop" | "end" | "aborted";

/** One text as a model reads it: ids [T] that follow those read before -> logits [V] of the id after them. */
export type Read = (ids: Int32Array) => Promise<Float32Array>;

/** The ids after `prompt`, one by one, without the one that ends the text. Throws ConfigError on an empty prompt. */
export async function* writing(read: Read, prompt: Int32Array, settings: Settings): AsyncGenerator<number, Ending> {
  const { tokens, vocabulary, signal, end = [] } = settings;
  if (prompt.length === 0)
    throw new ConfigError("prompt: expected at least one token, got none; give some text to continue");
  const choose = sampler(settings);
  const ids = Array.from(prompt);
  let fresh = prompt;
  for (let step = 0; step < tokens; step++) {
    if (signal?.aborted) return "aborted";
    const logits = await read(fresh);
    const id = choose(logits.subarray(0, vocabulary), { ids, promptLength: prompt.length, step });
    if (end.includes(id)) return "end";
    ids.push(id);
    fresh = Int32Array.of(id);
    yield id;
  }
  return "length";
}
