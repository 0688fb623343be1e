/** Running text: its two parts, and windows of ids. T context */
import { ConfigError, DataError } from "../errors.ts";
import type { Dataset } from "./dataset.ts";
import { digest } from "./digest.ts";

/** The first part and the last `fraction` of `text`, by UTF-16 units, never through a surrogate pair. */
export function splitText(text: string, fraction = 0.1): { train: string; validation: string } {
  if (!(fraction > 0 && fraction < 1))
    throw new ConfigError(`validation: expected a share between 0 and 1, such as 0.1, got ${fraction}`);
  const middle = Math.floor(text.length * (1 - fraction));
  const unit = text.charCodeAt(middle);
  const cut = unit >= 0xdc00 && unit <= 0xdfff ? middle - 1 : middle;
  return { train: text.slice(0, cut), validation: text.slice(cut) };
}

/** Throws DataError on text without at least two different characters. */
export function requireVariety(text: string, name: string): void {
  const first = text.codePointAt(0);
  if (first === undefined) throw new DataError(`${name}: expected text to train on, got none; it is empty`);
  const character = String.fromCodePoint(first);
  if (text === character.repeat(text.length / character.length))
    throw new DataError(`${name}: expected at least two different characters, got only ${JSON.stringify(character)}`);
}

/** Where to cut windows out of a text. */
export interface WindowOptions {
  readonly context: number;
  /** From the start of one window to the start of the next. */
  readonly stride: number;
  /** For messages: the text and which part of it. */
  readonly name: string;
  readonly part: string;
  /** The option that says how long windows are. Default "context". */
  readonly option?: string;
}

/** Windows of `context` ids and the id after each: T + 1 ids. Throws DataError on a text that is too short for one. */
export function windows(ids: Int32Array, options: WindowOptions): Dataset<Int32Array> {
  const { context, stride, name, part, option = "context" } = options;
  if (ids.length < context + 1)
    throw new DataError(
      `${name}: expected at least ${context + 1} ids in the ${part} part for a ${option} of ${context}, ` +
        `got ${ids.length}; use a longer text or a smaller ${option}`,
    );
  return {
    size: Math.floor((ids.length - context - 1) / stride) + 1,
    digest: digest(ids),
    at: (index) => ids.subarray(index * stride, index * stride + context + 1),
  };
}
