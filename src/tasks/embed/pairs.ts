/** Pairs of sentences out of tables, as numbers, and how well vectors order them. B pairs · A, T ids of the longest */
import { type Header, padded, readTable, type Source } from "../../data/index.ts";
import { DataError } from "../../errors.ts";
import { spearman } from "../../metrics/correlation.ts";
import type { Feeds } from "../../runtime/index.ts";
import { rowOf } from "../batched.ts";
import type { Scorer } from "../task.ts";

/** Two sentences, and how much they mean the same, where that is known. */
export interface Told {
  readonly a: string;
  readonly b: string;
  readonly score: number | undefined;
}

/** The same as ids. */
export interface Pair {
  readonly a: Int32Array;
  readonly b: Int32Array;
  /** From 0 to 1; 1 where pairs have no scores. */
  readonly score: number;
}

/** What a batch holds. */
export const pairsBatch = {
  a: { shape: ["B", "A"], dtype: "i32" },
  aLengths: { shape: ["B"], dtype: "i32" },
  b: { shape: ["B", "T"], dtype: "i32" },
  bLengths: { shape: ["B"], dtype: "i32" },
  scores: { shape: ["B"], dtype: "f32" },
} as const;
export type Column = keyof typeof pairsBatch;

/** A batch of pairs of at most `length` ids each. */
export function pairsFeeds(pairs: readonly Pair[], length: number): Record<Column, Feeds[string]> {
  const side = (of: "a" | "b") =>
    padded(
      pairs.map((pair) => pair[of]),
      length,
    );
  const [a, b] = [side("a"), side("b")];
  const scores = { data: Float32Array.from(pairs, ({ score }) => score), shape: [pairs.length], dtype: "f32" } as const;
  return { a: a.ids, aLengths: a.lengths, b: b.ids, bLengths: b.lengths, scores };
}

/** A cell of a table, and where it is. */
function sentence(cell: unknown, place: string): string {
  if (typeof cell === "string" && cell.trim() !== "") return cell;
  throw new DataError(`${place}: expected a sentence in each of the first two columns, got ${JSON.stringify(cell)}`);
}

function scoreOf(cell: unknown, place: string): number {
  const value = typeof cell === "string" && cell.trim() === "" ? Number.NaN : Number(cell);
  if (Number.isFinite(value)) return value;
  throw new DataError(`${place}: expected a score, a number, in the third column, got ${JSON.stringify(cell)}`);
}

/** The pairs of a table: two columns of sentences, and a third of scores where `scored`. Throws DataError. */
export async function readPairs(source: Source, { header }: { readonly header: Header }): Promise<Told[]> {
  const table = await readTable(source, [], header);
  const width = Object.keys(table.rows[0] ?? {}).length;
  if (width < 2)
    throw new DataError(`table ${source.name}: expected two columns of sentences, and one of scores if there is one`);
  return table.rows.map((row, i) => {
    const [a, b, score] = Object.values(row);
    const place = `table ${source.name}, line ${table.lines[i]}`;
    return {
      a: sentence(a, place),
      b: sentence(b, place),
      score: width > 2 ? scoreOf(score, place) : undefined,
    };
  });
}

const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
const cosine = (a: Float32Array, b: Float32Array): number => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));

/**
 * Spearman's correlation of cosines and scores. Pairs that all have the same score are put beside pairs that do not belong
 * together: the first sentence of each and the second of the next, with score 0.
 */
export function pairScorer(): Scorer<Pair> {
  const [cosines, scores, strangers]: [number[], number[], number[]] = [[], [], []];
  let last: Float32Array | undefined;
  return {
    add(pairs, { a, b }) {
      if (!a || !b) throw new Error("internal: pairs without vectors");
      for (const [i, { score }] of pairs.entries()) {
        const second = rowOf(b, i).slice();
        if (last) strangers.push(cosine(last, second));
        last = rowOf(a, i).slice();
        cosines.push(cosine(last, second));
        scores.push(score);
      }
    },
    scores() {
      const same = scores.every((score) => score === scores[0]);
      if (!same) return { spearman: spearman(cosines, scores) };
      const none = strangers.map(() => 0);
      return { spearman: spearman([...cosines, ...strangers], [...scores, ...none]) };
    },
  };
}
