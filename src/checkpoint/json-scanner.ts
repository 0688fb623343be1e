/**
 * A strict JSON scanner for headers that come from strangers. Unlike `JSON.parse` it refuses a key given twice, keeps
 * the exact spelling of numbers, builds only what its caller asks for, and never nests deeper than it is told.
 */
import { CheckpointError, quoted } from "../errors.ts";

const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const DELIMITERS = new Set([",", "]", "}", " ", "\t", "\n", "\r"]);
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Strict UTF-8; a byte order mark stays in the text. Throws CheckpointError that names `rule`. */
export function decodeUtf8(bytes: Uint8Array, what: string, rule = "InvalidHeader"): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new CheckpointError(`${what}: ${rule}: expected UTF-8 text, got other bytes; the file is damaged`);
  }
}

/** Reads one JSON text from left to right; every method takes the next value or throws a CheckpointError. */
export class JsonScanner {
  readonly #text: string;
  readonly #what: string;
  readonly #syntax: string;
  #at = 0;

  /** `syntax` is the rule that errors name where the text is not JSON. */
  constructor(text: string, what: string, syntax = "InvalidHeaderDeserialization") {
    this.#text = text;
    this.#what = what;
    this.#syntax = syntax;
  }

  fail(rule: string, detail: string): never {
    throw new CheckpointError(`${this.#what}: ${rule}: ${detail}`);
  }

  /** An object: `read` is called after each key and must take its value. */
  object(read: (key: string) => void): void {
    const keys = new Set<string>();
    this.#sequence("{", "}", () => {
      const key = this.string();
      if (keys.has(key)) this.fail("DuplicateKey", `expected each key once, got ${quoted(key)} twice`);
      keys.add(key);
      this.#expect(":");
      read(key);
    });
  }

  /** An array: `read` must take each element. */
  array(read: () => void): void {
    this.#sequence("[", "]", read);
  }

  string(): string {
    this.#space();
    const start = this.#at;
    if (this.#text.charCodeAt(start) !== QUOTE) this.#unexpected("a string");
    let escaped = false;
    for (let at = start + 1; at < this.#text.length; at++) {
      const unit = this.#text.charCodeAt(at);
      if (unit < SPACE) this.#unexpected("no control character inside a string", at);
      if (unit === BACKSLASH) {
        escaped = true;
        at++;
      } else if (unit === QUOTE) {
        this.#at = at + 1;
        return escaped ? this.#unescape(start) : this.#text.slice(start + 1, at);
      }
    }
    return this.#unexpected("the end of a string", this.#text.length);
  }

  /** A whole number from 0 to 2^53 - 1 in plain digits; `rule` and `what` go into the error. */
  whole(rule: string, what: () => string): number {
    this.#space();
    const start = this.#at;
    let value = 0;
    let at = start;
    for (let digit = this.#digit(at); digit >= 0; digit = this.#digit(++at)) value = value * 10 + digit;
    const spelled = at === start + 1 || (at > start && this.#digit(start) !== 0);
    if (!spelled || !Number.isSafeInteger(value) || !DELIMITERS.has(this.#text.charAt(at))) this.#noWhole(rule, what());
    this.#at = at;
    return value;
  }

  #noWhole(rule: string, what: string): never {
    const got = /^[^\s,\]}]*/.exec(this.#text.slice(this.#at, this.#at + 60))?.[0] ?? "";
    this.fail(rule, `expected a whole number from 0 to 2^53 - 1 for ${what}, got ${quoted(got)}`);
  }

  #digit(at: number): number {
    const digit = this.#text.charCodeAt(at) - 0x30;
    return digit >= 0 && digit <= 9 ? digit : -1;
  }

  /** Any value, passed over; at most `depth` levels of nesting. */
  skip(depth: number): void {
    if (depth < 0) this.#unexpected("less nesting");
    const next = this.#peek();
    if (next === "{") this.object(() => this.skip(depth - 1));
    else if (next === "[") this.array(() => this.skip(depth - 1));
    else if (next === '"') this.string();
    else this.#literal();
  }

  /** The end of the text, after spaces (0x20) only. */
  end(): void {
    while (this.#text.charCodeAt(this.#at) === SPACE) this.#at++;
    if (this.#at < this.#text.length) this.#unexpected("only spaces after the closing brace");
  }

  #sequence(open: string, close: string, read: () => void): void {
    this.#expect(open);
    if (this.#take(close)) return;
    do read();
    while (this.#take(","));
    this.#expect(close);
  }

  #literal(): void {
    LITERAL.lastIndex = this.#at;
    if (!LITERAL.test(this.#text)) this.#unexpected("a value");
    this.#at = LITERAL.lastIndex;
  }

  #unescape(start: number): string {
    let text: unknown;
    try {
      text = JSON.parse(this.#text.slice(start, this.#at));
    } catch {
      this.#unexpected("a valid escape sequence", start);
    }
    if (typeof text !== "string" || LONE_SURROGATE.test(text)) this.#unexpected("surrogates in pairs", start);
    return text;
  }

  #expect(character: string): void {
    if (!this.#take(character)) this.#unexpected(`"${character}"`);
  }

  #take(character: string): boolean {
    const found = this.#peek() === character;
    if (found) this.#at++;
    return found;
  }

  #peek(): string | undefined {
    this.#space();
    return this.#text[this.#at];
  }

  /** JSON's white space: space, tab, line feed, carriage return. */
  #space(): void {
    for (;;) {
      const unit = this.#text.charCodeAt(this.#at);
      if (unit !== SPACE && unit !== 0x09 && unit !== 0x0a && unit !== 0x0d) return;
      this.#at++;
    }
  }

  #unexpected(expected: string, at = this.#at): never {
    const got = at < this.#text.length ? quoted(this.#text.slice(at, at + 12)) : "the end";
    this.fail(this.#syntax, `expected ${expected} at character ${at}, got ${got}`);
  }
}

/** How large and how deep a JSON text may be. */
export interface JsonLimits {
  readonly bytes: number;
  readonly depth: number;
}

/**
 * The value of a JSON text from elsewhere, called `what` in errors. Throws CheckpointError where it is no UTF-8 or no
 * JSON, gives a key twice, or is larger or nested deeper than `limits` say.
 */
export function parseJson(bytes: Uint8Array, what: string, limits: Partial<JsonLimits> = {}): unknown {
  const { bytes: most, depth } = { bytes: 100 * 2 ** 20, depth: 64, ...limits };
  if (bytes.length > most) throw new CheckpointError(`${what}: expected at most ${most} bytes, got ${bytes.length}`);
  const text = decodeUtf8(bytes, what, "expected JSON")
    .replace(/^\ufeff/, "")
    .trimEnd();
  const scanner = new JsonScanner(text, what, "expected JSON");
  scanner.skip(depth);
  scanner.end();
  return JSON.parse(text);
}
