/**
 * Word vectors in GloVe's text format: a word and its numbers on each line, the most frequent words first. A first line
 * of two numbers, as word2vec writes it, is passed over. Reference: https://nlp.stanford.edu/projects/glove
 */
import { DataError, quoted } from "../errors.ts";
import { linesOf, type Source } from "./source.ts";

/** Vectors by word, all of one width. */
export interface Vectors {
  readonly width: number;
  /** In the order of the file. */
  readonly words: ReadonlyMap<string, Float32Array>;
}

const isCount = (text: string | undefined): boolean => text !== undefined && /^\d+$/.test(text);

/** A word and its numbers; a word may have spaces in it, so numbers are counted from the end. */
function entry(line: string, width: number | undefined, place: string): readonly [string, Float32Array] {
  const cells = line.trimEnd().split(" ");
  const count = width ?? cells.length - 1;
  const numbers = Float32Array.from(cells.slice(cells.length - count), Number);
  const word = cells.slice(0, cells.length - count).join(" ");
  if (count > 0 && word !== "" && numbers.length === count && numbers.every(Number.isFinite)) return [word, numbers];
  throw new DataError(
    `${place}: expected a word and ${width ?? "some"} numbers, got ${quoted(line.slice(0, 60))}; give vectors in GloVe's text format`,
  );
}

/**
 * The vectors of the words that are `wanted`, and of at most `others` more, the first of the file. Lower and upper case
 * are one, and the first of two counts. Throws DataError naming file and line.
 */
export async function readVectors(source: Source, wanted: ReadonlySet<string>, others: number): Promise<Vectors> {
  const words = new Map<string, Float32Array>();
  let [number, width, room] = [0, undefined as number | undefined, others];
  for await (const line of linesOf(source)) {
    number++;
    if (number === 1 && line.split(" ").length === 2 && line.split(" ").every(isCount)) continue;
    if (line.trim() === "") continue;
    const [spelled, vector] = entry(line, width, `vectors ${source.name}, line ${number}`);
    width = vector.length;
    const word = spelled.toLowerCase();
    if (words.has(word) || !(wanted.has(word) || room > 0)) continue;
    if (!wanted.has(word)) room--;
    words.set(word, vector);
  }
  if (width === undefined) throw new DataError(`vectors ${source.name}: expected words and numbers, got an empty file`);
  return { width, words };
}
