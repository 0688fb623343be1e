/** Text of ids as they come. */
import { decoderOf, type Tokenizer } from "../tokenizers/index.ts";
import { Stops } from "./stops.ts";
import type { Chosen, Ending } from "./writing.ts";

/** What was generated. */
export interface Generated {
  /** All text that was shown. */
  readonly text: string;
  /** All ids, those of a stop text included. */
  readonly ids: readonly number[];
  readonly reason: Ending;
  /** Of each id log p, and the likeliest ones in its place, where they were asked for. */
  readonly logprobs?: readonly Chosen[];
}

const summary = (chosen: readonly Chosen[]) => ({
  ids: chosen.map(({ id }) => id),
  ...(chosen.some(({ logprob }) => logprob !== undefined) && { logprobs: chosen }),
});

/**
 * Text piece by piece, and at last what it was together, as it follows the ids of `prompt`. Pieces end with whole characters,
 * and nothing comes that a text of `stop` begins with, as long as it may.
 */
export async function* spell(
  source: AsyncGenerator<Chosen, Ending>,
  tokenizer: Tokenizer,
  stop: readonly string[] = [],
  prompt: readonly number[] = [],
): AsyncGenerator<string, Generated> {
  const [decoder, stops] = [decoderOf(tokenizer, prompt), new Stops(stop)];
  const chosen: Chosen[] = [];
  let text = "";
  for (;;) {
    const { done, value } = await source.next();
    if (!done) chosen.push(value);
    const piece = done ? stops.push(decoder.flush()) + stops.flush() : stops.push(decoder.push(value.id));
    text += piece;
    if (piece) yield piece;
    if (stops.stopped) return { text, ...summary(chosen), reason: "stop" };
    if (done) return { text, ...summary(chosen), reason: value };
  }
}
