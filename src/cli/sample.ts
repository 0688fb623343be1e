/** Text that a model writes, to the reader. */
import type { WriteOptions } from "../generate/index.ts";
import type { LanguageWriter } from "../tasks/language.ts";
import type { Tokenizer } from "../tokenizers/index.ts";
import type { IO } from "./io.ts";

const canSay = (tokenizer: Tokenizer, text: string): boolean => {
  try {
    return tokenizer.encode(text).length > 0;
  } catch {
    return false;
  }
};

/** What to begin with when nobody says: `wish` or a new line, where the vocabulary has it, else its first token. */
export const openingPrompt = (tokenizer: Tokenizer, wish = "\n"): string =>
  [wish, "\n"].find((text) => canSay(tokenizer, text)) ?? tokenizer.decode([0]);

/** The pieces that follow `prompt`, until there are `characters` of them. */
export async function* pieces(
  model: LanguageWriter,
  prompt: string,
  options: WriteOptions,
  characters = Number.POSITIVE_INFINITY,
): AsyncGenerator<string> {
  let left = characters;
  for await (const piece of model.generate(prompt, options)) {
    yield piece;
    left -= piece.length;
    if (left <= 0) return;
  }
}

/** Writes `prompt`, unless it is only space, and what follows it; nothing where the prompt cannot be gone on from. */
export async function stream(prompt: string, source: AsyncIterable<string>, io: IO): Promise<void> {
  let before = prompt.trim() && prompt;
  for await (const piece of source) {
    io.out(before + piece);
    before = "";
  }
  io.out("\n");
}
