/**
 * GPT-2's division of text into words, as a scanner in linear time instead of a regular expression:
 *
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 *
 * where \s is Unicode's White_Space, as in the Python library (JavaScript's \s lacks U+0085 and has U+FEFF).
 * Reference: https://github.com/openai/gpt-2/blob/master/src/encoder.py
 */
const Class = { letter: 1, number: 2, space: 3, other: 4 } as const;

const SPACE = 0x20;
const APOSTROPHE = 0x27;
const ONE_LETTER = new Set(["s", "t", "m", "d"]);
const TWO_LETTERS = new Set(["re", "ve", "ll"]);

/** The class of each code point, 0 where not yet asked for. */
const classes = new Uint8Array(0x110000);

function classOf(point: number): number {
  const known = classes[point];
  if (known) return known;
  const found = classify(String.fromCodePoint(point));
  classes[point] = found;
  return found;
}

function classify(character: string): number {
  if (/\p{L}/u.test(character)) return Class.letter;
  if (/\p{N}/u.test(character)) return Class.number;
  return /\p{White_Space}/u.test(character) ? Class.space : Class.other;
}

/** The class of the character at `at`, or 0 past the end. */
function classAt(text: string, at: number): number {
  const point = text.codePointAt(at);
  return point === undefined ? 0 : classOf(point);
}

/** Where the run of characters of one class that covers `at` ends. */
function runEnd(text: string, at: number, kind: number): number {
  let end = at;
  for (let point = text.codePointAt(end); point !== undefined; point = text.codePointAt(end)) {
    if (classOf(point) !== kind) return end;
    end += point > 0xffff ? 2 : 1;
  }
  return end;
}

/** Length of `'s`, `'re` and so on at `at`, or 0. */
function contraction(text: string, at: number): number {
  if (ONE_LETTER.has(text.charAt(at + 1))) return 2;
  return TWO_LETTERS.has(text.slice(at + 1, at + 3)) ? 3 : 0;
}

/** Where the word that begins at `start` ends (`start` < length, at the beginning of a character). */
export function wordEnd(text: string, start: number): number {
  const first = text.charCodeAt(start);
  const short = first === APOSTROPHE ? contraction(text, start) : 0;
  if (short) return start + short;
  const spaced = first === SPACE ? classAt(text, start + 1) : 0;
  if (spaced && spaced !== Class.space) return runEnd(text, start + 1, spaced);
  const kind = classAt(text, start);
  const end = runEnd(text, start, kind);
  // \s+(?!\S): of several spaces before a word, the last one is left to it.
  return kind === Class.space && end < text.length && end - start > 1 ? end - 1 : end;
}
