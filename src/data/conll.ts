/**
 * Sentences in columns, as the shared tasks of CoNLL have them: a word and what is said of it on each line, a blank line
 * after each sentence. Reference: Tjong Kim Sang & De Meulder 2003.
 */
import { DataError, quoted } from "../errors.ts";
import { isTag } from "../metrics/entities.ts";
import type { Source } from "./source.ts";

/** A sentence, its tags, and the line of each word, counted from 1. */
export interface TaggedSentence {
  readonly words: readonly string[];
  readonly tags: readonly string[];
  readonly lines: readonly number[];
}

/** Columns by number from 1. */
export interface ConllColumns {
  /** Of the word. Default 1. */
  readonly word?: number | undefined;
  /** Of the tag. Default: the last. */
  readonly tag?: number | undefined;
}

/** Cells of a line: divided at tabs where it has any, else at spaces. */
const cellsOf = (line: string): string[] =>
  line.includes("\t") ? line.trimEnd().split("\t") : line.trim().split(/ +/);

/** One row of a file, and what all rows have in common. */
interface Place {
  readonly name: string;
  readonly number: number;
  readonly columns: ConllColumns;
  /** How many columns the first row has. */
  readonly width: number;
}

const wrong = ({ name, number }: Place, message: string): DataError =>
  new DataError(`conll ${name}, line ${number}: ${message}`);

/** Word and tag of a row. Throws DataError naming file and line. */
function read(cells: readonly string[], place: Place): readonly [word: string, tag: string] {
  const { columns, width } = place;
  const { word: wordAt = 1, tag: tagAt = width } = columns;
  const least = Math.max(2, wordAt, tagAt);
  const shown = quoted(cells.join(" ").slice(0, 60));
  if (width < least)
    throw wrong(place, `expected at least ${least} columns, got ${cells.length} in ${shown}; give a word and its tag`);
  if (cells.length !== width)
    throw wrong(place, `expected ${width} columns as in the first row, got ${cells.length} in ${shown}; fill them up`);
  const [word, tag] = [cells[wordAt - 1]?.trim() ?? "", cells[tagAt - 1]?.trim() ?? ""];
  if (word === "") throw wrong(place, `expected a word in column ${wordAt}, got nothing before ${quoted(tag)}`);
  if (isTag(tag)) return [word, tag];
  throw wrong(
    place,
    `expected a tag such as O, B-PER or I-PER in column ${tagAt}, got ${quoted(tag.slice(0, 40))}; name the column of the tag`,
  );
}

/** Whether a line is said about a sentence: it begins with "# ", and is no row whose word is "#". */
const isComment = (cells: readonly string[], line: string, { width, columns }: Omit<Place, "name" | "number">) =>
  line.startsWith("# ") && !(cells.length === width && isTag(cells[(columns.tag ?? width) - 1]?.trim() ?? ""));

/**
 * The sentences of a file, in order. Lines "-DOCSTART- ..." and comments, which begin with "# ", are passed over. Throws
 * DataError naming file and line for rows that lack a column, whose tag is none, or that are of another width than the first.
 */
export async function readConll(source: Source, columns: ConllColumns = {}): Promise<TaggedSentence[]> {
  const sentences: TaggedSentence[] = [];
  let open: { words: string[]; tags: string[]; lines: number[] } = { words: [], tags: [], lines: [] };
  let [number, width] = [0, 0];
  const close = () => {
    if (open.words.length > 0) sentences.push(open);
    open = { words: [], tags: [], lines: [] };
  };
  for (const raw of (await source.text()).split(/\r\n|\n|\r/)) {
    number++;
    const line = number === 1 ? raw.replace(/^\ufeff/, "") : raw;
    const cells = cellsOf(line);
    if (line.trim() === "" || cells[(columns.word ?? 1) - 1] === "-DOCSTART-") close();
    else if (!isComment(cells, line, { width: width || cells.length, columns })) {
      width ||= cells.length;
      const [word, tag] = read(cells, { name: source.name, number, columns, width });
      open.words.push(word);
      open.tags.push(tag);
      open.lines.push(number);
    }
  }
  close();
  if (sentences.length > 0) return sentences;
  throw new DataError(
    `conll ${source.name}: expected sentences, got none; give a word and its tag on each line and a blank line after each sentence`,
  );
}
