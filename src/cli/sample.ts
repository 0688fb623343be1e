/** Text that a model generates, to the reader. */
import type { GenerateOptions } from "../generate/index.ts";
import type { TextGenerator } from "../tasks/language.ts";
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

/** The pieces that follow `prompt`, up to the word that makes them `characters` long. */
export async function* pieces(
  generator: TextGenerator,
  prompt: string,
  options: GenerateOptions,
  characters: number,
): AsyncGenerator<string> {
  let left = characters;
  for await (const piece of generator.generate(prompt, options)) {
    if (left <= 0 && /^\s/.test(piece)) return;
    yield piece;
    left -= piece.length;
  }
}

/** Prints `prompt`, unless it is only space, and what follows it; nothing where the prompt cannot be continued. */
export async function stream(prompt: string, source: AsyncIterable<string>, io: IO): Promise<void> {
  let before = prompt.trim() && prompt;
  for await (const piece of source) {
    io.out(before + piece);
    before = "";
  }
  io.out("\n");
}
