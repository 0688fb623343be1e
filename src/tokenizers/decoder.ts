/** Text of ids that come one by one: what all of them together would be decoded to, in pieces, in linear time. */
import type { Tokenizer } from "./tokenizer.ts";

/**
 * Takes ids in their order. All that `push` and, at the end, `flush` give is what `decode` gives for all of them, but where
 * tokens stand for bytes that are no UTF-8 (byte-fallback.ts): a run of them is shown as it comes, not taken back.
 */
export interface Decoder {
  /** What is certain with this id and was not before; nothing while a character is not whole. */
  push(id: number): string;
  /** What is left at the end: U+FFFD for a character that never became whole. */
  flush(): string;
}

/** Ids that are decoded again with each new one, at least: more than tokens a character spans, and one before them. */
const WINDOW = 8;

/** How much of `text` stays as it is when more ids come: the bytes of a character that is not whole are up to three U+FFFD. */
const settled = (text: string): number => text.length - (/\ufffd{1,3}$/.exec(text)?.[0].length ?? 0);

/**
 * A decoder for any tokenizer: the last ids are decoded together. Where the window moves on, its beginning may be decoded
 * otherwise than in the whole, but not its end, which is what has not been shown.
 */
function windowed({ decode }: Tokenizer): Decoder {
  let ids: number[] = [];
  let shown = 0;
  const move = (left: number) => {
    const rest = ids.slice(-WINDOW);
    const length = decode(rest).length;
    if (length > left) [ids, shown] = [rest, length - left];
  };
  return {
    push(id) {
      ids.push(id);
      const text = decode(ids);
      const piece = text.slice(shown, Math.max(shown, settled(text)));
      shown += piece.length;
      if (ids.length >= 2 * WINDOW) move(text.length - shown);
      return piece;
    },
    flush: () => decode(ids).slice(shown),
  };
}

/**
 * A new decoder of a tokenizer, its own or one that decodes the last ids again with each new one, for what follows the ids
 * `before`: a word that stands first in a text may be spelled otherwise than after another.
 */
export function decoderOf(tokenizer: Tokenizer, before: readonly number[] = []): Decoder {
  const decoder = tokenizer.decoder?.() ?? windowed(tokenizer);
  for (const id of before.slice(-WINDOW)) decoder.push(id);
  return decoder;
}
