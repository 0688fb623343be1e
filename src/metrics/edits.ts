/** Error rates of texts: how many insertions, deletions and substitutions make them right (Levenshtein 1966). */
import { DataError, ShapeError, shown } from "../errors.ts";
import { type Metric, metric } from "./metric.ts";

/** Insertions, deletions and substitutions that make `b` of `a`, row by row. */
function editDistance<T>(a: readonly T[], b: readonly T[]): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (const [i, one] of a.entries()) {
    const next = [i + 1];
    for (const [j, other] of b.entries())
      next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + Number(one !== other)));
    row = next;
  }
  return row[b.length] ?? 0;
}

/** Characters are Unicode code points; spaces around a text do not count. */
const charactersOf = (text: string): string[] => Array.from(text.trim());
/** Words stand between spaces. */
const wordsOf = (text: string): string[] => text.split(/\s+/).filter(Boolean);

type Texts = readonly string[];

function requireTexts(name: string, predictions: Texts, targets: Texts): void {
  for (const list of [predictions, targets]) {
    const odd: unknown = Array.isArray(list) ? list.find((text: unknown) => typeof text !== "string") : list;
    if (!Array.isArray(list) || odd !== undefined)
      throw new DataError(
        `${name}: expected lists of texts, got ${shown(odd)}; give predictions and targets as strings`,
      );
  }
  if (predictions.length !== targets.length)
    throw new ShapeError(
      `${name}: expected one prediction for each target, got ${predictions.length} and ${targets.length}; give both for the same examples`,
    );
}

/** Edits of all texts together over the units of all targets. */
const errorRate = (name: string, unitsOf: (text: string) => string[]): Metric<[predictions: Texts, targets: Texts]> =>
  metric(name, "lower", {
    start: () => ({ edits: 0, units: 0 }),
    add(sums, predictions: Texts, targets: Texts) {
      requireTexts(name, predictions, targets);
      for (const [i, target] of targets.entries()) {
        const right = unitsOf(target);
        sums.edits += editDistance(unitsOf(predictions[i] ?? ""), right);
        sums.units += right.length;
      }
    },
    value: ({ edits, units }) => edits / units,
  });

/** Edits of characters for each character of the targets; above 1 where much is added. NaN of no character. As jiwer's cer. */
export const characterErrorRate = () => errorRate("characterErrorRate", charactersOf);

/** Edits of words for each word of the targets; above 1 where much is added. NaN of no word. As jiwer's wer. */
export const wordErrorRate = () => errorRate("wordErrorRate", wordsOf);
