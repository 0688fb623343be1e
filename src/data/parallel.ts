/** Parallel text: two files, of which line n of the one is a translation of line n of the other. */
import { DataError } from "../errors.ts";
import type { Source } from "./source.ts";

/** A sentence and what it means. */
export interface SentencePair {
  readonly source: string;
  readonly target: string;
}

/** Lines without their ends, a byte order mark, and the space around them. */
function linesOf(text: string): string[] {
  const lines = text.replace(/^\ufeff/, "").split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines.map((line) => line.trim());
}

/**
 * The pairs of a source whose parts are sentences and their translations. Pairs of which a side is blank say nothing and are
 * left out. Throws DataError where the files have not as many lines, or no pair is left.
 */
export async function readParallel({ name, parts: [source, target] = [] }: Source): Promise<SentencePair[]> {
  if (!source || !target)
    throw new DataError(`data ${name}: expected sentences and their translations, got one file; give both`);
  const [left = [], right = []] = [linesOf(await source.text()), linesOf(await target.text())];
  if (left.length !== right.length)
    throw new DataError(
      `parallel text: expected as many lines in ${target.name} as in ${source.name}, got ${right.length} and ${left.length}; line n of one must be a translation of line n of the other`,
    );
  const pairs = left.map((line, i) => ({ source: line, target: right[i] ?? "" }));
  const whole = pairs.filter((pair) => pair.source !== "" && pair.target !== "");
  if (whole.length > 0) return whole;
  throw new DataError(
    `parallel text ${name}: expected pairs of sentences, got ${pairs.length} lines of which one side is blank`,
  );
}
