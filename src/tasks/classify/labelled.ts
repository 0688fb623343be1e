/** Labelled texts as numbers, and batches of them. B texts · T ids of the longest */
import { padded } from "../../data/index.ts";
import { spelledInputs } from "../../models/index.ts";
import type { HostTensor } from "../../runtime/index.ts";
import { type Words, wordsFeeds } from "../tag/words.ts";

/** What a model sees of a text: its ids, and how its words are spelled where that is read. */
export interface Read {
  readonly ids: Int32Array;
  readonly words?: Words;
}

/** A text as it is read and the number of its label. */
export interface Labelled extends Read {
  readonly label: number;
}

/** What a batch holds. */
export const labelledBatch = {
  ids: { shape: ["B", "T"], dtype: "i32" },
  lengths: { shape: ["B"], dtype: "i32" },
  labels: { shape: ["B"], dtype: "i32" },
} as const;

/** What it holds where spelling is read. */
export const spelledBatch = { ...spelledInputs, labels: labelledBatch.labels } as const;

const numbered = (rows: readonly Labelled[]): HostTensor => ({
  data: Int32Array.from(rows, ({ label }) => label),
  shape: [rows.length],
  dtype: "i32",
});

/** A batch of texts of at most `length` ids. */
export const labelledFeeds = (
  rows: readonly Labelled[],
  length: number,
): Record<keyof typeof labelledBatch, HostTensor> => ({
  ...padded(
    rows.map(({ ids }) => ids),
    length,
  ),
  labels: numbered(rows),
});

/** The same with the spelling of words. */
export const spelledFeeds = (rows: readonly Labelled[]): Record<keyof typeof spelledBatch, HostTensor> => ({
  ...wordsFeeds(rows.flatMap(({ words }) => words ?? [])),
  labels: numbered(rows),
});
