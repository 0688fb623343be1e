/** Text -> ids for training and validation. */
import { ConfigError, DataError, nearest } from "../errors.ts";
import { type Tokenizer, trainBpe, trainChar } from "../tokenizers/index.ts";

/** A text as ids, split into what is trained on and what is only measured. */
export interface TextData {
  name: string;
  train: Int32Array;
  validation: Int32Array;
  tokenizer: Tokenizer;
}

export interface PrepareOptions {
  /** For messages; default "text". */
  name?: string;
  /** One id per character, byte pairs learned from the training part, or a tokenizer that is there already; default "char". */
  tokenizer?: "char" | "bpe" | Tokenizer;
  /** Tokens of "bpe"; default 1024. */
  vocabSize?: number;
  /** Share of the text, at its end, that is only measured; default 0.1. */
  validation?: number;
  /** Progress of learning "bpe": tokens found and wanted. */
  onProgress?: (done: number, total: number) => void;
  /** Stops the learning of "bpe". */
  signal?: AbortSignal;
}

/** The first part and the last `fraction` of `text`, by UTF-16 units, never through a surrogate pair. */
export function splitText(text: string, fraction = 0.1): { train: string; validation: string } {
  if (!(fraction > 0 && fraction < 1))
    throw new ConfigError(`validation: expected a share between 0 and 1, such as 0.1, got ${fraction}`);
  const middle = Math.floor(text.length * (1 - fraction));
  const unit = text.charCodeAt(middle);
  const cut = unit >= 0xdc00 && unit <= 0xdfff ? middle - 1 : middle;
  return { train: text.slice(0, cut), validation: text.slice(cut) };
}

/** Splits `text` and turns both parts into ids. Throws DataError on text without at least two different characters. */
export async function prepareText(text: string, options: PrepareOptions = {}): Promise<TextData> {
  const name = options.name ?? "text";
  requireVariety(text, name);
  const { train, validation } = splitText(text, options.validation);
  const tokenizer = await makeTokenizer(text, train, options);
  return { name, train: tokenizer.encode(train), validation: tokenizer.encode(validation), tokenizer };
}

function requireVariety(text: string, name: string): void {
  const first = text.codePointAt(0);
  if (first === undefined) throw new DataError(`${name}: expected text to train on, got none; it is empty`);
  const character = String.fromCodePoint(first);
  if (text === character.repeat(text.length / character.length))
    throw new DataError(`${name}: expected at least two different characters, got only ${JSON.stringify(character)}`);
}

async function makeTokenizer(text: string, train: string, options: PrepareOptions): Promise<Tokenizer> {
  const { tokenizer = "char", vocabSize = 1024, onProgress, signal } = options;
  if (typeof tokenizer !== "string") return tokenizer;
  if (tokenizer === "char") return trainChar(text);
  if (tokenizer === "bpe")
    return trainBpe(train, { vocabSize, ...(onProgress && { onProgress }), ...(signal && { signal }) });
  const hint = nearest(tokenizer, ["char", "bpe"]);
  throw new ConfigError(`tokenizer: expected char or bpe, got ${JSON.stringify(tokenizer)}${hint}`);
}

/** Both parts hold at least one window of `context` ids and the id after it; DataError otherwise. */
export function requireLength(data: TextData, context: number): void {
  for (const part of ["train", "validation"] as const)
    if (data[part].length < context + 1)
      throw new DataError(
        `${data.name}: expected at least ${context + 1} ids in the ${part} part for a context of ${context}, ` +
          `got ${data[part].length}; use a longer text or a smaller context`,
      );
}
