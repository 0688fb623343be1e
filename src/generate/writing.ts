/** The loop that generates: read, choose, and again, until there is a reason to end. */
import { ConfigError } from "../errors.ts";
import { judge, sampler, type TokenLogprob } from "./sample.ts";
import type { Settings } from "./settings.ts";

/**
 * Why a text ended: there are as many tokens as were asked for, a stop text came, the model ended the text, or the signal
 * was raised.
 */
export type Ending = "length" | "stop" | "end" | "aborted";

/** One text as a model reads it: ids [T] that follow those read before -> logits [V] of the id after them. */
export type Read = (ids: Int32Array) => Promise<Float32Array>;

/** An id of a text; where it was asked for, log p of it and of the likeliest ones in its place. */
export interface Chosen {
  readonly id: number;
  readonly logprob?: number;
  readonly top?: readonly TokenLogprob[];
}

/**
 * The ids after `prompt`, one by one, as `choose` chooses them, without the one that ends the text. Throws ConfigError on an
 * empty prompt.
 */
export async function* writing(
  read: Read,
  prompt: Int32Array,
  settings: Settings,
  choose = sampler(settings),
): AsyncGenerator<Chosen, Ending> {
  const { tokens, vocabulary, signal, end = [] } = settings;
  if (prompt.length === 0)
    throw new ConfigError("prompt: expected at least one token, got none; give some text to continue");
  const judged = settings.logprobs === undefined ? () => ({}) : judge(settings, settings.logprobs);
  const ids = Array.from(prompt);
  let fresh = prompt;
  for (let step = 0; step < tokens; step++) {
    if (signal?.aborted) return "aborted";
    const logits = (await read(fresh)).subarray(0, vocabulary);
    const context = { ids, promptLength: prompt.length, step };
    const id = choose(logits, context);
    if (end.includes(id)) return "end";
    const chosen = { id, ...judged(logits, context, id) };
    ids.push(id);
    fresh = Int32Array.of(id);
    yield chosen;
  }
  return "length";
}
