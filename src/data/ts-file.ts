/**
 * Files of labelled sequences as sktime and aeon write them: lines of `@key value`, then after `@data` one case a line.
 *
 *   1.0,2.0,3.0:4.0,5.0,6.0:label      dimensions with colons between, numbers with commas, `?` where one is missing
 *
 * Reference: aeon's "ts" file format. T steps · C dimensions
 */
import { DataError, quoted } from "../errors.ts";
import { isMissing, numberIn } from "./series.ts";

/** A sequence of numbers and what it is called. */
export interface Case {
  /** [T, C], step by step; NaN where a value is missing. */
  readonly values: Float64Array;
  /** T. */
  readonly size: number;
  /** Undefined where the file has none. */
  readonly label: string | undefined;
  /** In the file. */
  readonly line: number;
}

/** Cases of one file. */
export interface Cases {
  readonly name: string;
  /** C. */
  readonly channels: number;
  readonly cases: readonly Case[];
}

interface Header {
  /** As the file lists them; undefined where cases have none. */
  readonly labels: readonly string[] | undefined;
  /** The line of `@data`. */
  readonly at: number;
}

const isComment = (line: string): boolean => line.startsWith("#") || line.startsWith("%");

/** Throws DataError where `@data` or `@classLabel` is not there, or what follows are no labelled lists of numbers. */
function headerOf(lines: readonly string[], name: string): Header {
  const at = lines.findIndex((line) => /^@data\b/i.test(line.trim()));
  if (at < 0)
    throw new DataError(
      `${name}: expected a header with @classLabel and @data, got no @data; see the ts format of aeon`,
    );
  const entries = lines.slice(0, at).map((line) => line.trim());
  const odd = entries.findIndex((line) => line !== "" && !isComment(line) && !line.startsWith("@"));
  if (odd >= 0)
    throw new DataError(
      `${name}, line ${odd + 1}: expected @key value before @data, got ${quoted(entries[odd] ?? "")}`,
    );
  const entry = (key: string) =>
    entries
      .find((line) => line.toLowerCase().startsWith(`@${key.toLowerCase()} `))
      ?.split(/\s+/)
      .slice(1);
  if (entry("timeStamps")?.[0]?.toLowerCase() === "true")
    throw new DataError(`${name}: expected values alone, got @timeStamps true; write the values without their times`);
  const [has, ...labels] = entry("classLabel") ?? [];
  if (has === undefined)
    throw new DataError(`${name}: expected @classLabel in the header, got none; write @classLabel true and the labels`);
  return { labels: has.toLowerCase() === "true" ? labels : undefined, at };
}

function numbersOf(text: string, where: string): number[] {
  if (text.trim() === "") return [];
  return text.split(",").map((cell) => {
    if (isMissing(cell)) return Number.NaN;
    const value = numberIn(cell.trim());
    if (Number.isFinite(value)) return value;
    throw new DataError(
      `${where}: expected finite numbers with commas between, or ? for one that is missing, got ${quoted(cell.trim())}`,
    );
  });
}

/** Dimensions side by side. Throws DataError where one is longer than another. */
function sideBySide(dimensions: readonly (readonly number[])[], where: string): Pick<Case, "values" | "size"> {
  const [C, T] = [dimensions.length, dimensions[0]?.length ?? 0];
  const odd = dimensions.findIndex((numbers) => numbers.length !== T);
  if (odd >= 0)
    throw new DataError(
      `${where}: expected ${T} values in every dimension of a case, got ${dimensions[odd]?.length} in dimension ${odd + 1}`,
    );
  const values = new Float64Array(T * C);
  for (const [c, numbers] of dimensions.entries())
    for (const [t, value] of numbers.entries()) values[t * C + c] = value;
  return { values, size: T };
}

function caseOf(text: string, line: number, labels: readonly string[] | undefined, name: string): Case {
  const where = `${name}, line ${line}`;
  const parts = text.split(":");
  const label = labels && parts.pop()?.trim();
  if (labels && (parts.length === 0 || label === "" || (labels.length > 0 && !labels.includes(label ?? ""))))
    throw new DataError(
      `${where}: expected a label at the end, one of ${labels.slice(0, 20).join(", ")}, got ${quoted(label ?? "")}; write :label after the numbers`,
    );
  return {
    ...sideBySide(
      parts.map((part) => numbersOf(part, where)),
      where,
    ),
    label,
    line,
  };
}

/** Throws DataError naming the line of a case with more or fewer dimensions than the first. */
export function parseTs(text: string, name: string): Cases {
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n/);
  if (lines.every((line) => line.trim() === ""))
    throw new DataError(`${name}: expected a header and cases, got a blank file`);
  const { labels, at } = headerOf(lines, name);
  const found = lines.flatMap((line, i) => {
    const used = i > at && line.trim() !== "" && !isComment(line);
    return used ? [{ dimensions: line.split(":").length - (labels ? 1 : 0), text: line, line: i + 1 }] : [];
  });
  const channels = found[0]?.dimensions ?? 0;
  const odd = found.find(({ dimensions }) => dimensions !== channels);
  if (odd)
    throw new DataError(
      `${name}, line ${odd.line}: expected ${channels} dimensions as in the first case, got ${odd.dimensions}`,
    );
  if (found.length === 0) throw new DataError(`${name}: expected at least one case after @data, got none`);
  return { name, channels, cases: found.map((one) => caseOf(one.text, one.line, labels, name)) };
}
