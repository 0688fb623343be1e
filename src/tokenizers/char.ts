/** One id per character (Unicode code point), in the order of the code points. */
import { quoted, TokenizerError } from "../errors.ts";
import { guarded, requireText, type Tokenizer, unknownId } from "./tokenizer.ts";

/** What the pre-tokenizer of a character tokenizer.json splits by: any one character, line feeds included. */
export const ANY_CHARACTER = "[\\s\\S]";

/** The tokenizer of the characters of `text`. Throws TokenizerError on half a surrogate pair, which no file can hold. */
export function trainChar(text: string): Tokenizer {
  const points = new Set<number>();
  let position = 0;
  for (const character of requireText("char tokenizer", text)) {
    points.add(wholePoint(character, position));
    position++;
  }
  return charTokenizer([...points].sort((a, b) => a - b).map((point) => String.fromCodePoint(point)));
}

function wholePoint(character: string, position: number): number {
  const point = character.codePointAt(0) ?? 0;
  if (point < 0xd800 || point > 0xdfff) return point;
  throw new TokenizerError(
    `char tokenizer: expected whole characters, got half a surrogate pair at position ${position}`,
  );
}

/** The tokenizer in which character number i of `characters` has id i. */
export function charTokenizer(characters: readonly string[]): Tokenizer {
  const ids = new Map(characters.map((character, id) => [character.codePointAt(0), id]));
  return guarded({
    kind: "char",
    vocabSize: characters.length,
    encode: (text) => encode(text, ids),
    decode: (sequence) => Array.from(sequence, (id) => characters[id] ?? unknownId(id, characters.length)).join(""),
    decoder: () => ({ push: (id) => characters[id] ?? unknownId(id, characters.length), flush: () => "" }),
    idOf: (token) =>
      token === String.fromCodePoint(token.codePointAt(0) ?? 0) ? ids.get(token.codePointAt(0)) : undefined,
    toJSON: () => charJson(characters),
  });
}

function encode(text: string, ids: ReadonlyMap<number | undefined, number>): Int32Array {
  const out = new Int32Array(text.length);
  let length = 0;
  for (const character of text) {
    const id = ids.get(character.codePointAt(0));
    if (id === undefined) throw unknownCharacter(character, length, ids.size);
    out[length++] = id;
  }
  return out.subarray(0, length);
}

function unknownCharacter(character: string, position: number, known: number): TokenizerError {
  const point = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return new TokenizerError(
    `char tokenizer: unknown character ${quoted(character)} (U+${point}) at position ${position}; ` +
      `use the ${known} characters of the training text, or train with the bpe tokenizer, which knows every text`,
  );
}

function charJson(characters: readonly string[]): object {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "Split", pattern: { Regex: ANY_CHARACTER }, behavior: "Isolated", invert: false },
    post_processor: null,
    decoder: { type: "Fuse" },
    model: {
      type: "WordLevel",
      vocab: Object.fromEntries(characters.map((character, id) => [character, id])),
      unk_token: "<unk>",
    },
  };
}
