/** Text of ids as they come. */
import { decoderOf, type Tokenizer } from "../tokenizers/index.ts";
import { Stops } from "./stops.ts";
import type { Ending } from "./writing.ts";

/** What was generated. */
export interface Generated {
  /** All text that was shown. */
  readonly text: string;
  /** All ids, those of a stop text included. */
  readonly ids: readonly number[];
  readonly reason: Ending;
}

/**
 * Text piece by piece, and at last what it was together, as it follows the ids of `prompt`. Pieces end with whole characters,
 * and nothing comes that a text of `stop` begins with, as long as it may.
 */
export async function* spell(
  source: AsyncGenerator<number, Ending>,
  tokenizer: Tokenizer,
  stop: readonly string[] = [],
  prompt: readonly number[] = [],
): AsyncGenerator<string, Generated> {
  const [decoder, stops] = [decoderOf(tokenizer, prompt), new Stops(stop)];
  const ids: number[] = [];
  let text = "";
  for (;;) {
    const { done, value } = await source.next();
    if (!done) ids.push(value);
    const piece = done ? stops.push(decoder.flush()) + stops.flush() : stops.push(decoder.push(value));
    text += piece;
    if (piece) yield piece;
    if (stops.stopped) return { text, ids, reason: "stop" };
    if (done) return { text, ids, reason: value };
  }
}
