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

/** A line that is no blank one. */
interface Line {
  readonly cells: readonly string[];
  readonly number: number;
}

const isComment = ({ cells: [first = "", ...rest] }: Line): boolean => first === "#" && rest.length > 0;

/** The lines of each sentence, those between documents left out. */
function linesOfSentences(text: string): Line[][] {
  const blocks: Line[][] = [[]];
  for (const [i, line] of text
    .replace(/^\ufeff/, "")
    .split(/\r\n|\n|\r/)
    .entries()) {
    if (line.trim() === "" || line.startsWith("-DOCSTART-")) blocks.push([]);
    else blocks.at(-1)?.push({ cells: cellsOf(line), number: i + 1 });
  }
  return blocks;
}

/** Lines without comments, which begin with "# "; a row may begin so as well, if it ends in a tag like one. */
const withoutComments = (blocks: readonly Line[][], isRow: (line: Line, width: number) => boolean): Line[][] => {
  const width = blocks.flat().find((line) => !isComment(line))?.cells.length ?? 0;
  return blocks
    .map((lines) => lines.filter((line) => !isComment(line) || isRow(line, width)))
    .filter((lines) => lines.length > 0);
};

function requireSome<T>(sentences: readonly T[], name: string): readonly T[] {
  if (sentences.length > 0) return sentences;
  throw new DataError(
    `conll ${name}: expected sentences, got none; give a word and its tag on each line and a blank line after each sentence`,
  );
}

/**
 * The sentences of a file, in order. Lines "-DOCSTART- ..." and comments, which begin with "# ", are passed over. Throws
 * DataError naming file and line for rows that lack a column, whose tag is none, or that are of another width than the first.
 */
export async function readConll(source: Source, columns: ConllColumns = {}): Promise<readonly TaggedSentence[]> {
  const { name } = source;
  const isRow = ({ cells }: Line, width: number) =>
    cells.length === width && isTag(cells[(columns.tag ?? width) - 1] ?? "");
  const blocks = withoutComments(linesOfSentences(await source.text()), isRow);
  const width = blocks[0]?.[0]?.cells.length ?? 0;
  const sentences = blocks.map((lines) => {
    const rows = lines.map(({ cells, number }) => read(cells, { name, number, columns, width }));
    return {
      words: rows.map(([word]) => word),
      tags: rows.map(([, tag]) => tag),
      lines: lines.map(({ number }) => number),
    };
  });
  return requireSome(sentences, name);
}

/** The words of each sentence of such a file, whatever its other columns hold, if it has any. Throws DataError. */
export async function readWords(
  source: Source,
  { word = 1 }: ConllColumns = {},
): Promise<readonly (readonly string[])[]> {
  const blocks = withoutComments(linesOfSentences(await source.text()), ({ cells }, width) => cells.length === width);
  const wordOf = ({ cells, number }: Line): string => {
    const found = cells[word - 1]?.trim();
    if (found) return found;
    throw new DataError(
      `conll ${source.name}, line ${number}: expected a word in column ${word}, got none; fill it up, or name another column`,
    );
  };
  return requireSome(
    blocks.map((lines) => lines.map(wordOf)),
    source.name,
  );
}
